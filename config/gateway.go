package config

import (
	"net/netip"
	"slices"
)

// defaultWeight is what a gateway weighs that does not say it.
const defaultWeight = 1

func (p *parser) parseGateways() {
	for _, e := range p.policy.Gateway {
		p.cfg.Gateways = append(p.cfg.Gateways, p.parseGateway(e))
	}
}

func (p *parser) parseGateway(e *entry[rawGateway]) Gateway {
	r := &e.body
	g := Gateway{
		Name:        e.name(),
		Description: r.Description.s,
		Interface:   r.Interface.s,
		Address:     read(p, r.Address, parseHostAddr),
		OnLink:      r.OnLink.v,
		Weight:      defaultWeight,
		Pos:         e.node.keyPos(),
	}
	if r.Weight.set() {
		g.Weight = r.Weight.v
	}
	known := p.refer(r.Interface, "interface", p.interfaces)
	if !g.Address.IsValid() {
		return g
	}
	if known {
		p.reachable(r.Address, g)
	}
	for i, m := range readAll(p, r.Monitor, parseHostAddr) {
		if m.BitLen() != g.Address.BitLen() {
			p.at(r.Monitor.items[i], "%s is %s, but the gateway is %s", m, familyOf(m.BitLen()), familyOf(g.Address.BitLen()))
		}
		g.Monitor.Targets = append(g.Monitor.Targets, Probe{Kind: ProbeICMP, Address: m})
	}
	return g
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
	if g.OnLink || len(networks) == 0 || g.Address.IsLinkLocalUnicast() {
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

func (p *parser) parseGroups() {
	for _, e := range p.policy.Group {
		g := GatewayGroup{
			Name:        e.name(),
			Description: e.body.Description.s,
			OnDown:      OnDownNext,
			Pos:         e.node.keyPos(),
		}
		if v := p.word(e.body.OnDown, onDownWords); v != 0 {
			g.OnDown = OnDown(v)
		}
		seen := make(map[string]bool)
		for _, row := range e.body.Tiers.rows {
			var tier []string
			for _, n := range row.items {
				if p.isMember(n, seen) {
					tier = append(tier, n.text)
				}
			}
			g.Tiers = append(g.Tiers, tier)
		}
		p.cfg.GatewayGroups = append(p.cfg.GatewayGroups, g)
		p.oneFamily(e)
	}
}

func (p *parser) isMember(n *node, seen map[string]bool) bool {
	switch {
	case p.groups[n.text] != nil:
		p.at(n, "%q is a gateway group: groups hold gateways", n.text)
	case seen[n.text]:
		p.at(n, "%q stands twice in the group", n.text)
	case p.referName(n, n.text, "gateway", p.gateways):
		seen[n.text] = true
		return true
	}
	return false
}

// oneFamily refuses a group whose members cannot stand in for one another.
func (p *parser) oneFamily(e *entry[rawGatewayGroup]) {
	first := noFamily
	for _, row := range e.body.Tiers.rows {
		for _, n := range row.items {
			f := p.hopFamilies(n.text)
			if first == noFamily {
				first = f
			}
			if f != noFamily && f != first {
				p.at(n, "%q is %s, but the group began with %s: one family a group", n.text, f, first)
				return
			}
		}
	}
}

// hopFamilies is the family of a gateway or of a group's members; noFamily if
// it is not known.
func (p *parser) hopFamilies(name string) families {
	for i := range p.cfg.Gateways {
		if g := &p.cfg.Gateways[i]; g.Name == name && g.Address.IsValid() {
			return familyOf(g.Address.BitLen())
		}
	}
	for i := range p.cfg.GatewayGroups {
		if g := &p.cfg.GatewayGroups[i]; g.Name == name {
			for _, tier := range g.Tiers {
				for _, member := range tier {
					return p.hopFamilies(member)
				}
			}
		}
	}
	return noFamily
}

func (p *parser) parseRoutes() {
	type key struct {
		destination netip.Prefix
		metric      int
	}
	seen := make(map[key]*node)
	for _, e := range p.policy.Route {
		r := Route{
			Destination: p.routeDestination(e),
			Gateway:     e.body.Gateway.s,
			Metric:      e.body.Metric.v,
			Pos:         e.node.keyPos(),
		}
		p.refer(e.body.Gateway, "gateway or gateway group", p.gateways, p.groups)
		p.cfg.Routes = append(p.cfg.Routes, r)
		if !r.Destination.IsValid() {
			continue
		}
		k := key{r.Destination, r.Metric}
		if before := seen[k]; before != nil {
			p.at(e.body.Destination.node, "%s stands twice with metric %d: %s in %s", r.Destination, r.Metric, before.path(), e.node.place(before))
		}
		seen[k] = e.node
		p.notConnected(e.body.Destination, r.Destination)
	}
}

// routeDestination reads a network, or "default" in the gateway's family. The
// result is invalid when a fault was reported or the family is not known.
func (p *parser) routeDestination(e *entry[rawRoute]) netip.Prefix {
	r := &e.body
	hop := p.hopFamilies(r.Gateway.s)
	if r.Destination.s == "default" {
		switch hop {
		case inet4:
			return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		case inet6:
			return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		return netip.Prefix{}
	}
	destination := read(p, r.Destination, parseBlock)
	if destination.IsValid() && hop != noFamily && familyOf(destination.Addr().BitLen()) != hop {
		p.at(r.Gateway.node, "%q is %s, but the destination is %s", r.Gateway.s, hop, familyOf(destination.Addr().BitLen()))
	}
	return destination
}

// notConnected refuses a route to a network that the gateway is part of.
func (p *parser) notConnected(t text, destination netip.Prefix) {
	for _, n := range p.networks {
		if n.prefix.Masked() == destination && !destination.IsSingleIP() {
			p.at(t.node, "%s is directly on interface %s: no route is needed", destination, n.iface)
			return
		}
	}
}
