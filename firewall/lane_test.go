package firewall

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"testing"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/rules"
	"github.com/vishvananda/netlink"
)

// lane is a gateway under a ruleset of its own, and packets that come to it from
// its lan for the Internet. Lanes stand side by side and take turns, a few
// milliseconds each, so that what else the machine does falls on all of them.
type lane struct {
	name   string
	gw     *lab.Host
	far    *lab.Host // at the other ends of its cables
	inject *lab.Injector
	each   int // packets of a turn
	flows  int // packets that begin flows; 0: all are of one flow
	begun  int // flows since they were last forgotten

	took   []int // nanoseconds a packet, by turn
	passed int   // packets of the last turn
}

// newLane builds a gateway with the interfaces of benchBase.
func newLane(t testing.TB, n *lab.Net, name string) *lane {
	t.Helper()
	l := &lane{name: name, gw: n.Host(name), far: n.Host(name + "-far")}
	for dev, addr := range map[string]string{"lan0": "10.1.2.1/24", "wan0": "203.0.113.2/24", "dmz0": "10.1.3.1/24"} {
		n.Cable(l.gw, dev, l.far, dev)
		l.gw.AddAddr(dev, netip.MustParsePrefix(addr))
	}
	router := netip.MustParseAddr("203.0.113.1")
	l.gw.Neighbour("wan0", router, l.far.MAC("wan0"))
	l.gw.Default(router)
	l.gw.Forward()
	l.inject = l.injector(t, "lan0", "wan0")
	return l
}

func (l *lane) injector(t testing.TB, in, out string) *lab.Injector {
	t.Helper()
	i, err := l.gw.Injector(in, out)
	if errors.Is(err, lab.ErrNoInjector) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// runs puts a compiled ruleset into the lane's kernel.
func (l *lane) runs(t testing.TB, r nft.Ruleset) {
	t.Helper()
	var tab table
	err := l.gw.Do(func() error { return tab.put(t.Context(), nft.Open(TableName), r) })
	if err != nil {
		t.Fatal(err)
	}
}

// runsText has nft(8) put a ruleset into the lane's kernel.
func (l *lane) runsText(t testing.TB, text string) {
	t.Helper()
	file := t.TempDir() + "/ruleset.nft"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.gw.Run(t.Context(), "nft", "-f", file); err != nil {
		t.Fatal(err)
	}
}

// begins sets packets of which each is the first of a flow. A turn takes as many as each says.
func (l *lane) begins(t testing.TB, packets []lab.Datagram, each int) {
	t.Helper()
	if err := l.inject.Frames(packets); err != nil {
		t.Fatal(err)
	}
	l.each, l.flows, l.begun = each, len(packets), 0
}

// continues makes a connection through the lane, of which every packet of every turn is one.
func (l *lane) continues(t testing.TB, syn lab.Datagram, each int) {
	t.Helper()
	answer := lab.Datagram{Protocol: lab.TCP, Src: syn.Dst, Dst: syn.Src, Flags: lab.SYN | lab.ACK, Seq: 1000, Ack: syn.Seq + 1}
	ack := lab.Datagram{Protocol: lab.TCP, Src: syn.Src, Dst: syn.Dst, Flags: lab.ACK, Seq: syn.Seq + 1, Ack: 1001}
	l.gw.Neighbour("lan0", syn.Src.Addr(), l.far.MAC("lan0"))
	back := l.injector(t, "wan0", "lan0")
	for _, step := range []struct {
		by     *lab.Injector
		packet lab.Datagram
	}{{l.inject, syn}, {back, answer}, {l.inject, ack}} {
		if err := step.by.Frames([]lab.Datagram{step.packet}); err != nil {
			t.Fatal(err)
		}
		if got, err := step.by.Run(1); err != nil || got.Passed != 1 {
			t.Fatalf("lane %s: %s: %+v, %v", l.name, step.packet, got, err)
		}
	}
	l.each, l.flows = each, 0
}

// turn injects the packets of one turn. Before a flow would begin a second time all are forgotten; the
// kernel is busy with that for a while, and so it is not done at every turn.
func (l *lane) turn(t testing.TB) {
	t.Helper()
	if l.flows > 0 && l.begun+l.each > l.flows {
		err := l.gw.Do(func() error { return netlink.ConntrackTableFlush(netlink.ConntrackTable) })
		if err != nil {
			t.Fatal(err)
		}
		l.begun = 0
	}
	l.begun += l.each
	got, err := l.inject.Run(l.each)
	if err != nil {
		t.Fatal(err)
	}
	l.took, l.passed = append(l.took, got.Nanoseconds), got.Passed
}

// takeTurns gives each lane a turn.
func takeTurns(t testing.TB, lanes ...*lane) {
	t.Helper()
	for _, l := range lanes {
		l.turn(t)
	}
}

// perPacket is the median of the lane's turns, in nanoseconds.
func (l *lane) perPacket() float64 { return middle(l.took) }

// over is how many times as much a packet takes here as in another lane: the
// median of what each pair of turns says, for a busy moment spoils a pair and no other.
func (l *lane) over(other *lane) float64 {
	ratios := make([]float64, len(l.took))
	for i := range ratios {
		ratios[i] = float64(l.took[i]) / float64(other.took[i])
	}
	return middle(ratios)
}

func middle[T int | float64](all []T) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return float64(sorted[len(sorted)/2])
}

// benchWorld is a policy over benchBase, or a whole one.
func benchWorld(t testing.TB, policy string) *rules.World {
	t.Helper()
	return NewWorld(parsed(t, policy), Learned{}, compileTime)
}

// syn is the first packet of the flow number n to what rule i of ruleList looks at.
func syn(i, n int) lab.Datagram {
	return lab.Datagram{
		Protocol: lab.TCP, Flags: lab.SYN, Seq: 1,
		Src: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 2, byte(i)}), uint16(1024+n)),
		Dst: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(100 + i/256), byte(i), 9}), uint16(i%7999+1)),
	}
}

// flowsTo are first packets of n flows to what rule i of ruleList looks at.
func flowsTo(i, n int) []lab.Datagram {
	all := make([]lab.Datagram, n)
	for k := range all {
		all[k] = syn(i, k)
	}
	return all
}

// aimed are first packets of n flows from lan to wan, most of them aimed at a random rule of the policy.
func aimed(w *rules.World, seed uint64, n int) []lab.Datagram {
	g := newPacketGen(seed, w, compileTime, false)
	evaluator := rules.NewEvaluator(w)
	seen := map[[2]netip.AddrPort]bool{}
	all := make([]lab.Datagram, 0, n)
	for len(all) < n {
		p := g.packet()
		p.SrcPort = max(p.SrcPort, 1)
		ports := p.Protocol == config.TCP || p.Protocol == config.UDP
		if !ports || p.In != "lan" || p.TCPFlags != 0 || !p.Src.Is4() || evaluator.Local(p.Dst) || evaluator.Local(p.Src) {
			continue
		}
		if evaluator.Way(p.Dst).Interface != "wan" || !p.Src.IsGlobalUnicast() || !p.Dst.IsGlobalUnicast() {
			continue
		}
		flow := [2]netip.AddrPort{netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort)}
		if !seen[flow] {
			seen[flow] = true
			all = append(all, lab.Datagram{Protocol: lab.Protocol(p.Protocol), Flags: lab.SYN, Seq: 1, Src: flow[0], Dst: flow[1]})
		}
	}
	return all
}
