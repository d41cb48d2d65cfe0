package nft

import "time"

// markCases compare some bits of a mark.
func markCases() []ruleCase {
	masked := func(f Field, mask uint32, values ...Value) Rule {
		return rule(Match{Field: f, Mask: mask, Values: values})
	}
	none := func(f Field, mask uint32, values ...Value) Rule {
		return rule(Match{Field: f, Not: true, Mask: mask, Values: values})
	}
	const gateway, class = 0x00ff0000, 0xff000000
	return []ruleCase{
		{rule: masked(CTMark, gateway, mark(0x10000)), text: "ct mark & 0x00ff0000 == 0x00010000"},
		{rule: none(CTMark, gateway, mark(0x10000)), text: "ct mark & 0x00ff0000 != 0x00010000"},
		{rule: masked(MetaMark, gateway, mark(0)), text: "meta mark & 0x00ff0000 == 0x00000000"},
		{rule: none(MetaMark, gateway, mark(0)), text: "meta mark & 0x00ff0000 != 0x00000000"},
		{rule: masked(MetaMark, 0x10000, mark(0x10000)), text: "meta mark & 0x00010000 == 0x00010000"},
		{rule: masked(CTMark, gateway, mark(0x20000), mark(0x10000)), text: "ct mark & 0x00ff0000 == { 0x00010000, 0x00020000 }"},
		{rule: none(CTMark, gateway, mark(0x20000), mark(0x10000)), text: "ct mark & 0x00ff0000 != { 0x00010000, 0x00020000 }"},
		{rule: masked(CTMark, gateway, Numbers(TypeMark, 0x10000, 0x30000)), text: "ct mark & 0x00ff0000 0x00010000-0x00030000"},
		{rule: none(CTMark, gateway, Numbers(TypeMark, 0x10000, 0x30000)), text: "ct mark & 0x00ff0000 != 0x00010000-0x00030000"},
		{rule: masked(CTMark, gateway, mark(0x10000), Numbers(TypeMark, 0x30000, 0x50000)),
			text: "ct mark & 0x00ff0000 { 0x00010000, 0x00030000-0x00050000 }"},
		{rule: none(MetaMark, gateway, mark(0x10000), Numbers(TypeMark, 0x30000, 0x50000)),
			text: "meta mark & 0x00ff0000 != { 0x00010000, 0x00030000-0x00050000 }"},
		{rule: masked(CTMark, class, mark(0x01000000)), text: "ct mark 0x01000000/8"},
		{rule: none(MetaMark, class, mark(0x01000000)), text: "meta mark != 0x01000000/8"},
		{rule: masked(CTMark, class, mark(0x01000000), mark(0x02000000)), text: "ct mark & 0xff000000 == { 0x01000000, 0x02000000 }"},
		{rule: masked(CTMark, class, Numbers(TypeMark, 0x01000000, 0x03000000)), text: "ct mark & 0xff000000 0x01000000-0x03000000"},
		{rule: masked(CTMark, allBits, mark(5)), text: "ct mark 0x00000005"},
		{rule: masked(CTMark, 0xff, mark(5), mark(3)), text: "ct mark & 0x000000ff == { 0x00000003, 0x00000005 }"},

		{rule: rule(CopyMark{To: MetaMark, From: CTMark, Mask: gateway}), text: "meta mark set ct mark & 0x00ff0000"},
		{rule: rule(CopyMark{To: CTMark, From: MetaMark, Mask: gateway}), text: "ct mark set meta mark & 0x00ff0000"},
		{rule: rule(CopyMark{To: MetaMark, From: CTMark, Mask: allBits}), text: "meta mark set ct mark"},
		{rule: rule(CopyMark{To: MetaMark, From: CTMark, Mask: class}), text: "meta mark set ct mark & 0xff000000"},
		{rule: rule(CopyMark{To: MetaMark, From: CTMark}), text: "meta mark set ct mark"},
	}
}

// fibCases ask the routing table.
func fibCases() []ruleCase {
	oif := FIBDaddrOIFName
	return []ruleCase{
		{rule: rule(is(oif, Ifname("eth0"))), text: `fib daddr oifname "eth0"`},
		{rule: rule(isNot(oif, Ifname("eth0"))), text: `fib daddr oifname != "eth0"`},
		{rule: rule(is(oif, Ifname("eth*"))), text: `fib daddr oifname "eth*"`},
		{rule: rule(is(oif, Ifname("wan"), Ifname("eth1"))), text: `fib daddr oifname { "wan", "eth1" }`, chain: "raw"},
		{rule: rule(isNot(oif, Ifname("wan"), Ifname("eth1"))), text: `fib daddr oifname != { "wan", "eth1" }`, chain: "restore"},
		{rule: rule(is(oif, Ifname("wan"), Ifname("eth*"))), text: `fib daddr oifname { "eth*", "wan" }`},
		{rule: rule(VMap{Fields: []Field{oif}, Elements: []Element{
			{Key: []Value{Ifname("eth0")}, Verdict: jump("c1")}, {Key: []Value{Ifname("eth1")}, Verdict: Verdict{Kind: Return}},
		}}), text: `fib daddr oifname vmap { "eth0" : jump c1, "eth1" : return }`},
		{rule: rule(NoTrack{}), text: "notrack", chain: "raw"},
		{rule: rule(is(UDPDport, port(53)), NoTrack{}), text: "udp dport 53 notrack", chain: "before"},
		{rule: rule(CopyMark{To: MetaMark, From: CTMark, Mask: 0x00ff0000}), text: "meta mark set ct mark & 0x00ff0000", chain: "output_"},
		{rule: rule(Reject{With: RejectPortUnreachable}), text: "reject", chain: "restore"},
	}
}

