package config

import (
	"net/netip"
	"slices"
)

// forwarded is what packets a port forward takes.
type forwarded struct {
	forward     PortForward
	families    families
	source      extent
	destination extent
	ports       []PortRange
	sure        bool // it has targets of each family, whatever is learned
}

// overlaps is the port forwards so far, found by a place that they are for.
type overlaps struct {
	forwards []forwarded
	at       map[forwardedPlace][]int
	wide     map[string][]int // of more places than are worth a list each, by interface
	all      map[string][]int // by interface
}

// forwardedPlace is a port of an address; of an invalid one where an interface
// has addresses that are not known.
type forwardedPlace struct {
	iface   string
	address netip.Addr
	port    uint16
}

// mostPlaces is by how many places a forward is found.
const mostPlaces = 16

// compareForward tells what earlier forwards take of f before it.
func (p *parser) compareForward(all *overlaps, e *entry[rawPortForward], f PortForward, arrives families) {
	if arrives == noFamily {
		return
	}
	own := forwarded{
		forward: f, families: arrives, ports: f.Ports,
		source: p.extent(f.Source).within(arrives), destination: p.forwardDestination(f).within(arrives),
		sure: f.Exclude || p.extent(f.Target).known,
	}
	if len(own.ports) == 0 {
		own.ports = []PortRange{{0, 65535}}
	}
	p.administration(e.node, &own)
	var partly *forwarded
	for _, i := range all.near(own) {
		earlier := &all.forwards[i]
		if !earlier.overlaps(&own) {
			continue
		}
		if earlier.covers(&own) {
			p.atKey(e.node, "never matches: %q in line %d comes first and takes all of it", earlier.forward.Name, earlier.forward.Pos.Line)
			partly = nil
			break
		}
		if partly == nil && !earlier.isException(&own) {
			partly = earlier
		}
	}
	if partly != nil {
		p.warn(e.node, "overlaps %q in line %d, which comes first and takes what both match", partly.forward.Name, partly.forward.Pos.Line)
	}
	all.add(own)
}

// forwardDestination is the outside addresses of a forward: without any, the
// virtual address of its interface, or its own.
func (p *parser) forwardDestination(f PortForward) extent {
	if len(f.Destination) > 0 {
		return p.extent(f.Destination)
	}
	var terms []AddressTerm
	for _, family := range [...]families{inet4, inet6} {
		if a := p.outside(f.On, family); a.IsValid() {
			terms = append(terms, AddressTerm{Kind: TermRange, Range: Range{a, a}})
		}
	}
	if len(terms) == 0 {
		return extent{text: "the addresses of " + f.On, set: p.extent([]AddressTerm{{Kind: TermAddress, Name: f.On}}).set}
	}
	return p.extent(terms)
}

// outside is the address by which an interface is known outside.
func (p *parser) outside(iface string, f families) netip.Addr {
	for _, v := range p.cfg.VIPs {
		a := v.Address.Addr()
		if v.Interface == iface && v.Kind == VIPCARP && v.Address.IsValid() && familyOf(a.BitLen()) == f && !a.IsLinkLocalUnicast() {
			return a
		}
	}
	for _, n := range p.networks {
		a := n.prefix.Addr()
		if n.iface == iface && !n.vip && familyOf(a.BitLen()) == f && !a.IsLinkLocalUnicast() {
			return a
		}
	}
	return netip.Addr{}
}

// near is the earlier forwards that may have packets in common with f, in order.
func (all *overlaps) near(f forwarded) []int {
	places, wide := f.places()
	if wide {
		return all.all[f.forward.On]
	}
	near := slices.Clone(all.wide[f.forward.On])
	for _, a := range places {
		near = append(near, all.at[a]...)
	}
	slices.Sort(near)
	return slices.Compact(near)
}

func (all *overlaps) add(f forwarded) {
	if all.all == nil {
		all.at, all.wide, all.all = make(map[forwardedPlace][]int), make(map[string][]int), make(map[string][]int)
	}
	n, on := len(all.forwards), f.forward.On
	all.forwards = append(all.forwards, f)
	all.all[on] = append(all.all[on], n)
	places, wide := f.places()
	if wide {
		all.wide[on] = append(all.wide[on], n)
	}
	for _, a := range places {
		all.at[a] = append(all.at[a], n)
	}
}

// places is where f is found; wide: they are too many, or not known.
func (f *forwarded) places() (places []forwardedPlace, wide bool) {
	addresses := []netip.Addr{{}}
	switch count := f.destination.size(mostPlaces); {
	case count > mostPlaces || count > 0 && !f.destination.known:
		return nil, true
	case count > 0:
		addresses = f.destination.addresses()
	}
	for _, r := range f.ports {
		if (int(r.To-r.From)+1)*len(addresses) > mostPlaces-len(places) {
			return nil, true
		}
		for port := int(r.From); port <= int(r.To); port++ {
			for _, a := range addresses {
				places = append(places, forwardedPlace{f.forward.On, a, uint16(port)})
			}
		}
	}
	return places, false
}

// overlaps says whether some packet is for both.
func (f *forwarded) overlaps(o *forwarded) bool {
	return f.families&o.families != noFamily &&
		slices.ContainsFunc(f.ports, func(r PortRange) bool {
			return slices.ContainsFunc(o.ports, func(s PortRange) bool { return r.From <= s.To && s.From <= r.To })
		}) &&
		slices.ContainsFunc(f.forward.Protocols, func(p Protocol) bool { return slices.Contains(o.forward.Protocols, p) }) &&
		f.destination.overlaps(o.destination) && f.source.overlaps(o.source)
}

// covers says whether each packet of o is also for f, whatever is learned.
func (f *forwarded) covers(o *forwarded) bool {
	left := slices.Clone(o.ports)
	for _, r := range f.ports {
		left = subtract(left, r)
	}
	return f.sure && len(left) == 0 && o.families&^f.families == noFamily &&
		!slices.ContainsFunc(o.forward.Protocols, func(p Protocol) bool { return !slices.Contains(f.forward.Protocols, p) }) &&
		f.destination.covers(o.destination) && f.source.covers(o.source)
}

// isException says whether f is there to take a part of o out: it translates
// nothing, or is for fewer sources.
func (f *forwarded) isException(o *forwarded) bool {
	return f.forward.Exclude || o.forward.Exclude || o.source.covers(f.source) && !f.source.covers(o.source)
}
