package nft

import (
	"net/netip"
	"time"
)

// ruleCase is a rule and what nft lists for it.
type ruleCase struct {
	rule  Rule
	text  string
	chain string // where it may stand; empty: anywhere
}

func rule(exprs ...Expr) Rule { return Rule{Exprs: exprs} }

func is(f Field, values ...Value) Match    { return Match{Field: f, Values: values} }
func isNot(f Field, values ...Value) Match { return Match{Field: f, Not: true, Values: values} }

func address(s string) Value { return Address(netip.MustParseAddr(s)) }

func between(from, to string) Value {
	return Addresses(netip.MustParseAddr(from), netip.MustParseAddr(to))
}

func network(s string) Value {
	p := netip.MustParsePrefix(s)
	return Addresses(p.Addr(), lastAddr(p))
}

func port(n uint32) Value       { return Number(TypePort, n) }
func ports(lo, hi uint32) Value { return Numbers(TypePort, lo, hi) }
func mark(n uint32) Value       { return Number(TypeMark, n) }
func proto(n uint32) Value      { return Number(TypeProto, n) }
func code(n uint32) Value       { return Number(TypeCode, n) }

func day(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }

func span(from, until int) Value { return Instants(day(from), day(until)) }

func jump(chain string) Verdict { return Verdict{Kind: Jump, Chain: chain} }

var (
	tcpOrUDP = is(L4Proto, proto(protoTCP), proto(protoUDP))
	accept   = Verdict{Kind: Accept}
	drop     = Verdict{Kind: Drop}
)

