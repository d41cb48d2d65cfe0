package nat

import (
	"net/netip"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules"
	"go4.org/netipx"
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

func (c *compiler) manual(o config.Outbound) []nft.Rule {
	f := rules.V4
	if o.Address.IsValid() {
		f = familyOf(o.Address)
	}
	var target nft.Expr = nft.Masquerade{}
	if o.Address.IsValid() {
		target = nft.NAT{Kind: nft.SNAT, Addrs: []netip.Addr{o.Address}}
	}
	var out []nft.Rule
	for _, a := range c.sets.Alternatives(rules.Selector{
		Name: o.Name, Source: o.Source, Destination: o.Destination, Protocols: o.Protocols, Ports: o.Ports,
	}) {
		if a.Family != 0 && a.Family != f {
			continue
		}
		exprs := []nft.Expr{rules.Devices(nft.OIFName, []string{c.w.Device(o.On)})}
		exprs = append(exprs, a.Matches...)
		exprs = append(exprs, c.count(rules.RuleCounter(o.Name)), target)
		out = append(out, nft.Rule{Exprs: exprs, Comment: o.Name})
	}
	return out
}

// automatic lets the inside networks leave by an external interface as its
// outside address. IPv6 is not translated, and the gateway's own addresses
// never are: a backup has to reach the Internet as itself.
func (c *compiler) automatic(i config.Interface) []nft.Rule {
	src := terms(c.inside())
	if len(src) == 0 {
		return nil
	}
	var target nft.Expr = nft.Masquerade{}
	if a := Outside(c.w, i.Name, rules.V4); a.IsValid() {
		target = nft.NAT{Kind: nft.SNAT, Addrs: []netip.Addr{a}}
	}
	var out []nft.Rule
	for _, a := range c.sets.Alternatives(rules.Selector{Name: "outbound", Source: src}) {
		if a.Family != rules.V4 {
			continue
		}
		exprs := []nft.Expr{rules.Devices(nft.OIFName, []string{c.w.Device(i.Name)})}
		exprs = append(exprs, a.Matches...)
		exprs = append(exprs, c.count(CounterOutbound), target)
		out = append(out, nft.Rule{Exprs: exprs, Comment: "automatic outbound NAT"})
	}
	return out
}

// inside is the IPv4 addresses that automatic outbound NAT translates.
func (c *compiler) inside() *netipx.IPSet {
	var b netipx.IPSetBuilder
	b.AddSet(c.w.Inside())
	b.RemovePrefix(netip.MustParsePrefix("::/0"))
	for _, a := range c.w.OwnAddresses("") {
		b.Remove(a)
	}
	s, _ := b.IPSet() // its error is an invalid range, and there is none here
	return s
}

func terms(s *netipx.IPSet) []config.AddressTerm {
	var out []config.AddressTerm
	for _, r := range s.Ranges() {
		out = append(out, config.AddressTerm{Kind: config.TermRange, Range: config.Range{From: r.From(), To: r.To()}})
	}
	return out
}
