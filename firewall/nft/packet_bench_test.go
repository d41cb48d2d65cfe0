package nft

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/rempart/rempart/lab"
)

// block is a piece of a ruleset, of which BenchmarkPacket tells what one costs each packet.
type block struct {
	name string
	// copies are n of them, one after the other, as a chain that lets the packet go on to its end.
	copies func(n int) []Rule
	n      int
	sets   []Set
	// frames are what goes through; nil: one UDP packet of IPv4.
	frames []lab.Datagram
}

// BenchmarkPacket measures what the pieces that the compiler builds with cost in the kernel: a
// gateway with some copies beside one with none, in turns. The cost model of rules/dispatch stands
// on these figures. Keys of maps are one and the same (hot), or random (cold).
func BenchmarkPacket(b *testing.B) {
	for _, x := range slices.Concat(ruleBlocks(), jumpBlocks(), mapBlocks()) {
		b.Run(x.name, func(b *testing.B) {
			n := lab.Test(b)
			none, some := packetGateway(b, n, "none", x.frames), packetGateway(b, n, "some", x.frames)
			none.holds(b, packetRuleset(nil, x.sets))
			some.holds(b, packetRuleset(x.copies(x.n), x.sets))
			var differences []float64
			for b.Loop() {
				before := none.run(b)
				differences = append(differences, float64(some.run(b)-before)/float64(x.n))
			}
			slices.Sort(differences)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(differences[len(differences)/2], "ns/packet")
		})
	}
}

// packetRuleset has the rules in a chain of its own, behind a match on the state of the flow, so that
// flows are tracked whatever the rules are, and an empty chain to jump to.
func packetRuleset(rules []Rule, sets []Set) Ruleset {
	base := Chain{Name: "base", Hook: &Hook{Type: "filter", Point: "forward", Policy: accept}, Rules: []Rule{
		rule(CTState{States: StateInvalid}, drop), rule(jump("blocks")),
	}}
	return Ruleset{
		Table: Table{Name: "rempart"}, Sets: sets, Counters: []string{"cnt"},
		Chains: []Chain{base, {Name: "blocks", Rules: rules}, {Name: "empty"}},
	}
}

// same is the same rule so many times.
func same(exprs ...Expr) func(int) []Rule {
	return func(n int) []Rule { return slices.Repeat([]Rule{rule(exprs...)}, n) }
}

const manyCopies = 100

// ruleBlocks are rules that do not match, at their first or at a later comparison, and statements.
func ruleBlocks() []block {
	from, to := is(IPSaddr, network("10.1.2.0/24")), is(IPDaddr, network("198.51.100.0/24"))
	far := is(IPDaddr, network("192.0.2.0/24"))
	rules := []struct {
		name  string
		exprs []Expr
	}{
		{"th-dport", []Expr{is(THDport, port(99))}},
		{"th-dport-range", []Expr{is(THDport, ports(90, 99))}},
		{"th-dport-three", []Expr{is(THDport, port(99), port(199), port(299))}},
		{"tcp-dport-of-udp", []Expr{is(TCPDport, port(99))}},
		{"ip-saddr", []Expr{is(IPSaddr, address("10.9.9.9"))}},
		{"ip-saddr-24", []Expr{is(IPSaddr, network("10.9.9.0/24"))}},
		{"ip-saddr-range", []Expr{is(IPSaddr, between("10.9.9.9", "10.9.9.20"))}},
		{"ip-saddr-24-holds-daddr-24", []Expr{from, far}},
		{"ip-saddr-24-daddr-24-hold-th-dport", []Expr{from, to, is(THDport, port(99))}},
		{"ip6-saddr-64-of-ipv4", []Expr{is(IP6Saddr, network("2001:db8::/64"))}},
		{"l4proto", []Expr{is(L4Proto, proto(protoTCP))}},
		{"oifname", []Expr{is(OIFName, Ifname("lan0"))}},
		{"ct-state", []Expr{CTState{States: StateEstablished}}},
	}
	var out []block
	for _, r := range rules {
		out = append(out, block{name: "rule/" + r.name, copies: same(append(r.exprs, drop)...), n: manyCopies})
	}
	for _, s := range []struct {
		name string
		expr Expr
	}{{"counter", Count{"cnt"}}, {"ct-mark-set", SetMark{Field: CTMark, Value: 5}}, {"ct-event-set", SetEvents{EventNew}}} {
		out = append(out, block{name: "statement/" + s.name, copies: same(s.expr), n: manyCopies})
	}
	return out
}

