package nft

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// steerRoads are rulesets that lead flows over several lines.
func steerRoads() []roadCase {
	return append(slotRoads(), markRoads()...)
}

func slotRoads() []roadCase {
	at := func(slot uint32, v Verdict) Element {
		return Element{Key: []Value{Number(TypeSlot, slot)}, Verdict: v}
	}
	to := func(slot uint32, addr string) Element {
		return Element{Key: []Value{Number(TypeSlot, slot)}, Data: address(addr)}
	}
	abcd := []Chain{chain("a", on("a")), chain("b", on("b")), chain("c", on("c")), chain("d", on("d"))}
	slots := Set{Name: "slots", Key: []Type{TypeSlot}, Data: TypeVerdict, Elements: []Element{
		at(0, jump("a")), at(1, jump("b")), at(2, jump("c")), at(300, jump("d")),
	}}
	ranges := Set{Name: "ranges", Key: []Type{TypeSlot}, Data: TypeVerdict, Interval: true, Elements: []Element{
		{Key: []Value{Numbers(TypeSlot, 0, 255)}, Verdict: jump("a")}, {Key: []Value{Numbers(TypeSlot, 256, 600)}, Verdict: jump("b")},
		{Key: []Value{Numbers(TypeSlot, 601, 999)}, Verdict: jump("c")},
	}}
	targets := Set{Name: "targets", Key: []Type{TypeSlot}, Data: TypeIPv4, Elements: []Element{
		to(0, "203.0.113.9"), to(1, "203.0.113.10"), to(3, "203.0.113.11"),
	}}
	source := func(slots, seed uint32, f Field, set string) Deal {
		return Deal{By: DealSource, Slots: slots, Field: f, Seed: seed, Set: set}
	}
	where := filter("forward", Forward, 0, accept,
		rule(CTStatus{Bits: StatusDNAT}, Count{"dnat"}), // without a look at flows there are none of IPv6
		rule(is(IPDaddr, address("203.0.113.9")), Count{"first"}), rule(is(IPDaddr, address("203.0.113.10")), Count{"second"}),
		rule(is(IPDaddr, address("203.0.113.11")), Count{"third"}), rule(is(THDport, port(8443)), Count{"port"}))
	return []roadCase{
		{
			name: "the slot of a source leads to a chain, and none to the next rule",
			sets: []Set{slots},
			chains: append([]Chain{filter("forward", Forward, 0, accept,
				on("four", source(4, 0x1, IPSaddr, "slots")), on("more", source(400, 0x1, IPSaddr, "slots")), on("six", source(4, 0x3, IP6Saddr, "slots")), on("end"))}, abcd...),
			packets: map[string]string{"tcp4": "four c more six end: accept", "near4": "four b more six end: accept", "tcp6": "four more six a end: accept"},
		},
		{
			name: "slots in ranges",
			sets: []Set{ranges},
			chains: append([]Chain{filter("forward", Forward, 0, accept,
				on("one", source(1000, 0x1, IPSaddr, "ranges")), on("two", source(1000, 0x2, IPSaddr, "ranges")), on("six", source(1000, 0x3, IP6Saddr, "ranges")))}, abcd...),
			packets: map[string]string{"tcp4": "one b two b six: accept", "near4": "one b two b six: accept", "tcp6": "one two six a: accept"},
		},
		{
			name: "a counter begins with the first slot",
			sets: []Set{slots},
			chains: append([]Chain{filter("forward", Forward, 0, accept,
				on("one", Deal{By: DealRoundRobin, Slots: 4, Set: "slots"}), on("two", is(L4Proto, proto(17)), Deal{By: DealRoundRobin, Slots: 4, Set: "slots"}))}, abcd...),
			packets: map[string]string{"tcp4": "one a two: accept", "udp4": "one a two a: accept"},
		},
		{
			name: "the address of the slot",
			sets: []Set{targets},
			chains: []Chain{
				nat("in", Prerouting, -100, on("in", NAT{Kind: DNAT, Deal: &Deal{By: DealSource, Slots: 4, Seed: 0x5, Set: "targets"}, PortLo: 8443}), on("next")),
				where,
			},
			packets: map[string]string{"tcp4": "in dnat second port: accept", "near4": "in dnat first port: accept", "tcp6": "in next: accept"},
		},
		{
			name: "the address of the first slot",
			sets: []Set{targets},
			chains: []Chain{
				nat("in", Prerouting, -100, on("in", NAT{Kind: DNAT, Deal: &Deal{By: DealRoundRobin, Slots: 4, Set: "targets"}})), where,
			},
			packets: map[string]string{"tcp4": "in dnat first: accept", "tcp6": "in: accept"},
		},
	}
}

