// Package nat turns port forwards, one-to-one translations, prefix
// translations, reflection and outbound NAT into chains, and says what inbound
// translation makes of a packet by reading the policy as it is written.
//
// The order is that of pf: coming in, port forwards before one-to-one before
// prefixes; going out, reflection and one-to-one before prefixes before
// [[outbound]] before the automatic translation. The first match decides. What
// the gateway itself sends leaves as it is.
package nat

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules"
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
	var in, out []nft.Rule
	for _, f := range forwards(w.Config) {
		in = append(in, c.forward(f)...)
	}
	out = append(out, c.hairpins()...)
	for _, p := range pairs(w.Config) {
		in = append(in, c.inward(p))
		out = append(out, c.outward(p))
	}
	out = append(out, c.outbound()...)
	if len(in) > 0 {
		c.part.Chains = append(c.part.Chains, nft.Chain{Name: chainIn, Hook: hook(nft.Prerouting, -100), Rules: in})
	}
	if len(out) > 0 {
		out = slices.Insert(out, 0, c.ownTraffic())
		c.part.Chains = append(c.part.Chains, nft.Chain{Name: chainOut, Hook: hook(nft.Postrouting, 100), Rules: out})
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

// ownTraffic ends the chain for what the gateway itself sends: it came in by
// no interface. A backup has to reach the Internet as itself, and a node its peer.
func (c *compiler) ownTraffic() nft.Rule {
	came := nft.Match{Field: nft.IIFName, Not: true}
	for _, i := range c.w.Config.Interfaces {
		came.Values = append(came.Values, nft.Ifname(c.w.Device(i.Name)))
	}
	return nft.Rule{Exprs: []nft.Expr{came, nft.Verdict{Kind: nft.Accept}}, Comment: "the gateway itself"}
}

// each makes a rule of every alternative of a selector in one family.
func (c *compiler) each(by nft.Expr, f rules.Family, sel rules.Selector, comment string, statements ...nft.Expr) []nft.Rule {
	var out []nft.Rule
	for _, a := range c.sets.Alternatives(sel) {
		exprs := []nft.Expr{by}
		switch a.Family {
		case f:
		case 0: // both, and a translation is of one
			exprs = append(exprs, f.Match())
		default:
			continue
		}
		exprs = append(append(exprs, a.Matches()...), statements...)
		out = append(out, nft.Rule{Exprs: exprs, Comment: comment})
	}
	return out
}

// by matches the device of one interface.
func (c *compiler) by(field nft.Field, iface string) nft.Expr {
	return rules.Devices(field, []string{c.w.Device(iface)})
}

func familyOf(a netip.Addr) rules.Family {
	if a.Is4() {
		return rules.V4
	}
	return rules.V6
}

// Outside is the address by which flows leave an interface, or by which its
// port forwards are known: its virtual address where there is one, else its
// first own. Invalid when the interface has none of the family.
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

// addresses is the list of terms that stands for some addresses.
func addresses(ranges ...config.Range) []config.AddressTerm {
	out := make([]config.AddressTerm, len(ranges))
	for i, r := range ranges {
		out[i] = config.AddressTerm{Kind: config.TermRange, Range: r}
	}
	return out
}
