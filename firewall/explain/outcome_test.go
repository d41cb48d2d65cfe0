package explain

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/nat"
	"github.com/rempart/rempart/rules"
)

// describe is an outcome in one line.
func describe(o Outcome) string {
	s := fmt.Sprintf("%s %s", o.Action, o.Cause)
	for _, word := range []string{o.Rule, o.Interface, o.Gateway} {
		if word != "" {
			s += " " + word
		}
	}
	if o.Action == config.Pass && !o.Self {
		s += fmt.Sprintf(" %s -> %s", o.Source, o.Destination)
	}
	return s
}

func TestOutcome(t *testing.T) {
	x := New(office(t))
	for _, tt := range []struct{ packet, want string }{
		{"lan tcp 10.1.2.9 -> 198.51.100.7:443", "pass rule lan-out wan fibre 203.0.113.2:40000 -> 198.51.100.7:443"},
		{"dmz tcp 10.1.3.20 -> 198.51.100.7:443", "pass rule guests-web wan fibre 203.0.113.6:40000 -> 198.51.100.7:443"},
		{"dmz tcp 10.1.3.29 -> 198.51.100.7:443", "pass rule guests-web wan fibre 203.0.113.4:40000 -> 198.51.100.7:443"},
		{"wan tcp 198.51.100.7 -> 203.0.113.2:443", "pass forward www dmz 198.51.100.7:40000 -> 10.1.3.10:443"},
		{"lan tcp 10.1.2.9 -> 203.0.113.2:443", "pass forward www dmz 10.1.2.9:40000 -> 10.1.3.11:443"},
		{"dmz tcp 10.1.3.99 -> 203.0.113.2:443", "pass forward www dmz 10.1.3.1:40000 -> 10.1.3.11:443"},
		{"dmz udp 10.1.3.99 -> 10.1.3.1:53", "pass rule lan-dns"},
		{"lan tcp 10.1.2.10 -> 10.1.2.1:22", "pass admin"},
		{"lan icmpv6 fe80::9 -> ff02::1 nd-neighbor-solicit", "pass automatic"},
		{"dmz icmp 10.1.3.9 -> 10.20.0.9", "pass rule ping lan core 10.1.3.9:0 -> 10.20.0.9:0"},
		{"dmz tcp 10.1.3.10 -> 10.1.2.9:22", "reject rule no-lateral"},
		{"wan udp 192.0.2.9 -> 203.0.113.2:53", "block rule drop-listed"},
		{"wan udp 198.51.100.7 -> 203.0.113.2:53", "block default"},
		{"wan udp 10.1.2.9 -> 203.0.113.2:53", "block spoofed"},
		{"wan udp 192.168.1.1 -> 203.0.113.2:53", "block bogon"},
		{"wan udp 203.0.113.4 -> 203.0.113.2:53", "block martian"},
		{"lan udp 127.0.0.1 -> 203.0.113.2:53", "block martian"},
		{"lan udp 224.0.0.9 -> 203.0.113.2:53", "block martian"},
		{"lan udp 10.1.2.9 -> 0.0.0.0:53", "block martian"},
		{"lan udp [fe80::9] -> [2001:db8:8::1]:53", "reject martian"},
		{"lan udp [2001:db8:2::9] -> [2001:db8:9::1]:53", "reject noroute"},
		{"lan icmpv6 2001:db8:2::9 -> 2001:db8:9::1 time-exceeded", "block noroute"},
		{"lan tcp 10.1.2.9 -> 198.51.100.7:443 ack", "block nosyn"},
		{"lan tcp 10.1.2.9 -> 198.51.100.7:443 rst", "block invalid"},
		{"tun9 tcp 10.1.2.9 -> 198.51.100.7:443", "block default"},
	} {
		p := packet(t, tt.packet)
		if got := describe(x.Outcome(p, monday)); got != tt.want {
			t.Errorf("%s\n%s, want\n%s", tt.packet, got, tt.want)
		}
		if e := x.Explain(p, monday, false); e.Verdict+" "+e.Cause != strings.Join(strings.Fields(tt.want)[:2], " ") {
			t.Errorf("%s: explained as %s %s", tt.packet, e.Verdict, e.Cause)
		}
	}
}

// Every packet that routing takes has the verdict, cause and rule that the
// reference evaluator gives it, and its explanation ends where it was decided.
func TestExplainAgreesWithTheReference(t *testing.T) {
	w := office(t)
	x, policy, translations := New(w), rules.NewEvaluator(w), nat.NewEvaluator(w)
	asked := 0
	for _, in := range []string{"wan", "lan", "dmz", "tun9"} {
		for _, ends := range pairsOf(t, w) {
			for _, like := range []config.Packet{
				{Protocol: config.TCP, SrcPort: 40000, DstPort: 443}, {Protocol: config.TCP, SrcPort: 99, DstPort: 25},
				{Protocol: config.TCP, SrcPort: 40000, DstPort: 22, TCPFlags: 0x10}, {Protocol: config.UDP, SrcPort: 40000, DstPort: 53},
				{Protocol: config.UDP, SrcPort: 40000, DstPort: 9002}, {Protocol: config.ICMP, ICMPType: 8}, {Protocol: config.ICMPv6, ICMPType: 128},
				{Protocol: config.ICMPv6, ICMPType: 135}, {Protocol: 47},
			} {
				p := like
				p.In, p.Src, p.Dst = in, ends[0], ends[1]
				e := x.Explain(p, monday, false)
				if e.Cause == string(CauseMartian) || e.Cause == string(CauseNoRoute) {
					continue
				}
				asked++
				d := decision(policy, translations, p)
				if e.Verdict != d.Action.String() || e.Cause != d.Cause.String() || e.Rule != d.Rule {
					t.Fatalf("%s: %s %s %s, want %+v", p, e.Verdict, e.Cause, e.Rule, d)
				}
				if fault := unsound(e); fault != "" {
					t.Fatalf("%s: %s\n%s", p, fault, strings.Join(Text(e, 0), "\n"))
				}
			}
		}
	}
	if asked < 1000 {
		t.Errorf("%d packets asked about", asked)
	}
}

