package config

import (
	"slices"

	"go4.org/netipx"
)

// warn reports what is allowed at the key or header n and yet hardly meant.
func (p *parser) warn(n *node, format string, args ...any) {
	p.warnings.atKey(n, format, args...)
}

// administration warns of a forward that takes administration away from the
// gateway: of its own address, on a port of admin_ports, for administrators that
// come in by that interface.
func (p *parser) administration(n *node, f *forwarded) {
	port := p.adminPort(f)
	if port == 0 {
		return
	}
	from := p.administrators(f.forward.On).within(f.families)
	if len(from.set.Ranges()) == 0 || !f.source.overlaps(from) {
		return
	}
	for _, own := range p.networks {
		a := own.prefix.Addr()
		if own.iface == f.forward.On && f.destination.set.Contains(a) {
			p.warn(n, "takes tcp port %d of %s, which is one of admin_ports: administration that comes in by %s reaches the target and not the gateway",
				port, a, own.iface)
			return
		}
	}
}

// adminPort is a port of administration that f takes; 0: none.
func (p *parser) adminPort(f *forwarded) uint16 {
	if f.forward.Exclude || len(p.cfg.System.Admin) == 0 || !slices.Contains(f.forward.Protocols, TCP) {
		return 0
	}
	for _, admin := range p.cfg.System.AdminPorts {
		for _, r := range f.ports {
			if r.From <= admin.To && admin.From <= r.To {
				return max(r.From, admin.From)
			}
		}
	}
	return 0
}

// administrators is who of [system] admin comes in by an interface: by an
// external one all that are not near or routed by another.
func (p *parser) administrators(iface string) extent {
	var here, elsewhere netipx.IPSetBuilder
	for _, n := range p.networks {
		if n.iface == iface {
			here.AddPrefix(n.prefix.Masked())
		} else {
			elsewhere.AddPrefix(n.prefix.Masked())
		}
	}
	for i := range p.cfg.Routes {
		r := &p.cfg.Routes[i]
		if !r.Destination.IsValid() || r.Destination.Bits() == 0 {
			continue
		}
		if slices.Contains(p.routedBy(r), iface) {
			here.AddPrefix(r.Destination)
		} else {
			elsewhere.AddPrefix(r.Destination)
		}
	}
	var who netipx.IPSetBuilder
	e := p.extent(p.cfg.System.Admin)
	who.AddSet(e.set)
	if i := p.cfg.Interface(iface); i != nil && i.External {
		who.RemoveSet(built(&elsewhere))
	} else {
		who.Intersect(built(&here))
	}
	e.set, e.any = built(&who), false
	return e
}

// routedBy is the interfaces by which a route leads.
func (p *parser) routedBy(r *Route) []string {
	names := []string{r.Gateway}
	if g := p.cfg.GatewayGroup(r.Gateway); g != nil {
		names = g.members()
	}
	var by []string
	for _, name := range names {
		if g := p.cfg.Gateway(name); g != nil {
			by = append(by, g.Interface)
		}
	}
	return by
}
