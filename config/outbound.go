package config

import (
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"
)

// ownAddress is the address of an [[outbound]] that leaves as the interface.
const ownAddress = "interface"

func (p *parser) parseOutbound(e *entry[rawOutbound]) Outbound {
	r := &e.body
	m := p.match(r.Source, r.Destination, r.Protocol, r.Port)
	p.needPorts(r.Protocol, m.protocols, r.SourcePort)
	o := Outbound{
		Name:        p.count(r.Name),
		Description: r.Description.s,
		Disabled:    r.Disabled.v,
		On:          r.On.s,
		Source:      m.source,
		Destination: m.destination,
		Protocols:   m.protocols,
		SourcePorts: p.ports(r.SourcePort),
		Ports:       m.ports,
		Exclude:     r.Address.s == noTarget,
		Spread:      SpreadRoundRobin,
		Pos:         e.node.keyPos(),
	}
	p.somePort(r.SourcePort, o.SourcePorts)
	p.refer(r.On, "interface", p.interfaces)
	p.outboundSource(r.Source)
	if o.Exclude {
		p.excludesAddress(e)
		return o
	}
	if r.Address.s != ownAddress {
		o.Address = read(p, r.Address, parseHostAddr)
	}
	o.Pool = p.pool(r)
	p.outboundSpread(r, &o)
	p.outboundPorts(r, &o)
	if r.Pool.set() {
		p.poolLeaves(r.Pool, o, m.families)
	} else {
		p.outboundAddress(e, o, m.families)
	}
	return o
}

// excludesAddress refuses what has no meaning where nothing is translated.
func (p *parser) excludesAddress(e *entry[rawOutbound]) {
	for _, key := range [...]string{"pool", "spread", "translated_ports", "static_port"} {
		if n := e.node.child(key); n != nil {
			p.atKey(n, "has no meaning with address = %q: nothing is translated", noTarget)
		}
	}
}

// outboundSource refuses the gateway as a source.
func (p *parser) outboundSource(source list) {
	for _, n := range source.items {
		if n.text == "self" || strings.HasSuffix(n.text, ":address") {
			p.at(n, "%q is the gateway: what it sends itself is never translated", n.text)
		}
	}
}

// pool reads the addresses of a pool.
func (p *parser) pool(r *rawOutbound) []AddressTerm {
	if !r.Pool.set() {
		return nil
	}
	if r.Address.set() {
		p.atKey(r.Pool.node, "stands beside address: one of the two says what it leaves with")
	}
	terms := p.addresses(r.Pool, inPool)
	if len(terms) != len(r.Pool.items) || len(terms) == 0 {
		return terms // their fault has been told
	}
	first := noFamily
	for i, t := range terms {
		f := p.termFamilies(t)
		_, known := p.termExtent(t)
		switch {
		case !known:
			p.at(r.Pool.items[i], "alias %q holds names, and what changes by itself cannot be a pool: write addresses", t.Name)
			return terms
		case t.Exclude:
		case f == inet4|inet6:
			p.at(r.Pool.items[i], "%s is IPv4 and IPv6: one family a pool", t)
			return terms
		case first == noFamily:
			first = f
		case f != noFamily && f != first:
			p.at(r.Pool.items[i], "%s is %s, but the pool began with %s: one family a pool", t, f, first)
			return terms
		}
	}
	p.poolSize(r.Pool, terms)
	return terms
}

// poolSize refuses a pool that is empty or too large, and addresses that nobody has.
func (p *parser) poolSize(l list, terms []AddressTerm) {
	e := p.extent(terms)
	switch n := e.size(MaxPool); {
	case n == 0:
		p.at(l.node, "holds no address: nothing is left to leave with")
	case n > MaxPool:
		p.at(l.node, "holds more than %d addresses, which is the most that flows are dealt out to", MaxPool)
	default:
		for _, r := range e.set.Ranges() {
			if a, ok := unfit(r); ok {
				p.at(l.node, "%s is not the address of a machine", a)
			}
		}
	}
}

