package nft

import "net/netip"

func natCases() []ruleCase {
	addr := netip.MustParseAddr
	two4 := []netip.Addr{addr("10.1.3.10"), addr("10.1.3.11")}
	two6 := []netip.Addr{addr("2001:db8::1"), addr("2001:db8::2")}
	one4, one6 := two4[:1], two6[:1]
	pairs := []PortPair{{9000, 8000}, {9001, 8001}}
	const pre, post = "nat_pre", "nat_post"
	return []ruleCase{
		{chain: pre, rule: rule(NAT{Kind: DNAT, Addrs: one4}), text: "dnat ip to 10.1.3.10"},
		{chain: pre, rule: rule(is(IPDaddr, address("1.2.3.4")), is(TCPDport, port(80)), NAT{Kind: DNAT, Addrs: one4, PortLo: 8080}),
			text: "ip daddr 1.2.3.4 tcp dport 80 dnat ip to 10.1.3.10:8080"},
		{chain: pre, rule: rule(tcpOrUDP, NAT{Kind: DNAT, Addrs: one4, PortLo: 8080, PortHi: 8090}),
			text: "meta l4proto { tcp, udp } dnat ip to 10.1.3.10:8080-8090"},
		{chain: pre, rule: rule(is(UDPDport, port(80)), NAT{Kind: DNAT, Addrs: one6, PortLo: 8080}), text: "udp dport 80 dnat ip6 to [2001:db8::1]:8080"},
		{chain: pre, rule: rule(NAT{Kind: DNAT, Addrs: one6}), text: "dnat ip6 to 2001:db8::1"},
		{chain: pre, rule: rule(NAT{Kind: DNAT, Addrs: two4, Seed: 0x55}), text: "dnat ip to jhash ip saddr mod 2 seed 0x55 map { 0 : 10.1.3.10, 1 : 10.1.3.11 }"},
		{chain: pre, rule: rule(NAT{Kind: DNAT, Addrs: two4}), text: "dnat ip to jhash ip saddr mod 2 map { 0 : 10.1.3.10, 1 : 10.1.3.11 }"},
		{chain: pre, rule: rule(is(IPDaddr, address("1.2.3.4")), is(TCPDport, port(80)), NAT{Kind: DNAT, Addrs: two4, Seed: 0x55, PortLo: 8080, PortHi: 8080}),
			text: "ip daddr 1.2.3.4 tcp dport 80 dnat ip to jhash ip saddr mod 2 seed 0x55 map { 0 : 10.1.3.10, 1 : 10.1.3.11 }:8080"},
		{chain: pre, rule: rule(NAT{Kind: DNAT, Addrs: two6, Seed: 1}), text: "dnat ip6 to jhash ip6 saddr mod 2 seed 0x1 map { 0 : 2001:db8::1, 1 : 2001:db8::2 }"},
		{chain: pre, rule: rule(is(TCPDport, ports(9000, 9001)), NAT{Kind: DNAT, Addrs: one4, PortField: TCPDport, MapPorts: pairs}),
			text: "tcp dport 9000-9001 dnat ip to 10.1.3.10:tcp dport map { 9000 : 8000, 9001 : 8001 }"},
		{chain: pre, rule: rule(is(UDPDport, ports(9000, 9001)), NAT{Kind: DNAT, Addrs: one6, PortField: UDPDport, MapPorts: pairs}),
			text: "udp dport 9000-9001 dnat ip6 to [2001:db8::1]:udp dport map { 9000 : 8000, 9001 : 8001 }"},
		{chain: pre, rule: rule(tcpOrUDP, is(THDport, ports(9000, 9001)), NAT{Kind: DNAT, Addrs: one4, PortField: THDport, MapPorts: pairs}),
			text: "meta l4proto { tcp, udp } th dport 9000-9001 dnat ip to 10.1.3.10:th dport map { 9000 : 8000, 9001 : 8001 }"},
		{chain: pre, rule: rule(is(L4Proto, proto(17)), NAT{Kind: DNAT, Addrs: one4, PortField: THDport, MapPorts: pairs}),
			text: "meta l4proto udp dnat ip to 10.1.3.10:udp dport map { 9000 : 8000, 9001 : 8001 }"},
		{chain: pre, rule: rule(is(TCPDport, ports(9000, 9001)), NAT{Kind: DNAT, Addrs: two4, Seed: 5, PortField: TCPDport, MapPorts: pairs}),
			text: "tcp dport 9000-9001 dnat ip to jhash ip saddr mod 2 seed 0x5 map { 0 : 10.1.3.10, 1 : 10.1.3.11 }:tcp dport map { 9000 : 8000, 9001 : 8001 }"},
		{chain: pre, rule: rule(is(IPDaddr, network("10.0.0.0/24")), NAT{Kind: DNAT, Prefix: netip.MustParsePrefix("192.168.0.0/24")}),
			text: "ip daddr 10.0.0.0/24 dnat ip prefix to 192.168.0.0/24"},
		{chain: post, rule: rule(is(IP6Saddr, network("fd00::/48")), NAT{Kind: SNAT, Prefix: netip.MustParsePrefix("2001:db8:f00::/48")}),
			text: "ip6 saddr fd00::/48 snat ip6 prefix to 2001:db8:f00::/48"},
		{chain: post, rule: rule(NAT{Kind: SNAT, Addrs: one4}), text: "snat ip to 10.1.3.10"},
		{chain: post, rule: rule(is(OIFName, Ifname("wan")), is(L4Proto, proto(6)), NAT{Kind: SNAT, Addrs: one4, PortLo: 1024, PortHi: 65535}),
			text: `oifname "wan" meta l4proto tcp snat ip to 10.1.3.10:1024-65535`},
		{chain: post, rule: rule(is(OIFName, Ifname("wan")), Masquerade{}), text: `oifname "wan" masquerade`},
		{chain: post, rule: rule(is(L4Proto, proto(6)), NAT{Kind: SNAT, Addrs: one4, PortField: TCPSport}), text: "meta l4proto tcp snat ip to 10.1.3.10:tcp sport"},
		{chain: post, rule: rule(is(L4Proto, proto(17)), NAT{Kind: SNAT, Addrs: one6, PortField: THSport}), text: "meta l4proto udp snat ip6 to [2001:db8::1]:udp sport"},
		{chain: post, rule: rule(is(TCPDport, port(80)), NAT{Kind: SNAT, Addrs: one4, PortField: TCPSport}), text: "tcp dport 80 snat ip to 10.1.3.10:tcp sport"},
		{chain: post, rule: rule(tcpOrUDP, NAT{Kind: SNAT, Addrs: one4, PortField: THSport}), text: "meta l4proto { tcp, udp } snat ip to 10.1.3.10:th sport"},
		{chain: post, rule: rule(tcpOrUDP, Masquerade{PortLo: 20000, PortHi: 29999}), text: "meta l4proto { tcp, udp } masquerade to :20000-29999"},
		{chain: post, rule: rule(tcpOrUDP, Masquerade{PortLo: 20000}), text: "meta l4proto { tcp, udp } masquerade to :20000"},
		{chain: post, rule: rule(tcpOrUDP, Masquerade{PortField: THSport}), text: "meta l4proto { tcp, udp } masquerade to :th sport"},
	}
}