// caseSets are the sets that the cases speak of.
func caseSets() []Set {
	return append(append(dealSets(), steerSets()...), []Set{
		{Name: "a4", Key: []Type{TypeIPv4}, Interval: true, Comment: "addresses and more", Elements: []Element{
			{Key: []Value{network("10.0.0.0/8")}}, {Key: []Value{address("192.168.1.1")}},
			{Key: []Value{between("192.168.1.10", "192.168.1.20")}}, {Key: []Value{network("224.0.0.0/3")}},
		}},
		{Name: "a6", Key: []Type{TypeIPv6}, Interval: true, Elements: []Element{
			{Key: []Value{address("::1")}}, {Key: []Value{network("2001:db8::/32")}},
			{Key: []Value{between("2001:db9::5", "2001:db9::9")}},
		}},
		{Name: "all4", Key: []Type{TypeIPv4}, Interval: true, Elements: []Element{{Key: []Value{network("0.0.0.0/0")}}}},
		{Name: "all6", Key: []Type{TypeIPv6}, Interval: true, Elements: []Element{{Key: []Value{network("::/0")}}}},
		{Name: "plain", Key: []Type{TypeIPv4}, Elements: []Element{
			{Key: []Value{address("1.1.1.1")}}, {Key: []Value{address("1.1.1.2")}}, {Key: []Value{address("9.9.9.9")}},
		}},
		{Name: "plain6", Key: []Type{TypeIPv6}, Elements: []Element{
			{Key: []Value{address("::1")}}, {Key: []Value{address("::1:2")}}, {Key: []Value{address("::ffff:1.2.3.4")}},
		}},
		{Name: "empty", Key: []Type{TypeIPv4}, Interval: true},
		{Name: "ports", Key: []Type{TypePort}, Interval: true, Elements: []Element{
			{Key: []Value{port(80)}}, {Key: []Value{port(443)}}, {Key: []Value{ports(8000, 8063)}}, {Key: []Value{ports(60000, 65535)}},
		}},
		{Name: "protos", Key: []Type{TypeProto}, Elements: []Element{
			{Key: []Value{proto(1)}}, {Key: []Value{proto(6)}}, {Key: []Value{proto(253)}},
		}},
		{Name: "ifs", Key: []Type{TypeIfname}, Elements: []Element{
			{Key: []Value{Ifname("eth0")}}, {Key: []Value{Ifname("eth1")}}, {Key: []Value{Ifname("wan")}},
		}},
		{Name: "ifw", Key: []Type{TypeIfname}, Interval: true, Elements: []Element{
			{Key: []Value{Ifname("a*")}}, {Key: []Value{Ifname("eth0")}}, {Key: []Value{Ifname("wan*")}},
		}},
		{Name: "marks", Key: []Type{TypeMark}, Elements: []Element{{Key: []Value{mark(1)}}, {Key: []Value{mark(256)}}}},
		{Name: "markr", Key: []Type{TypeMark}, Interval: true, Elements: []Element{
			{Key: []Value{Numbers(TypeMark, 1, 5)}}, {Key: []Value{Numbers(TypeMark, 16, 31)}}, {Key: []Value{mark(256)}},
		}},
		{Name: "sched", Key: []Type{TypeTime}, Interval: true, Elements: []Element{
			{Key: []Value{span(1, 2)}}, {Key: []Value{span(5, 9)}},
		}},
		{Name: "icmps", Key: []Type{TypeICMP, TypeIPv4}, Elements: []Element{
			{Key: []Value{Number(TypeICMP, 8), address("1.2.3.4")}}, {Key: []Value{Number(TypeICMP, 0), address("2.2.3.4")}},
		}},
		{Name: "icmp6s", Key: []Type{TypeICMPv6}, Elements: []Element{{Key: []Value{Number(TypeICMPv6, 135)}}}},
		{Name: "families", Key: []Type{TypeNFProto, TypeIfname, TypeProto}, Elements: []Element{
			{Key: []Value{Number(TypeNFProto, 2), Ifname("eth0"), proto(6)}},
			{Key: []Value{Number(TypeNFProto, 10), Ifname("eth0"), proto(6)}},
		}},
		{Name: "codes", Key: []Type{TypeCode}, Elements: []Element{{Key: []Value{code(4)}}}},
		{Name: "fibs", Key: []Type{TypeFIB}, Elements: []Element{{Key: []Value{Number(TypeFIB, 2)}}, {Key: []Value{Number(TypeFIB, 5)}}}},
		{Name: "cmark", Key: []Type{TypeMark, TypePort}, Interval: true, Elements: []Element{
			// 16 to 31 would be listed as 0x00000010/28, which nft 1.0.6 reads with its bytes turned round.
			{Key: []Value{Numbers(TypeMark, 17, 31), port(80)}}, {Key: []Value{mark(5), ports(1, 20)}},
		}},
		{Name: "cif", Key: []Type{TypeIfname, TypePort}, Interval: true, Elements: []Element{
			{Key: []Value{Ifname("eth*"), port(80)}}, {Key: []Value{Ifname("wan"), ports(1, 20)}},
		}},
		{Name: "dyn", Key: []Type{TypeIPv4}, Dynamic: true, HasTimeout: true, Timeout: time.Hour, Size: 1000, Comment: "hello"},
		{Name: "dyn2", Key: []Type{TypeIPv4}, Dynamic: true},
		{Name: "dyn6", Key: []Type{TypeIPv6}, Dynamic: true, HasTimeout: true, Timeout: 90 * time.Second},
		{Name: "dynp", Key: []Type{TypeIPv4, TypePort}, Dynamic: true, HasTimeout: true},
		{Name: "timed", Key: []Type{TypeIPv4}, HasTimeout: true, Elements: []Element{
			{Key: []Value{address("1.2.3.4")}, Timeout: time.Hour}, {Key: []Value{address("1.2.3.5")}},
		}},
		{Name: "timedr", Key: []Type{TypeIPv4}, Interval: true, HasTimeout: true, Timeout: 24 * time.Hour, Elements: []Element{
			{Key: []Value{address("1.2.3.4")}, Timeout: 2 * time.Hour}, {Key: []Value{network("1.2.4.0/24")}},
		}},
		{Name: "vm", Key: []Type{TypeIPv4}, Data: TypeVerdict, Interval: true, Elements: []Element{
			{Key: []Value{network("10.0.0.0/8")}, Verdict: accept}, {Key: []Value{network("11.0.0.0/8")}, Verdict: drop},
			{Key: []Value{network("192.168.0.0/16")}, Verdict: jump("c1")},
		}},
		{Name: "vmc", Key: []Type{TypeIfname, TypeIfname, TypeProto}, Data: TypeVerdict, Elements: []Element{
			{Key: []Value{Ifname("eth0"), Ifname("eth1"), proto(6)}, Verdict: jump("c1")},
			{Key: []Value{Ifname("eth0"), Ifname("eth2"), proto(17)}, Verdict: Verdict{Kind: Goto, Chain: "c1"}},
			{Key: []Value{Ifname("eth2"), Ifname("eth0"), proto(17)}, Verdict: Verdict{Kind: Return}},
			{Key: []Value{Ifname("wan"), Ifname("eth0"), proto(1)}, Verdict: Verdict{}},
		}},
		{Name: "vmi", Key: []Type{TypeIPv4, TypePort}, Data: TypeVerdict, Interval: true, Elements: []Element{
			{Key: []Value{between("1.2.3.4", "1.2.3.9"), port(22)}, Verdict: drop},
			{Key: []Value{network("10.0.0.0/8"), port(80)}, Verdict: accept},
			{Key: []Value{address("10.1.1.1"), ports(100, 65535)}, Verdict: jump("c1")},
		}},
		{Name: "dm", Key: []Type{TypePort}, Data: TypeIPv4, Elements: []Element{
			{Key: []Value{port(80)}, Data: address("1.2.3.4")}, {Key: []Value{port(443)}, Data: address("1.2.3.5")},
		}},
		{Name: "mm", Key: []Type{TypeIPv4}, Data: TypeMark, Interval: true, Elements: []Element{
			{Key: []Value{network("10.0.0.0/8")}, Data: mark(5)}, {Key: []Value{network("11.0.0.0/8")}, Data: mark(6)},
		}},
	}...)
}

func caseCounters() []string { return []string{"cnt", "rule-x.y"} }

