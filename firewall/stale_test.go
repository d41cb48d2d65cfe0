package firewall

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/report"
)

// flow is a TCP flow that a rule let in; as is where an inbound translation sent it.
func (m *machine) flow(rule uint16, src, dst, as string) {
	orig := flows.Tuple{Proto: 6, Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst)}
	f := flows.Flow{Orig: orig, Reply: flows.Tuple{Proto: 6, Src: orig.Dst, Dst: orig.Src}, Mark: flows.Mark(rule, 0, 0)}
	if as != "" {
		f.Reply.Src = netip.MustParseAddrPort(as)
		f.Status |= flows.DstNAT
	}
	m.flows.Put(f)
}

func (m *machine) count(t *testing.T) int {
	t.Helper()
	c, err := m.flows.Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return int(c.Flows)
}

func TestApplyEndsWhatItNoLongerAllows(t *testing.T) {
	const forward = `
[[port_forward]]
name = "www"
on = "wan"
protocol = "tcp"
port = [80]
target = ["10.1.2.80"]
target_port = 8080
pass = true
`
	for _, tt := range []struct {
		name, next string
		ends       int
	}{
		{"a rule more", testPolicy + forward + "[[rule]]\nname = \"more\"\nfrom = \"wan\"\naction = \"block\"\n", 0},
		{"the rule is gone", strings.Replace(testPolicy+forward, `action = "pass"`, `action = "block"`, 1), 2},
		{"the rule says less", testPolicy + "destination = [\"192.0.2.0/24\"]\n" + forward, 2},
		{"a host is blocked", strings.Replace(testPolicy+forward, "[[rule]]", "[[rule]]\nname = \"no\"\nfrom = \"lan\"\nsource = [\"10.1.2.9\"]\naction = \"block\"\n\n[[rule]]", 1), 1},
		{"the forward is gone", testPolicy, 1},
		{"the forward leads elsewhere", strings.Replace(testPolicy+forward, "10.1.2.80", "10.1.2.81", 1), 1},
		{"the forward has another port", strings.Replace(testPolicy+forward, "8080", "8081", 1), 1},
		{"the forward does not pass", strings.Replace(testPolicy+forward, "pass = true", "pass = false", 1), 1},
	} {
		m := newMachine(t)
		m.files = draft(testPolicy + forward)
		f, stop := m.start(t, nil)
		n := f.memory.Numbers
		m.flow(n["lan-out"], "10.1.2.9:40000", "198.51.100.7:443", "")
		m.flow(n["lan-out"], "10.1.2.8:40000", "198.51.100.7:443", "")
		m.flow(n["www"], "198.51.100.7:5000", "203.0.113.2:80", "10.1.2.80:8080")
		m.flow(0, "10.1.2.10:40000", "10.1.2.1:22", "") // the administrator
		p, err := f.Check(t.Context(), draft(tt.next))
		if err != nil || p.Faults != nil {
			t.Fatalf("%s: %v %v", tt.name, err, p.Faults)
		}
		said := 0
		for _, l := range p.FlowsLost {
			said += l.Count
		}
		a := m.apply(t, f, tt.next, 0)
		if a.FlowsEnded != tt.ends || m.count(t) != 4-tt.ends || said != tt.ends {
			t.Errorf("%s: said %d, ended %d, %d left; want %d", tt.name, said, a.FlowsEnded, m.count(t), tt.ends)
		}
		stop()
	}
}

func TestScheduleEndsItsFlows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		now := time.Now().UTC()
		end := now.Add(10 * time.Minute).Truncate(time.Minute)
		m.files = draft(strings.Replace(testPolicy, "[[rule]]",
			"[schedule.s]\ntimes = [\""+end.Add(-time.Hour).Format("15:04")+"-"+end.Format("15:04")+"\"]\n\n[[rule]]", 1) + "schedule = \"s\"\n")
		f, _ := m.start(t, nil)
		if s, err := f.Status(t.Context()); err != nil || s.Revision != 1 {
			t.Fatalf("%+v %v", s, err)
		}
		m.flow(f.memory.Numbers["lan-out"], "10.1.2.9:40000", "198.51.100.7:443", "")
		time.Sleep(end.Add(-time.Second).Sub(now))
		synctest.Wait()
		if m.count(t) != 1 {
			t.Error("the flow ended before its schedule")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if m.count(t) != 0 {
			t.Error("the flow outlived its schedule")
		}
	})
}

func TestOverloadEndsTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.start(t, nil)
		m.flow(1, "10.1.2.9:40000", "198.51.100.7:443", "")
		m.flow(1, "10.1.2.9:40001", "198.51.100.7:443", "")
		m.flow(1, "10.1.2.8:40000", "198.51.100.7:443", "")
		m.overloads <- packetlog.Entry{Packet: packetlog.Packet{Src: netip.MustParseAddr("10.1.2.9")}}
		time.Sleep(2 * gatherOverloads)
		synctest.Wait()
		if m.count(t) != 1 {
			t.Errorf("%d flows left, want the other source's", m.count(t))
		}
	})
}

func TestOverloadsRestBetweenWalks(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	o := overloads{last: now, took: 2 * time.Second}
	o.add(netip.MustParseAddr("10.1.2.9"), now)
	if want := now.Add(20 * time.Second); !o.due.Equal(want) {
		t.Errorf("due at %v, want %v: the table would be walked all the time", o.due, want)
	}
	due := o.due
	for i := range maxOverloads + 10 {
		o.add(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now.Add(time.Second))
	}
	if len(o.sources) != maxOverloads || !o.due.Equal(due) {
		t.Errorf("%d sources, due at %v", len(o.sources), o.due)
	}
}

func TestEndFlowsWantsWords(t *testing.T) {
	m := newMachine(t)
	f, _ := m.start(t, nil)
	m.flow(1, "10.1.2.9:40000", "198.51.100.7:443", "")
	if n, err := f.EndFlows(t.Context(), nil, report.Caller{}); err == nil || n != 0 {
		t.Errorf("EndFlows without words: %d, %v", n, err)
	}
	if n, err := f.EndFlows(t.Context(), []string{"rule", "lan-out"}, report.Caller{}); err != nil || n != 1 {
		t.Errorf("EndFlows by rule: %d, %v", n, err)
	}
}
