package config

import (
	"fmt"
	"net/netip"
	"slices"
)

// defaultWeight is what a gateway weighs that does not say it.
const defaultWeight = 1

// mostGateways is how many the mark of a flow has numbers for.
const mostGateways = 255

func (p *parser) parseGateways() {
	for i, e := range p.policy.Gateway {
		if i == mostGateways {
			p.atKey(e.node, "is one too many: a flow's mark has numbers for %d gateways", mostGateways)
		}
		g := p.parseGateway(e)
		p.hops[g.Name] = g.family()
		p.cfg.Gateways = append(p.cfg.Gateways, g)
	}
}

func (p *parser) parseGateway(e *entry[rawGateway]) Gateway {
	r := &e.body
	g := Gateway{
		Name:        e.name(),
		Description: r.Description.s,
		Interface:   r.Interface.s,
		OnLink:      r.OnLink.v,
		Weight:      r.Weight.or(defaultWeight),
		ForceDown:   r.ForceDown.v,
		OnDown:      OnDownNext,
		FailOver:    FailOverMove,
		Pos:         e.node.keyPos(),
	}
	known := p.refer(r.Interface, "interface", p.interfaces)
	switch r.Address.s {
	case learnWords[LearnedDHCP-1]:
		g.Learned = LearnedDHCP
	case learnWords[LearnedRA-1]:
		g.Learned = LearnedRA
	default:
		g.Address = read(p, r.Address, parseHop)
	}
	switch {
	case known && g.Address.IsValid():
		p.reachable(r.Address, g)
	case known && g.Learned == LearnedDHCP:
		p.learnable(r.Address, g)
	}
	if v := p.word(r.OnDown, onDownWords); v != 0 {
		g.OnDown = OnDown(v)
	}
	if v := p.word(r.FailOver, moveWords); v != 0 {
		g.FailOver = FailOver(v)
	}
	g.Monitor = p.monitor(e, g)
	return g
}

// family is what the gateway leads to; noFamily if its address was refused.
func (g *Gateway) family() families {
	switch {
	case !g.Address.IsValid() && g.Learned == LearnedNot:
		return noFamily
	case g.Is6():
		return inet6
	}
	return inet4
}

// parseHop reads the address of a next router, which is not written when it is learned.
func parseHop(s string) (netip.Addr, error) {
	if _, err := netip.ParseAddr(s); err != nil {
		return netip.Addr{}, fmt.Errorf("%q is no address, \"dhcp\" or \"ra\"", s)
	}
	return parseHostAddr(s)
}

// learnable refuses "dhcp" where no client has a say. Router advertisements are
// also heard where addresses are written.
func (p *parser) learnable(t text, g Gateway) {
	if p.addressed[g.Interface] {
		p.at(t.node, "\"dhcp\" is the router that a client on interface %q learns, and its addresses are written: write that of the router too, or leave those of %q to the client",
			g.Interface, g.Interface)
	}
}

// reachable refuses a next hop that is in no network of its interface. An
// interface without addresses keeps those of the system, which are not known.
func (p *parser) reachable(t text, g Gateway) {
	for _, v := range p.cfg.VIPs {
		if v.Kind == VIPProxyARP && v.Interface == g.Interface && v.Address.IsValid() && v.Address.Contains(g.Address) {
			p.at(t.node, "the gateway answers for %s on %s itself (line %d), and would hide it from the hosts beside it: take it out there", g.Address, g.Interface, v.Pos.Line)
		}
	}
	var networks []netip.Prefix
	for _, n := range p.networks {
		if n.prefix.Addr() == g.Address {
			p.at(t.node, "%s is the gateway's own address on %s: write that of the next router", g.Address, n.iface)
			return
		}
		if n.iface == g.Interface && !slices.Contains(networks, n.prefix.Masked()) {
			networks = append(networks, n.prefix.Masked())
		}
	}
	if g.OnLink || len(networks) == 0 || !p.addressed[g.Interface] || g.Address.IsLinkLocalUnicast() {
		return
	}
	for _, n := range networks {
		switch {
		case !n.Contains(g.Address):
			continue
		case namesNetwork(netip.PrefixFrom(g.Address, n.Bits())):
			p.at(t.node, "%s is the network's own or its broadcast address on interface %s (%s): write that of the next router", g.Address, g.Interface, n)
		}
		return
	}
	p.at(t.node, "%s is in no network of interface %s (%s): correct it, or write on_link = true if it is reached directly all the same",
		g.Address, g.Interface, join(networks))
}