// decision is what the evaluators say without this package.
func decision(policy *rules.Evaluator, translations *nat.Evaluator, p config.Packet) rules.Decision {
	q := rules.Packet{
		In: p.In, Protocol: p.Protocol, Src: p.Src, Dst: p.Dst, SrcPort: p.SrcPort, DstPort: p.DstPort,
		ICMPType: p.ICMPType, TCPFlags: p.TCPFlags, At: monday,
	}
	if track := q.Tracking(); track == rules.Begins || track == rules.MidFlow {
		a := translations.Inbound(q)
		q.Dst, q.DstPort = a.Chosen(q.Src), a.Port
		if a.Pass {
			q.Forward = a.Name
		}
	}
	return policy.Evaluate(q)
}

// pairsOf is sources and destinations at the edges of the policy, each with each of its family.
func pairsOf(t *testing.T, w *rules.World) [][2]netip.Addr {
	t.Helper()
	all := w.OwnAddresses("")
	for _, a := range []string{
		"10.1.2.9", "10.1.2.10", "10.1.2.255", "10.1.3.10", "10.1.3.20", "10.1.3.25", "10.1.3.29", "198.51.100.7", "198.51.100.66", "192.0.2.1", "203.0.113.4", "203.0.113.1", "10.20.0.1",
		"2001:db8:2::9", "fd00:1:3::9", "2001:db8:8::9", "2001:db8:f00::9", "2001:db8:ff::9", "fe80::9", "ff02::1",
	} {
		all = append(all, netip.MustParseAddr(a))
	}
	var out [][2]netip.Addr
	for _, src := range all {
		for _, dst := range all {
			if src.BitLen() == dst.BitLen() {
				out = append(out, [2]netip.Addr{src, dst})
			}
		}
	}
	return out
}

// unsound says what is wrong with an explanation by itself.
func unsound(e report.Explanation) string {
	if e.Why == "" || len(e.Steps) == 0 {
		return "nothing is said"
	}
	for i, s := range e.Steps {
		last := i == len(e.Steps)-1
		switch {
		case s.Text == "" || s.Name == "" || s.Result == "":
			return "an empty step"
		case s.Result == report.ResultStopped && !last:
			return "it went on after it was stopped"
		case last && (s.Result == report.ResultStopped) == (e.Verdict == "pass"):
			return "it does not end as the verdict says"
		case s.Setting != "" && s.Line == 0:
			return "setting " + s.Setting + " stands nowhere"
		case (s.Result == report.ResultChanged) != (s.Before != s.After):
			return "what is changed is not what changes"
		}
	}
	if e.Cause == packetlog.CauseRule.String() && e.Line == 0 {
		return "the rule stands nowhere"
	}
	return ""
}

// What a gateway without addresses in the policy routes, the system knows.
func TestUnknownRoute(t *testing.T) {
	c, err := config.Parse(config.File{Name: "rempart.toml", Data: []byte(`
schema = 1
[interface.wan]
device = "eth0"
external = true
[interface.lan]
device = "eth1"
addresses = ["10.1.2.1/24"]
[[rule]]
name = "out"
from = "lan"
action = "pass"
`)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := New(&rules.World{Config: c}).Explain(packet(t, "lan tcp 10.1.2.9 -> 198.51.100.7:443"), monday, false)
	if e.Verdict != "pass" || e.Interface != "" || e.Self {
		t.Errorf("%+v", e)
	}
	text := strings.Join(Text(e, 0), "\n")
	for _, want := range []string{"no route of the policy leads to 198.51.100.7", "wan has no addresses in the policy", "pass    it leaves\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not said in\n%s", want, text)
		}
	}
	c.Gateways = []config.Gateway{{Name: "(system)", Interface: "wan"}}
	c.Routes = []config.Route{{Destination: netip.MustParsePrefix("0.0.0.0/0"), Gateway: "(system)"}}
	e = New(&rules.World{Config: c}).Explain(packet(t, "lan tcp 10.1.2.9 -> 198.51.100.7:443"), monday, false)
	if e.Interface != "wan" || e.Gateway != "" || e.Source.IsValid() {
		t.Errorf("%+v", e)
	}
	if text := strings.Join(Text(e, 0), "\n"); !strings.Contains(text, "by wan, as the system routes there") || !strings.Contains(text, "as the interface's address -> 198.51.100.7:443") {
		t.Error(text)
	}
}

func BenchmarkOutcome(b *testing.B) {
	x := New(office(b))
	p := config.Packet{In: "lan", Protocol: config.TCP, Src: netip.MustParseAddr("10.1.2.9"), Dst: netip.MustParseAddr("198.51.100.7"), SrcPort: 40000, DstPort: 443}
	b.ReportAllocs()
	for b.Loop() {
		x.Outcome(p, monday)
	}
}
