package nat

import (
	"net/netip"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules"
)

// outbound is the translation of what leaves: the written rules, then the
// automatic one, as the mode says.
func (c *compiler) outbound() []nft.Rule {
	var out []nft.Rule
	mode := c.w.Config.NAT.Outbound
	if mode == config.NATHybrid || mode == config.NATManual {
		for _, o := range c.w.Config.Outbound {
			if !o.Disabled {
				out = append(out, c.manual(o)...)
			}
		}
	}
	if mode == config.NATAutomatic || mode == config.NATHybrid {
		for _, i := range c.w.Config.Interfaces {
			if i.External {
				out = append(out, c.automatic(i)...)
			}
		}
	}
	return out
}

// manual is one [[outbound]]. Without an address it is for IPv4 alone.
func (c *compiler) manual(o config.Outbound) []nft.Rule {
	f := rules.V4
	if o.Address.IsValid() {
		f = familyOf(o.Address)
	}
	return c.each(c.by(nft.OIFName, o.On), f, rules.Selector{
		Name: o.Name, Source: o.Source, Destination: o.Destination, Protocols: o.Protocols, Ports: o.Ports,
	}, o.Name, c.count(rules.RuleCounter(o.Name)), c.source(o.On, o.Address))
}

// automatic lets the inside networks leave by an external interface as its
// outside address. IPv6 is not translated.
func (c *compiler) automatic(i config.Interface) []nft.Rule {
	var inside []config.Range
	for _, r := range c.w.Inside().Ranges() {
		if r.From().Is4() {
			inside = append(inside, config.Range{From: r.From(), To: r.To()})
		}
	}
	if len(inside) == 0 {
		return nil
	}
	return c.each(c.by(nft.OIFName, i.Name), rules.V4, rules.Selector{Name: "outbound", Source: addresses(inside...)},
		"automatic outbound NAT", c.count(CounterOutbound), c.source(i.Name, netip.Addr{}))
}

// source changes the source to an address: the one written, or the outside one
// of the interface, or whichever the interface has when its flow begins.
func (c *compiler) source(iface string, a netip.Addr) nft.Expr {
	if !a.IsValid() {
		a = Outside(c.w, iface, rules.V4)
	}
	if !a.IsValid() {
		return nft.Masquerade{}
	}
	return nft.NAT{Kind: nft.SNAT, Addrs: []netip.Addr{a}}
}
