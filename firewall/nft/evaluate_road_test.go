package nft

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// roadCase is a small ruleset and what becomes of packets of the zoo in it: the
// counters in order, and the verdict of the whole road.
type roadCase struct {
	name    string
	sets    []Set
	chains  []Chain
	packets map[string]string
}

func (c roadCase) ruleset() Ruleset {
	r := Ruleset{Table: Table{Name: "rempart"}, Sets: c.sets, Chains: c.chains}
	r.Counters = countersOf(r)
	return r
}

func chain(name string, rules ...Rule) Chain { return Chain{Name: name, Rules: rules} }

func filter(name, point string, priority int, policy Verdict, rules ...Rule) Chain {
	return Chain{Name: name, Hook: &Hook{Type: "filter", Point: point, Priority: priority, Policy: policy}, Rules: rules}
}

func nat(name, point string, priority int, rules ...Rule) Chain {
	return Chain{Name: name, Hook: &Hook{Type: "nat", Point: point, Priority: priority, Policy: accept}, Rules: rules}
}

func on(counter string, exprs ...Expr) Rule { return rule(append([]Expr{Count{counter}}, exprs...)...) }

func gotoChain(chain string) Verdict { return Verdict{Kind: Goto, Chain: chain} }

func roadCases() []roadCase {
	return slices.Concat(chainCases(), hookCases(), mapCases(), flowRoadCases(), translationCases(), steerRoads())
}

func chainCases() []roadCase {
	back := Verdict{Kind: Return}
	return []roadCase{
		{
			name: "a chain that was gone to returns behind the last jump",
			chains: []Chain{
				filter("forward", Forward, 0, accept, on("before", jump("a")), on("behind")),
				chain("a", on("a", gotoChain("b")), on("never")),
				chain("b", on("b")),
			},
			packets: map[string]string{"tcp4": "before a b behind: accept"},
		},
		{
			name: "the end of a chain that the base chain went to is the policy",
			chains: []Chain{
				filter("forward", Forward, 0, drop, on("before", gotoChain("a")), on("never", accept)),
				chain("a", on("a", jump("b")), on("again")),
				chain("b", on("b")),
			},
			packets: map[string]string{"tcp4": "before a b again: drop"},
		},
		{
			name: "return ends a chain, and in a base chain it is the policy",
			chains: []Chain{
				filter("forward", Forward, 0, drop, on("one", jump("a")), on("two", is(L4Proto, proto(17)), back), on("three", accept)),
				chain("a", on("a", back), on("never")),
			},
			packets: map[string]string{"tcp4": "one a two three: accept", "udp4": "one a two: drop"},
		},
		{
			name: "accept ends one base chain, drop ends all",
			chains: []Chain{
				filter("first", Forward, -5, drop, on("first", jump("a")), on("never")),
				filter("second", Forward, 5, accept, on("second"), rule(is(L4Proto, proto(17)), drop)),
				chain("a", on("a", accept)),
			},
			packets: map[string]string{"tcp4": "first a second: accept", "udp4": "first a second: drop"},
		},
		{
			name: "what stands behind a verdict is not run",
			chains: []Chain{
				filter("forward", Forward, 0, accept, rule(Count{"one"}, jump("a"), Count{"never"}), on("two", Verdict{}, Count{"three"})),
				chain("a", on("a")),
			},
			packets: map[string]string{"tcp4": "one a two three: accept"},
		},
		{
			name: "expressions in front of one that fails have run",
			chains: []Chain{
				filter("forward", Forward, 0, accept, on("one", is(UDPDport, port(53)), Count{"two"})),
			},
			packets: map[string]string{"tcp4": "one: accept", "udp4": "one two: accept"},
		},
		{
			name: "refusals",
			chains: []Chain{
				filter("forward", Forward, 0, accept, on("one", Reject{With: RejectTCPReset}), on("two", Reject{With: RejectPortUnreachable}), on("never")),
			},
			packets: map[string]string{"tcp4": "one: reset", "udp4": "one two: unreachable", "udp6": "one two: unreachable"},
		},
	}
}

