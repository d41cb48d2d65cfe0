package config

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strings"
)

func (p *parser) parseNAT() {
	n := p.policy.NAT
	p.cfg.NAT = NAT{Outbound: NATAutomatic, Reflection: n.body.Reflection.v}
	if n.set() {
		p.cfg.NAT.Pos = n.node.keyPos()
	}
	if mode := p.word(n.body.Outbound, natWords); mode != 0 {
		p.cfg.NAT.Outbound = NATMode(mode)
	}
	for _, e := range p.policy.Forward {
		p.cfg.PortForwards = append(p.cfg.PortForwards, p.parsePortForward(e))
	}
	for _, e := range p.policy.Outbound {
		p.cfg.Outbound = append(p.cfg.Outbound, p.parseOutbound(e))
	}
	p.parseOneToOnes()
	p.parsePrefixes()
}

func (p *parser) parsePortForward(e *entry[rawPortForward]) PortForward {
	r := &e.body
	m := p.match(r.Source, r.Destination, r.Protocol, r.Port)
	f := PortForward{
		Name:        p.count(r.Name),
		Description: r.Description.s,
		Disabled:    r.Disabled.v,
		On:          r.On.s,
		Source:      m.source,
		Destination: m.destination,
		Protocols:   m.protocols,
		Ports:       p.portRanges(m.ports),
		Target:      p.addresses(r.Target, inTarget),
		TargetPort:  r.TargetPort.v,
		Pass:        r.Pass.v,
		Log:         r.Log.v,
		Pos:         e.node.keyPos(),
	}
	if p.refer(r.On, "interface", p.interfaces) && e.node.child("destination") == nil {
		m.families &= p.interfaceFamilies(r.On.s)
	}
	p.forwardPorts(r, f)
	p.forwardTarget(r, f, m.families)
	return f
}

// forwardPorts checks that the outside ports have inside ones.
func (p *parser) forwardPorts(r *rawPortForward, f PortForward) {
	for _, proto := range f.Protocols {
		if proto.HasPorts() && !r.Port.set() {
			p.missing(r.Protocol.node.parent, "port", "is missing: %s has ports, and all of them would be the gateway's own too", proto)
			break
		}
	}
	if !r.TargetPort.set() {
		return
	}
	switch {
	case !r.Port.set():
		p.atKey(r.TargetPort.node, "needs port: the outside port that it stands for")
	case len(f.Ports) > 1:
		p.at(r.TargetPort.node, "stands for one port or one range, and port has %d: write a port_forward for each", len(f.Ports))
	case len(f.Ports) == 1 && f.TargetPort+int(f.Ports[0].To-f.Ports[0].From) > 65535:
		p.at(r.TargetPort.node, "%d is too high: the range %s would end above 65535", f.TargetPort, f.Ports[0])
	}
}

// forwardTarget checks that packets can reach a target of their own family.
func (p *parser) forwardTarget(r *rawPortForward, f PortForward, outside families) {
	if len(f.Target) == 0 || outside == noFamily {
		return
	}
	included := false
	for _, t := range f.Target {
		included = included || !t.Exclude
	}
	if !included {
		p.at(r.Target.node, "only exclusions: write which host is the target")
		return
	}
	if inside := p.families(f.Target); inside != noFamily && inside&outside == noFamily {
		p.at(r.Target.node, "is %s, but what arrives is %s: translation does not cross families", inside, outside)
	}
}

func (p *parser) parseOutbound(e *entry[rawOutbound]) Outbound {
	r := &e.body
	m := p.match(r.Source, r.Destination, r.Protocol, r.Port)
	o := Outbound{
		Name:        p.count(r.Name),
		Description: r.Description.s,
		Disabled:    r.Disabled.v,
		On:          r.On.s,
		Source:      m.source,
		Destination: m.destination,
		Protocols:   m.protocols,
		Ports:       m.ports,
		Address:     read(p, r.Address, parseHostAddr),
		Pos:         e.node.keyPos(),
	}
	p.refer(r.On, "interface", p.interfaces)
	p.outboundSource(r.Source)
	p.outboundAddress(e, o, m.families)
	return o
}

// outboundSource refuses the gateway as a source.
func (p *parser) outboundSource(source list) {
	for _, n := range source.items {
		if n.text == "self" || strings.HasSuffix(n.text, ":address") {
			p.at(n, "%q is the gateway: what it sends itself is never translated", n.text)
		}
	}
}

// outboundAddress checks that a rule has an address to leave with, and that answers to it come back.
func (p *parser) outboundAddress(e *entry[rawOutbound], o Outbound, leaves families) {
	t := e.body.Address
	switch {
	case leaves == noFamily:
		return
	case !o.Address.IsValid():
		if !t.set() && leaves == inet6 {
			p.missing(e.node, "address", "is missing: IPv6 is only translated to an address that is written")
		}
		return
	case familyOf(o.Address.BitLen())&leaves == noFamily:
		p.at(t.node, "is %s, but what leaves is %s: translation does not cross families", familyOf(o.Address.BitLen()), leaves)
		return
	}
	near := ""
	for _, n := range p.networks {
		switch {
		case n.prefix.Addr() == o.Address:
			return
		case n.iface == o.On && n.prefix.Contains(o.Address):
			near = n.prefix.Masked().String()
		}
	}
	if near != "" {
		p.at(t.node, "%s is in %s, where neighbours ask who has it, and the gateway does not have it: add it to the addresses of %q", o.Address, near, o.On)
	}
}