// caseChains are the chains that the cases stand in and jump to.
func caseChains() []Chain {
	base := func(name, kind, point string, priority int, policy Verdict) Chain {
		return Chain{Name: name, Hook: &Hook{Type: kind, Point: point, Priority: priority, Policy: policy}}
	}
	return []Chain{
		{Name: "c1"},
		base("raw", "filter", "prerouting", -300, accept),
		base("restore", "filter", "prerouting", -150, Verdict{}),
		base("in", "filter", "prerouting", -90, accept),
		base("forward_", "filter", "forward", 0, drop),
		base("input_", "filter", "input", 0, drop),
		base("output_", "route", "output", -150, accept),
		base("late", "filter", "postrouting", 110, accept),
		base("odd", "filter", "input", 111, accept),
		base("before", "filter", "output", -310, accept),
		base("nat_pre", "nat", "prerouting", -100, accept),
		base("nat_post", "nat", "postrouting", 100, accept),
	}
}

// ruleCases cover every expression, and every field in every form it can take.
func ruleCases() []ruleCase {
	var cases []ruleCase
	cases = append(cases, metaCases()...)
	cases = append(cases, headerCases()...)
	cases = append(cases, lookupCases()...)
	cases = append(cases, flowCases()...)
	cases = append(cases, statementCases()...)
	cases = append(cases, markCases()...)
	cases = append(cases, fibCases()...)
	cases = append(cases, dealCases()...)
	cases = append(cases, helperCases()...)
	cases = append(cases, steerCases()...)
	return append(cases, natCases()...)
}

func metaCases() []ruleCase {
	return []ruleCase{
		{rule: rule(is(IIFName, Ifname("eth0")), is(OIFName, Ifname("eth1"), Ifname("eth2")), accept),
			text: `iifname "eth0" oifname { "eth1", "eth2" } accept`},
		{rule: rule(is(IIFName, Ifname("eth*"))), text: `iifname "eth*"`},
		{rule: rule(isNot(OIFName, Ifname("eth*"))), text: `oifname != "eth*"`},
		{rule: rule(isNot(IIFName, Ifname("eth0"))), text: `iifname != "eth0"`},
		{rule: rule(is(IIFName, Ifname("wan"), Ifname("eth*"))), text: `iifname { "eth*", "wan" }`},
		{rule: rule(isNot(OIFName, Ifname("wan"), Ifname("eth1"))), text: `oifname != { "wan", "eth1" }`},
		{rule: rule(is(NFProto, Number(TypeNFProto, 2)), accept), text: "meta nfproto ipv4 accept"},
		{rule: rule(is(NFProto, Number(TypeNFProto, 10), Number(TypeNFProto, 2))), text: "meta nfproto { ipv4, ipv6 }"},
		{rule: rule(isNot(NFProto, Number(TypeNFProto, 10))), text: "meta nfproto != ipv6"},
		{rule: rule(is(L4Proto, proto(6)), accept), text: "meta l4proto tcp accept"},
		{rule: rule(isNot(L4Proto, proto(6)), accept), text: "meta l4proto != tcp accept"},
		{rule: rule(is(L4Proto, proto(17), proto(6), proto(253), proto(58))), text: "meta l4proto { tcp, udp, ipv6-icmp, 253 }"},
		{rule: rule(is(L4Proto, Numbers(TypeProto, 1, 5))), text: "meta l4proto 1-5"},
		{rule: rule(is(MetaMark, mark(1))), text: "meta mark 0x00000001"},
		{rule: rule(is(MetaMark, Numbers(TypeMark, 16, 31))), text: "meta mark 0x00000010-0x0000001f"},
		{rule: rule(isNot(MetaMark, Numbers(TypeMark, 16, 31))), text: "meta mark != 0x00000010-0x0000001f"},
		{rule: rule(is(MetaMark, mark(1), Numbers(TypeMark, 16, 31))), text: "meta mark { 0x00000001, 0x00000010/28 }"},
		{rule: rule(is(MetaMark, mark(256), mark(1))), text: "meta mark { 0x00000001, 0x00000100 }"},
		{rule: rule(is(MetaTime, span(1, 2))), text: `meta time "2026-01-01 00:00:00"-"2026-01-01 23:59:59"`},
		{rule: rule(isNot(MetaTime, span(1, 2))), text: `meta time != "2026-01-01 00:00:00"-"2026-01-01 23:59:59"`},
		{rule: rule(is(MetaTime, Number(TypeTime, seconds(day(1))))), text: `meta time "2026-01-01 00:00:00"`},
		{rule: rule(is(MetaTime, span(1, 2), span(3, 4))),
			text: `meta time { "2026-01-01 00:00:00"-"2026-01-01 23:59:59", "2026-01-03 00:00:00"-"2026-01-03 23:59:59" }`},
		{rule: rule(is(FIBDaddrType, Number(TypeFIB, 2))), text: "fib daddr type local"},
		{rule: rule(isNot(FIBDaddrType, Number(TypeFIB, 2))), text: "fib daddr type != local"},
		{rule: rule(is(FIBDaddrType, Number(TypeFIB, 5), Number(TypeFIB, 2))), text: "fib daddr type { local, multicast }"},
	}
}