func hookCases() []roadCase {
	return []roadCase{
		{
			name: "of equal priority the last made runs first",
			chains: []Chain{
				filter("one", Forward, 0, accept, on("one")),
				filter("two", Forward, 0, accept, on("two")),
				filter("three", Forward, -1, accept, on("three")),
			},
			packets: map[string]string{"tcp4": "three two one: accept"},
		},
		{
			name: "devices that a hook does not have are no name",
			chains: []Chain{
				filter("pre", Prerouting, 0, accept, on("pre", is(IIFName, Ifname("eth1")), isNot(OIFName, Ifname("eth*")), Count{"no-out"})),
				filter("post", Postrouting, 0, accept, on("post", is(IIFName, Ifname("eth1")), is(OIFName, Ifname("eth0")), Count{"both"})),
			},
			packets: map[string]string{"tcp4": "pre no-out post both: accept"},
		},
		{
			name: "before conntrack there is no flow",
			chains: []Chain{
				filter("early", Prerouting, -300, accept,
					on("all"), on("new", CTState{States: StateNew}, Count{"never"}),
					on("invalid", CTState{States: StateInvalid}, Count{"called-invalid"}),
					on("mark", isNot(CTMark, mark(1)), Count{"never"})),
				filter("late", Prerouting, -150, accept, on("late", CTState{States: StateNew}, is(CTMark, mark(0)), Count{"is-new"})),
			},
			packets: map[string]string{"tcp4": "all new invalid called-invalid mark late is-new: accept"},
		},
		{
			name: "to the machine itself",
			chains: []Chain{
				filter("pre", Prerouting, 0, accept, on("pre", is(FIBDaddrType, Number(TypeFIB, 2)), Count{"local"})),
				filter("in", Input, 0, drop, on("in", isNot(OIFName, Ifname("eth0")), Count{"no-out"})),
				filter("forward", Forward, 0, accept, on("forward")),
				filter("post", Postrouting, 0, accept, on("post")),
			},
			packets: map[string]string{"self4": "pre local in no-out: drop", "tcp4": "pre forward post: accept"},
		},
	}
}

