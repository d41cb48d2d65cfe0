package config

import (
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
		g.Address = read(p, r.Address, parseHostAddr)
	}
	switch {
	case known && g.Address.IsValid():
		p.reachable(r.Address, g)
	case known && g.Learned != LearnedNot:
		p.learnable(r, g)
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

// learnable refuses an address that nobody brings. Router advertisements are
// also heard where addresses are written; a DHCP client is not run there.
func (p *parser) learnable(r *rawGateway, g Gateway) {
	if g.Learned == LearnedDHCP && p.addressed[g.Interface] {
		p.at(r.Address.node, "\"dhcp\" is where a DHCP or PPP client keeps the addresses, but those of interface %q are written: write the address of the next router, or leave the addresses of %q to the client", g.Interface, g.Interface)
	}
	if r.OnLink.set() {
		p.atKey(r.OnLink.node, "goes with an address that is written: a learned one is taken as it comes")
	}
}

// reachable refuses a next hop that is in no network of its interface. An
// interface without addresses keeps those of the system, which are not known.
func (p *parser) reachable(t text, g Gateway) {
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
		if n.Contains(g.Address) {
			return
		}
	}
	p.at(t.node, "%s is in no network of interface %s (%s): correct it, or write on_link = true if it is reached directly all the same",
		g.Address, g.Interface, join(networks))
}
