package rules

import (
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules/dispatch"
	"github.com/rempart/rempart/rules/space"
	"go4.org/netipx"
)

// Selector is what a rule of any kind looks at in a packet, apart from the
// interfaces. Name makes the names of the sets that only this rule uses.
type Selector struct {
	Name        string
	Source      []config.AddressTerm
	Destination []config.AddressTerm
	Protocols   []config.Protocol
	SourcePorts []config.PortTerm
	Ports       []config.PortTerm
	ICMP        []config.ICMPType
	TCPFlags    *config.TCPFlags
}

// Alternative is one way to be selected: a packet that passes all terms is.
// Family is 0 when both can pass.
type Alternative struct {
	Family Family
	Terms  []dispatch.Term
}

// Matches is what the packet has to pass, in the order in which it is asked.
func (a Alternative) Matches() []nft.Expr {
	r := dispatch.Rule{Terms: a.Terms}
	return r.Matches()
}

// Alternatives turns a selector into matches: a packet is selected when one of
// the alternatives lets it pass. None at all: nothing can be selected.
func (s *Sets) Alternatives(sel Selector) []Alternative {
	src := s.addressTerms(sel.Source, "source_"+sel.Name, dispatch.Source, false)
	// Parts of a large source times parts of a large destination would be a thousand rules of one.
	dst := s.addressTerms(sel.Destination, "destination_"+sel.Name, dispatch.Destination, src.parted())
	var out []Alternative
	for _, f := range familiesOf(src, dst) {
		for _, a := range src.of(f) {
			for _, b := range dst.of(f) {
				for _, p := range s.protocolTerms(sel, f) {
					out = append(out, p.with(a, b))
				}
			}
		}
	}
	return out
}

// with is the alternative with its family and its addresses asked first.
func (a Alternative) with(src, dst []dispatch.Term) Alternative {
	terms := make([]dispatch.Term, 0, 2+len(src)+len(dst)+len(a.Terms))
	if a.Family != 0 {
		terms = append(terms, a.Family.term())
	}
	a.Terms = append(append(append(terms, src...), dst...), a.Terms...)
	return a
}

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
	learned := s.w.learned(terms)
	if a.All && len(a.NotIn) == 0 && !learned && len(a.Except.Ranges()) == 0 {
		return addressMatch{free: true}
	}
	var m addressMatch
	for _, f := range families {
		l := addressList{Addresses: a, terms: terms, own: own, family: f, dim: d, learned: learned, whole: whole}
		if f == V6 {
			m.v6 = s.familyTerms(l)
		} else {
			m.v4 = s.familyTerms(l)
		}
	}
	return m
}

// addressList is what an address list stands for in one family.
type addressList struct {
	Addresses
	terms   []config.AddressTerm // as written, those of dynamic aliases aside
	own     string               // name of sets that only this list uses
	family  Family
	dim     dispatch.Dim // Source or Destination
	learned bool         // the content changes while the policy stays
	whole   bool         // its sets are not cut into parts
}

func (l addressList) field() nft.Field {
	if l.dim == dispatch.Source {
		return l.family.Source()
	}
	return l.family.Destination()
}

// way is one way to be in a list of addresses, or out of it.
type way []dispatch.Term

// and asks more of the same field.
func (l addressList) and(w way, match ...nft.Expr) way {
	if len(match) == 0 {
		return w
	}
	return append(w[:len(w):len(w)], dispatch.Term{Dim: dispatch.Other, Match: match})
}

// familyTerms is the alternatives of one list for one family.
func (s *Sets) familyTerms(l addressList) [][]dispatch.Term {
	var not []nft.Expr
	for _, name := range l.NotIn {
		not = append(not, nft.Lookup{Fields: []nft.Field{l.field()}, Not: true, Set: SetName("alias", name, l.family)})
	}
	except := func() []way {
		if len(s.ranges(l.Except, l.family)) == 0 && !l.learned {
			return []way{nil}
		}
		named := onlyAlias(l.terms, true)
		return s.membership(l, l.Except, named, "not_"+l.own, named != "" || hasAlias(l.terms, true), true)
	}
	var out [][]dispatch.Term
	add := func(ways []way, match ...nft.Expr) {
		for _, w := range ways {
			out = append(out, l.and(w, match...))
		}
	}
	if l.All {
		add(except(), not...)
		return out
	}
	if len(s.ranges(l.Set, l.family)) > 0 || l.learned {
		named := onlyAlias(l.terms, false)
		add(s.membership(l, l.Set, named, l.own, named != "" || hasAlias(l.terms, false) || hasAlias(l.terms, true), false), not...)
	}
	for _, name := range l.In {
		in := nft.Lookup{Fields: []nft.Field{l.field()}, Set: SetName("alias", name, l.family)}
		for _, w := range except() {
			terms := append(way{{Dim: dispatch.Other, Match: []nft.Expr{in}}}, w...)
			add([]way{terms}, not...)
		}
	}
	return out
}