func mapCases() []roadCase {
	entry := func(v Verdict, key ...Value) Element { return Element{Key: key, Verdict: v} }
	// The kernel refuses an element of which a corner lies in an older one.
	around := []Element{
		entry(jump("a"), network("198.51.100.0/28"), ports(50, 60)),
		entry(jump("b"), network("198.51.100.0/25"), ports(40, 500)),
		entry(jump("c"), network("198.51.100.0/24"), ports(30, 5000)),
		entry(jump("d"), network("198.51.0.0/16"), ports(0, 65535)),
	}
	across := []Element{
		entry(jump("a"), network("198.51.100.0/24"), ports(100, 500)),
		entry(jump("b"), address("198.51.100.7"), ports(1, 60000)),
	}
	wide := func(elements ...Element) []Set {
		return []Set{{Name: "wide", Key: []Type{TypeIPv4, TypePort}, Data: TypeVerdict, Interval: true, Elements: elements}}
	}
	abcd := []Chain{chain("a", on("a")), chain("b", on("b")), chain("c", on("c")), chain("d", on("d"))}
	return []roadCase{
		{
			name: "verdict maps: a miss goes on with the next rule, continue with the rule",
			chains: append([]Chain{
				filter("forward", Forward, 0, accept,
					on("one", VMap{Fields: []Field{L4Proto}, Elements: []Element{entry(jump("a"), proto(6)), entry(Verdict{}, proto(17))}}, Count{"behind-map"}),
					on("two", VMap{Fields: []Field{NFProto}, Elements: []Element{entry(gotoChain("b"), Number(TypeNFProto, 10))}}),
					on("three", VMap{Fields: []Field{OIFName}, Interval: true, Elements: []Element{entry(gotoChain("c"), Ifname("eth*"))}}),
					on("never")),
			}, abcd...),
			packets: map[string]string{
				"tcp4": "one a two three c: accept", "udp4": "one behind-map two three c: accept",
				"raw4": "one two three c: accept", "tcp6": "one a two b: accept",
			},
		},
		{
			name: "of concatenated ranges around others the first counts",
			sets: wide(around...),
			chains: append([]Chain{
				filter("forward", Forward, 0, accept, on("one", VMap{Fields: []Field{IPDaddr, THDport}, Set: "wide"})),
			}, abcd...),
			packets: map[string]string{
				"udp4": "one a: accept", "tcp4": "one b: accept", "near4": "one a: accept", "raw4": "one a: accept",
				"frag4": "one d: accept", "udp6": "one: accept",
			},
		},
		{
			name: "of concatenated ranges that cross the first counts",
			sets: wide(across...),
			chains: append([]Chain{
				filter("forward", Forward, 0, accept, on("one", VMap{Fields: []Field{IPDaddr, THDport}, Set: "wide"})),
			}, abcd...),
			packets: map[string]string{"tcp4": "one a: accept", "udp4": "one b: accept", "near4": "one: accept"},
		},
		{
			name: "and so does the other when it is the first",
			sets: wide(across[1], across[0]),
			chains: append([]Chain{
				filter("forward", Forward, 0, accept, on("one", VMap{Fields: []Field{IPDaddr, THDport}, Set: "wide"})),
			}, abcd...),
			packets: map[string]string{"tcp4": "one b: accept", "udp4": "one b: accept"},
		},
		{
			name: "named maps of one field and of exact keys",
			sets: []Set{
				{Name: "by-net", Key: []Type{TypeIPv4}, Data: TypeVerdict, Interval: true, Elements: []Element{
					entry(jump("a"), between("198.51.100.0", "198.51.100.7")), entry(jump("b"), between("198.51.100.8", "198.51.100.8")),
				}},
				{Name: "by-port", Key: []Type{TypePort}, Data: TypeVerdict, Interval: true, Elements: []Element{
					entry(jump("c"), ports(0, 52)), entry(jump("d"), ports(53, 442)), entry(jump("c"), ports(443, 65535)),
				}},
				{Name: "by-all", Key: []Type{TypeIPv4, TypeIPv4, TypeProto, TypePort}, Data: TypeVerdict, Elements: []Element{
					entry(gotoChain("d"), address("10.1.2.9"), address("198.51.100.7"), proto(17), port(53)),
					entry(gotoChain("c"), address("10.1.2.9"), address("198.51.100.7"), proto(253), port(53)),
				}},
			},
			chains: append([]Chain{
				filter("forward", Forward, 0, accept,
					on("one", VMap{Fields: []Field{IPDaddr}, Set: "by-net"}),
					on("two", VMap{Fields: []Field{TCPDport}, Set: "by-port"}),
					on("three", VMap{Fields: []Field{IPSaddr, IPDaddr, L4Proto, THDport}, Set: "by-all"}),
					on("last")),
			}, abcd...),
			packets: map[string]string{
				"tcp4": "one a two c three last: accept", "udp4": "one a two three d: accept", "near4": "one b two three last: accept",
				"raw4": "one a two three c: accept", "bare4": "one a two three last: accept", "udp6": "one two three last: accept",
			},
		},
	}
}

