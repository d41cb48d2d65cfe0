package rules

import (
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
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

// Alternative is one list of matches; a packet that passes all of them is
// selected. Family is 0 when both can pass.
type Alternative struct {
	Family  Family
	Matches []nft.Expr
}

// Alternatives turns a selector into matches: a packet is selected when one of
// the alternatives lets it pass. None at all: nothing can be selected.
func (s *Sets) Alternatives(sel Selector) []Alternative {
	src := s.addressMatches(sel.Source, "source_"+sel.Name, Family.Source)
	dst := s.addressMatches(sel.Destination, "destination_"+sel.Name, Family.Destination)
	var out []Alternative
	for _, f := range familiesOf(src, dst) {
		for _, a := range src.of(f) {
			for _, b := range dst.of(f) {
				for _, p := range s.protocolMatches(sel, f) {
					m := slices.Concat(a, b, p)
					if f != 0 && len(a)+len(b) == 0 && !impliesFamily(p) {
						m = slices.Insert(m, 0, f.Match())
					}
					out = append(out, Alternative{Family: f, Matches: m})
				}
			}
		}
	}
	return out
}

// impliesFamily says whether the matches on the protocol are of one family already.
func impliesFamily(ms []nft.Expr) bool {
	if len(ms) == 0 {
		return false
	}
	m, ok := ms[0].(nft.Match)
	return ok && (m.Field == nft.ICMPTypeF || m.Field == nft.ICMPv6TypeF)
}

// addressMatch holds the alternatives of one address list by family. Free
// lists limit nothing and need not look at the family.
type addressMatch struct {
	free   bool
	v4, v6 [][]nft.Expr
}

func (a addressMatch) of(f Family) [][]nft.Expr {
	switch {
	case a.free:
		return [][]nft.Expr{nil}
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

func (s *Sets) addressMatches(terms []config.AddressTerm, own string, field func(Family) nft.Field) addressMatch {
	a := s.w.Resolve(terms)
	terms = slices.DeleteFunc(slices.Clone(terms), func(t config.AddressTerm) bool { return s.w.dynamic(t) != "" })
	learned := s.w.learned(terms)
	if a.All && len(a.NotIn) == 0 && !learned && len(a.Except.Ranges()) == 0 {
		return addressMatch{free: true}
	}
	var m addressMatch
	m.v4 = s.familyMatches(a, terms, own, V4, field(V4), learned)
	m.v6 = s.familyMatches(a, terms, own, V6, field(V6), learned)
	return m
}

// familyMatches is the alternatives of one list for one family.
func (s *Sets) familyMatches(a Addresses, terms []config.AddressTerm, own string, f Family, field nft.Field, learned bool) [][]nft.Expr {
	var not []nft.Expr
	for _, name := range a.NotIn {
		not = append(not, nft.Lookup{Fields: []nft.Field{field}, Not: true, Set: SetName("alias", name, f)})
	}
	except := func() []nft.Expr {
		if len(f.values(a.Except)) == 0 && !learned {
			return nil
		}
		name := onlyAlias(terms, true)
		return s.membership(a.Except, name, "not_"+own, hasAlias(terms, true), f, field, true)
	}
	if a.All {
		return [][]nft.Expr{append(except(), not...)}
	}
	var out [][]nft.Expr
	if len(f.values(a.Set)) > 0 || learned {
		name := onlyAlias(terms, false)
		out = append(out, append(s.membership(a.Set, name, own, hasAlias(terms, false) || hasAlias(terms, true), f, field, false), not...))
	}
	for _, name := range a.In {
		m := []nft.Expr{nft.Lookup{Fields: []nft.Field{field}, Set: SetName("alias", name, f)}}
		out = append(out, append(append(m, except()...), not...))
	}
	return out
}

// membership matches a field against addresses: by the alias's own set, by a
// set of this rule where aliases are mixed with others, or written out.
func (s *Sets) membership(content *netipx.IPSet, alias, own string, named bool, f Family, field nft.Field, not bool) []nft.Expr {
	switch {
	case alias != "":
		name := SetName("alias", alias, f)
		s.addresses(name, f, content)
		return []nft.Expr{nft.Lookup{Fields: []nft.Field{field}, Not: not, Set: name}}
	case named:
		name := own + "_" + f.String()
		s.addresses(name, f, content)
		return []nft.Expr{nft.Lookup{Fields: []nft.Field{field}, Not: not, Set: name}}
	}
	values := f.values(content)
	if len(values) == 0 {
		return nil
	}
	return []nft.Expr{nft.Match{Field: field, Not: not, Values: values}}
}

// Match is the match on the family alone: meta nfproto ipv4.
func (f Family) Match() nft.Expr {
	v := uint32(2)
	if f == V6 {
		v = 10
	}
	return nft.Match{Field: nft.NFProto, Values: []nft.Value{nft.Number(nft.TypeNFProto, v)}}
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
	for _, t := range terms {
		switch t.Kind {
		case config.TermDomain:
			return true
		case config.TermAlias:
			al := w.Config.Alias(t.Name)
			if al != nil && (al.Kind == config.AliasList || al.Kind == config.AliasAddresses && w.learned(al.Addresses)) {
				return true
			}
		}
	}
	return false
}