// parseHostAddr reads the address of one machine.
func parseHostAddr(s string) (netip.Addr, error) {
	if _, err := netip.ParseAddr(s); err != nil {
		return netip.Addr{}, fmt.Errorf("%q is no address", s)
	}
	a, err := parseAddr(s)
	if err != nil {
		return netip.Addr{}, err
	}
	if a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() {
		return netip.Addr{}, fmt.Errorf("%s is not the address of a machine", a)
	}
	return a, nil
}

// parseBlock reads an address or a network without host bits.
func parseBlock(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		return parseNetwork(s)
	}
	a, err := parseHostAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

func (p *parser) parseOneToOnes() {
	for _, e := range p.policy.OneToOne {
		r := &e.body
		o := OneToOne{
			Name:        p.count(r.Name),
			Description: r.Description.s,
			Disabled:    r.Disabled.v,
			On:          r.On.s,
			External:    read(p, r.External, parseBlock),
			Internal:    read(p, r.Internal, parseBlock),
			Pos:         e.node.keyPos(),
		}
		p.refer(r.On, "interface", p.interfaces)
		if p.sameLength(r.Internal, o.External, o.Internal) {
			p.freeExternal(r.External, o)
		}
		p.cfg.OneToOne = append(p.cfg.OneToOne, o)
	}
}

// sameLength refuses a pair of networks that do not map onto each other.
func (p *parser) sameLength(internal text, out, in netip.Prefix) bool {
	switch {
	case !out.IsValid() || !in.IsValid():
		return false
	case out.Addr().BitLen() != in.Addr().BitLen():
		p.at(internal.node, "%s is %s, but external is %s: translation does not cross families",
			in, familyOf(in.Addr().BitLen()), familyOf(out.Addr().BitLen()))
	case out.Bits() != in.Bits():
		p.at(internal.node, "has the length /%d, but external has /%d: they have to be of one length", in.Bits(), out.Bits())
	case out.Overlaps(in):
		p.at(internal.node, "%s overlaps external %s", in, out)
	default:
		return true
	}
	return false
}

// mostHeld is how many addresses of one 1:1 translation the gateway may have to hold.
const mostHeld = 256

// freeExternal refuses outside addresses that have another meaning already, and
// more of them than an interface can hold.
func (p *parser) freeExternal(t text, o OneToOne) {
	for _, n := range p.networks {
		if o.External.Contains(n.prefix.Addr()) {
			p.at(t.node, "%s is the gateway's own address on %s: a [[port_forward]] shares it", n.prefix.Addr(), n.iface)
			return
		}
		if n.iface == o.On && n.prefix.Overlaps(o.External) && o.External.Addr().BitLen()-o.External.Bits() > bits.Len(mostHeld-1) {
			p.at(t.node, "%s is in the network of %q, where the gateway has to answer for each address: %d at most; a network that is routed to the gateway may be larger",
				o.External, o.On, mostHeld)
			return
		}
	}
	for _, other := range p.cfg.OneToOne {
		if other.On == o.On && other.External.IsValid() && other.External.Overlaps(o.External) {
			p.at(t.node, "%s overlaps external of %q in line %d", o.External, other.Name, other.Pos.Line)
			return
		}
	}
}

// longestTranslated leaves the interface identifier as it is (RFC 4291, 2.5.1).
const longestTranslated = 64

func (p *parser) parsePrefixes() {
	for _, e := range p.policy.Prefix {
		r := &e.body
		t := PrefixTranslation{
			Name:        p.count(r.Name),
			Description: r.Description.s,
			Disabled:    r.Disabled.v,
			On:          r.On.s,
			External:    read(p, r.External, parseIPv6Prefix),
			Internal:    read(p, r.Internal, parseIPv6Prefix),
			Pos:         e.node.keyPos(),
		}
		p.refer(r.On, "interface", p.interfaces)
		p.sameLength(r.Internal, t.External, t.Internal)
		p.cfg.Prefixes = append(p.cfg.Prefixes, t)
	}
}

func parseIPv6Prefix(s string) (netip.Prefix, error) {
	n, err := parseNetwork(s)
	switch {
	case err != nil:
		return netip.Prefix{}, err
	case n.Addr().Is4():
		return netip.Prefix{}, fmt.Errorf("%s is IPv4: prefix translation is for IPv6, [[one_to_one]] for both", s)
	case n.Bits() > longestTranslated || n.Bits() == 0:
		return netip.Prefix{}, fmt.Errorf("%s is too long: /%d or shorter", s, longestTranslated)
	}
	return n, nil
}