func headerCases() []ruleCase {
	var cases []ruleCase
	for _, f := range []Field{IPSaddr, IPDaddr} {
		cases = append(cases, address4Cases(f)...)
	}
	for _, f := range []Field{IP6Saddr, IP6Daddr} {
		cases = append(cases, address6Cases(f)...)
	}
	for _, f := range []Field{
		TCPSport, TCPDport, UDPSport, UDPDport, DCCPSport, DCCPDport, SCTPSport, SCTPDport, UDPLiteSport, UDPLiteDport, THSport, THDport,
	} {
		cases = append(cases, portCases(f)...)
	}
	return append(cases, []ruleCase{
		{rule: rule(is(NFProto, Number(TypeNFProto, nfprotoIPv4)), is(L4Proto, proto(protoICMP))), text: "meta l4proto icmp"},
		{rule: rule(is(NFProto, Number(TypeNFProto, nfprotoIPv6)), is(L4Proto, proto(protoICMPv6))), text: "meta l4proto ipv6-icmp"},
		{rule: rule(is(NFProto, Number(TypeNFProto, nfprotoIPv6)), is(L4Proto, proto(protoICMP))), text: "meta nfproto ipv6 meta l4proto icmp"},
		{rule: rule(is(IP6HopLimit, Number(TypeHops, 255))), text: "ip6 hoplimit 255"},
		{rule: rule(is(IPTTL, Number(TypeHops, 255))), text: "ip ttl 255"},
		{rule: rule(isNot(IPTTL, Number(TypeHops, 1), Number(TypeHops, 255))), text: "ip ttl != { 1, 255 }"},
		{rule: rule(isNot(IP6HopLimit, Number(TypeHops, 255))), text: "ip6 hoplimit != 255"},
		{rule: rule(is(IP6HopLimit, Number(TypeHops, 1), Number(TypeHops, 255))), text: "ip6 hoplimit { 1, 255 }"},
		{rule: rule(is(IP6HopLimit, Numbers(TypeHops, 1, 5))), text: "ip6 hoplimit 1-5"},
		{rule: rule(is(ICMPTypeF, Number(TypeICMP, 8))), text: "icmp type echo-request"},
		{rule: rule(isNot(ICMPTypeF, Number(TypeICMP, 8))), text: "icmp type != echo-request"},
		{rule: rule(is(ICMPTypeF, Number(TypeICMP, 8), Number(TypeICMP, 0), Number(TypeICMP, 42))), text: "icmp type { echo-reply, echo-request, 42 }"},
		{rule: rule(is(ICMPTypeF, Numbers(TypeICMP, 0, 8))), text: "icmp type 0-8"},
		{rule: rule(is(ICMPTypeF, Number(TypeICMP, 3)), is(ICMPCodeF, code(4))), text: "icmp type destination-unreachable icmp code frag-needed"},
		{rule: rule(is(ICMPCodeF, code(4), code(100))), text: "icmp code { frag-needed, 100 }"},
		{rule: rule(is(ICMPv6TypeF, Number(TypeICMPv6, 135)), is(IP6HopLimit, Number(TypeHops, 255))), text: "icmpv6 type nd-neighbor-solicit ip6 hoplimit 255"},
		{rule: rule(is(ICMPv6TypeF, Number(TypeICMPv6, 200), Number(TypeICMPv6, 2), Number(TypeICMPv6, 143))), text: "icmpv6 type { packet-too-big, mld2-listener-report, 200 }"},
		{rule: rule(isNot(ICMPv6TypeF, Number(TypeICMPv6, 200))), text: "icmpv6 type != 200"},
		{rule: rule(is(ICMPv6CodeF, code(1))), text: "icmpv6 code admin-prohibited"},
		{rule: rule(is(ICMPv6CodeF, code(1), code(2))), text: "icmpv6 code { admin-prohibited, 2 }"},
		{rule: rule(is(NFProto, Number(TypeNFProto, 2)), is(IPSaddr, address("1.2.3.4"))), text: "ip saddr 1.2.3.4"},
		{rule: rule(is(L4Proto, proto(6)), is(IIFName, Ifname("eth0")), is(THDport, port(22))), text: `iifname "eth0" tcp dport 22`},
		{rule: rule(is(L4Proto, proto(17)), is(THSport, port(22)), Lookup{Fields: []Field{THDport}, Set: "ports"}), text: "udp sport 22 udp dport @ports"},
		{rule: rule(is(L4Proto, proto(6)), is(TCPDport, port(22))), text: "tcp dport 22"},
		{rule: rule(is(NFProto, Number(TypeNFProto, 2)), is(L4Proto, proto(6)), accept), text: "meta nfproto ipv4 meta l4proto tcp accept"},
		{rule: rule(tcpOrUDP, is(THDport, port(53))), text: "meta l4proto { tcp, udp } th dport 53"},
		{rule: rule(is(IPSaddr, address("1.2.3.4")), is(ICMPTypeF, Number(TypeICMP, 8))), text: "ip saddr 1.2.3.4 icmp type echo-request"},
		{rule: rule(is(IPSaddr, address("1.2.3.4")), is(IPDaddr, network("10.0.0.0/24")), is(TCPDport, port(22)), is(TCPSport, ports(1024, 65535)), accept),
			text: "ip saddr 1.2.3.4 ip daddr 10.0.0.0/24 tcp dport 22 tcp sport 1024-65535 accept"},
	}...)
}

