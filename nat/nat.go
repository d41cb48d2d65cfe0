// Package nat turns port forwards, one-to-one translations, prefix
// translations, reflection, outbound NAT and helpers into chains, and says what
// translation makes of a packet by reading the policy as it is written.
//
// The order is that of pf: coming in, port forwards before one-to-one before
// prefixes; going out, reflection and one-to-one before prefixes before
// [[outbound]] before the automatic translation. The first match decides, also
// where it is an exclusion. What the gateway itself sends leaves as it is.
//
// What changes while the policy stays (targets that answer or do not, names and
// lists that were learned, addresses that a provider hands out) stands in named
// sets and maps, so that their elements change and no rule does.
package nat

import (
	"net/netip"
	"slices"
	"strings"

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
	c.helpers()
	var in, out []nft.Rule
	for _, f := range forwards(w.Config) {
		in = append(in, c.forward(f)...)
	}
	out = append(out, c.hairpins()...)
	for _, p := range pairs(w.Config) {
		in = append(in, c.inward(p)...)
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
	return &nft.Hook{Type: "nat", Point: point, Priority: priority, Policy: accept()}
}

func accept() nft.Verdict { return nft.Verdict{Kind: nft.Accept} }

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
	return nft.Rule{Exprs: []nft.Expr{came, accept()}, Comment: "the gateway itself"}
}

// each makes a rule of every alternative of a selector in one family. The matches
// come first; one that looks at an address tells the family by itself.
func (c *compiler) each(matches []nft.Expr, f rules.Family, sel rules.Selector, statements ...nft.Expr) []nft.Rule {
	told := slices.ContainsFunc(matches, func(x nft.Expr) bool {
		l, ok := x.(nft.Lookup)
		return ok && (l.Fields[0] == f.Source() || l.Fields[0] == f.Destination())
	})
	var out []nft.Rule
	for _, a := range c.sets.Alternatives(sel) {
		if a.Family != 0 && a.Family != f {
			continue
		}
		exprs := slices.Clone(matches)
		if a.Family == 0 && !told { // both, and a translation is of one
			exprs = append(exprs, f.Match())
		}
		exprs = append(append(exprs, a.Matches()...), statements...)
		out = append(out, nft.Rule{Exprs: exprs, Comment: sel.Name})
	}
	return out
}

// by matches the devices of some interfaces.
func (c *compiler) by(field nft.Field, ifaces ...string) nft.Expr {
	devices := make([]string, len(ifaces))
	for i, name := range ifaces {
		devices[i] = c.w.Device(name)
	}
	return rules.Devices(field, devices)
}

// while matches what comes in by some interfaces as long as a translation has
// somewhere to lead: the devices stand in a set, which is empty while it has not. A
// rule whose map has no address would count and mark a packet before it goes on to
// the next rule.
func (c *compiler) while(open bool, set string, ifaces ...string) nft.Expr {
	s := nft.Set{Name: set, Key: []nft.Type{nft.TypeIfname}}
	if open {
		for _, name := range ifaces {
			s.Elements = append(s.Elements, nft.Element{Key: []nft.Value{nft.Ifname(c.w.Device(name))}})
		}
	}
	slices.SortFunc(s.Elements, func(a, b nft.Element) int { return strings.Compare(a.Key[0].Name, b.Key[0].Name) })
	c.sets.Add(s)
	return nft.Lookup{Fields: []nft.Field{nft.IIFName}, Set: set}
}

// among matches an address of some ranges of one family: written out, or where
// they come and go in a set of that name.
func (c *compiler) among(field nft.Field, f rules.Family, ranges []netipx.IPRange, set string) nft.Expr {
	values := make([]nft.Value, len(ranges))
	for i, r := range ranges {
		values[i] = nft.Addresses(r.From(), r.To())
	}
	if set == "" {
		return nft.Match{Field: field, Values: values}
	}
	s := nft.Set{Name: set, Key: []nft.Type{f.Type()}, Interval: true}
	for _, v := range values {
		s.Elements = append(s.Elements, nft.Element{Key: []nft.Value{v}})
	}
	c.sets.Add(s)
	return nft.Lookup{Fields: []nft.Field{field}, Set: set}
}

var families = []rules.Family{rules.V4, rules.V6}

func familyOf(a netip.Addr) rules.Family {
	if a.Is4() {
		return rules.V4
	}
	return rules.V6
}

// addresses is the list of terms that stands for some addresses.
func addresses(ranges ...config.Range) []config.AddressTerm {
	out := make([]config.AddressTerm, len(ranges))
	for i, r := range ranges {
		out[i] = config.AddressTerm{Kind: config.TermRange, Range: r}
	}
	return out
}
