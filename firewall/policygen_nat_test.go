package firewall

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// translations draws virtual addresses, port forwards, 1:1, prefixes and outbound NAT.
func (g *policyGen) translations() {
	if g.chance(30) {
		g.vip()
	}
	if g.chance(60) {
		s := section{header: "[nat]"}.with("outbound", quoted(pick(g.Rand, []string{"automatic", "hybrid", "manual", "off"})))
		s = g.flag(s, "reflection", 50)
		if g.chance(20) {
			s = s.withList("helpers", some(g.Rand, []string{"ftp", "sip", "tftp", "pptp", "h323"}, 3))
		}
		g.add(s)
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

// vip draws a further address in the first network of an interface.
func (g *policyGen) vip() {
	n := pick(g.Rand, g.ifaces)
	p := n.addresses[0]
	address := netip.PrefixFrom(plus(p.Addr(), uint64(6+g.IntN(3))), p.Bits())
	if g.add(section{header: "[[vip]]"}.with("kind", quoted("alias")).with("interface", quoted(n.name)).with("address", quoted(address.String()))) {
		g.vips = append(g.vips, address.Addr().String())
	}
}

func (g *policyGen) portForward() section {
	s := section{header: "[[port_forward]]"}.with("name", quoted(g.name("forward"))).with("on", quoted(g.outside()))
	s = g.flag(s, "disabled", 8)
	if g.chance(25) {
		s = s.withList("source", g.addressTerms(2))
	}
	switch {
	case g.chance(30):
		s = s.withList("destination", g.addressTerms(2))
	case len(g.vips) > 0 && g.chance(40):
		s = s.withList("destination", g.vips[:1])
	}
	protocols := some(g.Rand, []string{"tcp", "udp", "tcp", "udp", "sctp"}, 1+g.IntN(2))
	ported := true
	if g.chance(8) {
		protocols, ported = []string{pick(g.Rand, []string{"gre", "icmp", "esp"})}, false
	}
	s = g.flag(s.withList("protocol", protocols), "reflection", 15)
	s = g.flag(s, "log", 10)
	if g.chance(12) {
		if ported {
			s = s.withList("port", g.portTerms(3))
		}
		return s.withList("target", []string{"none"})
	}
	if ported {
		s = g.forwardPorts(s)
	}
	return g.flag(g.spreads(s, ported), "pass", 70)
}

// spreads draws targets, and how flows are dealt out to them.
func (g *policyGen) spreads(s section, ported bool) section {
	to := g.targets()
	s = s.withList("target", to)
	if len(to) == 1 && !strings.ContainsAny(to[0], "-@") {
		return s
	}
	if g.chance(50) {
		s = s.with("spread", quoted(pick(g.Rand, []string{"source", "round-robin", "random"})))
	}
	if g.chance(40) && !slices.ContainsFunc(to, func(t string) bool { return net.ParseIP(t) == nil }) {
		weights := make([]string, len(to))
		for i := range weights {
			weights[i] = fmt.Sprint(1 + g.IntN(4))
		}
		s = s.withNumbers("weights", weights)
	}
	if g.chance(40) {
		check := "icmp"
		if ported && g.chance(50) {
			check = "tcp:8080"
		}
		s = s.with("check", quoted(check))
	}
	return s
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
	switch g.IntN(8) {
	case 0:
		return []string{host.String() + "-" + plus(host, 3).String()}
	case 1:
		return append([]string{host.String()}, g.addressTerms(1)...)
	case 2:
		return []string{n.name + ":address"}
	case 3, 4:
		return []string{host.String(), plus(host, 7).String(), plus(host, 1).String()}[:2+g.IntN(2)]
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
	s = g.flag(g.flag(s, "disabled", 8), "reflection", 15)
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
	ported := g.chance(45)
	switch {
	case ported:
		s = s.withList("protocol", some(g.Rand, []string{"tcp", "udp", "sctp"}, 1+g.IntN(2)))
		if g.chance(50) {
			s = s.withList("port", g.portTerms(2))
		}
		if g.chance(40) {
			s = s.withList("source_port", g.portTerms(2))
		}
	case g.chance(15):
		s = s.withList("protocol", []string{pick(g.Rand, []string{"icmp", "gre"})})
	}
	if g.chance(12) {
		return s.with("address", quoted("none"))
	}
	s = g.leavesAs(s, on)
	switch {
	case ported && g.chance(45):
		s = s.with("translated_ports", quoted("20000-29999"))
	case g.chance(30):
		s = s.with("static_port", "true")
	}
	return s
}

// leavesAs draws what a rule of outbound NAT leaves with.
func (g *policyGen) leavesAs(s section, on string) section {
	own := func() string {
		for _, n := range g.ifaces {
			if n.name == on {
				return pick(g.Rand, n.addresses).Addr().String()
			}
		}
		return "192.0.2.77"
	}
	switch {
	case g.chance(35):
		return s.with("address", quoted(own()))
	case g.chance(25):
		return s.with("address", quoted(pick(g.Rand, []string{"192.0.2.77", "2001:db8:f0f::77", "interface"})))
	case len(g.vips) > 0 && g.chance(50):
		return s.with("address", quoted(g.vips[0]))
	case g.chance(60):
		s = s.withList("pool", pick(g.Rand, [][]string{
			{"192.0.2.80-192.0.2.83"}, {"192.0.2.80/30", "192.0.2.90"}, {"2001:db8:f0f::80-2001:db8:f0f::86"}, {own(), own()},
		}))
		if g.chance(70) {
			s = s.with("spread", quoted(pick(g.Rand, []string{"source", "round-robin", "random"})))
		}
	}
	return s
}