func markRoads() []roadCase {
	mask := func(f Field, mask uint32, values ...Value) Match { return Match{Field: f, Mask: mask, Values: values} }
	notMask := func(f Field, mask uint32, values ...Value) Match {
		return Match{Field: f, Not: true, Mask: mask, Values: values}
	}
	const gateway = 0xff0000
	oif := FIBDaddrOIFName
	return []roadCase{
		{
			name: "some bits of a mark",
			chains: []Chain{
				filter("pre", Prerouting, -150, accept,
					rule(SetMark{Field: CTMark, Value: 0x01020003}), on("copied", CopyMark{To: MetaMark, From: CTMark, Mask: gateway}, Count{"some"})),
				filter("forward", Forward, 0, accept,
					on("one", mask(CTMark, gateway, mark(0x20000)), Count{"is"}), on("two", notMask(CTMark, gateway, mark(0x20000)), Count{"never"}),
					on("three", mask(CTMark, gateway, mark(0x10000), mark(0x20000)), Count{"among"}), on("four", notMask(CTMark, gateway, mark(0x10000), mark(0x30000)), Count{"not-among"}),
					on("five", mask(CTMark, gateway, Numbers(TypeMark, 0x10000, 0x30000)), Count{"between"}), on("six", mask(CTMark, 0xff000000, mark(0x01000000)), Count{"prefix"}),
					on("seven", is(MetaMark, mark(0x20000)), Count{"mark"}), on("eight", notMask(MetaMark, gateway, mark(0), Numbers(TypeMark, 0x30000, 0x50000)), Count{"not-between"})),
				filter("post", Postrouting, 0, accept, on("back", CopyMark{To: CTMark, From: MetaMark}), on("nine", is(CTMark, mark(0x20000)), Count{"all"})),
			},
			packets: map[string]string{
				"tcp4":  "copied some one is two three among four not-among five between six prefix seven mark eight not-between back nine all: accept",
				"frag4": "copied one two three four five six seven eight back nine: accept",
			},
		},
		{
			name: "the device of the routing table",
			chains: []Chain{
				filter("pre", Prerouting, 0, accept,
					on("one", is(oif, Ifname("eth0")), Count{"out"}), on("two", isNot(oif, Ifname("eth0")), Count{"not-out"}),
					on("three", is(oif, Ifname("eth*"), Ifname("wan")), Count{"among"}), on("four", isNot(oif, Ifname("eth1"), Ifname("wan")), Count{"not-among"}),
					on("five", VMap{Fields: []Field{oif}, Elements: []Element{{Key: []Value{Ifname("eth0")}, Verdict: jump("a")}, {Key: []Value{Ifname("eth1")}, Verdict: drop}}})),
				filter("in", Input, 0, drop), chain("a", on("a")),
			},
			packets: map[string]string{
				"tcp4": "one out two three among four not-among five a: accept", "tcp6": "one out two three among four not-among five a: accept",
				"self4": "one two not-out three four not-among five: drop",
			},
		},
		{
			name: "what is not tracked has no flow",
			chains: []Chain{
				filter("raw", Prerouting, -300, accept,
					on("raw", is(L4Proto, proto(17)), NoTrack{}, Count{"untracked"}), on("state", CTState{States: StateUntracked}, Count{"yes"})),
				filter("forward", Forward, 0, accept,
					on("one", CTState{States: StateNew}, NoTrack{}, Count{"new"}), on("two", CTState{States: StateUntracked}, Count{"none"}), on("three", is(CTMark, mark(0)), Count{"flow"})),
			},
			packets: map[string]string{"udp4": "raw untracked state yes one two none three: accept", "tcp4": "raw state one new two three flow: accept"},
		},
		{
			name: "directions",
			sets: []Set{{Name: "total", Key: []Type{TypeDirection}, Dynamic: true, Size: 2}},
			chains: []Chain{filter("forward", Forward, 0, accept,
				on("one", is(CTDirection, Number(TypeDirection, 0)), Count{"original"}), on("two", isNot(CTDirection, Number(TypeDirection, 0)), Count{"never"}),
				on("three", DynSet{Set: "total", Fields: []Field{CTDirection}, Stmt: ConnLimit{Over: 5}}, Count{"never"}),
				on("four", Lookup{Fields: []Field{CTDirection}, Not: true, Set: "total"}, Count{"never"}),
				on("five", is(CTOrigSaddr, address("10.1.2.9")), Count{"source"}), on("six", is(CTOrigSaddr6, network("2001:db8:2::/64")), Count{"source"}))},
			packets: map[string]string{
				"tcp4": "one original two three four five source six: accept", "tcp6": "one original two three four five six source: accept", "frag4": "one two three four five six: accept",
			},
		},
	}
}