func address4Cases(f Field) []ruleCase {
	n := f.String()
	return []ruleCase{
		{rule: rule(is(f, address("1.2.3.4"))), text: n + " 1.2.3.4"},
		{rule: rule(isNot(f, address("1.2.3.4"))), text: n + " != 1.2.3.4"},
		{rule: rule(is(f, network("1.2.3.0/24"))), text: n + " 1.2.3.0/24"},
		{rule: rule(is(f, network("10.0.0.0/8"))), text: n + " 10.0.0.0/8"},
		{rule: rule(is(f, network("10.1.0.0/16"))), text: n + " 10.1.0.0/16"},
		{rule: rule(is(f, network("1.2.3.0/25"))), text: n + " 1.2.3.0/25"},
		{rule: rule(is(f, network("0.0.0.0/0"))), text: n + " 0.0.0.0/0"},
		{rule: rule(is(f, network("128.0.0.0/1"))), text: n + " 128.0.0.0/1"},
		{rule: rule(isNot(f, network("1.2.3.0/24"))), text: n + " != 1.2.3.0/24"},
		{rule: rule(isNot(f, network("1.0.0.0/8"))), text: n + " != 1.0.0.0/8"},
		{rule: rule(is(f, between("1.2.3.0", "1.2.3.5"))), text: n + " 1.2.3.0-1.2.3.5"},
		{rule: rule(isNot(f, between("1.2.3.0", "1.2.3.5"))), text: n + " != 1.2.3.0-1.2.3.5"},
		{rule: rule(is(f, address("9.2.3.4"), address("1.2.3.5"))), text: n + " { 1.2.3.5, 9.2.3.4 }"},
		{rule: rule(isNot(f, network("1.2.3.8/29"), address("1.2.3.4"))), text: n + " != { 1.2.3.4, 1.2.3.8/29 }"},
		{rule: rule(Lookup{Fields: []Field{f}, Set: "a4"}), text: n + " @a4"},
		{rule: rule(Lookup{Fields: []Field{f}, Set: "plain", Not: true}), text: n + " != @plain"},
	}
}

func address6Cases(f Field) []ruleCase {
	n := f.String()
	return []ruleCase{
		{rule: rule(is(f, address("2001:db8::1"))), text: n + " 2001:db8::1"},
		{rule: rule(isNot(f, address("::1:2"))), text: n + " != ::0.1.0.2"},
		{rule: rule(is(f, network("2001:db8::/32"))), text: n + " 2001:db8::/32"},
		{rule: rule(is(f, network("fd00::/8"))), text: n + " fd00::/8"},
		{rule: rule(is(f, network("2001:db8:1:2::/64"))), text: n + " 2001:db8:1:2::/64"},
		{rule: rule(is(f, network("2001:d00::/24"))), text: n + " 2001:d00::/24"},
		{rule: rule(is(f, network("fe80::/10"))), text: n + " fe80::/10"},
		{rule: rule(is(f, network("2001:db8::8/125"))), text: n + " 2001:db8::8/125"},
		{rule: rule(is(f, network("::/0"))), text: n + " ::/0"},
		{rule: rule(isNot(f, network("fe80::/10"))), text: n + " != fe80::/10"},
		{rule: rule(isNot(f, network("2001:db8::/48"))), text: n + " != 2001:db8::/48"},
		{rule: rule(is(f, between("2001:db8::1", "2001:db8::9"))), text: n + " 2001:db8::1-2001:db8::9"},
		{rule: rule(is(f, network("fe80::/10"), address("::1"))), text: n + " { ::1, fe80::/10 }"},
		{rule: rule(Lookup{Fields: []Field{f}, Set: "a6"}), text: n + " @a6"},
	}
}

func portCases(f Field) []ruleCase {
	n := f.String()
	return []ruleCase{
		{rule: rule(is(f, port(22))), text: n + " 22"},
		{rule: rule(isNot(f, port(22))), text: n + " != 22"},
		{rule: rule(is(f, ports(1024, 65535))), text: n + " 1024-65535"},
		{rule: rule(isNot(f, ports(1024, 2047))), text: n + " != 1024-2047"},
		{rule: rule(is(f, port(443), port(22))), text: n + " { 22, 443 }"},
		{rule: rule(is(f, ports(8000, 8063), port(22), port(80))), text: n + " { 22, 80, 8000-8063 }"},
		{rule: rule(isNot(f, port(443), port(22))), text: n + " != { 22, 443 }"},
		{rule: rule(Lookup{Fields: []Field{f}, Set: "ports"}), text: n + " @ports"},
	}
}

