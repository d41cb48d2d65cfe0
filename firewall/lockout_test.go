package firewall

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/report"
)

// withSSH is testPolicy with a rule that lets administrators in from the office.
const withSSH = testPolicy + `
[[rule]]
name = "ssh-in"
from = "lan"
to = "self"
protocol = "tcp"
port = "ssh"
action = "pass"
`

// over is a machine on which withSSH runs, and a caller who came by SSH.
func over(t *testing.T, from string) (*machine, *Firewall, report.Caller) {
	t.Helper()
	m := newMachine(t)
	m.files = draft(withSSH)
	remote := netip.MustParseAddrPort(from)
	m.ssh = map[int32]Connection{7: {Local: netip.MustParseAddrPort("10.1.2.1:22"), Remote: remote}}
	m.ways = map[netip.Addr]string{remote.Addr(): "eth1"}
	f, _ := m.start(t, nil)
	by := m.caller()
	by.PID = 7
	return m, f, by
}

func TestApplyDoesNotCutOffWhoAsks(t *testing.T) {
	admin := "\n[system]\nadmin = [\"10.1.2.9\"]\n"
	for _, tt := range []struct {
		name, policy string
		want         string // in the message; empty: it is applied
	}{
		{"the rule stays", withSSH + "# changed\n", ""},
		{"the rule goes", testPolicy, "comes in by lan, and "},
		{"system.admin in its place", testPolicy + admin, ""},
		{"the device is of no interface", strings.Replace(withSSH, `"eth1"`, `"eth2"`, 1), "comes in by device eth1, and "},
		{"the device is of no interface, for system.admin", strings.Replace(testPolicy, `"eth1"`, `"eth2"`, 1) + admin, ""},
		{"another name for the interface", strings.NewReplacer("interface.lan", "interface.office", `from = "lan"`, `from = "office"`).Replace(withSSH), ""},
		{"the address goes", strings.Replace(withSSH, "10.1.2.1/24", "10.1.2.2/24", 1), "10.1.2.1 is no longer an address of the gateway"},
		{"the address is the system's", strings.Replace(withSSH, `addresses = ["10.1.2.1/24"]`, "", 1), "10.1.2.1 is no longer an address of the gateway"},
		{"it is sent elsewhere", withSSH + "\n[[port_forward]]\nname = \"ssh\"\non = \"lan\"\nprotocol = \"tcp\"\nport = 22\ntarget = \"10.1.2.30\"\npass = true\n", "it would be sent on to 10.1.2.30:22"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, f, by := over(t, "10.1.2.9:50000")
			m.network.Plug(links.Device{Index: 4, Name: "eth2", MTU: 1500})
			before := m.state()
			p, err := f.Check(t.Context(), draft(tt.policy), by)
			if err != nil || len(p.Faults) > 0 || (p.Lockout != nil) != (tt.want != "") {
				t.Fatalf("check: %+v, %v", p, err)
			}
			a, err := f.Apply(t.Context(), report.Request{Draft: draft(tt.policy)}, by)
			if tt.want == "" {
				if err != nil || a.Revision != 2 || len(a.Warnings) > 0 {
					t.Errorf("apply: %+v, %v", a, err)
				}
				return
			}
			var l *report.Lockout
			if !errors.As(err, &l) || !errors.Is(err, report.ErrRequest) || !strings.Contains(l.Message, "your SSH connection from 10.1.2.9:50000") ||
				!strings.Contains(l.Message, tt.want) || !strings.Contains(err.Error(), "--force") || len(l.Explanation.Steps) == 0 {
				t.Errorf("apply: %v", err)
			}
			if after := m.state(); after != before {
				t.Errorf("the machine was changed:\n%s", after)
			}
			a, err = f.Apply(t.Context(), report.Request{Draft: draft(tt.policy), Force: true}, by)
			if err != nil || a.Revision != 2 || len(a.Warnings) != 1 || a.Warnings[0] != l.Message {
				t.Errorf("apply by force: %+v, %v", a, err)
			}
		})
	}
}

// TestWhoComesByNoSSHIsNotAskedAbout: somebody at the console, or inside the machine.
func TestWhoComesByNoSSHIsNotAskedAbout(t *testing.T) {
	m, f, by := over(t, "10.1.2.9:50000")
	by.PID = 8
	if _, err := f.Apply(t.Context(), report.Request{Draft: draft(testPolicy)}, by); err != nil {
		t.Error(err)
	}
	by.PID = 7
	for _, device := range []string{"lo", ""} {
		m.ways = map[netip.Addr]string{}
		if device != "" {
			m.ways[netip.MustParseAddr("10.1.2.9")] = device
		}
		if p, err := f.Check(t.Context(), draft(otherPolicy), by); err != nil || p.Lockout != nil {
			t.Errorf("by device %q: %+v, %v", device, p.Lockout, err)
		}
	}
}

// TestLockoutFollowsPortForwards: what came to an outside port is asked about
// as it came.
func TestLockoutFollowsPortForwards(t *testing.T) {
	m, f, by := over(t, "198.51.100.7:50000")
	m.ways[netip.MustParseAddr("198.51.100.7")] = "eth0"
	own := m.ssh[7]
	came := netip.MustParseAddrPort("203.0.113.2:2222")
	m.flows.Put(flows.Flow{
		Orig:  flows.Tuple{Proto: 6, Src: own.Remote, Dst: came},
		Reply: flows.Tuple{Proto: 6, Src: own.Local, Dst: own.Remote},
	})
	forward := "\n[[port_forward]]\nname = \"ssh\"\non = \"wan\"\nprotocol = \"tcp\"\nport = 2222\ntarget = \"10.1.2.1\"\ntarget_port = 22\n" +
		strings.ReplaceAll(strings.TrimPrefix(withSSH, testPolicy), `from = "lan"`, `from = "any"`)
	if p, err := f.Check(t.Context(), draft(testPolicy+forward), by); err != nil || p.Lockout != nil {
		t.Errorf("the forward stays: %+v, %v", p.Lockout, err)
	}
	if p, err := f.Check(t.Context(), draft(strings.Replace(testPolicy+forward, "2222", "2223", 1)), by); err != nil || p.Lockout == nil {
		t.Errorf("the forward goes: %+v, %v", p, err)
	}
}