func flowRoadCases() []roadCase {
	source := []Field{IPSaddr}
	return []roadCase{
		{
			name: "marks",
			chains: []Chain{
				filter("pre", Prerouting, 0, accept,
					rule(SetMark{Field: CTMark, Value: 0xf1}), rule(SetMark{Field: CTMark, Keep: 0xf3, Value: 0x106}), rule(SetMark{Field: MetaMark, Value: 7})),
				filter("forward", Forward, 0, accept, on("one", is(CTMark, mark(0x1f7)), is(MetaMark, mark(7)), Count{"marked"})),
			},
			packets: map[string]string{"tcp4": "one marked: accept", "frag4": "one: accept"},
		},
		{
			name: "a set that the packet adds to holds it",
			sets: []Set{{Name: "seen", Key: []Type{TypeIPv4}, Dynamic: true, Size: 100}},
			chains: []Chain{
				filter("forward", Forward, 0, accept,
					on("one", Lookup{Fields: source, Not: true, Set: "seen"}, Count{"absent"}),
					rule(is(L4Proto, proto(17)), DynSet{Set: "seen", Fields: source}, Count{"added"}),
					on("two", Lookup{Fields: source, Set: "seen"}, Count{"present"})),
			},
			packets: map[string]string{"near4": "one absent added two present: accept", "tcp4": "one absent two: accept", "udp6": "one two: accept"},
		},
		{
			name: "a limit that is not exceeded, and an element that keeps its limit",
			sets: []Set{
				{Name: "rate", Key: []Type{TypeIPv4}, Dynamic: true, Size: 100}, {Name: "free", Key: []Type{TypeIPv4}, Dynamic: true, Size: 100},
			},
			chains: []Chain{
				filter("forward", Forward, 0, accept,
					on("one", Limit{Rate: 1000, Unit: 1e9}, Count{"under"}),
					on("two", Limit{Rate: 1000, Unit: 1e9, Over: true}, Count{"never"}),
					on("three", DynSet{Update: true, Set: "rate", Fields: source, Stmt: Limit{Rate: 1000, Unit: 1e9, Over: true}}, Count{"never"}),
					on("four", DynSet{Update: true, Set: "rate", Fields: source}, Count{"never"}),
					on("five", Lookup{Fields: source, Set: "rate"}, Count{"never"}),
					on("six", DynSet{Update: true, Set: "free", Fields: source}, Count{"room"}),
					on("seven", DynSet{Update: true, Set: "free", Fields: source, Stmt: Limit{Rate: 1000, Unit: 1e9, Over: true}}, Count{"free"}),
					on("eight", ConnLimit{Over: 1000}, Count{"never"})),
			},
			packets: map[string]string{"tcp4": "one under two three four five six room seven free eight: accept", "tcp6": "one under two three four five six seven eight: accept"},
		},
	}
}