func lookupCases() []ruleCase {
	look := func(set string, fields ...Field) Rule { return rule(Lookup{Fields: fields, Set: set}) }
	return []ruleCase{
		{rule: look("ifs", IIFName), text: "iifname @ifs"},
		{rule: look("ifw", OIFName), text: "oifname @ifw"},
		{rule: look("protos", L4Proto), text: "meta l4proto @protos"},
		{rule: look("marks", MetaMark), text: "meta mark @marks"},
		{rule: look("markr", MetaMark), text: "meta mark @markr"},
		{rule: look("markr", CTMark), text: "ct mark @markr"},
		{rule: look("sched", MetaTime), text: "meta time @sched"},
		{rule: rule(Lookup{Fields: []Field{MetaTime}, Set: "sched", Not: true}, accept), text: "meta time != @sched accept"},
		{rule: look("icmps", ICMPTypeF, IPSaddr), text: "icmp type . ip saddr @icmps"},
		{rule: look("icmp6s", ICMPv6TypeF), text: "icmpv6 type @icmp6s"},
		{rule: look("families", NFProto, IIFName, L4Proto), text: "meta nfproto . iifname . meta l4proto @families"},
		{rule: look("codes", ICMPCodeF), text: "icmp code @codes"},
		{rule: look("fibs", FIBDaddrType), text: "fib daddr type @fibs"},
		{rule: look("cmark", MetaMark, TCPDport), text: "meta mark . tcp dport @cmark"},
		{rule: look("cif", IIFName, TCPDport), text: "iifname . tcp dport @cif"},
		{rule: look("cif", OIFName, THSport), text: "oifname . th sport @cif"},
		{rule: look("dynp", IPSaddr, TCPDport), text: "ip saddr . tcp dport @dynp"},
		{rule: rule(Lookup{Fields: []Field{IPSaddr, THDport}, Set: "dynp", Not: true}), text: "ip saddr . th dport != @dynp"},
		{rule: rule(VMap{Fields: []Field{IPSaddr}, Set: "vm"}), text: "ip saddr vmap @vm"},
		{rule: rule(VMap{Fields: []Field{IIFName, OIFName, L4Proto}, Set: "vmc"}), text: "iifname . oifname . meta l4proto vmap @vmc"},
		{rule: rule(VMap{Fields: []Field{IPSaddr, TCPDport}, Set: "vmi"}), text: "ip saddr . tcp dport vmap @vmi"},
		{rule: rule(VMap{Fields: []Field{IPSaddr}, Interval: true, Elements: []Element{
			{Key: []Value{address("1.1.1.1")}, Verdict: Verdict{Kind: Return}},
			{Key: []Value{network("10.0.0.0/8")}, Verdict: accept},
			{Key: []Value{network("11.0.0.0/8")}, Verdict: drop},
			{Key: []Value{network("192.168.0.0/16")}, Verdict: Verdict{Kind: Goto, Chain: "c1"}},
		}}), text: "ip saddr vmap { 1.1.1.1 : return, 10.0.0.0/8 : accept, 11.0.0.0/8 : drop, 192.168.0.0/16 : goto c1 }"},
		{rule: rule(VMap{Fields: []Field{IIFName}, Elements: []Element{
			{Key: []Value{Ifname("eth0")}, Verdict: jump("c1")}, {Key: []Value{Ifname("eth1")}, Verdict: accept},
		}}), text: `iifname vmap { "eth0" : jump c1, "eth1" : accept }`},
		{rule: rule(VMap{Fields: []Field{MetaMark}, Interval: true, Elements: []Element{
			{Key: []Value{Numbers(TypeMark, 1, 9)}, Verdict: jump("c1")}, {Key: []Value{mark(16)}, Verdict: accept},
		}}), text: `meta mark vmap { 0x00000001-0x00000009 : jump c1, 0x00000010 : accept }`},
		{rule: rule(VMap{Fields: []Field{IIFName, TCPDport}, Elements: []Element{
			{Key: []Value{Ifname("eth0"), port(22)}, Verdict: jump("c1")}, {Key: []Value{Ifname("eth1"), port(80)}, Verdict: accept},
		}}), text: `iifname . tcp dport vmap { "eth0" . 22 : jump c1, "eth1" . 80 : accept }`},
	}
}

