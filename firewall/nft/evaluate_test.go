package nft

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// zoo is a packet of every kind that fields tell apart, by name. They are
// forwarded from eth1 to eth0 and begin their flows.
func zoo() map[string]Packet {
	to := func(src, dst string, protocol uint8, change func(p *Packet)) Packet {
		p := Packet{
			In: "eth1", Out: "eth0", Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), Protocol: protocol,
			HopLimit: 63, DstType: 1, RouteOut: "eth0", Received: day(3),
		}
		change(&p)
		return p
	}
	tcp := func(p *Packet) { p.SrcPort, p.DstPort, p.TCPFlags = 40000, 443, 0x02 }
	udp := func(p *Packet) { p.SrcPort, p.DstPort = 5000, 53 }
	icmp := func(typ, code uint8) func(p *Packet) {
		return func(p *Packet) { p.ICMPType, p.ICMPCode = typ, code }
	}
	invalid := func(how func(p *Packet)) func(p *Packet) {
		return func(p *Packet) { how(p); p.State = StateInvalid }
	}
	const src4, dst4, src6, dst6 = "10.1.2.9", "198.51.100.7", "2001:db8:2::9", "2001:db8:ff::7"
	return map[string]Packet{
		"tcp4":   to(src4, dst4, protoTCP, tcp),
		"ack4":   to(src4, dst4, protoTCP, func(p *Packet) { tcp(p); p.SrcPort, p.TCPFlags = 40001, 0x10 }),
		"udp4":   to(src4, dst4, protoUDP, udp),
		"echo4":  to(src4, dst4, protoICMP, icmp(8, 0)),
		"frag4":  to(src4, dst4, protoICMP, invalid(icmp(3, 4))),
		"odd4":   to(src4, dst4, protoICMP, invalid(icmp(42, 7))),
		"raw4":   to(src4, dst4, 253, udp),
		"bare4":  to(src4, dst4, 254, func(p *Packet) { p.Bare = true }),
		"near4":  to("10.1.2.10", "198.51.100.8", protoUDP, udp),
		"tcp6":   to(src6, dst6, protoTCP, tcp),
		"udp6":   to(src6, dst6, protoUDP, udp),
		"echo6":  to(src6, dst6, protoICMPv6, icmp(128, 0)),
		"raw6":   to(src6, dst6, 253, udp),
		"far6":   to(src6, dst6, protoUDP, func(p *Packet) { udp(p); p.HopLimit = 254 }),
		"icmp46": to(src4, dst4, protoICMPv6, invalid(icmp(128, 0))), // ICMPv6 over IPv4, which is nothing
	}
}

// allBut is the zoo without some.
func allBut(names ...string) string {
	var rest []string
	for name := range zoo() {
		if !slices.Contains(names, name) {
			rest = append(rest, name)
		}
	}
	slices.Sort(rest)
	return strings.Join(rest, " ")
}

// fieldCase is a match and the packets of the zoo that pass it.
type fieldCase struct {
	expr Expr
	pass string
}

func icmpType(n uint32) Value { return Number(TypeICMP, n) }

