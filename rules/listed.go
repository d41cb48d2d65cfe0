package rules

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"go4.org/netipx"
)

// Listed is a list of address terms to be asked about addresses. It means what
// Addresses means, and copies nothing of what aliases hold: a question about a
// policy with a million networks must not cost a million networks.
type Listed struct {
	all        bool            // nothing but exclusions limits it
	own, apart *netipx.IPSet   // what is written out, and what is so excluded
	in, not    []*Listed       // aliases
	held       []*netipx.IPSet // an alias that is a list, or that rules fill
}

// Contains says whether an address is in the list.
func (l *Listed) Contains(ip netip.Addr) bool { return l.contains(ip, nil) }

// contains remembers what it asked: aliases may hold each other by many ways.
func (l *Listed) contains(ip netip.Addr, asked map[*Listed]bool) bool {
	if answer, ok := asked[l]; ok {
		return answer
	}
	if asked == nil && len(l.in)+len(l.not) > 1 {
		asked = map[*Listed]bool{}
	}
	has := func(other *Listed) bool { return other.contains(ip, asked) }
	answer := !l.apart.Contains(ip) && !slices.ContainsFunc(l.not, has) &&
		(l.all || l.own.Contains(ip) || slices.ContainsFunc(l.in, has) ||
			slices.ContainsFunc(l.held, func(s *netipx.IPSet) bool { return s.Contains(ip) }))
	if asked != nil {
		asked[l] = answer
	}
	return answer
}

// Lists reads lists of terms of one world, each alias once.
type Lists struct {
	resolver
	aliases map[string]*Listed
}

// NewLists returns a reader that has read nothing.
func NewLists(w *World) *Lists {
	return &Lists{resolver{w, map[string]*netipx.IPSet{}}, map[string]*Listed{}}
}

// Read is a list of terms. An empty list is any address.
func (r *Lists) Read(terms []config.AddressTerm) *Listed {
	l := &Listed{}
	var own, apart netipx.IPSetBuilder
	positive := false
	for _, t := range terms {
		positive = positive || !t.Exclude
		switch {
		case t.Kind == config.TermAny:
			l.all = true
		case t.Kind == config.TermAlias && t.Exclude:
			l.not = append(l.not, r.listed(t.Name))
		case t.Kind == config.TermAlias:
			l.in = append(l.in, r.listed(t.Name))
		case t.Exclude:
			apart.AddSet(r.term(t))
		default:
			own.AddSet(r.term(t))
		}
	}
	l.all = l.all || !positive
	l.own, l.apart = mustSet(&own), mustSet(&apart)
	return l
}

// alias is what an alias holds; an alias that there is not holds nothing.
func (r *Lists) listed(name string) *Listed {
	if l := r.aliases[name]; l != nil {
		return l
	}
	l := &Listed{own: new(netipx.IPSet), apart: new(netipx.IPSet)}
	if al := r.Config.Alias(name); al != nil {
		switch al.Kind {
		case config.AliasList:
			l.hold(r.Lists[name])
		case config.AliasDynamic:
			l.hold(r.Dynamic[name])
		default:
			l = r.Read(al.Addresses)
		}
	}
	r.aliases[name] = l
	return l
}

// hollow says whether nothing is written in the list, or in what it names. An
// alias that was seen before was hollow, or the answer would be there.
func (l *Listed) hollow(seen map[*Listed]bool) bool {
	if seen[l] {
		return true
	}
	seen[l] = true
	return !l.all && l.own.Equal(new(netipx.IPSet)) &&
		!slices.ContainsFunc(l.in, func(other *Listed) bool { return !other.hollow(seen) }) &&
		!slices.ContainsFunc(l.held, func(s *netipx.IPSet) bool { return !s.Equal(new(netipx.IPSet)) })
}

func (l *Listed) hold(s *netipx.IPSet) {
	if s != nil {
		l.held = append(l.held, s)
	}
}