// All that may become of a packet is found by asking once for each slot.
func TestEverySlot(t *testing.T) {
	r := roadCase{
		sets: slotRoads()[0].sets,
		chains: []Chain{
			filter("forward", Forward, 0, accept, on("dealt", Deal{By: DealRandom, Slots: 4, Set: "slots"}), on("missed")),
			chain("a", on("a", accept)), chain("b", on("b", accept)), chain("c", on("c", accept)), chain("d", on("d", accept)),
		},
	}.ruleset()
	e := NewEvaluator(r)
	for slot, want := range []string{"dealt a", "dealt b", "dealt c", "dealt missed", "dealt a"} {
		asked := 0
		got := e.Run(Forward, zoo()["tcp4"], Options{Slot: func(d Deal) uint32 {
			asked++
			if d.By != DealRandom || d.Slots != 4 || d.Set != "slots" {
				t.Errorf("asked for a slot of %s", d)
			}
			return uint32(slot)
		}})
		if counters := strings.Join(got.Counters, " "); counters != want || asked != 1 {
			t.Errorf("slot %d: %s after %d questions, want %s", slot, counters, asked, want)
		}
	}
}

// A translation whose slot is not known has all targets, and one whose slot is known has one.
func TestTargetsOfSlots(t *testing.T) {
	e := NewEvaluator(slotRoads()[4].ruleset())
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{}, "[203.0.113.9 203.0.113.10 203.0.113.11]"},
		{Options{Slot: func(Deal) uint32 { return 1 }}, "[203.0.113.10]"},
		{Options{Slot: func(Deal) uint32 { return 2 }}, "[]"},
		{Options{Slot: func(Deal) uint32 { return 7 }}, "[203.0.113.11]"},
	} {
		if got := fmt.Sprint(e.Run(Prerouting, zoo()["tcp4"], tt.o).Translation.To); got != tt.want {
			t.Errorf("translated to %s, want %s", got, tt.want)
		}
	}
}

// The routing table is asked for where a packet goes by then, and ways may depend on marks.
func TestSteeredWays(t *testing.T) {
	server := netip.MustParseAddr("203.0.113.9")
	e := NewEvaluator(roadCase{chains: []Chain{
		nat("in", Prerouting, -100, rule(is(TCPDport, port(443)), NAT{Kind: DNAT, Addrs: []netip.Addr{server}})),
		filter("pre", Prerouting, -50, accept, on("dmz", is(FIBDaddrOIFName, Ifname("dmz")), SetMark{Field: MetaMark, Value: 2}), on("by", is(FIBDaddrOIFName, Ifname("eth0")), Count{"eth0"})),
		filter("output", Output, -160, accept, rule(SetMark{Field: MetaMark, Value: 3})),
		{Name: "route", Hook: &Hook{Type: "route", Point: Output, Priority: -150}, Rules: []Rule{rule(is(L4Proto, proto(protoUDP)), SetMark{Field: MetaMark, Value: 2})}},
	}}.ruleset())
	o := Options{
		RouteOut: func(dst netip.Addr) string {
			if dst == server {
				return "dmz"
			}
			return "eth0"
		},
		Steered: func(mark uint32, _ netip.Addr) (string, bool) { return fmt.Sprintf("line%d", mark), false },
	}
	own := func(p Packet) Packet {
		p.In = ""
		return p
	}
	for _, tt := range []struct {
		name string
		p    Packet
		want string
	}{
		{"translated", zoo()["tcp4"], "dmz by out line2"},
		{"as it came", zoo()["udp4"], "dmz by eth0 out line0"},
		{"own, marked by a chain of type route", own(zoo()["udp4"]), " out line2"},
		{"own, marked by another", own(zoo()["tcp4"]), " out line0"},
	} {
		j := e.Walk(tt.p, routeOf, o)
		if got := strings.Join(j.Counters(), " ") + " out " + j.Packet.Out; got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