func fieldCases() []fieldCase {
	const (
		v4   = "tcp4 ack4 udp4 echo4 frag4 odd4 raw4 bare4 near4 icmp46"
		v6   = "tcp6 udp6 echo6 raw6 far6"
		same = "tcp4 ack4 udp4 echo4 frag4 odd4 raw4 bare4 icmp46"
	)
	all := allBut()
	return []fieldCase{
		{is(IIFName, Ifname("eth1")), all},
		{is(IIFName, Ifname("eth")), ""},
		{is(IIFName, Ifname("eth*")), all},
		{isNot(IIFName, Ifname("eth*")), ""},
		{is(OIFName, Ifname("lo"), Ifname("eth0")), all},
		{is(OIFName, Ifname("lo"), Ifname("eth1*")), ""},
		{isNot(OIFName, Ifname("lo"), Ifname("eth1*")), all},
		{is(NFProto, Number(TypeNFProto, 2)), v4},
		{isNot(NFProto, Number(TypeNFProto, 2)), v6},
		{is(L4Proto, proto(6), proto(253)), "tcp4 ack4 tcp6 raw4 raw6"},
		{isNot(L4Proto, proto(6), proto(17)), allBut("tcp4", "ack4", "tcp6", "udp4", "near4", "udp6", "far6")},
		{is(L4Proto, Numbers(TypeProto, 18, 253)), "raw4 raw6 echo6 icmp46"},

		// A field of one family is not there in the other, and nothing differs from what is not there.
		{is(IPSaddr, address("10.1.2.9")), same},
		{isNot(IPSaddr, address("10.1.2.9")), "near4"},
		{is(IPSaddr, network("10.1.2.8/31")), same},
		{isNot(IPSaddr, network("10.1.2.8/31")), "near4"},
		{is(IPSaddr, between("10.1.2.9", "10.1.2.10")), v4},
		{isNot(IPSaddr, between("10.1.2.10", "10.1.2.12")), same},
		{is(IPDaddr, address("198.51.100.8"), network("203.0.113.0/24")), "near4"},
		{isNot(IPDaddr, address("198.51.100.8"), network("203.0.113.0/24")), same},
		{is(IP6Saddr, network("2001:db8:2::/64")), v6},
		{isNot(IP6Saddr, network("2001:db8:3::/64")), v6},
		{isNot(IP6Daddr, address("2001:db8:ff::7")), ""},
		{is(IP6Daddr, between("2001:db8:ff::7", "2001:db8:ff::9")), v6},
		{is(IP6HopLimit, Number(TypeHops, 254)), "far6"},
		{isNot(IP6HopLimit, Number(TypeHops, 254)), "tcp6 udp6 echo6 raw6"},

		// A field of a transport header implies its protocol.
		{is(TCPDport, port(443)), "tcp4 ack4 tcp6"},
		{isNot(TCPDport, port(80)), "tcp4 ack4 tcp6"},
		{isNot(TCPDport, port(443)), ""},
		{is(TCPSport, ports(40000, 40000)), "tcp4 tcp6"},
		{is(TCPSport, ports(39999, 40001)), "tcp4 ack4 tcp6"},
		{is(UDPDport, port(53), ports(1000, 2000)), "udp4 near4 udp6 far6"},
		{isNot(UDPDport, port(54), ports(1000, 2000)), "udp4 near4 udp6 far6"},
		{is(SCTPDport, port(53)), ""},
		{isNot(SCTPDport, port(1)), ""},
		{is(ICMPTypeF, icmpType(8)), "echo4"},
		{isNot(ICMPTypeF, icmpType(8)), "frag4 odd4"},
		{is(ICMPTypeF, icmpType(3), icmpType(42)), "frag4 odd4"},
		{is(ICMPCodeF, code(4)), "frag4"},
		{isNot(ICMPCodeF, code(4)), "echo4 odd4"},
		{is(ICMPv6TypeF, Number(TypeICMPv6, 128)), "echo6"},
		{is(ICMPv6CodeF, code(0)), "echo6"},

		// th looks at the first bytes of any header: of ICMP at type and code.
		{is(THDport, port(53)), "udp4 raw4 near4 udp6 raw6 far6"},
		{is(THSport, port(5000)), "udp4 raw4 near4 udp6 raw6 far6"},
		{is(THSport, port(0x0304)), "frag4"},
		{isNot(THSport, port(5000)), "tcp4 ack4 tcp6 echo4 frag4 odd4 echo6 icmp46"},

		{TCPFlags{Mask: 0x17, Value: 0x02}, "tcp4 tcp6"},
		{TCPFlags{Not: true, Mask: 0x17, Value: 0x02}, "ack4"},
		{TCPFlags{Mask: 0x01, Value: 0}, "tcp4 ack4 tcp6"},

		// A packet without a flow has no mark, no status and no first destination.
		{CTState{States: StateNew}, allBut("frag4", "odd4", "icmp46")},
		{CTState{States: StateInvalid | StateEstablished}, "frag4 odd4 icmp46"},
		{CTState{Not: true, States: StateNew}, "frag4 odd4 icmp46"},
		{CTStatus{Bits: StatusDNAT}, ""},
		{CTStatus{Not: true, Bits: StatusDNAT}, allBut("frag4", "odd4", "icmp46")},
		{is(CTMark, mark(0)), allBut("frag4", "odd4", "icmp46")},
		{isNot(CTMark, mark(1)), allBut("frag4", "odd4", "icmp46")},
		{isNot(CTMark, Numbers(TypeMark, 0, 5)), ""},
		{is(CTOrigDaddr, address("198.51.100.7")), "tcp4 ack4 udp4 echo4 raw4 bare4"},
		{isNot(CTOrigDaddr, address("198.51.100.7")), "near4"},
		{is(CTOrigDaddr6, network("2001:db8:ff::/48")), v6},
		{is(MetaMark, mark(0)), all},
		{is(FIBDaddrType, Number(TypeFIB, 1)), all},
		{isNot(FIBDaddrType, Number(TypeFIB, 2)), all},
		{is(MetaTime, Instants(day(1), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))), all},
		{isNot(MetaTime, Instants(day(1).AddDate(-9, 0, 0), day(1).AddDate(-8, 0, 0))), all},

		{Lookup{Fields: []Field{IPSaddr}, Set: "near"}, "near4"},
		{Lookup{Fields: []Field{IPSaddr}, Not: true, Set: "near"}, same},
		{Lookup{Fields: []Field{IPSaddr}, Not: true, Set: "none"}, v4},
		{Lookup{Fields: []Field{IPDaddr}, Set: "many"}, "near4"},
		{Lookup{Fields: []Field{OIFName}, Set: "devices"}, all},
		{Lookup{Fields: []Field{IPSaddr, L4Proto, THDport}, Set: "exact"}, "udp4 tcp4 ack4"},
		{Lookup{Fields: []Field{IPSaddr, L4Proto, THDport}, Not: true, Set: "exact"}, "raw4 echo4 frag4 odd4 near4 icmp46"},
		{Lookup{Fields: []Field{IIFName, NFProto, L4Proto}, Set: "families"}, "tcp6"},
		{Lookup{Fields: []Field{IP6Daddr, THDport}, Set: "ranges"}, "udp6 far6 raw6"},
	}
}

