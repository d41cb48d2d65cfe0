package rules

import (
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules/dispatch"
	"github.com/rempart/rempart/rules/space"
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

// Learned says whether a list has content that changes while the policy stays:
// domain names, lists, and the addresses of interfaces that have none written, however deep.
func (w *World) Learned(terms []config.AddressTerm) bool {
	return w.learnedBeside(terms, map[string]bool{})
}

// learnedBeside leaves out the aliases that were looked at, by whichever way.
func (w *World) learnedBeside(terms []config.AddressTerm, seen map[string]bool) bool {
	for _, t := range terms {
		switch t.Kind {
		case config.TermDomain:
			return true
		case config.TermNetwork, config.TermAddress:
			if w.Learns(t.Name) {
				return true
			}
		case config.TermSelf:
			if slices.ContainsFunc(w.Config.Interfaces, func(i config.Interface) bool { return len(i.Addresses) == 0 }) {
				return true
			}
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
