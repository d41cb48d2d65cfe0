package config

import "slices"

// somePort refuses a port list that its own exclusions leave empty.
func (p *parser) somePort(l list, terms []PortTerm) {
	excludes := slices.ContainsFunc(terms, func(t PortTerm) bool { return t.Exclude })
	if excludes && len(terms) == len(l.items) && len(p.portRanges(terms)) == 0 {
		p.at(l.node, "excludes every port that it names: nothing is left")
	}
}

// someAddress refuses an address list that its own exclusions leave empty. It
// looks at what is written in the list itself; aliases may change.
func (p *parser) someAddress(l list, terms []AddressTerm) {
	included, left := false, false
	for _, t := range terms {
		if !t.Exclude {
			included = true
			left = left || t.Kind != TermRange || !excluded(t.Range, terms)
		}
	}
	if included && !left && len(terms) == len(l.items) {
		p.at(l.node, "excludes every address that it names: nothing is left")
	}
}

// excluded says whether one of the exclusions among terms holds all of r.
func excluded(r Range, terms []AddressTerm) bool {
	return slices.ContainsFunc(terms, func(t AddressTerm) bool {
		return t.Exclude && t.Kind == TermRange && t.Range.Contains(r.From) && t.Range.Contains(r.To)
	})
}
