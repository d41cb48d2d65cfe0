package config

// families is a set of address families.
type families uint8

const (
	inet4 families = 1 << iota
	inet6
	noFamily families = 0
)

func (f families) String() string {
	switch f {
	case inet4:
		return "IPv4"
	case inet6:
		return "IPv6"
	case inet4 | inet6:
		return "IPv4 and IPv6"
	}
	return "no address"
}

func familyOf(bits int) families {
	if bits == 32 {
		return inet4
	}
	return inet6
}

// families of the addresses that a list can mean. A list of nothing but
// exclusions, or an empty one, means any address.
func (p *parser) families(terms []AddressTerm) families {
	all, included := noFamily, false
	for _, t := range terms {
		if !t.Exclude {
			included = true
			all |= p.termFamilies(t)
		}
	}
	if !included {
		return inet4 | inet6
	}
	return all
}

func (p *parser) termFamilies(t AddressTerm) families {
	switch t.Kind {
	case TermRange:
		return familyOf(t.Range.From.BitLen())
	case TermNetwork, TermAddress:
		return p.interfaceFamilies(t.Name)
	case TermSelf:
		return p.interfaceFamilies("")
	case TermAlias:
		return p.familiesOfAlias(t.Name)
	}
	return inet4 | inet6
}

// interfaceFamilies is what is written of an interface, virtual addresses
// included; of every interface if name is empty. One without written addresses
// has those of the system, which are not known here.
func (p *parser) interfaceFamilies(name string) families {
	for _, e := range p.policy.Interface {
		if (name == "" || e.name() == name) && !p.addressed[e.name()] {
			return inet4 | inet6
		}
	}
	all := noFamily
	for _, n := range p.networks {
		if name == "" || n.iface == name {
			all |= familyOf(n.prefix.Addr().BitLen())
		}
	}
	if all == noFamily {
		return inet4 | inet6
	}
	return all
}

func (p *parser) familiesOfAlias(name string) families {
	if f, ok := p.aliasFamilies[name]; ok {
		return f
	}
	p.aliasFamilies[name] = noFamily // an alias in a circle adds nothing to itself
	f := inet4 | inet6
	if p.aliasKinds[name] == AliasAddresses {
		f = p.families(p.aliasTerms[name])
	}
	p.aliasFamilies[name] = f
	return f
}

// meet refuses a source and a destination that no packet can have both, and
// protocols that neither can carry. It returns what families remain.
func (p *parser) meet(destination, protocol list, m match) families {
	from, to := p.families(m.source), p.families(m.destination)
	both := from & to
	switch {
	case from == noFamily || to == noFamily:
		return noFamily // its fault was reported where it is
	case both == noFamily:
		p.at(destination.node, "never meets source: source is %s, destination is %s", from, to)
		return noFamily
	}
	for i, proto := range m.protocols {
		if proto.families()&both == noFamily && i < len(protocol.items) {
			p.at(protocol.items[i], "%s is %s, but source or destination is only %s", proto, proto.families(), both)
		}
	}
	return both
}