func flowCases() []ruleCase {
	return []ruleCase{
		{rule: rule(CTState{States: StateEstablished | StateRelated}, accept), text: "ct state established,related accept"},
		{rule: rule(CTState{States: StateInvalid}, drop), text: "ct state invalid drop"},
		{rule: rule(CTState{States: StateUntracked | StateNew | StateInvalid}), text: "ct state invalid,new,untracked"},
		{rule: rule(CTState{Not: true, States: StateNew}), text: "ct state ! new"},
		{rule: rule(CTState{Not: true, States: StateNew | StateEstablished}), text: "ct state ! established,new"},
		{rule: rule(CTStatus{Bits: StatusDNAT}, accept), text: "ct status dnat accept"},
		{rule: rule(CTStatus{Bits: StatusAssured}, accept), text: "ct status assured accept"},
		{rule: rule(CTStatus{Bits: StatusSeenReply}, SetEvents{EventDestroy}), text: "ct status seen-reply ct event set destroy"},
		{rule: rule(CTStatus{Not: true, Bits: StatusSeenReply | StatusAssured}), text: "ct status ! seen-reply,assured"},
		{rule: rule(CTStatus{Bits: StatusDNAT | StatusSNAT}), text: "ct status snat,dnat"},
		{rule: rule(CTStatus{Not: true, Bits: StatusDNAT}), text: "ct status ! dnat"},
		{rule: rule(is(CTMark, mark(5))), text: "ct mark 0x00000005"},
		{rule: rule(isNot(CTMark, mark(0))), text: "ct mark != 0x00000000"},
		{rule: rule(is(CTMark, mark(2), mark(1))), text: "ct mark { 0x00000001, 0x00000002 }"},
		{rule: rule(isNot(CTMark, Numbers(TypeMark, 1, 4))), text: "ct mark != 0x00000001-0x00000004"},
		{rule: rule(is(CTOrigDaddr, address("1.2.3.4"))), text: "ct original ip daddr 1.2.3.4"},
		{rule: rule(is(CTOrigDaddr, network("10.0.0.0/8"))), text: "ct original ip daddr 10.0.0.0/8"},
		{rule: rule(isNot(CTOrigDaddr, network("1.2.3.0/24"))), text: "ct original ip daddr != 1.2.3.0/24"},
		{rule: rule(is(CTOrigDaddr, address("1.2.3.4"), network("10.0.0.0/8"))), text: "ct original ip daddr { 1.2.3.4, 10.0.0.0/8 }"},
		{rule: rule(Lookup{Fields: []Field{CTOrigDaddr}, Set: "a4"}), text: "ct original ip daddr @a4"},
		{rule: rule(is(CTDirection, Number(TypeDirection, 1)), is(CTOrigSaddr, network("10.0.0.0/8"))), text: "ct direction reply ct original ip saddr 10.0.0.0/8"},
		{rule: rule(is(CTDirection, Number(TypeDirection, 0)), is(CTOrigSaddr6, address("::1"))), text: "ct direction original ct original ip6 saddr ::1"},
		{rule: rule(is(L4Proto, proto(protoTCP)), is(CTOrigSport, port(40000)), is(CTOrigDport, port(443))),
			text: "meta l4proto tcp ct original proto-src 40000 ct original proto-dst 443"},
		{rule: rule(is(CTOrigDaddr6, address("::1"))), text: "ct original ip6 daddr ::1"},
		{rule: rule(is(CTOrigDaddr6, network("fe80::/10"))), text: "ct original ip6 daddr fe80::/10"},
		{rule: rule(Lookup{Fields: []Field{CTOrigDaddr6}, Set: "a6"}), text: "ct original ip6 daddr @a6"},
		{rule: rule(TCPFlags{Mask: 0x17, Value: 0x02}), text: "tcp flags syn / fin,syn,rst,ack"},
		{rule: rule(TCPFlags{Not: true, Mask: 0x17, Value: 0x02}), text: "tcp flags != syn / fin,syn,rst,ack"},
		{rule: rule(TCPFlags{Mask: 0x03, Value: 0x03}), text: "tcp flags fin,syn / fin,syn"},
		{rule: rule(TCPFlags{Mask: 0x3f}), text: "tcp flags ! fin,syn,rst,psh,ack,urg"},
		{rule: rule(TCPFlags{Not: true, Mask: 0x03}), text: "tcp flags fin,syn"},
		{rule: rule(TCPFlags{Mask: 0x02, Value: 0x02}), text: "tcp flags & syn == syn"},
		{rule: rule(TCPFlags{Not: true, Mask: 0x02, Value: 0x02}), text: "tcp flags & syn != syn"},
		{rule: rule(is(TCPDport, port(22)), TCPFlags{Mask: 0xc2, Value: 0x40}), text: "tcp dport 22 tcp flags ecn / syn,ecn,cwr"},
		{rule: rule(is(L4Proto, proto(6)), TCPFlags{Mask: 0x02}), text: "tcp flags ! syn"},
	}
}