// fieldSets are the sets that fieldCases speaks of.
func fieldSets() []Set {
	many := Set{Name: "many", Key: []Type{TypeIPv4}}
	for i := range 200 {
		many.Elements = append(many.Elements, Element{Key: []Value{Address(netip.AddrFrom4([4]byte{198, 51, byte(i), 8}))}})
	}
	one := func(v ...Value) Element { return Element{Key: v} }
	return []Set{
		{Name: "near", Key: []Type{TypeIPv4}, Interval: true, Elements: []Element{one(address("10.1.2.8")), one(network("10.1.2.10/31"))}},
		{Name: "none", Key: []Type{TypeIPv4}, Interval: true},
		many,
		{Name: "devices", Key: []Type{TypeIfname}, Interval: true, Elements: []Element{one(Ifname("eth*")), one(Ifname("wan"))}},
		{Name: "exact", Key: []Type{TypeIPv4, TypeProto, TypePort}, Elements: []Element{
			one(address("10.1.2.9"), proto(17), port(53)), one(address("10.1.2.9"), proto(6), port(443)), one(address("10.1.2.10"), proto(17), port(54)),
		}},
		{Name: "families", Key: []Type{TypeIfname, TypeNFProto, TypeProto}, Elements: []Element{one(Ifname("eth1"), Number(TypeNFProto, 10), proto(6))}},
		{Name: "ranges", Key: []Type{TypeIPv6, TypePort}, Interval: true, Elements: []Element{one(network("2001:db8:ff::/48"), ports(50, 60))}},
	}
}

// fieldRuleset counts the matches of all cases, each on a counter of its own.
func fieldRuleset(cases []fieldCase) Ruleset {
	r := Ruleset{Table: Table{Name: "rempart"}, Sets: fieldSets()}
	c := Chain{Name: "forward", Hook: &Hook{Type: "filter", Point: Forward}}
	for i, x := range cases {
		c.Rules = append(c.Rules, rule(x.expr, Count{caseCounter(i)}))
	}
	r.Chains = []Chain{c}
	r.Counters = countersOf(r)
	return r
}

func caseCounter(i int) string { return "case" + string(rune('A'+i/26)) + string(rune('a'+i%26)) }

// countersOf is the counters that rules count on.
func countersOf(r Ruleset) []string {
	var names []string
	for _, c := range r.Chains {
		for _, x := range c.Rules {
			for _, e := range x.Exprs {
				if n, ok := e.(Count); ok && !slices.Contains(names, n.Counter) {
					names = append(names, n.Counter)
				}
			}
		}
	}
	return names
}

func TestEvaluateFields(t *testing.T) {
	cases := fieldCases()
	e := NewEvaluator(fieldRuleset(cases))
	for name, p := range zoo() {
		got := e.Run(Forward, p, Options{}).Counters
		for i, c := range cases {
			pass := slices.Contains(got, caseCounter(i))
			if want := slices.Contains(strings.Fields(c.pass), name); pass != want {
				t.Errorf("%s passes %s: %v, want %v", name, c.expr, pass, want)
			}
		}
	}
}
