package nat

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules"
)

// outbound is the translation of what leaves: the written rules, then the
// automatic one, as the mode says.
func (c *compiler) outbound() []nft.Rule {
	var out []nft.Rule
	for _, o := range outbounds(c.w.Config) {
		for _, f := range familiesOf(c.w, o) {
			for _, p := range portions(o) {
				out = append(out, c.manual(o, p, f)...)
			}
		}
	}
	if isAutomatic(c.w.Config) {
		for _, i := range c.w.Config.Interfaces {
			if i.External {
				out = append(out, c.automatic(i)...)
			}
		}
	}
	return out
}

// outbounds is the [[outbound]] in force, in the order in which they are tried.
func outbounds(c *config.Config) []config.Outbound {
	if c.NAT.Outbound != config.NATHybrid && c.NAT.Outbound != config.NATManual {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.Outbound), func(o config.Outbound) bool { return o.Disabled })
}

func isAutomatic(c *config.Config) bool {
	return c.NAT.Outbound == config.NATAutomatic || c.NAT.Outbound == config.NATHybrid
}

// familiesOf is the families that an [[outbound]] is for: that of the addresses
// that it has, or both of one that leaves packets alone. Without an address it is
// for IPv4 alone.
func familiesOf(w *rules.World, o config.Outbound) []rules.Family {
	switch {
	case o.Exclude:
		return families
	case o.Address.IsValid():
		return []rules.Family{familyOf(o.Address)}
	case len(o.Pool) == 0:
		return []rules.Family{rules.V4}
	}
	var out []rules.Family
	for _, f := range families {
		if len(poolOf(w, o, f).all) > 0 {
			out = append(out, f)
		}
	}
	return out
}

// portion is some of the protocols of an [[outbound]]: those whose source ports
// it chooses, or the others, which have none.
type portion struct {
	protocols []config.Protocol
	chooses   bool
}

// portions is the parts of an [[outbound]] in the order in which they are asked.
func portions(o config.Outbound) []portion {
	if o.Exclude || !choosesPorts(o) {
		return []portion{{o.Protocols, false}}
	}
	if len(o.Protocols) == 0 {
		return []portion{
			{[]config.Protocol{config.TCP, config.UDP, config.DCCP, config.SCTP, config.UDPLite}, true}, {nil, false},
		}
	}
	var with, without portion
	for _, p := range o.Protocols {
		if p.HasPorts() {
			with.protocols, with.chooses = append(with.protocols, p), true
		} else {
			without.protocols = append(without.protocols, p)
		}
	}
	var out []portion
	for _, p := range []portion{with, without} {
		if len(p.protocols) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// choosesPorts says whether source ports are more than left to the kernel.
func choosesPorts(o config.Outbound) bool { return o.StaticPort || o.Translated != config.PortRange{} }

// manual is one part of an [[outbound]] in one family.
func (c *compiler) manual(o config.Outbound, p portion, f rules.Family) []nft.Rule {
	sel := rules.Selector{
		Name: o.Name, Source: o.Source, Destination: o.Destination, Protocols: p.protocols, SourcePorts: o.SourcePorts, Ports: o.Ports,
	}
	by, counted := c.by(nft.OIFName, o.On), c.count(rules.RuleCounter(o.Name))
	if o.Exclude {
		return c.each([]nft.Expr{by}, f, sel, counted, accept())
	}
	return c.each([]nft.Expr{by}, f, sel, counted, c.leaves(o, p, f))
}

// leaves is the translation of the source: to the address that is written, one of
// the pool, the outside one of the interface, or whichever it has when a flow begins.
func (c *compiler) leaves(o config.Outbound, p portion, f rules.Family) nft.Expr {
	n := nft.NAT{Kind: nft.SNAT}
	switch pool := poolOf(c.w, o, f); {
	case o.Address.IsValid():
		n.Addrs = []netip.Addr{o.Address}
	case len(pool.all) == 1:
		n.Addrs = pool.every()
	case len(o.Pool) > 0:
		n.Deal, n.Is6 = c.deal(pool, rules.SetName("pool", o.Name, f), f), f == rules.V6
	default:
		a := c.settledAt(o.On)
		if !a.IsValid() {
			m := nft.Masquerade{}
			m.PortLo, m.PortHi, m.PortField = sourcePorts(o, p)
			return m
		}
		n.Addrs = []netip.Addr{a}
	}
	n.PortLo, n.PortHi, n.PortField = sourcePorts(o, p)
	return n
}

// sourcePorts is the ports that an [[outbound]] leaves with: a range, or the
// packet's own. The kernel drops a flow that would need the port of another then:
// with one port to choose from it asks for none that is free.
func sourcePorts(o config.Outbound, p portion) (lo, hi uint16, own nft.Field) {
	switch {
	case !p.chooses:
		return 0, 0, 0
	case o.StaticPort:
		return 0, 0, portField(p.protocols, nft.TCPSport, nft.UDPSport, nft.THSport)
	}
	return o.Translated.From, o.Translated.To, 0
}

// automatic lets the inside networks leave by an external interface as its
// outside address. IPv6 is not translated.
func (c *compiler) automatic(i config.Interface) []nft.Rule {
	inside, set := of(c.w.Inside(), rules.V4), ""
	if insideMoves(c.w) {
		set = "inside_" + rules.V4.String()
	}
	if len(inside) == 0 && set == "" {
		return nil
	}
	var as nft.Expr = nft.Masquerade{}
	if a := c.settledAt(i.Name); a.IsValid() {
		as = nft.NAT{Kind: nft.SNAT, Addrs: []netip.Addr{a}}
	}
	return []nft.Rule{{Comment: "automatic outbound NAT", Exprs: []nft.Expr{
		c.by(nft.OIFName, i.Name), c.among(nft.IPSaddr, rules.V4, inside, set), c.count(CounterOutbound), as,
	}}}
}

// settledAt is the outside address of an interface where that is settled, and invalid where not.
func (c *compiler) settledAt(iface string) netip.Addr {
	if !settled(c.w, iface, rules.V4) {
		return netip.Addr{}
	}
	return Outside(c.w, iface, rules.V4)
}
