// Package nat turns port forwards, one-to-one translations, prefix
// translations, reflection and outbound NAT into chains.
//
// The order is that of pf: coming in, port forwards before one-to-one before
// prefixes; going out, one-to-one before prefixes before [[outbound]] before
// the automatic translation. The first match decides.
package nat

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules"
	"go4.org/netipx"
)

// Names of the base chains. Not dnat and snat: those are words of nft.
const (
	chainIn  = "translate_in"
	chainOut = "translate_out"
)

// CounterOutbound counts the flows that automatic outbound NAT translated, and
// CounterReflected those whose source had to change so that the answer comes back.
const (
	CounterOutbound  = "auto_outbound"
	CounterReflected = "auto_reflected"
)

// Compile turns the translations of a policy into chains; sets that they use
// are added to sets. A policy without any has no chains.
func Compile(w *rules.World, sets *rules.Sets) rules.Part {
	c := &compiler{w: w, sets: sets}
	in := nft.Chain{Name: chainIn, Hook: hook("prerouting", -100)}
	out := nft.Chain{Name: chainOut, Hook: hook("postrouting", 100)}
	for _, f := range w.Config.PortForwards {
		if !f.Disabled {
			in.Rules = append(in.Rules, c.forward(f)...)
		}
	}
	if w.Config.NAT.Reflection {
		out.Rules = append(out.Rules, c.hairpins()...)
	}
	for _, o := range w.Config.OneToOne {
		if !o.Disabled {
			c.pair(&in, &out, o.Name, o.On, o.External, o.Internal)
		}
	}
	for _, p := range w.Config.Prefixes {
		if !p.Disabled {
			c.pair(&in, &out, p.Name, p.On, p.External, p.Internal)
		}
	}
	out.Rules = append(out.Rules, c.outbound()...)
	for _, chain := range []nft.Chain{in, out} {
		if len(chain.Rules) > 0 {
			c.part.Chains = append(c.part.Chains, chain)
		}
	}
	return c.part
}

type compiler struct {
	w    *rules.World
	sets *rules.Sets
	part rules.Part
}

func hook(point string, priority int) *nft.Hook {
	return &nft.Hook{Type: "nat", Point: point, Priority: priority, Policy: nft.Verdict{Kind: nft.Accept}}
}

func (c *compiler) count(name string) nft.Expr {
	if !slices.Contains(c.part.Counters, name) {
		c.part.Counters = append(c.part.Counters, name)
	}
	return nft.Count{Counter: name}
}

// pair translates both ways between an inside prefix and an outside one of the same length.
func (c *compiler) pair(in, out *nft.Chain, name, on string, external, internal netip.Prefix) {
	device := c.w.Device(on)
	counter := c.count(rules.RuleCounter(name))
	in.Rules = append(in.Rules, nft.Rule{Comment: name, Exprs: []nft.Expr{
		rules.Devices(nft.IIFName, []string{device}), within(external, rules.Family.Destination), counter, translate(nft.DNAT, internal),
	}})
	out.Rules = append(out.Rules, nft.Rule{Comment: name, Exprs: []nft.Expr{
		rules.Devices(nft.OIFName, []string{device}), within(internal, rules.Family.Source), counter, translate(nft.SNAT, external),
	}})
}

func familyOf(a netip.Addr) rules.Family {
	if a.Is4() {
		return rules.V4
	}
	return rules.V6
}

// within matches an address field with a prefix.
func within(p netip.Prefix, field func(rules.Family) nft.Field) nft.Expr {
	r := netipx.RangeOfPrefix(p)
	return nft.Match{Field: field(familyOf(p.Addr())), Values: []nft.Value{nft.Addresses(r.From(), r.To())}}
}

// translate changes the network and keeps the host part.
func translate(kind nft.NATKind, to netip.Prefix) nft.NAT {
	if to.IsSingleIP() {
		return nft.NAT{Kind: kind, Addrs: []netip.Addr{to.Addr()}}
	}
	return nft.NAT{Kind: kind, Prefix: to.Masked()}
}

// Outside is the address by which flows leave an external interface, or by
// which its port forwards are known: its virtual address where there is one,
// else its first own. Invalid when the interface has none of the family.
func Outside(w *rules.World, iface string, f rules.Family) netip.Addr {
	for _, v := range w.Config.VIPs {
		if v.Interface == iface && f.Has(v.Address.Addr()) {
			return v.Address.Addr()
		}
	}
	if i := w.Config.Interface(iface); i != nil {
		for _, p := range i.Addresses {
			if f.Has(p.Addr()) && !p.Addr().IsLinkLocalUnicast() {
				return p.Addr()
			}
		}
	}
	return netip.Addr{}
}

// single is the list of terms that stands for one address.
func single(a netip.Addr) []config.AddressTerm {
	return []config.AddressTerm{{Kind: config.TermRange, Range: config.Range{From: a, To: a}}}
}
