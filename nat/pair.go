package nat

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules"
	"go4.org/netipx"
)

// pair is a translation both ways between an inside network and an outside one
// of the same length: a [[one_to_one]] or a [[prefix]].
type pair struct {
	kind               Kind
	name, on           string
	external, internal netip.Prefix
	reflection         bool // inside hosts reach the inside network by the outside one
	pos                config.Position
}

// pairs is the pairs in force, in the order in which they are tried.
func pairs(c *config.Config) []pair {
	var out []pair
	for _, o := range c.OneToOne {
		if !o.Disabled {
			out = append(out, pair{OneToOne, o.Name, o.On, o.External, o.Internal, o.Reflection, o.Pos})
		}
	}
	for _, p := range c.Prefixes {
		if !p.Disabled {
			out = append(out, pair{Prefix, p.Name, p.On, p.External, p.Internal, false, p.Pos})
		}
	}
	return out
}

// entries is the interfaces by which the outside network leads to the inside one.
func (p pair) entries(w *rules.World) []string {
	if p.reflection {
		return withInside(w, p.on)
	}
	return []string{p.on}
}

// reach is the outside addresses that lead to the inside: those of the gateway
// itself stay its own, save a virtual one that is written to be translated.
func (p pair) reach(w *rules.World) *netipx.IPSet {
	var b netipx.IPSetBuilder
	b.AddPrefix(p.external)
	for _, a := range w.OwnAddresses("") {
		if !p.takes(w, a) {
			b.Remove(a)
		}
	}
	s, _ := b.IPSet() // its error is an invalid prefix, and config lets none through
	return s
}

// takes says whether an outside address is a virtual one that moves between two nodes: those
// are for others, as each node has its own.
func (p pair) takes(w *rules.World, a netip.Addr) bool {
	return p.kind == OneToOne && p.external.IsSingleIP() && slices.ContainsFunc(w.Config.VIPs, func(v config.VIP) bool {
		return v.Kind == config.VIPCARP && v.Interface == p.on && v.Address.Addr() == a
	})
}

// inside is the inside address that an outside one stands for, and outside the
// other way round.
func (p pair) inside(a netip.Addr) netip.Addr  { return moved(a, p.internal) }
func (p pair) outside(a netip.Addr) netip.Addr { return moved(a, p.external) }

// moved is an address with its network exchanged.
func moved(a netip.Addr, to netip.Prefix) netip.Addr {
	network, host := to.Masked().Addr().AsSlice(), a.AsSlice()
	for i := range network {
		bits := min(max(to.Bits()-8*i, 0), 8)
		network[i] |= host[i] & (0xff >> bits)
	}
	out, _ := netip.AddrFromSlice(network)
	return out
}

func (c *compiler) inward(p pair) []nft.Rule {
	fam := familyOf(p.external.Addr())
	reach, set := of(p.reach(c.w), fam), ""
	if anyLearns(c.w) {
		set = rules.SetName("reach", p.name, fam)
	}
	if len(reach) == 0 && set == "" {
		return nil
	}
	return []nft.Rule{{Comment: p.name, Exprs: []nft.Expr{
		c.by(nft.IIFName, p.entries(c.w)...), c.among(fam.Destination(), fam, reach, set),
		c.count(rules.RuleCounter(p.name)), translate(nft.DNAT, p.internal),
	}}}
}

func (c *compiler) outward(p pair) nft.Rule {
	r := netipx.RangeOfPrefix(p.internal)
	from := nft.Match{Field: familyOf(p.internal.Addr()).Source(), Values: []nft.Value{nft.Addresses(r.From(), r.To())}}
	return nft.Rule{Comment: p.name, Exprs: []nft.Expr{
		c.by(nft.OIFName, p.on), from, c.count(rules.RuleCounter(p.name)), translate(nft.SNAT, p.external),
	}}
}

// translate changes the network and keeps the host part.
func translate(kind nft.NATKind, to netip.Prefix) nft.NAT {
	if to.IsSingleIP() {
		return nft.NAT{Kind: kind, Addrs: []netip.Addr{to.Addr()}}
	}
	return nft.NAT{Kind: kind, Prefix: to.Masked()}
}
