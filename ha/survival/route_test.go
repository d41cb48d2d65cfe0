package survival_test

import (
	"net/netip"

	"github.com/rempart/rempart/lab"
)

// route is a way through the gateways.
type route struct {
	name     string
	from, to *lab.Host
	dial     netip.AddrPort // as the caller knows the other one
	at       netip.AddrPort // where that one really is
	seen     netip.Addr     // as whom the caller is seen there
}

// routes are a way for every kind of translation, in IPv4 and IPv6.
func (b *bed) routes() []*route {
	port := netip.AddrPortFrom
	return []*route{
		{"source", b.client, b.server, port(server, openPort), port(server, openPort), wanVIP},
		{"source six", b.client, b.server, port(server6, openPort), port(server6, openPort), wanVIP6},
		{"destination", b.server, b.inner, port(wanVIP, forwardPort), port(inner, forwardPort), server},
		{"destination six", b.server, b.inner, port(wanVIP6, forwardPort), port(inner6, forwardPort), server6},
		{"both", b.client, b.inner, port(wanVIP, forwardPort), port(inner, forwardPort), lanVIP},
		{"both six", b.client, b.inner, port(wanVIP6, forwardPort), port(inner6, forwardPort), lanVIP6},
		{"none", b.client, b.site, port(site, openPort), port(site, openPort), client},
		{"none six", b.client, b.site, port(site6, openPort), port(site6, openPort), client6},
	}
}
