package firewall

import (
	"net/netip"
	"testing"
	"time"

	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/lab"
)

// TestTrafficOwnConnection asks of policies whether they cut off an administrator,
// applies them all the same, and lets him log in again: the answer was right.
func TestTrafficOwnConnection(t *testing.T) {
	t.Parallel()
	const (
		admin  = "[system]\nadmin = [\"10.1.2.9\", \"2001:db8:2::9\"]\n"
		sshIn  = "[[rule]]\nname = \"ssh\"\nfrom = \"lan\"\nto = \"self\"\nprotocol = \"tcp\"\nport = 22\naction = \"pass\"\n"
		closed = "[[rule]]\nname = \"closed\"\nfrom = \"dmz\"\nto = \"self\"\nprotocol = \"tcp\"\nport = 22\naction = \"pass\"\n"
		onlyBy = "[[rule]]\nname = \"on4\"\nfrom = \"lan\"\nto = \"self\"\ndestination = \"lan:address\"\naction = \"pass\"\n"
	)
	s := newSite(t)
	s.apply(t, sshIn)
	// An address that the policy does not know of is the gateway's all the same.
	if out, err := s.gw.Run(t.Context(), "ip", "addr", "add", "10.1.2.77/24", "dev", "lan0"); err != nil {
		t.Fatal(out, err)
	}
	office, office6 := netip.MustParseAddrPort("10.1.2.9:50000"), netip.MustParseAddrPort("[2001:db8:2::9]:50000")
	for _, tt := range []struct {
		name, policy, to string
		cut              bool
	}{
		{"by a rule", sshIn, "10.1.2.1:22", false},
		{"by a rule, over IPv6", sshIn, "[2001:db8:2::1]:22", false},
		{"by a rule, to an address of the system's", sshIn, "10.1.2.77:22", false},
		{"by a rule, to the outside address", sshIn, "203.0.113.2:22", false},
		{"by none", closed, "10.1.2.1:22", true},
		{"by none, over IPv6", closed, "[2001:db8:2::1]:22", true},
		{"as an administrator", admin + closed, "10.1.2.1:22", false},
		{"as an administrator, over IPv6", admin, "[2001:db8:2::1]:22", false},
		{"by a rule for addresses that the policy knows", onlyBy, "10.1.2.1:22", false},
		{"by a rule for addresses that the policy knows, to another", onlyBy, "10.1.2.77:22", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			own := Connection{Local: netip.MustParseAddrPort(tt.to), Remote: office}
			if own.Local.Addr().Is6() {
				own.Remote = office6
			}
			s.ssh[7] = own
			by := report.Caller{Name: "ann", PID: 7, Connected: time.Now()}
			policy := draft(base + "# " + tt.name + "\n" + tt.policy)
			p, err := s.Check(t.Context(), policy, by)
			if err != nil || len(p.Faults) > 0 {
				t.Fatalf("check: %v, %v", p.Faults, err)
			}
			if cut := p.Lockout != nil; cut != tt.cut {
				t.Errorf("it says cut off %v: %+v", cut, p.Lockout)
			}
			if _, err := s.Apply(t.Context(), report.Request{Draft: policy, Force: true}, by); err != nil {
				t.Fatal(err)
			}
			s.forget(t)
			want := lab.Open
			if tt.cut {
				want = lab.Timeout
			}
			if r := s.send(t, probe{try: "office tcp " + tt.to, want: want}); r.Outcome != want {
				t.Errorf("logging in again: %s, want %s", r, want)
			}
		})
	}
}
