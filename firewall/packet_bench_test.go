package firewall

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/rules"
)

// Flows of a turn, and of all turns until they begin anew. Through a long list each
// takes long, so fewer are enough.
const (
	flowsOfATurn = 3_000
	flowsAtMost  = 20 * flowsOfATurn
	listSteps    = 1_000_000 // rules that are tried in a turn of a list
)

// BenchmarkNewFlow measures what the first packet of a flow costs in the kernel, under a
// compiled policy and under the same list of rules loaded by nft -f, side by side, with 10
// compiled rules beside both. The packets match the last rule (last), or random ones (average).
func BenchmarkNewFlow(b *testing.B) {
	for _, n := range []int{10, 100, 1_000, 10_000} {
		list := benchBase + ruleList(n, onePort)
		b.Run(fmt.Sprintf("list-%d/last", n), func(b *testing.B) {
			benchNewFlow(b, list, n, func(*rules.World) []lab.Datagram { return flowsTo(n-1, flowsAtMost) })
		})
		b.Run(fmt.Sprintf("list-%d/average", n), func(b *testing.B) {
			benchNewFlow(b, list, n, func(*rules.World) []lab.Datagram { return flowsToAny(n, flowsAtMost) })
		})
		for _, shape := range []string{"acl", "fw", "ipc"} {
			b.Run(fmt.Sprintf("%s-%d/average", shape, n), func(b *testing.B) {
				benchNewFlow(b, classBench(shape, n, 1), n, func(w *rules.World) []lab.Datagram { return aimed(w, 1, flowsAtMost) })
			})
		}
	}
}

// flowsToAny are first packets of flows to random ones of the first n rules of ruleList.
func flowsToAny(n, flows int) []lab.Datagram {
	g := rand.New(rand.NewPCG(1, 1))
	all := make([]lab.Datagram, flows)
	for k := range all {
		i := g.IntN(n)
		for byte(i) < 2 || byte(i) == 255 { // the gateway's own address, and those of nobody
			i = g.IntN(n)
		}
		all[k] = syn(i, k)
	}
	return all
}

// benchNewFlow measures one policy beside its list and beside a small policy.
func benchNewFlow(b *testing.B, policy string, n int, packets func(*rules.World) []lab.Datagram) {
	net, w := lab.Test(b), benchWorld(b, policy)
	ours, list, ten := newLane(b, net, "ours"), newLane(b, net, "list"), newLane(b, net, "ten")
	ours.runs(b, Compile(w))
	list.runsText(b, linear(w))
	ten.runs(b, Compile(benchWorld(b, benchBase+ruleList(10, onePort))))
	all := packets(w)
	agree(b, all[:100], ours, list)
	ours.begins(b, all, flowsOfATurn)
	list.begins(b, all, min(flowsOfATurn, listSteps/n))
	ten.begins(b, flowsTo(9, flowsAtMost), flowsOfATurn)
	for b.Loop() {
		takeTurns(b, ours, list, ten)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ours.perPacket(), "rempart-ns")
	b.ReportMetric(list.perPacket(), "list-ns")
	b.ReportMetric(list.over(ours), "list/rempart")
	b.ReportMetric(ours.over(ten), "rempart/ten-rules")
}

// agree holds two lanes to letting as many of the packets pass: else they are not one policy.
func agree(b *testing.B, packets []lab.Datagram, lanes ...*lane) {
	b.Helper()
	for _, l := range lanes {
		l.begins(b, packets, len(packets))
		l.turn(b)
		l.took = nil
	}
	for _, l := range lanes[1:] {
		if l.passed != lanes[0].passed {
			b.Fatalf("%d of %d packets pass lane %s, %d lane %s", l.passed, l.each, l.name, lanes[0].passed, lanes[0].name)
		}
	}
}

// BenchmarkEstablished measures a packet of a flow that is established, under
// policies small and large, beside the smallest ruleset that one can write by
// hand, and beside no ruleset at all.
func BenchmarkEstablished(b *testing.B) {
	for _, bb := range []struct {
		name   string
		policy string
	}{
		{"10-rules", benchBase + ruleList(10, onePort)},
		{"10000-rules", benchBase + ruleList(10_000, onePort)},
		{"acl-10000", classBench("acl", 10_000, 1)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			net := lab.Test(b)
			ours, hand, none := newLane(b, net, "ours"), newLane(b, net, "smallest"), newLane(b, net, "none")
			ours.runs(b, Compile(benchWorld(b, bb.policy+passRest)))
			hand.runsText(b, smallest)
			for _, l := range []*lane{ours, hand, none} {
				l.continues(b, syn(9, 0), flowsOfATurn)
			}
			for b.Loop() {
				takeTurns(b, ours, hand, none)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(ours.perPacket(), "rempart-ns")
			b.ReportMetric(hand.perPacket(), "smallest-ns")
			b.ReportMetric(none.perPacket(), "no-ruleset-ns")
			b.ReportMetric(ours.over(hand), "rempart/smallest")
		})
	}
}

// passRest ends a list with a rule for the connection of BenchmarkEstablished.
const passRest = "\n[[rule]]\nname = \"all\"\nfrom = \"lan\"\naction = \"pass\"\n"