// unfit is an end of r that no machine can have.
func unfit(r netipx.IPRange) (netip.Addr, bool) {
	for _, a := range [...]netip.Addr{r.From(), r.To()} {
		if a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// outboundSpread reads how flows are dealt out to the pool.
func (p *parser) outboundSpread(r *rawOutbound, o *Outbound) {
	if v := p.word(r.Spread, spreadWords); v != 0 {
		o.Spread = Spread(v)
	}
	if !r.Spread.set() {
		return
	}
	if e := p.extent(o.Pool); !r.Pool.set() || e.known && e.size(1) == 1 {
		p.atKey(r.Spread.node, "needs pool with several addresses")
	}
}

// outboundPorts reads with which source ports flows leave.
func (p *parser) outboundPorts(r *rawOutbound, o *Outbound) {
	o.Translated = read(p, r.Translated, parsePortRange)
	o.StaticPort = r.StaticPort.v
	if !r.Translated.set() {
		return
	}
	p.needPorts(r.Protocol, o.Protocols, list{node: r.Translated.node})
	if o.StaticPort {
		p.atKey(r.StaticPort.node, "stands beside translated_ports: a port is kept or changed")
	}
}

// outboundAddress checks that a rule has an address to leave with, and that answers to it come back.
func (p *parser) outboundAddress(e *entry[rawOutbound], o Outbound, leaves families) {
	t := e.body.Address
	switch {
	case leaves == noFamily:
	case leaves == inet6 && t.s == ownAddress:
		p.at(t.node, "%q is for IPv4: IPv6 is only translated to an address or a pool that is written", t.s)
	case leaves == inet6 && !t.set():
		p.missing(e.node, "address", "is missing: IPv6 is only translated to an address or a pool that is written")
	case !o.Address.IsValid():
	case familyOf(o.Address.BitLen())&leaves == noFamily:
		p.at(t.node, "is %s, but what leaves is %s: translation does not cross families", familyOf(o.Address.BitLen()), leaves)
	default:
		p.answered(t.node, o.Address, o.Address, o.On)
	}
}

// poolLeaves checks that flows can leave with the addresses of a pool, and that answers to them come back.
func (p *parser) poolLeaves(l list, o Outbound, leaves families) {
	is := p.families(o.Pool)
	if len(o.Pool) < len(l.items) || is == noFamily || leaves == noFamily {
		return
	}
	if is&leaves == noFamily {
		p.at(l.node, "is %s, but what leaves is %s: translation does not cross families", is, leaves)
		return
	}
	e := p.extent(o.Pool)
	if e.size(MaxPool) > MaxPool {
		return // told
	}
	for _, r := range e.set.Ranges() {
		if !p.answered(l.node, r.From(), r.To(), o.On) {
			return
		}
	}
}

// answered refuses addresses in a network of the interface that the gateway does not answer for.
func (p *parser) answered(n *node, from, to netip.Addr, iface string) bool {
	for a := from; a.IsValid() && !to.Less(a); a = a.Next() {
		near := ""
		for _, own := range p.networks {
			if own.prefix.Addr() == a {
				near = ""
				break
			}
			if own.iface == iface && own.prefix.Contains(a) {
				near = own.prefix.Masked().String()
			}
		}
		if near != "" && !p.answersFor(a, iface) {
			p.at(n, "%s is in %s, where neighbours ask who has it, and the gateway does not have it: add it to the addresses of %q, or write a [[vip]] of kind \"alias\"", a, near, iface)
			return false
		}
	}
	return true
}

// answersFor says whether the gateway answers for an address that it does not have.
func (p *parser) answersFor(a netip.Addr, iface string) bool {
	return slices.ContainsFunc(p.cfg.VIPs, func(v VIP) bool {
		return v.Kind == VIPProxyARP && v.Interface == iface && v.Address.IsValid() && v.Address.Contains(a)
	})
}