func jumpBlocks() []block {
	return []block{{name: "jump-and-return", copies: same(jump("empty")), n: manyCopies}}
}

// mapBlocks are maps whose elements all jump to the empty chain.
func mapBlocks() []block {
	var out []block
	for _, m := range packetMaps() {
		for _, size := range m.sizes {
			set := Set{Name: "m", Data: TypeVerdict, Interval: m.interval}
			for _, f := range m.fields {
				set.Key = append(set.Key, f.Type())
			}
			for i := range size {
				set.Elements = append(set.Elements, Element{Key: m.key(i, size), Verdict: jump("empty")})
			}
			g := rand.New(rand.NewPCG(1, uint64(size)))
			cold := make([]lab.Datagram, 20_000)
			for i := range cold {
				cold[i] = m.packet(g.IntN(size), size)
			}
			look := same(VMap{Fields: m.fields, Set: "m"})
			name := fmt.Sprintf("map/%s-%d", m.name, size)
			out = append(out,
				block{name: name + "/hot", copies: look, n: 10, sets: []Set{set}, frames: cold[:1]},
				block{name: name + "/cold", copies: look, n: 1, sets: []Set{set}, frames: cold})
		}
	}
	return out
}

// packetMap is a kind of map: its element number i of n, and a packet that finds it.
type packetMap struct {
	name     string
	fields   []Field
	interval bool
	sizes    []int
	key      func(i, n int) []Value
	packet   func(i, n int) lab.Datagram
}

func packetMaps() []packetMap {
	const inside, outside = 10<<24 | 1<<16 | 2<<8, 20 << 24
	step := func(n int) uint32 { return 1 << 24 / uint32(n) }
	to := func(i, n int) uint32 { return outside + uint32(i)*step(n) }
	portOf := func(i, n int) uint32 { return uint32(1 + i*(65_000/n)) }
	host := func(a uint32) Value { return Address(addrOf(a)) }
	return []packetMap{
		{"l4proto", []Field{L4Proto}, false, []int{4},
			func(i, _ int) []Value { return []Value{proto(uint32(protoUDP + i))} },
			func(int, int) lab.Datagram { return udpPacket(inside|9, outside, 53) }},
		{"oifname", []Field{OIFName}, false, []int{4, 100},
			func(i, _ int) []Value { return []Value{Ifname(fmt.Sprintf("wan%d", i))} },
			func(int, int) lab.Datagram { return udpPacket(inside|9, outside, 53) }},
		{"th-dport", []Field{THDport}, false, []int{4, 100, 10_000},
			func(i, n int) []Value { return []Value{port(portOf(i, n))} },
			func(i, n int) lab.Datagram { return udpPacket(inside|9, outside, portOf(i, n)) }},
		{"th-dport-ranges", []Field{THDport}, true, []int{4, 100, 10_000},
			func(i, n int) []Value { return []Value{ports(portOf(i, n), portOf(i, n)+uint32(65_000/n)/2)} },
			func(i, n int) lab.Datagram { return udpPacket(inside|9, outside, portOf(i, n)) }},
		{"ip-daddr", []Field{IPDaddr}, false, []int{4, 100, 10_000},
			func(i, n int) []Value { return []Value{host(to(i, n))} },
			func(i, n int) lab.Datagram { return udpPacket(inside|9, to(i, n), 53) }},
		{"ip-daddr-ranges", []Field{IPDaddr}, true, []int{4, 100, 1_000, 20_000},
			func(i, n int) []Value { return []Value{Addresses(addrOf(to(i, n)), addrOf(to(i, n)+step(n)/2))} },
			func(i, n int) lab.Datagram { return udpPacket(inside|9, to(i, n)+1, 53) }},
		{"four-fields", []Field{IPSaddr, IPDaddr, L4Proto, THDport}, false, []int{100, 10_000},
			func(i, n int) []Value {
				return []Value{host(inside | 9), host(to(i, n)), proto(protoUDP), port(portOf(i, n))}
			},
			func(i, n int) lab.Datagram { return udpPacket(inside|9, to(i, n), portOf(i, n)) }},
		// The kernel takes the fields one after the other, and the elements that are left one by one:
		// a field that tells few of them apart had better not come first.
		{"daddr-saddr-port-ranges", []Field{IPDaddr, IPSaddr, L4Proto, THDport}, true, []int{100, 1_000, 10_000},
			func(i, n int) []Value {
				return []Value{Addresses(addrOf(to(i, n)&^15), addrOf(to(i, n)|15)), network("10.1.2.0/24"), proto(protoUDP), port(portOf(i, n))}
			},
			func(i, n int) lab.Datagram { return udpPacket(inside|9, to(i, n), portOf(i, n)) }},
		{"saddr-daddr-port-ranges", []Field{IPSaddr, IPDaddr, L4Proto, THDport}, true, []int{100, 1_000},
			func(i, n int) []Value {
				return []Value{network("10.1.2.0/24"), Addresses(addrOf(to(i, n)&^15), addrOf(to(i, n)|15)), proto(protoUDP), port(portOf(i, n))}
			},
			func(i, n int) lab.Datagram { return udpPacket(inside|9, to(i, n), portOf(i, n)) }},
	}
}

