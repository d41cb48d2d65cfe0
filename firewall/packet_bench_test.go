package firewall

import (
	"fmt"
	"math/rand/v2"
	"strings"
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

// twoLines is benchBase with two lines to the Internet, and rules that choose between them.
const twoLines = `schema = 1

[system]
log_default = false

[nat]
outbound = "off"

[interface.wan]
device = "wan0"
addresses = ["203.0.113.2/24"]
external = true
block_private = false
block_bogons = false

[interface.dmz]
device = "dmz0"
addresses = ["10.1.3.1/24"]
external = true
block_private = false
block_bogons = false

[interface.lan]
device = "lan0"
addresses = ["10.1.2.1/24"]

[zone.outside]
interfaces = ["wan", "dmz"]

[gateway.fibre]
interface = "wan"
address = "203.0.113.1"

[gateway.cable]
interface = "dmz"
address = "10.1.3.2"

[gateway_group.internet]
tiers = [["fibre"], ["cable"]]

[[route]]
destination = "default"
gateway = "internet"
`

// BenchmarkLines measures what several lines add to a packet: to one of a flow
// that is established, and to the first of a flow, whose line a rule chooses. The
// routing tables and rules are those that the daemon makes.
func BenchmarkLines(b *testing.B) {
	choose := strings.NewReplacer("action = \"pass\"", "action = \"pass\"\ngateway = \"internet\"", "to = \"wan\"", "to = \"outside\"").Replace(ruleList(10, onePort))
	for _, bb := range []struct {
		name  string
		begin func(*testing.B, *lane)
	}{
		{"established", func(b *testing.B, l *lane) { l.continues(b, syn(9, 0), flowsOfATurn) }},
		{"new", func(b *testing.B, l *lane) { l.begins(b, flowsTo(9, flowsAtMost), flowsOfATurn) }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			net := lab.Test(b)
			two, one := newLane(b, net, "two"), newLane(b, net, "one")
			two.runs(b, Compile(benchWorld(b, twoLines+choose)))
			one.runs(b, Compile(benchWorld(b, benchBase+ruleList(10, onePort))))
			for _, args := range []string{
				"route add default via 203.0.113.1 dev wan0 table 82001", "rule add fwmark 0x10000/0xff0000 lookup 82001 priority 8201",
				"rule add fwmark 0x20000/0xff0000 lookup 82002 priority 8202", "rule add lookup main suppress_prefixlength 0 priority 8500",
				"rule add from 203.0.113.2 lookup 82001 priority 8601", "rule add from 10.1.3.1 lookup 82002 priority 8602",
			} {
				if out, err := two.gw.Run(b.Context(), "ip", strings.Fields(args)...); err != nil {
					b.Fatal(out, err)
				}
			}
			bb.begin(b, two)
			bb.begin(b, one)
			for b.Loop() {
				takeTurns(b, two, one)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(two.perPacket(), "two-lines-ns")
			b.ReportMetric(one.perPacket(), "one-line-ns")
			b.ReportMetric(two.over(one), "two/one")
		})
	}
}
