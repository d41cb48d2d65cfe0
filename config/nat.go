package config

import (
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strings"
)

func (p *parser) parseNAT() {
	n := p.policy.NAT
	p.cfg.NAT = NAT{Outbound: NATAutomatic, Reflection: n.body.Reflection.v, Helpers: p.helpers(n.body.Helpers)}
	if n.set() {
		p.cfg.NAT.Pos = n.node.keyPos()
	}
	if mode := p.word(n.body.Outbound, natWords); mode != 0 {
		p.cfg.NAT.Outbound = NATMode(mode)
	}
	p.parsePortForwards()
	for _, e := range p.policy.Outbound {
		p.cfg.Outbound = append(p.cfg.Outbound, p.parseOutbound(e))
	}
	p.parseOneToOnes()
	p.parsePrefixes()
}

func (p *parser) helpers(l list) []Helper {
	var all []Helper
	for _, n := range l.items {
		v, err := helperWords.value(n.text)
		switch {
		case err != nil:
			p.at(n, "%v", err)
		case slices.Contains(all, Helper(v)):
			p.at(n, "%q stands twice", n.text)
		default:
			all = append(all, Helper(v))
		}
	}
	return all
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
	if a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
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
			Reflection:  r.Reflection.or(p.cfg.NAT.Reflection),
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
		virtual := n.moves && n.iface == o.On && o.External.IsSingleIP() // and each node has an own one beside it
		if o.External.Contains(n.prefix.Addr()) && !virtual {
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
