package config

import (
	"fmt"
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
		if !p.hasAddresses(r.On.s) {
			p.missing(e.node, "destination", "is missing: interface %q has no addresses in the policy or node.toml, so it has to be said which one is meant", r.On.s)
		}
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
	if o.Address.IsValid() && m.families != noFamily && familyOf(o.Address.BitLen())&m.families == noFamily {
		p.at(r.Address.node, "is %s, but what leaves is %s: translation does not cross families",
			familyOf(o.Address.BitLen()), m.families)
	}
	return o
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

// freeExternal refuses outside addresses that have another meaning already.
func (p *parser) freeExternal(t text, o OneToOne) {
	for _, n := range p.networks {
		if o.External.Contains(n.prefix.Addr()) {
			p.at(t.node, "%s is the gateway's own address on %s: a [[port_forward]] shares it", n.prefix.Addr(), n.iface)
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

// longestTranslated is the longest prefix that has 16 bits to balance the
// checksum in, outside of the interface identifier (RFC 6296, 3.4).
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
