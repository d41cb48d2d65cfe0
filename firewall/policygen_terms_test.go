package firewall

import (
	"fmt"
	"net/netip"
	"strings"

	"go4.org/netipx"
)

// pools draws the edges that everything in the policy is made of: networks of
// the interfaces with their halves and hosts, and what is far away.
func (g *policyGen) pools() {
	v4 := []string{
		"10.0.0.0/8", "10.1.0.0/16", "10.20.0.0/16", "10.20.30.0/24", "10.20.30.64/26", "172.16.0.0/12", "0.0.0.0/1", "128.0.0.0/1", "0.0.0.0/0",
		"198.51.100.0/24", "198.51.100.0/25", "198.51.100.7", "198.51.100.8", "192.0.2.0/24", "192.0.2.128/25", "203.0.113.1", "8.8.8.8",
		"198.51.100.0/30", "198.51.96.0/19", "10.1.2.0-10.1.4.255", "198.51.100.5-198.51.100.8", "198.51.100.250-198.51.101.5",
	}
	v6 := []string{
		"2001:db8::/32", "2001:db8:100::/40", "2001:db8:120::/48", "2001:db8:120::9", "fd00::/8", "fd00:20::/32", "2000::/3", "::/0", "::/1",
		"2001:db8:2::9-2001:db8:2::ff", "2001:db8:120::-2001:db8:120:ffff::", "2001:db8:1::/121", "2001:db8:ff::1", "2001:db8:0:ffff::/63",
	}
	for _, n := range g.ifaces {
		for _, p := range n.addresses {
			near := g.within(p)
			if p.Addr().Is4() {
				v4 = append(append(v4, near...), near...) // where the rules are, there packets go
			} else {
				v6 = append(append(v6, near...), near...)
			}
		}
	}
	g.v4 = some(g.Rand, v4, 3+g.IntN(14))
	g.v6 = some(g.Rand, v6, 2+g.IntN(8))
	g.ports = some(g.Rand, []string{
		"1", "22", "53", "80", "443", "1024", "8000", "8080", "65535", "1-1023", "1024-65535", "80-443", "443-8000", "8000-8080", "8040-8100", "8080-8081",
		"domain", "ssh", "1-65535", "22-23", "23-79", "32768-60999", "255-256",
	}, 3+g.IntN(8))
}

// within is terms in and around a network: all of it, a part, a range over its edge, hosts.
func (g *policyGen) within(p netip.Prefix) []string {
	r := netipx.RangeOfPrefix(p.Masked())
	host := p.Addr().Next().Next().Next()
	out := []string{p.Masked().String(), host.String(), host.Next().String(), p.Addr().String(), p.Addr().Next().String() + "-" + host.String()}
	if p.Addr().Is4() {
		out = append(out, r.From().Next().String()+"-"+r.To().String(), r.To().Prev().String()+"-"+r.To().Next().String(), r.To().String())
	}
	if part, err := p.Addr().Prefix(min(p.Bits()+1+g.IntN(3), p.Addr().BitLen())); err == nil {
		out = append(out, part.String())
	}
	return out
}

// addressTerms is a list of up to n terms, mostly of one family, perhaps with exclusions.
func (g *policyGen) addressTerms(n int) []string {
	both := append(append([]string{}, g.v4...), g.v6...)
	from := both
	switch {
	case g.chance(60):
		from = g.v4
	case g.chance(60):
		from = g.v6
	}
	out := some(g.Rand, from, 1+g.IntN(n))
	for i := range out {
		if g.chance(20) {
			out[i] = g.named()
		}
	}
	if g.chance(10) {
		out = []string{"any"}
	}
	if g.chance(20) {
		for _, t := range some(g.Rand, append(both, g.named()), 1+g.IntN(2)) {
			out = append(out, "!"+t)
		}
	}
	return out
}

// named is a term that stands for addresses of something else.
func (g *policyGen) named() string {
	of := pick(g.Rand, g.ifaces).name
	switch n := g.IntN(10); {
	case n < 5 && len(g.addressAliases) > 0:
		return "@" + pick(g.Rand, g.addressAliases)
	case n < 7:
		return of + ":network"
	case n < 9:
		return of + ":address"
	}
	return "self"
}

// portTerms is a list of up to n terms.
func (g *policyGen) portTerms(n int) []string {
	out := some(g.Rand, g.ports, 1+g.IntN(n))
	if len(g.portAliases) > 0 && g.chance(25) {
		out[0] = "@" + pick(g.Rand, g.portAliases)
	}
	if g.chance(15) {
		out = append(out, "!"+pick(g.Rand, g.ports))
	}
	if g.chance(5) {
		out = []string{"!" + pick(g.Rand, g.ports)}
	}
	return out
}

// aliases draws aliases of every kind; later ones may name earlier ones.
func (g *policyGen) aliases() {
	for range g.IntN(5) {
		name := g.name("net")
		terms := g.addressTerms(4)
		if g.chance(15) {
			terms = append(terms, fmt.Sprintf("host%d.example.org", g.IntN(4)))
		}
		if g.add(section{header: "[alias." + name + "]"}.withList("addresses", terms)) {
			g.addressAliases = append(g.addressAliases, name)
		}
	}
	for range g.IntN(3) {
		name := g.name("ports")
		if g.add(section{header: "[alias." + name + "]"}.withList("ports", g.portTerms(4))) {
			g.portAliases = append(g.portAliases, name)
		}
	}
	for range g.IntN(3) {
		s := section{header: fmt.Sprintf("[alias.list%d]", g.IntN(6))}.with("url", quoted("https://lists.example.org/drop.txt"))
		if g.chance(60) {
			s = section{header: fmt.Sprintf("[alias.seen%d]", g.IntN(6))}.with("dynamic", "true").with("timeout", quoted("1h"))
		}
		if g.add(s) {
			name, _ := strings.CutPrefix(s.header, "[alias.")
			g.addressAliases = append(g.addressAliases, strings.TrimSuffix(name, "]"))
		}
	}
}