func udpPacket(src, dst, port uint32) lab.Datagram {
	return lab.Datagram{
		Protocol: lab.UDP,
		Src:      netip.AddrPortFrom(addrOf(src), 1000), Dst: netip.AddrPortFrom(addrOf(dst), uint16(port)),
	}
}

// packetLane is a gateway that packets go through.
type packetLane struct {
	gw     *lab.Host
	inject *lab.Injector
}

func packetGateway(b *testing.B, n *lab.Net, name string, frames []lab.Datagram) packetLane {
	b.Helper()
	gw, far := n.Host(name), n.Host(name+"-far")
	n.Cable(gw, "lan0", far, "lan0")
	n.Cable(gw, "wan0", far, "wan0")
	gw.AddAddr("lan0", netip.MustParsePrefix("10.1.2.1/24"))
	gw.AddAddr("wan0", netip.MustParsePrefix("203.0.113.2/24"))
	router := netip.MustParseAddr("203.0.113.1")
	gw.Neighbour("wan0", router, far.MAC("wan0"))
	gw.Default(router)
	gw.Forward()
	inject, err := gw.Injector("lan0", "wan0")
	if errors.Is(err, lab.ErrNoInjector) {
		b.Skip(err)
	}
	if err != nil {
		b.Fatal(err)
	}
	if frames == nil {
		frames = []lab.Datagram{udpPacket(10<<24|1<<16|2<<8|9, 198<<24|51<<16|100<<8|7, 53)}
	}
	if err := inject.Frames(frames); err != nil {
		b.Fatal(err)
	}
	return packetLane{gw, inject}
}

// holds puts a ruleset into the gateway's kernel.
func (l packetLane) holds(b *testing.B, r Ruleset) {
	b.Helper()
	err := l.gw.Do(func() error {
		k := Open(r.Table.Name)
		for _, batch := range Plan(State{}, r) {
			if err := k.Commit(b.Context(), batch, 0); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// run is what a packet takes, in nanoseconds.
func (l packetLane) run(b *testing.B) int {
	b.Helper()
	const packets = 4000
	got, err := l.inject.Run(packets)
	if err != nil {
		b.Fatal(err)
	}
	if got.Passed != packets {
		b.Fatalf("%d of %d packets passed", got.Passed, packets)
	}
	return got.Nanoseconds
}