// membership is the ways to be in content (or, with not, out of it): by the
// alias's own set, by a set of this rule where aliases are mixed with others, or
// written out. What is large stands in several sets, each with a way of its own.
func (s *Sets) membership(l addressList, content *netipx.IPSet, alias, own string, named, not bool) []way {
	ranges := s.ranges(content, l.family)
	term := dispatch.Term{Dim: l.dim}
	if len(ranges) <= dispatch.Measured().Ranges && !l.learned {
		term.Within, term.Exact = within(l.family, ranges, not), true
	}
	if !named {
		if len(ranges) == 0 && not {
			return []way{nil}
		}
		if len(ranges) == 0 {
			return nil
		}
		term.Match = []nft.Expr{nft.Match{Field: l.field(), Not: not, Values: addressValues(ranges)}}
		return []way{{term}}
	}
	name := SetName("alias", alias, l.family)
	if alias == "" {
		name = own + "_" + l.family.String()
	}
	if len(ranges) <= shardSize || l.whole {
		s.addresses(name, l.family, ranges)
		term.Match = []nft.Expr{nft.Lookup{Fields: []nft.Field{l.field()}, Not: not, Set: name}}
		return []way{{term}}
	}
	var out []way
	for _, part := range shards(l.family, ranges, shardSize) {
		out = append(out, s.shard(l, part, name, not))
	}
	return out
}

// shard is the way to be in one part of a large set, or out of it and within
// that part. A part that is empty has its set as well: it may not stay so, and
// the rules need not change then.
func (s *Sets) shard(l addressList, part shard, set string, not bool) way {
	s.addresses(part.name(set), l.family, part.ranges)
	in := nft.Lookup{Fields: []nft.Field{l.field()}, Not: not, Set: part.name(set)}
	r := netipx.RangeOfPrefix(part.part)
	here := dispatch.Term{Dim: l.dim, Within: within(l.family, []netipx.IPRange{r}, false), Match: []nft.Expr{in}}
	if !not {
		return way{here}
	}
	here.Exact = true
	here.Match = []nft.Expr{nft.Match{Field: l.field(), Values: []nft.Value{nft.Addresses(r.From(), r.To())}}}
	return l.and(way{here}, in)
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

// Match is the match on the family alone: meta nfproto ipv4.
func (f Family) Match() nft.Expr {
	v := uint32(2)
	if f == V6 {
		v = 10
	}
	return nft.Match{Field: nft.NFProto, Values: []nft.Value{nft.Number(nft.TypeNFProto, v)}}
}

// term demands the family.
func (f Family) term() dispatch.Term {
	return dispatch.Term{Dim: dispatch.Family, Within: space.Points(uint64(f)), Exact: true, Match: []nft.Expr{f.Match()}}
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

// learned says whether a list has content that changes while the policy stays:
// domain names and lists, however deep.
func (w *World) learned(terms []config.AddressTerm) bool {
	return w.learnedBeside(terms, map[string]bool{})
}

// learnedBeside leaves out the aliases that were looked at, by whichever way.
func (w *World) learnedBeside(terms []config.AddressTerm, seen map[string]bool) bool {
	for _, t := range terms {
		switch t.Kind {
		case config.TermDomain:
			return true
		case config.TermAlias:
			if seen[t.Name] {
				continue
			}
			seen[t.Name] = true
			al := w.Config.Alias(t.Name)
			if al != nil && (al.Kind == config.AliasList || al.Kind == config.AliasAddresses && w.learnedBeside(al.Addresses, seen)) {
				return true
			}
		}
	}
	return false
}