// dealSets are maps from a slot.
func dealSets() []Set {
	at := func(lo, hi uint32, v Verdict) Element {
		return Element{Key: []Value{Numbers(TypeSlot, lo, hi)}, Verdict: v}
	}
	to := func(slot uint32, addr string) Element {
		return Element{Key: []Value{Number(TypeSlot, slot)}, Data: address(addr)}
	}
	slot := []Type{TypeSlot}
	return []Set{
		{Name: "slots", Key: slot, Data: TypeVerdict, Comment: "by gateway", Elements: []Element{
			at(0, 0, jump("c1")), at(1, 1, accept), at(255, 255, drop), at(256, 256, drop), at(70000, 70000, Verdict{Kind: Return}),
		}},
		{Name: "slotr", Key: slot, Data: TypeVerdict, Interval: true, Elements: []Element{at(0, 127, jump("c1")), at(128, 200, accept)}},
		{Name: "targets", Key: slot, Data: TypeIPv4, Elements: []Element{to(0, "10.1.3.10"), to(1, "10.1.3.11"), to(256, "10.1.3.12")}},
		{Name: "targetr", Key: slot, Data: TypeIPv4, Interval: true, Elements: []Element{{Key: []Value{Numbers(TypeSlot, 0, 5)}, Data: address("10.1.3.10")}}},
		{Name: "targets6", Key: slot, Data: TypeIPv6, Elements: []Element{to(0, "2001:db8::1"), to(1, "2001:db8::2")}},
		{Name: "none", Key: slot, Data: TypeIPv6},
	}
}

// dealCases give packets a slot.
func dealCases() []ruleCase {
	inc := Deal{By: DealRoundRobin, Slots: 256, Set: "slots"}
	random := Deal{By: DealRandom, Slots: 256, Set: "slotr"}
	source := Deal{By: DealSource, Slots: 256, Field: IPSaddr, Seed: 1, Set: "slots"}
	source6 := Deal{By: DealSource, Slots: 16, Field: IP6Saddr, Set: "slotr"}
	of := func(d Deal, set string) *Deal {
		d.Set = set
		return &d
	}
	const pre, post = "nat_pre", "nat_post"
	return []ruleCase{
		{rule: rule(inc), text: "numgen inc mod 256 vmap @slots"},
		{rule: rule(random), text: "numgen random mod 256 vmap @slotr"},
		{rule: rule(source), text: "jhash ip saddr mod 256 seed 0x1 vmap @slots"},
		{rule: rule(source6), text: "jhash ip6 saddr mod 16 vmap @slotr"},
		{rule: rule(is(NFProto, Number(TypeNFProto, 2)), source), text: "jhash ip saddr mod 256 seed 0x1 vmap @slots"},
		{rule: rule(is(NFProto, Number(TypeNFProto, 2)), CTState{States: StateNew}, inc), text: "meta nfproto ipv4 ct state new numgen inc mod 256 vmap @slots"},
		{chain: pre, rule: rule(NAT{Kind: DNAT, Deal: of(source, "targets")}), text: "dnat ip to jhash ip saddr mod 256 seed 0x1 map @targets"},
		{chain: pre, rule: rule(NAT{Kind: DNAT, Deal: of(source, "targetr")}), text: "dnat ip to jhash ip saddr mod 256 seed 0x1 map @targetr"},
		{chain: pre, rule: rule(NAT{Kind: DNAT, Is6: true, Deal: of(source, "targets6")}), text: "dnat ip6 to jhash ip6 saddr mod 256 seed 0x1 map @targets6"},
		{chain: pre, rule: rule(is(TCPDport, port(80)), NAT{Kind: DNAT, Deal: of(inc, "targets"), PortLo: 8080}),
			text: "tcp dport 80 dnat ip to numgen inc mod 256 map @targets:8080"},
		{chain: pre, rule: rule(is(TCPDport, ports(9000, 9001)), NAT{Kind: DNAT, Deal: of(inc, "targets"), PortField: TCPDport, MapPorts: []PortPair{{9000, 8000}, {9001, 8001}}}),
			text: "tcp dport 9000-9001 dnat ip to numgen inc mod 256 map @targets:tcp dport map { 9000 : 8000, 9001 : 8001 }"},
		{chain: post, rule: rule(NAT{Kind: SNAT, Deal: of(random, "targets")}), text: "snat ip to numgen random mod 256 map @targets"},
		{chain: post, rule: rule(NAT{Kind: SNAT, Is6: true, Deal: of(inc, "none")}), text: "snat ip6 to numgen inc mod 256 map @none"},
		{chain: post, rule: rule(is(L4Proto, proto(protoTCP)), NAT{Kind: SNAT, Deal: of(inc, "targets"), PortLo: 20000, PortHi: 29999}),
			text: "meta l4proto tcp snat ip to numgen inc mod 256 map @targets:20000-29999"},
	}
}

