package firewall

import (
	"fmt"
	"net/netip"
)

// translations draws port forwards, 1:1, prefixes and outbound NAT.
func (g *policyGen) translations() {
	if g.chance(60) {
		s := section{header: "[nat]"}.with("outbound", quoted(pick(g.Rand, []string{"automatic", "hybrid", "manual", "off"})))
		g.add(g.flag(s, "reflection", 50))
	}
	if g.chance(55) {
		for range 1 + g.IntN(6) {
			g.out = append(g.out, g.portForward())
		}
	}
	for range g.IntN(3) {
		g.out = append(g.out, g.oneToOne())
	}
	if g.chance(25) {
		g.out = append(g.out, g.prefix())
	}
	for range g.IntN(5) {
		g.out = append(g.out, g.outbound()) // which goes where the mode leaves it without effect
	}
}

func (g *policyGen) portForward() section {
	s := section{header: "[[port_forward]]"}.with("name", quoted(g.name("forward"))).with("on", quoted(g.outside()))
	s = g.flag(s, "disabled", 8)
	if g.chance(25) {
		s = s.withList("source", g.addressTerms(2))
	}
	if g.chance(30) {
		s = s.withList("destination", g.addressTerms(2))
	}
	protocols := some(g.Rand, []string{"tcp", "udp", "tcp", "udp", "sctp"}, 1+g.IntN(2))
	ported := true
	if g.chance(8) {
		protocols, ported = []string{pick(g.Rand, []string{"gre", "icmp", "esp"})}, false
	}
	s = s.withList("protocol", protocols)
	if ported {
		s = g.forwardPorts(s)
	}
	s = s.withList("target", g.targets())
	s = g.flag(s, "pass", 70)
	return g.flag(s, "log", 10)
}

// forwardPorts draws the outside ports, and inside ones where they are others.
func (g *policyGen) forwardPorts(s section) section {
	if g.chance(40) {
		return s.withList("port", g.portTerms(3))
	}
	low := 20 + g.IntN(100)
	s = s.withList("port", []string{fmt.Sprintf("%d-%d", low, low+g.IntN(2)*g.IntN(12))})
	if g.chance(70) {
		s = s.with("target_port", fmt.Sprint(1+g.IntN(120)))
	}
	return s
}

// outside is an interface that translations are likely on.
func (g *policyGen) outside() string {
	if g.chance(70) {
		return g.ifaces[0].name
	}
	return pick(g.Rand, g.ifaces).name
}

// targets is one to four hosts behind interfaces, mostly one.
func (g *policyGen) targets() []string {
	n := pick(g.Rand, g.ifaces)
	p := pick(g.Rand, n.addresses)
	host := plus(p.Addr(), uint64(2+g.IntN(4)))
	switch g.IntN(6) {
	case 0:
		return []string{host.String() + "-" + plus(host, 3).String()}
	case 1:
		return append([]string{host.String()}, g.addressTerms(1)...)
	case 2:
		return []string{n.name + ":address"}
	}
	return []string{host.String()}
}

func (g *policyGen) oneToOne() section {
	on := g.outside()
	external, internal := "198.51.100.224", "10.1.2.9"
	for _, n := range g.ifaces {
		if n.name == on {
			external = plus(n.addresses[0].Addr(), uint64(2+g.IntN(3))).String()
		}
	}
	n := pick(g.Rand, g.ifaces)
	internal = plus(n.addresses[0].Addr(), uint64(2+g.IntN(4))).String()
	if g.chance(30) {
		external, internal = "198.51.100.224/28", pick(g.Rand, []string{"10.1.2.0/28", "10.1.4.0/28", "172.16.0.16/28"})
	}
	s := section{header: "[[one_to_one]]"}.with("name", quoted(g.name("pair"))).with("on", quoted(on))
	s = g.flag(s, "disabled", 8)
	return s.with("external", quoted(external)).with("internal", quoted(internal))
}

func (g *policyGen) prefix() section {
	s := section{header: "[[prefix]]"}.with("name", quoted(g.name("prefix"))).with("on", quoted(g.outside()))
	s = g.flag(s, "disabled", 8)
	pair := pick(g.Rand, [][2]string{
		{"2001:db8:f00::/48", "fd00:4::/48"}, {"2001:db8:f01::/64", "2001:db8:2::/64"}, {"2001:db8:100::/40", "fd00:7::/40"}, {"2001:db8:f02:40::/60", "2001:db8:2:80::/60"},
	})
	if netip.MustParsePrefix(pair[1]) != netip.MustParsePrefix(pair[1]).Masked() {
		pair[1] = netip.MustParsePrefix(pair[1]).Masked().String()
	}
	return s.with("external", quoted(pair[0])).with("internal", quoted(pair[1]))
}

func (g *policyGen) outbound() section {
	on := g.outside()
	s := section{header: "[[outbound]]"}.with("name", quoted(g.name("outbound"))).with("on", quoted(on))
	s = g.flag(s, "disabled", 8)
	if g.chance(60) {
		s = s.withList("source", g.addressTerms(2))
	}
	if g.chance(40) {
		s = s.withList("destination", g.addressTerms(2))
	}
	if g.chance(40) {
		s = s.withList("protocol", []string{pick(g.Rand, []string{"tcp", "udp", "icmp", "gre"})})
		if g.chance(50) {
			s = s.withList("port", g.portTerms(2))
		}
	}
	if g.chance(60) {
		for _, n := range g.ifaces {
			if n.name == on {
				s = s.with("address", quoted(pick(g.Rand, n.addresses).Addr().String()))
			}
		}
	} else if g.chance(30) {
		s = s.with("address", quoted(pick(g.Rand, []string{"192.0.2.77", "2001:db8:f0f::77"})))
	}
	return s
}
