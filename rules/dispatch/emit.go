package dispatch

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules/space"
)

// Result is what the lists became.
type Result struct {
	Chains []nft.Chain
	Maps   []nft.Set
}

// Result is the chains and maps of all lists that were added. The lists' own
// chains come first, in their order, then what they lead to, then the chains
// of bodies. Chains and maps inside are named by what they hold: what does not
// change keeps its name, and a map never stands under the name of another, so a
// new one can be filled beside an old one that still runs.
func (b *Builder) Result() Result {
	b.count()
	e := emitter{Builder: b, chains: map[*node]string{}, named: map[string]bool{}, bodies: map[*Body]bool{}}
	var lists []nft.Chain
	for _, r := range b.order {
		lists = append(lists, e.root(r))
	}
	e.out.Chains = append(lists, e.out.Chains...)
	for _, body := range b.bodies {
		if e.bodies[body] {
			e.out.Chains = append(e.out.Chains, body.chain())
		}
	}
	return e.out
}

// chain is the chain that holds a body.
func (b *Body) chain() nft.Chain {
	last := nft.Rule{Exprs: b.Statements, Comment: b.Comment}
	return nft.Chain{Name: b.Chain, Rules: append(slices.Clone(b.Before), last)}
}

// count says of each body how many places the trees have it in.
func (b *Builder) count() {
	seen := map[*node]bool{}
	var walk func(*node)
	walk = func(n *node) {
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		for _, q := range n.parts {
			switch {
			case q.rule != nil:
				b.placed[q.rule.Body]++
			case q.jump != nil:
				walk(q.jump)
			case q.exact != nil: // goes to the chains of bodies
			default:
				for _, br := range q.split.branches {
					walk(br.to)
				}
			}
		}
	}
	for _, r := range b.order {
		walk(r.tree)
	}
}

type emitter struct {
	*Builder
	out    Result
	chains map[*node]string
	named  map[string]bool
	bodies map[*Body]bool // that somebody goes to
}

// root is the chain of a list.
func (e *emitter) root(r root) nft.Chain {
	c := nft.Chain{Name: r.name, Rules: slices.Clone(r.head)}
	switch {
	case r.tree != nil:
		c.Rules = append(c.Rules, nft.Rule{Exprs: []nft.Expr{nft.Verdict{Kind: nft.Jump, Chain: e.chain(r.tree)}}})
	default:
		for _, rule := range r.rules {
			c.Rules = append(c.Rules, e.rule(rule, ^uint32(0), rule.Body.Own))
		}
	}
	c.Rules = append(c.Rules, nft.Rule{Exprs: []nft.Expr{r.end}})
	return c
}

// rule asks what is open and does what the body says.
func (e *emitter) rule(r *Rule, open uint32, apart bool) nft.Rule {
	out := nft.Rule{Exprs: r.ask(open), Comment: r.Body.Comment}
	if apart {
		out.Exprs = append(out.Exprs, e.goTo(r.Body))
	} else {
		out.Exprs = append(out.Exprs, r.Body.Statements...)
	}
	return out
}

func (e *emitter) goTo(b *Body) nft.Verdict {
	e.bodies[b] = true
	return nft.Verdict{Kind: nft.Goto, Chain: b.Chain}
}

// places is how many places of the trees a body is written out in; one that
// stands in more has a chain of its own.
const places = 3

func (e *emitter) apart(b *Body) bool { return b.Own || e.placed[b] > places }

