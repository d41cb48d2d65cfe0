package firewall

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/config"
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

// foreseen is a TCP flow that a helper foresaw in one that a rule let in.
func (m *machine) foreseen(rule uint16, src, dst, as string) {
	f := flows.Flow{
		Orig:   flows.Tuple{Proto: 6, Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst)},
		Reply:  flows.Tuple{Proto: 6, Src: netip.MustParseAddrPort(as), Dst: netip.MustParseAddrPort(src)},
		Status: flows.Expected | flows.SeenReply, Mark: flows.Mark(rule, 0, 0),
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
		p, err := f.Check(t.Context(), draft(tt.next), m.caller())
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

// translating is a policy with every inbound translation, and two ways to the Internet.
const translating = testPolicy + `
[interface.lte]
device = "eth2"
addresses = ["192.168.8.2/24"]
external = true

[nat]
reflection = true

[[rule]]
name = "erp-in"
from = "wan"
to = "lan"
destination = ["10.1.2.29", "10.1.2.64/27", "fd00:1:2::/48"]
action = "pass"

[[port_forward]]
name = "spread"
on = "wan"
protocol = "tcp"
port = [80]
target = ["10.1.2.80-10.1.2.82"]
target_port = 8080
pass = true

[[port_forward]]
name = "by-lte"
on = "lte"
protocol = "tcp"
port = [443]
target = ["10.1.2.80"]
pass = true

[[port_forward]]
name = "ruled"
on = "wan"
protocol = "udp"
port = [53]
target = ["10.1.2.29"]

[[port_forward]]
name = "portless"
on = "wan"
protocol = "icmp"
target = ["10.1.2.29"]

[[one_to_one]]
name = "erp"
on = "wan"
external = "203.0.113.4"
internal = "10.1.2.29"

[[one_to_one]]
name = "machines"
on = "wan"
external = "198.51.100.64/27"
internal = "10.1.2.64/27"

[[one_to_one]]
name = "closed"
on = "wan"
external = "203.0.113.5"
internal = "10.1.2.30"

[[prefix]]
name = "ula"
on = "wan"
external = "2001:db8:f00::/48"
internal = "fd00:1:2::/48"
`

// TestAllowedAfterTranslation judges flows as conntrack has them.
func TestAllowedAfterTranslation(t *testing.T) {
	policy := strings.Replace(translating, `"10.1.2.1/24"`, `"10.1.2.1/24", "fd00:1:2:3::1/64", "fd00:1:2:4::1/64"`, 1)
	c, err := config.Parse(config.File{Name: "rempart.toml", Data: []byte(policy)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := NewWorld(c, Learned{}, compileTime)
	r := newReader(w)
	for _, tt := range []struct {
		name         string
		proto        flows.Proto
		src, dst, at string // at: who answers
		want         bool
	}{
		{"the first of several targets", 6, "192.0.2.7:5000", "203.0.113.2:80", "10.1.2.80:8080", true},
		{"the last of several targets", 6, "192.0.2.7:5000", "203.0.113.2:80", "10.1.2.82:8080", true},
		{"a target no more", 6, "192.0.2.7:5000", "203.0.113.2:80", "10.1.2.83:8080", false},
		{"another port at the target", 6, "192.0.2.7:5000", "203.0.113.2:80", "10.1.2.80:80", false},
		{"a forward that is not for UDP", 17, "192.0.2.7:5000", "203.0.113.2:80", "10.1.2.80:8080", false},
		{"reflected", 6, "10.1.2.9:5000", "203.0.113.2:80", "10.1.2.81:8080", true},
		{"by the other way to the Internet", 6, "192.0.2.7:5000", "192.168.8.2:443", "10.1.2.80:443", true},
		{"with a rule", 17, "192.0.2.7:5000", "203.0.113.2:53", "10.1.2.29:53", true},
		{"without ports", 1, "192.0.2.7:0", "203.0.113.2:0", "10.1.2.29:0", true},
		{"1:1", 6, "192.0.2.7:5000", "203.0.113.4:8443", "10.1.2.29:8443", true},
		{"1:1 of a network", 17, "192.0.2.7:5000", "198.51.100.70:53", "10.1.2.70:53", true},
		{"1:1 of a network, to another host", 17, "192.0.2.7:5000", "198.51.100.70:53", "10.1.2.71:53", false},
		{"1:1 without a rule", 6, "192.0.2.7:5000", "203.0.113.5:80", "10.1.2.30:80", false},
		{"1:1 from inside is not translated", 6, "10.1.2.9:5000", "203.0.113.4:80", "10.1.2.29:80", false},
		{"a prefix", 6, "[2001:db8:9::1]:5000", "[2001:db8:f00:3::10]:80", "[fd00:1:2:3::10]:80", true},
		{"a prefix, to another subnet", 6, "[2001:db8:9::1]:5000", "[2001:db8:f00:3::10]:80", "[fd00:1:2:4::10]:80", false},
		{"what is translated now was not", 6, "192.0.2.7:5000", "203.0.113.4:80", "203.0.113.4:80", false},
		{"what is not translated now was", 6, "192.0.2.7:5000", "203.0.113.6:80", "10.1.2.29:80", false},
		{"nothing to translate", 6, "10.1.2.9:5000", "192.0.2.7:443", "192.0.2.7:443", true},
		{"what the gateway holds is its own from inside", 6, "10.1.2.9:5000", "203.0.113.4:443", "203.0.113.4:443", false},
	} {
		orig := flows.Tuple{Proto: tt.proto, Src: netip.MustParseAddrPort(tt.src), Dst: netip.MustParseAddrPort(tt.dst)}
		if tt.proto == flows.ProtoICMP {
			orig.ICMP.Type = 8
		}
		fl := flows.Flow{Orig: orig, Reply: flows.Tuple{Proto: tt.proto, Src: netip.MustParseAddrPort(tt.at), Dst: orig.Src}}
		if got := r.allows(fl, compileTime); got != tt.want {
			t.Errorf("%s: allows is %v", tt.name, got)
		}
	}
}

// TestFlowsOnLinesThatAreDownAreNotStale: whether those end is for fail_over to say.
func TestFlowsOnLinesThatAreDownAreNotStale(t *testing.T) {
	w := settlingWorld(t, "fibre", "cable", "lte")
	kept := flowOf(w, untranslated, "keeps", "fibre")
	foreign := kept // from where no rule lets anything in
	foreign.Orig.Src, foreign.Orig.Dst = kept.Orig.Dst, kept.Orig.Src
	foreign.Reply.Src, foreign.Reply.Dst = foreign.Orig.Dst, foreign.Orig.Src
	f := New(Parts{FlowTable: flows.NewFake(kept, foreign), Logger: hclog.NewNullLogger()})
	f.memory.Numbers = w.Numbers
	if newReader(w).allows(kept, friday) {
		t.Error("the lines are down, and the policy lets the flow in")
	}
	stale, err := f.stale(t.Context(), w, friday)
	if err != nil || len(stale) != 1 || stale[0].Orig != foreign.Orig {
		t.Errorf("stale: %v, %v", stale, err)
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

// TestApplyJudgesForeseenFlows: what a helper foresaw stays as long as the flow
// that named it, or without that as long as its rule lets something in.
func TestApplyJudgesForeseenFlows(t *testing.T) {
	const forward = `
[nat]
helpers = ["ftp"]

[[port_forward]]
name = "ftp"
on = "wan"
protocol = "tcp"
port = [21]
target = ["10.1.2.80"]
pass = true
`
	for _, tt := range []struct {
		name, next string
		control    bool // the flow that named it is there
		left       int
	}{
		{"all stays", testPolicy + forward + "[[rule]]\nname = \"more\"\nfrom = \"wan\"\naction = \"block\"\n", true, 4},
		{"its flow ends", strings.Replace(testPolicy+forward, "10.1.2.80", "10.1.2.81", 1), true, 2},
		{"the other's rule is gone", strings.Replace(testPolicy+forward, `action = "pass"`, `action = "block"`, 1), true, 2},
		{"its flow has ended before", testPolicy + forward + "[[rule]]\nname = \"more\"\nfrom = \"wan\"\naction = \"block\"\n", false, 2},
		{"its rule is gone as well", testPolicy, false, 1},
	} {
		m := newMachine(t)
		m.files = draft(testPolicy + forward)
		f, stop := m.start(t, nil)
		n := f.memory.Numbers
		if tt.control {
			m.flows.Put(flows.Flow{
				Orig:   flows.Tuple{Proto: 6, Src: netip.MustParseAddrPort("10.1.2.9:40000"), Dst: netip.MustParseAddrPort("198.51.100.7:21")},
				Reply:  flows.Tuple{Proto: 6, Src: netip.MustParseAddrPort("198.51.100.7:21"), Dst: netip.MustParseAddrPort("203.0.113.2:40000")},
				Status: flows.Helper | flows.SrcNAT, Mark: flows.Mark(n["lan-out"], 0, 0),
			})
			m.flows.Put(flows.Flow{
				Orig:   flows.Tuple{Proto: 6, Src: netip.MustParseAddrPort("198.51.100.8:40000"), Dst: netip.MustParseAddrPort("203.0.113.2:21")},
				Reply:  flows.Tuple{Proto: 6, Src: netip.MustParseAddrPort("10.1.2.80:21"), Dst: netip.MustParseAddrPort("198.51.100.8:40000")},
				Status: flows.Helper | flows.DstNAT, Mark: flows.Mark(n["ftp"], 0, 0),
			})
		}
		m.foreseen(n["lan-out"], "198.51.100.7:20", "203.0.113.2:50000", "10.1.2.9:50000") // active, to the client
		m.foreseen(n["ftp"], "198.51.100.8:40001", "203.0.113.2:50001", "10.1.2.80:50001") // passive, to the server
		m.apply(t, f, tt.next, 0)
		if got := m.count(t); got != tt.left {
			t.Errorf("%s: %d flows are left, want %d", tt.name, got, tt.left)
		}
		stop()
	}
}