func statementCases() []ruleCase {
	return []ruleCase{
		{rule: rule(Count{Counter: "cnt"}), text: `counter name "cnt"`},
		{rule: rule(Count{Counter: "rule-x.y"}, accept), text: `counter name "rule-x.y" accept`},
		{rule: rule(Log{Prefix: "a b:c", Group: 5, Snaplen: 128}), text: `log prefix "a b:c" group 5 snaplen 128`},
		{rule: rule(Log{}), text: "log group 0"},
		{rule: rule(Limit{Rate: 10, Unit: time.Second}), text: "limit rate 10/second"},
		{rule: rule(Limit{Rate: 10, Unit: time.Minute, Burst: 20}), text: "limit rate 10/minute burst 20 packets"},
		{rule: rule(Limit{Rate: 10, Unit: time.Hour, Burst: 5, Over: true}), text: "limit rate over 10/hour"},
		{rule: rule(Limit{Rate: 1, Unit: 24 * time.Hour}), text: "limit rate 1/day"},
		{rule: rule(Limit{Rate: 1, Unit: 7 * 24 * time.Hour, Burst: 1}), text: "limit rate 1/week burst 1 packets"},
		{rule: rule(ConnLimit{Over: 20}), text: "ct count over 20"},
		{rule: rule(DynSet{Update: true, Set: "dyn", Fields: []Field{IPSaddr}}), text: "update @dyn { ip saddr }"},
		{rule: rule(DynSet{Update: true, Set: "dyn", Fields: []Field{IPSaddr}, Stmt: Limit{Rate: 3, Unit: time.Second, Burst: 30, Over: true}}, drop),
			text: "update @dyn { ip saddr limit rate over 3/second burst 30 packets } drop"},
		{rule: rule(DynSet{Set: "dyn", Fields: []Field{IPSaddr}, Timeout: 26 * time.Hour}), text: "add @dyn { ip saddr timeout 1d2h }"},
		{rule: rule(CTState{States: StateNew}, DynSet{Set: "dyn2", Fields: []Field{IPDaddr}, Stmt: ConnLimit{Over: 30}}, drop),
			text: "ct state new add @dyn2 { ip daddr ct count over 30 } drop"},
		{rule: rule(DynSet{Set: "dyn6", Fields: []Field{IP6Saddr}, Timeout: 1500 * time.Millisecond}), text: "add @dyn6 { ip6 saddr timeout 1s500ms }"},
		{rule: rule(DynSet{Set: "dynp", Fields: []Field{IPSaddr, TCPDport}}), text: "add @dynp { ip saddr . tcp dport }"},
		{rule: rule(SetMark{Field: CTMark, Value: 5}), text: "ct mark set 0x00000005"},
		{rule: rule(SetMark{Field: MetaMark}), text: "meta mark set 0x00000000"},
		{rule: rule(SetMark{Field: CTMark, Keep: 0xff00, Value: 5}), text: "ct mark set ct mark & 0x0000ff05 | 0x00000005"},
		{rule: rule(SetMark{Field: CTMark, Keep: 0xff00ffff, Value: 0x00050000}), text: "ct mark set ct mark & 0xff05ffff | 0x00050000"},
		{rule: rule(SetMark{Field: CTMark, Keep: 0xffffff00}), text: "ct mark set ct mark & 0xffffff00"},
		{rule: rule(SetMark{Field: MetaMark, Keep: 0xffffffff, Value: 5}), text: "meta mark set meta mark | 0x00000005"},
		{rule: rule(SetMark{Field: MetaMark, Keep: 0xffff00ff, Value: 0x500}), text: "meta mark set meta mark & 0xffff05ff | 0x00000500"},
		{rule: rule(is(IIFName, Ifname("lan0")), SetTrace{}), text: `iifname "lan0" meta nftrace set 1`},
		{rule: rule(SetEvents{EventNew}), text: "ct event set new"},
		{rule: rule(SetEvents{EventNew | EventDestroy | EventReply | EventAssured | EventProtoinfo | EventRelated | EventSeqadj | EventLabel}),
			text: "ct event set new,related,destroy,reply,assured,protoinfo,seqadj,label"},
		{rule: rule(SetEvents{}), text: "ct event set 0x0"},
		{rule: rule(Reject{With: RejectTCPReset}), text: "meta l4proto tcp reject with tcp reset", chain: "forward_"},
		{rule: rule(is(TCPDport, port(22)), Reject{With: RejectTCPReset}), text: "tcp dport 22 reject with tcp reset", chain: "in"},
		{rule: rule(is(IIFName, Ifname("a")), Reject{With: RejectTCPReset}), text: `iifname "a" meta l4proto tcp reject with tcp reset`, chain: "input_"},
		{rule: rule(is(L4Proto, proto(6)), Reject{With: RejectTCPReset}), text: "meta l4proto tcp reject with tcp reset", chain: "in"},
		{rule: rule(Reject{With: RejectPortUnreachable}), text: "reject", chain: "in"},
		{rule: rule(Reject{With: RejectAdminProhibited}), text: "reject with icmpx admin-prohibited", chain: "forward_"},
		{rule: rule(jump("c1")), text: "jump c1"},
		{rule: rule(Verdict{Kind: Goto, Chain: "c1"}), text: "goto c1"},
		{rule: rule(Verdict{Kind: Return}), text: "return"},
		{rule: rule(drop), text: "drop"},
		{rule: Rule{Exprs: []Expr{accept}, Comment: `a rule: "yes"`}, text: `accept comment "a rule: "yes""`, chain: "-"},
		{rule: Rule{Exprs: []Expr{is(TCPDport, port(22)), accept}, Comment: `with \ and ü`}, text: `tcp dport 22 accept comment "with \ and ü"`},
	}
}