// chain makes the chain of a node and names it.
func (e *emitter) chain(n *node) string {
	if name, ok := e.chains[n]; ok {
		return name
	}
	c := nft.Chain{}
	for _, q := range n.parts {
		switch {
		case q.rule != nil:
			c.Rules = append(c.Rules, e.rule(q.rule, q.open, e.apart(q.rule.Body)))
		case q.jump != nil:
			c.Rules = append(c.Rules, nft.Rule{Exprs: []nft.Expr{nft.Verdict{Kind: nft.Jump, Chain: e.chain(q.jump)}}})
		case q.exact != nil:
			c.Rules = append(c.Rules, nft.Rule{Exprs: []nft.Expr{e.exact(q.exact)}})
		default:
			c.Rules = append(c.Rules, nft.Rule{Exprs: []nft.Expr{e.vmap(q.split)}})
		}
	}
	c.Name = "rules_" + hashed(c.Rules...)
	if !e.named[c.Name] {
		e.named[c.Name] = true
		e.out.Chains = append(e.out.Chains, c)
	}
	e.chains[n] = c.Name
	return c.Name
}

// verdict leads to a node, by the shortest way.
func (e *emitter) verdict(n *node) nft.Verdict {
	switch {
	case len(n.parts) == 0:
		return nft.Verdict{Kind: nft.Return}
	case n.parts[0].rule != nil && n.parts[0].open == 0 && e.apart(n.parts[0].rule.Body):
		return e.goTo(n.parts[0].rule.Body)
	}
	return nft.Verdict{Kind: nft.Goto, Chain: e.chain(n)}
}

// small is how many single values a map may have to stand in the rule itself.
const small = 4

// vmap makes the map of a split, which is looked up where its region is.
func (e *emitter) vmap(s *split) nft.VMap {
	f, _ := s.at.field(s.dim)
	v := nft.VMap{Fields: []nft.Field{f}}
	for _, br := range s.branches {
		to := e.verdict(br.to)
		for _, r := range br.within {
			for _, k := range e.keys(s.dim, f, r) {
				v.Interval = v.Interval || k.From != k.To || k.Lo != k.Hi
				v.Elements = append(v.Elements, nft.Element{Key: []nft.Value{k}, Verdict: to})
			}
		}
	}
	return e.name(s.dim.String(), v)
}

// name puts a map into the ruleset under a name of its own, unless it is so
// small that it can stand in its rule.
func (e *emitter) name(by string, v nft.VMap) nft.VMap {
	set := nft.Set{Data: nft.TypeVerdict, Interval: v.Interval, Elements: v.Elements}
	for _, f := range v.Fields {
		set.Key = append(set.Key, f.Type())
	}
	slices.SortFunc(set.Elements, compareKeys)
	// nft lists no named map of what the routing table says.
	if !v.Interval && (len(v.Elements) <= small || by == Route.String()) {
		return v
	}
	set.Name = fmt.Sprintf("by_%s_%s", by, hashed(nft.Rule{Exprs: []nft.Expr{v}}))
	if !e.named[set.Name] {
		e.named[set.Name] = true
		e.out.Maps = append(e.out.Maps, set)
	}
	return nft.VMap{Fields: v.Fields, Set: set.Name}
}

// compareKeys is the order of the elements of a map.
func compareKeys(a, b nft.Element) int {
	for i, v := range a.Key {
		w := b.Key[i]
		if c := cmp.Or(v.From.Compare(w.From), cmp.Compare(v.Lo, w.Lo), strings.Compare(v.Name, w.Name)); c != 0 {
			return c
		}
	}
	return 0
}

// keys is a range as keys of a map: single values where the map has no intervals.
func (e *emitter) keys(d Dim, f nft.Field, r space.Range) []nft.Value {
	if d > Protocol && d != ICMPType {
		return []nft.Value{e.value(d, f, r)}
	}
	var out []nft.Value
	for p := r.From; p.Compare(r.To) <= 0; p = p.Next() {
		out = append(out, e.value(d, f, space.Range{From: p, To: p}))
	}
	return out
}

// String is the dimension as it stands in the names of maps.
func (d Dim) String() string {
	names := [...]string{"out", "route", "family", "protocol", "source", "destination", "sport", "port", "icmp"}
	if int(d) < len(names) {
		return names[d]
	}
	return "other"
}
