package config

import (
	"net/netip"
	"strings"
)

func (p *parser) parseRoutes() {
	type key struct {
		destination netip.Prefix
		alias       string
		metric      int
	}
	seen := make(map[key]*node)
	for _, e := range p.policy.Route {
		r := p.parseRoute(e)
		p.cfg.Routes = append(p.cfg.Routes, r)
		if !r.Destination.IsValid() && r.Alias == "" {
			continue
		}
		k := key{r.Destination, r.Alias, r.Metric}
		if r.Metric == 0 && r.Destination.Addr().Is6() {
			k.metric = 1 // the best there is in IPv6: the kernel reads 0 as 1024
		}
		if before := seen[k]; before != nil {
			p.at(e.body.Destination.node, "%s stands twice with metric %d: %s in %s", r.destination(), r.Metric, before.path(), e.node.place(before))
		}
		seen[k] = e.node
		p.notConnected(e.body.Destination, r.Destination)
	}
}

// destination is where r leads, as the language writes it.
func (r *Route) destination() string {
	if r.Alias != "" {
		return "@" + r.Alias
	}
	return r.Destination.String()
}

func (p *parser) parseRoute(e *entry[rawRoute]) Route {
	r := Route{Gateway: e.body.Gateway.s, Metric: e.body.Metric.v, Pos: e.node.keyPos()}
	kind := p.word(e.body.Kind, kindWords)
	if kind > 0 {
		r.Kind = RouteKind(kind - 1)
	}
	switch {
	case e.body.Kind.set() && kind == 0:
		r.Gateway = "" // whether it needs one is not known
	case r.Kind != RouteUnicast && e.body.Gateway.set():
		p.at(e.body.Gateway.node, "stands beside kind = %q: such a route leads nowhere", e.body.Kind.s)
		r.Gateway = ""
	case r.Kind == RouteUnicast && e.node.child("gateway") == nil:
		p.missing(e.node, "gateway", "is missing: the gateway or gateway group that the route leads to, or kind = \"blackhole\", \"unreachable\" or \"prohibit\"")
	default:
		p.refer(e.body.Gateway, "gateway or gateway group", p.gateways, p.groups)
	}
	if name, ok := strings.CutPrefix(e.body.Destination.s, "@"); ok {
		r.Alias = p.routeAlias(e, name)
	} else {
		r.Destination = p.routeDestination(e, r)
	}
	return r
}

// routeAlias is the alias that a route leads to; empty when it cannot.
func (p *parser) routeAlias(e *entry[rawRoute], name string) string {
	n, gateway := e.body.Destination.node, e.body.Gateway
	if !p.referName(n, name, "alias", p.aliases) {
		return ""
	}
	switch p.aliasKinds[name] {
	case AliasPorts:
		p.at(n, "alias %q holds ports, not addresses", name)
		return ""
	case AliasDynamic:
		p.at(n, "alias %q is filled by traffic and cannot say where routes lead", name)
		return ""
	}
	is, hop := p.familiesOfAlias(name), p.hops[gateway.s]
	if is != noFamily && hop != noFamily && is&hop == noFamily {
		p.at(gateway.node, "%q is %s, but alias %q holds only %s", gateway.s, hop, name, is)
	}
	return name
}

// routeDestination reads a network, or "default" in the gateway's family. The
// result is invalid when a fault was reported or the family is not known.
func (p *parser) routeDestination(e *entry[rawRoute], r Route) netip.Prefix {
	t, hop := e.body.Destination, p.hops[r.Gateway]
	if t.s == "default" {
		switch {
		case r.Kind != RouteUnicast:
			p.at(t.node, "\"default\" has the family of its gateway, and here is none: write \"0.0.0.0/0\" or \"::/0\"")
		case hop == inet4:
			return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		case hop == inet6:
			return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		return netip.Prefix{}
	}
	destination := read(p, t, parseBlock)
	if destination.IsValid() && hop != noFamily && familyOf(destination.Addr().BitLen()) != hop {
		p.at(e.body.Gateway.node, "%q is %s, but the destination is %s", r.Gateway, hop, familyOf(destination.Addr().BitLen()))
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