func translationCases() []roadCase {
	server := netip.MustParseAddr("203.0.113.9")
	many := []netip.Addr{server, server.Next(), server.Next().Next()}
	many6 := []netip.Addr{netip.MustParseAddr("2001:db8:f::9"), netip.MustParseAddr("2001:db8:f::a"), netip.MustParseAddr("2001:db8:f::b")}
	// where counts the address and the port that a packet arrives at.
	where := filter("forward", Forward, 0, accept,
		rule(CTStatus{Bits: StatusDNAT}, Count{"dnat"}),
		rule(is(IPDaddr, Address(many[0])), Count{"first"}), rule(is(IPDaddr, Address(many[1])), Count{"second"}), rule(is(IPDaddr, Address(many[2])), Count{"third"}),
		rule(is(IP6Daddr, Address(many6[0])), Count{"first"}), rule(is(IP6Daddr, Address(many6[1])), Count{"second"}), rule(is(IP6Daddr, Address(many6[2])), Count{"third"}),
		rule(is(IPDaddr, address("203.0.113.7")), Count{"moved"}),
		rule(is(THDport, port(8443)), Count{"port"}),
		rule(is(CTOrigDaddr, address("198.51.100.7")), Count{"orig"}))
	return []roadCase{
		{
			name: "chains of type nat run where the kernel enters them",
			chains: []Chain{
				nat("in", Prerouting, -199, on("in", NAT{Kind: DNAT, Addrs: many[:1], PortLo: 8443}, Count{"never"})),
				filter("before", Prerouting, -150, accept, rule(is(IPDaddr, Address(server)), Count{"never"})),
				filter("after", Prerouting, -50, accept, rule(is(IPDaddr, Address(server)), Count{"translated"})),
				where,
			},
			packets: map[string]string{"tcp4": "in translated dnat first port orig: accept", "frag4": ": accept"},
		},
		{
			name: "the first chain that translates is the last",
			chains: []Chain{
				nat("two", Prerouting, -90, on("two", is(L4Proto, proto(6)), NAT{Kind: DNAT, Addrs: many[1:2]}), on("none")),
				nat("one", Prerouting, -100, on("one", is(L4Proto, proto(17)), NAT{Kind: DNAT, Addrs: many[:1]})),
				where,
			},
			packets: map[string]string{"udp4": "one dnat first orig: accept", "tcp4": "one two dnat second orig: accept", "raw4": "one two none orig: accept"},
		},
		{
			name: "a translation leaves the other family to the next expression",
			chains: []Chain{
				nat("in", Prerouting, -100, on("in", NAT{Kind: DNAT, Addrs: many[:1]}, Count{"behind"}), on("next")),
				where,
			},
			packets: map[string]string{"tcp4": "in dnat first orig: accept", "tcp6": "in behind next: accept"},
		},
		{
			name: "what is sent where it goes is not translated",
			chains: []Chain{
				nat("in", Prerouting, -100, on("in", NAT{Kind: DNAT, Addrs: []netip.Addr{netip.MustParseAddr("198.51.100.7")}})),
				where,
			},
			packets: map[string]string{"tcp4": "in orig: accept"},
		},
		{
			name: "a network for a network",
			chains: []Chain{
				nat("in", Prerouting, -100, on("in", is(IPDaddr, network("198.51.100.0/24")), NAT{Kind: DNAT, Prefix: netip.MustParsePrefix("203.0.113.0/24")})),
				where,
			},
			packets: map[string]string{"tcp4": "in dnat moved orig: accept"},
		},
		{
			name: "a port for a port",
			chains: []Chain{
				nat("in", Prerouting, -100,
					on("in", NAT{Kind: DNAT, Addrs: many[:1], PortField: THDport, MapPorts: []PortPair{{443, 8443}, {444, 8444}}}), on("next")),
				where,
			},
			packets: map[string]string{"tcp4": "in dnat first port orig: accept", "udp4": "in next orig: accept"},
		},
		{
			name: "a hash of the source chooses",
			chains: []Chain{
				nat("in", Prerouting, -100,
					rule(NAT{Kind: DNAT, Addrs: many, Seed: 0x72656d70}), rule(NAT{Kind: DNAT, Addrs: many6, Seed: 0x72656d70})),
				where,
			},
			packets: map[string]string{"tcp4": "dnat first orig: accept", "near4": "dnat third: accept", "tcp6": "dnat first: accept"},
		},
		{
			name: "the source changes behind the routing decision",
			chains: []Chain{
				nat("out", Postrouting, 100, on("out", is(L4Proto, proto(6)), NAT{Kind: SNAT, Addrs: many[:1]})),
				filter("before", Postrouting, 90, accept, rule(is(IPSaddr, address("10.1.2.9")), Count{"own"})),
				filter("after", Postrouting, 110, accept, rule(is(IPSaddr, Address(server)), CTStatus{Bits: StatusSNAT}, Count{"changed"})),
			},
			packets: map[string]string{"tcp4": "own out changed: accept", "udp4": "own out: accept"},
		},
	}
}

// travellers is the zoo, with packets to the machine itself.
func travellers() map[string]Packet {
	all := zoo()
	self := all["tcp4"]
	self.Dst, self.DstType, self.RouteOut = machine4, 2, ""
	all["self4"] = self
	return all
}

var machine4 = netip.MustParseAddr("10.1.2.1")

func routeOf(dst netip.Addr) (string, bool) { return "eth0", dst == machine4 }

func TestWalk(t *testing.T) {
	packets := travellers()
	for _, c := range roadCases() {
		t.Run(c.name, func(t *testing.T) {
			e := NewEvaluator(c.ruleset())
			for name, want := range c.packets {
				j := e.Walk(packets[name], routeOf, Options{})
				if got := ending(j); got != want {
					t.Errorf("%s: %s\n\twant %s", name, got, want)
				}
			}
		})
	}
}

// ending is what the packet counted on and what became of it.
func ending(j Journey) string {
	verdict := "accept"
	switch {
	case j.Reject == RejectTCPReset:
		verdict = "reset"
	case j.Reject != 0:
		verdict = "unreachable"
	case j.Verdict == Drop:
		verdict = "drop"
	}
	return fmt.Sprintf("%s: %s", strings.Join(j.Counters(), " "), verdict)
}
