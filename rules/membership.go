package rules

import (
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules/dispatch"
	"github.com/rempart/rempart/rules/space"
	"go4.org/netipx"
)

// addressMatch holds the alternatives of one address list by family, each with
// no term or one. Free lists limit nothing and need not look at the family.
type addressMatch struct {
	free   bool
	v4, v6 [][]dispatch.Term
}

func (a addressMatch) of(f Family) [][]dispatch.Term {
	switch {
	case a.free:
		return [][]dispatch.Term{nil}
	case f == V6:
		return a.v6
	}
	return a.v4
}

func familiesOf(a, b addressMatch) []Family {
	if a.free && b.free {
		return []Family{0}
	}
	return families
}

// parted says whether a list is so large that it stands in several sets.
func (a addressMatch) parted() bool { return max(len(a.v4), len(a.v6)) > inlineAlternatives }

// addressTerms is the ways to be in a list of addresses; whole keeps each of its sets in one part.
func (s *Sets) addressTerms(terms []config.AddressTerm, own string, d dispatch.Dim, whole bool) addressMatch {
	a := s.lists.list(terms)
	terms = slices.DeleteFunc(slices.Clone(terms), func(t config.AddressTerm) bool { return s.w.dynamic(t) != "" })
	learned, without := s.w.Learned(terms), s.w.Learned(excluded(terms))
	if a.All && len(a.NotIn) == 0 && !learned && len(a.Except.Ranges()) == 0 {
		return addressMatch{free: true}
	}
	var m addressMatch
	for _, f := range families {
		l := addressList{Addresses: a, terms: terms, own: own, family: f, dim: d, learned: learned, without: without, whole: whole}
		if f == V6 {
			m.v6 = s.familyTerms(l)
		} else {
			m.v4 = s.familyTerms(l)
		}
	}
	return m
}

// excluded is the terms that leave something out.
func excluded(terms []config.AddressTerm) []config.AddressTerm {
	return slices.DeleteFunc(slices.Clone(terms), func(t config.AddressTerm) bool { return !t.Exclude })
}

// addressList is what an address list stands for in one family.
type addressList struct {
	Addresses
	terms   []config.AddressTerm // as written, those of dynamic aliases aside
	own     string               // name of sets that only this list uses
	family  Family
	dim     dispatch.Dim // Source or Destination
	learned bool         // the content changes while the policy stays
	without bool         // that of what is excluded does
	whole   bool         // its sets are not cut into parts
}

func (l addressList) field() nft.Field {
	if l.dim == dispatch.Source {
		return l.family.Source()
	}
	return l.family.Destination()
}

// entry is one way into a list of addresses, or out of it.
type entry []dispatch.Term

// and asks more of the same field.
func (e entry) and(match ...nft.Expr) entry {
	if len(match) == 0 {
		return e
	}
	return append(e[:len(e):len(e)], dispatch.Term{Dim: dispatch.Other, Match: match})
}

// lookup asks a set about the field.
func (l addressList) lookup(not bool, set string) nft.Expr {
	return nft.Lookup{Fields: []nft.Field{l.field()}, Not: not, Set: set}
}

// familyTerms is the alternatives of one list for one family.
func (s *Sets) familyTerms(l addressList) [][]dispatch.Term {
	var not []nft.Expr
	for _, name := range l.NotIn {
		not = append(not, l.lookup(true, SetName("alias", name, l.family)))
	}
	except := func() []entry {
		if len(s.ranges(l.Except, l.family)) == 0 && !l.learned {
			return []entry{nil}
		}
		return s.membership(l, addressSet{content: l.Except, name: l.setName(true), not: true})
	}
	var out [][]dispatch.Term
	add := func(entries ...entry) {
		for _, e := range entries {
			out = append(out, e.and(not...))
		}
	}
	if l.All {
		add(except()...)
		return out
	}
	if len(s.ranges(l.Set, l.family)) > 0 || l.learned {
		add(s.membership(l, addressSet{content: l.Set, name: l.setName(false)})...)
	}
	for _, name := range l.In {
		in := entry{}.and(l.lookup(false, SetName("alias", name, l.family)))
		for _, e := range except() {
			add(append(in[:1:1], e...))
		}
	}
	return out
}