// caseHelpers are all that the kernel has for firewalls.
func caseHelpers() []Helper {
	return []Helper{
		{"ftp", "ftp", protoTCP}, {"sip_tcp", "sip", protoTCP}, {"sip_udp", "sip", protoUDP}, {"tftp", "tftp", protoUDP},
		{"pptp", "pptp", protoTCP}, {"h245", "Q.931", protoTCP}, {"ras", "RAS", protoUDP},
	}
}

// helperCases give flows a helper.
func helperCases() []ruleCase {
	give := func(port uint32, f Field, name string) Rule {
		return rule(is(f, Number(TypePort, port)), SetHelper{name})
	}
	return []ruleCase{
		{rule: give(21, TCPDport, "ftp"), text: `tcp dport 21 ct helper set "ftp"`, chain: "restore"},
		{rule: give(69, UDPDport, "tftp"), text: `udp dport 69 ct helper set "tftp"`, chain: "forward_"},
		{rule: give(5060, UDPDport, "sip_udp"), text: `udp dport 5060 ct helper set "sip_udp"`, chain: "output_"},
		{rule: give(5060, TCPDport, "sip_tcp"), text: `tcp dport 5060 ct helper set "sip_tcp"`},
		{rule: rule(SetHelper{"pptp"}), text: `ct helper set "pptp"`},
		{rule: rule(SetHelper{"h245"}), text: `ct helper set "h245"`},
		{rule: rule(SetHelper{"ras"}, accept), text: `ct helper set "ras" accept`},
	}
}

// steerSets are of types that count and reset flows, and that tell which families have a line.
func steerSets() []Set {
	minute := Set{Dynamic: true, HasTimeout: true, Timeout: time.Minute}
	tuple := func(name string, addr Type) Set {
		s := minute
		s.Name, s.Key = name, []Type{addr, TypePort, addr, TypePort}
		return s
	}
	family := func(n uint32) Element { return Element{Key: []Value{Number(TypeNFProto, n)}} }
	return []Set{
		{Name: "up_one", Key: []Type{TypeNFProto}, Elements: []Element{family(nfprotoIPv4), family(nfprotoIPv6)}},
		{Name: "up_none", Key: []Type{TypeNFProto}},
		{Name: "ways", Key: []Type{TypeDirection}, Elements: []Element{{Key: []Value{Number(TypeDirection, 0)}}, {Key: []Value{Number(TypeDirection, 1)}}}},
		{Name: "total", Key: []Type{TypeDirection}, Dynamic: true, Size: 2},
		tuple("reset4", TypeIPv4), tuple("reset6", TypeIPv6),
	}
}

func steerCases() []ruleCase {
	tuple4 := []Field{IPSaddr, TCPSport, IPDaddr, TCPDport}
	tuple6 := []Field{IP6Saddr, TCPSport, IP6Daddr, TCPDport}
	return []ruleCase{
		{rule: rule(Lookup{Fields: []Field{NFProto}, Set: "up_one"}), text: "meta nfproto @up_one"},
		{rule: rule(Lookup{Fields: []Field{NFProto}, Not: true, Set: "up_none"}), text: "meta nfproto != @up_none"},
		{rule: rule(Lookup{Fields: []Field{CTDirection}, Set: "ways"}), text: "ct direction @ways"},
		{rule: rule(DynSet{Set: "total", Fields: []Field{CTDirection}, Stmt: ConnLimit{Over: 5}}, drop), text: "add @total { ct direction ct count over 5 } drop"},
		{rule: rule(Lookup{Fields: tuple4, Set: "reset4"}, Reject{With: RejectTCPReset}), chain: "restore",
			text: "ip saddr . tcp sport . ip daddr . tcp dport @reset4 reject with tcp reset"},
		{rule: rule(Lookup{Fields: tuple6, Set: "reset6"}, Reject{With: RejectTCPReset}), chain: "restore",
			text: "ip6 saddr . tcp sport . ip6 daddr . tcp dport @reset6 reject with tcp reset"},
	}
}
