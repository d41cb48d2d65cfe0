package explain_test

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/explain"
)

// TestKernelNAT asks about packets under translations of every kind, some of
// whose targets are silent, and sends them.
func TestKernelNAT(t *testing.T) {
	w := worldOf(t, "nat.toml")
	w.Silent = map[string][]netip.Addr{
		"checked": {netip.MustParseAddr("10.1.3.11")}, "quiet": {netip.MustParseAddr("10.1.3.20"), netip.MustParseAddr("10.1.3.21")},
	}
	g := newGateway(t, w)
	const seed = 3
	r := rand.New(rand.NewPCG(seed, seed))
	seen := map[string]int{}
	for n := range 300 {
		p := drawNAT(r)
		e := g.x.Explain(p, g.now, false)
		f := g.send(t, p, func(f fate) bool { return judge(g.w, p, e, f) == "" })
		for _, s := range e.Steps {
			seen[s.Setting]++
		}
		if says := judge(g.w, p, e, f); says != "" {
			t.Fatalf("seed %d, packet %d: %s\ncounted by %s\nleft by %s: %v\n%s", seed, n, says, f.counted, f.by, f.left, strings.Join(explain.Text(e, 0), "\n"))
		}
	}
	for _, want := range []string{
		"port_forward not-for-them", "port_forward turns", "port_forward checked", "port_forward quiet", "one_to_one erp", "nat.reflection",
		"outbound as-it-is", "outbound phones", "outbound crowd", "outbound steady", "outbound narrow", "nat.outbound",
	} {
		if seen[want] == 0 {
			t.Errorf("no packet was drawn for %q", want)
		}
	}
}

// drawNAT makes a packet out of what the policy with translations speaks of.
func drawNAT(r *rand.Rand) config.Packet {
	one := func(list ...string) netip.Addr { return netip.MustParseAddr(list[r.IntN(len(list))]) }
	p := config.Packet{
		In: []string{"wan", "wan", "lan", "dmz"}[r.IntN(4)], Protocol: []config.Protocol{config.TCP, config.TCP, config.UDP, config.ICMP}[r.IntN(4)],
	}
	switch p.In {
	case "wan":
		p.Src, p.Dst = one("198.51.100.7", "192.0.2.7", "192.0.2.8"), one("203.0.113.2", "203.0.113.2", "203.0.113.12", "203.0.113.13", "10.1.3.10")
	case "lan":
		p.Src, p.Dst = one("10.1.2.9", "10.1.2.10"), one("192.0.2.7", "203.0.113.2", "10.1.3.10")
	default:
		p.Src, p.Dst = one("10.1.3.10", "10.1.3.28", "10.1.3.99", "10.1.3.30"), one("192.0.2.7", "203.0.113.2", "10.1.2.9")
	}
	switch p.Protocol {
	case config.ICMP:
		p.ICMPType = 8
	default:
		p.SrcPort, p.DstPort = []uint16{40000, 25000, 5060}[r.IntN(3)], []uint16{80, 443, 8080, 5060, 53, 123}[r.IntN(6)]
	}
	return p
}