// addressSet is addresses to be in or, with not, to be out of. They stand in a
// set by that name; without a name they are written out.
type addressSet struct {
	content *netipx.IPSet
	name    string
	not     bool
}

// setName is the set for what a list names, or with exclude for what it leaves
// out: the alias's own where it is all there is, one of this list's where aliases
// are mixed with others or something in it is learned, and none without either.
func (l addressList) setName(exclude bool) string {
	if alias := onlyAlias(l.terms, exclude); alias != "" {
		return SetName("alias", alias, l.family)
	}
	own := l.own
	if exclude {
		own = "not_" + own
	}
	if l.without || hasAlias(l.terms, true) || !exclude && (l.learned || hasAlias(l.terms, false)) {
		return own + "_" + l.family.String()
	}
	return ""
}

// membership is the ways into a set, or out of it. What is large stands in
// several sets, each with an entry of its own.
func (s *Sets) membership(l addressList, a addressSet) []entry {
	ranges := s.ranges(a.content, l.family)
	term := dispatch.Term{Dim: l.dim}
	if len(ranges) <= dispatch.Measured().Ranges && !l.learned {
		term.Within, term.Exact = within(l.family, ranges, a.not), true
	}
	switch {
	case a.name == "" && len(ranges) == 0 && a.not:
		return []entry{nil}
	case a.name == "" && len(ranges) == 0:
		return nil
	case a.name == "":
		term.Match = []nft.Expr{nft.Match{Field: l.field(), Not: a.not, Values: addressValues(ranges)}}
		return []entry{{term}}
	case len(ranges) <= shardSize || l.whole:
		s.addresses(a.name, l.family, ranges)
		term.Match = []nft.Expr{l.lookup(a.not, a.name)}
		return []entry{{term}}
	}
	var out []entry
	for _, part := range shards(l.family, ranges, shardSize) {
		out = append(out, s.shard(l, part, a))
	}
	return out
}

// shard is the way to be in one part of a large set, or out of it and within
// that part. A part that is empty has its set as well: it may not stay so, and
// the rules need not change then.
func (s *Sets) shard(l addressList, part shard, a addressSet) entry {
	s.addresses(part.name(a.name), l.family, part.ranges)
	in := l.lookup(a.not, part.name(a.name))
	r := netipx.RangeOfPrefix(part.part)
	here := dispatch.Term{Dim: l.dim, Within: within(l.family, []netipx.IPRange{r}, false), Match: []nft.Expr{in}}
	if !a.not {
		return entry{here}
	}
	here.Exact = true
	here.Match = []nft.Expr{nft.Match{Field: l.field(), Values: []nft.Value{nft.Addresses(r.From(), r.To())}}}
	return entry{here}.and(in)
}

// within is some ranges of a family as points, or with not all others.
func within(f Family, ranges []netipx.IPRange, not bool) space.Set {
	out := make(space.Set, len(ranges))
	for i, r := range ranges {
		out[i] = space.Range{From: space.Addr(r.From()), To: space.Addr(r.To())}
	}
	if !not {
		return out
	}
	last := allIPv4
	if f == V6 {
		last = allIPv6
	}
	return space.Set{{To: space.Addr(netipx.PrefixLastIP(last))}}.Without(out)
}

// onlyAlias names the alias that alone makes up the list (or, with exclude,
// what is excluded from any); empty when there is more to it.
func onlyAlias(terms []config.AddressTerm, exclude bool) string {
	name := ""
	for _, t := range terms {
		switch {
		case exclude && t.Kind == config.TermAny && !t.Exclude:
		case t.Exclude != exclude || t.Kind != config.TermAlias || name != "":
			return ""
		default:
			name = t.Name
		}
	}
	return name
}

func hasAlias(terms []config.AddressTerm, exclude bool) bool {
	for _, t := range terms {
		if t.Exclude == exclude && t.Kind == config.TermAlias {
			return true
		}
	}
	return false
}
