package explain_test

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall"
	"github.com/rempart/rempart/firewall/explain"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/steer"
)

// uplinks is the world of the policy with several lines, some of which are down.
func uplinks(t *testing.T, down ...string) *rules.World {
	t.Helper()
	w := worldOf(t, "lines.toml")
	w.Hops = map[string]netip.Addr{"lte": netip.MustParseAddr("100.64.7.1")}
	w.Addresses = map[string][]netip.Prefix{"wan3": {netip.MustParsePrefix("100.64.7.2/30")}}
	w.Lines = map[string]steer.Health{}
	for _, name := range down {
		w.Lines[name] = steer.Health{State: steer.Down}
	}
	return w
}

// worldOf is the world of a policy of testdata of which nothing is learned.
func worldOf(t *testing.T, name string) *rules.World {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse(config.File{Name: name, Data: data}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return firewall.NewWorld(c, firewall.Learned{}, time.Now())
}

// TestKernelLines asks about packets under several lines, and sends them; the
// answers come in by the line that they left by.
func TestKernelLines(t *testing.T) {
	for n, down := range [][]string{nil, {"fibre"}, {"cable"}, {"fibre", "cable"}, {"fibre", "cable", "lte"}} {
		t.Run(strings.Join(append([]string{"down"}, down...), " "), func(t *testing.T) {
			g := newGateway(t, uplinks(t, down...))
			seed := uint64(n)
			r := rand.New(rand.NewPCG(seed, seed))
			seen := map[string]int{}
			for n := range 160 {
				p := drawLines(r, byte(n))
				e := g.x.Explain(p, g.now, false)
				f := g.send(t, p, func(f fate) bool { return judge(g.w, p, e, f) == "" })
				seen[e.Verdict+" "+e.Cause]++
				if says := judge(g.w, p, e, f); says != "" {
					t.Fatalf("seed %d, packet %d: %s\ncounted by %s\nleft by %s: %v\n%s", seed, n, says, f.counted, f.by, f.left, strings.Join(explain.Text(e, 0), "\n"))
				}
				if e.Verdict == "pass" && !e.Self && e.Established {
					g.reply(t, p, chosen(e, f))
				}
			}
			t.Log(seen)
			for _, want := range []string{"pass rule", "pass forward", "block default", "reject noroute"} {
				if seen[want] == 0 {
					t.Errorf("no packet was drawn for %q", want)
				}
			}
		})
	}
}

// chosen is an explanation with the way that a packet took.
func chosen(e report.Explanation, f fate) report.Explanation {
	if i := slices.IndexFunc(e.Ways, func(w report.Way) bool { return w.Interface == f.by[0] }); i >= 0 {
		e.Interface, e.Gateway, e.Via, e.Source = e.Ways[i].Interface, e.Ways[i].Gateway, e.Ways[i].Via, e.Ways[i].Source
	}
	return e
}

// drawLines makes a packet out of what the policy with several lines speaks of.
// Each comes from a host of its own: the kernel tells one only so often that its
// packets cannot be routed, and less often when it was told something else before.
func drawLines(r *rand.Rand, host byte) config.Packet {
	one := func(list ...string) netip.Addr { return netip.MustParseAddr(list[r.IntN(len(list))]) }
	p := config.Packet{
		In: []string{"lan", "lan", "lan", "dmz", "wan", "wan2", "wan3"}[r.IntN(7)], SrcPort: 40000,
		Protocol: []config.Protocol{config.TCP, config.UDP}[r.IntN(2)],
	}
	p.DstPort = []uint16{22, 25, 443, 80}[r.IntN(4)]
	if p.Protocol == config.UDP {
		p.DstPort = []uint16{123, 3074, 5060, 53}[r.IntN(4)]
	}
	switch p.In {
	case "lan":
		p.Src = netip.AddrFrom4([4]byte{10, 1, 2, 9 + host})
	case "dmz":
		p.Src = netip.AddrFrom4([4]byte{10, 1, 3, 19 + host})
	default:
		p.Src = netip.AddrFrom4([4]byte{8, 8, 8, host})
		if r.IntN(4) == 0 {
			p.Src = netip.AddrFrom4([4]byte{192, 168, 1, host})
		}
	}
	p.Dst = one("198.51.100.7", "198.51.100.8", "198.51.100.70", "198.51.100.129", "198.51.100.130", "10.1.3.10", "10.1.2.99", "10.9.9.9", "10.66.0.1",
		"203.0.113.2", "203.0.113.3", "192.0.2.2", "192.0.2.2", "192.0.2.9", "100.64.7.2", "10.1.2.1")
	if p.In == "wan2" && r.IntN(2) == 0 { // what its port forward is for
		p.Dst, p.Protocol, p.DstPort = netip.MustParseAddr("192.0.2.2"), config.TCP, 80
	}
	return p
}
