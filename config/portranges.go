package config

import "slices"

// portRanges resolves terms to the ports they mean, in the order in which they
// are written; exclusions are taken away from all of them. Circles of aliases
// have been reported before; here they just end.
func (p *parser) portRanges(terms []PortTerm) []PortRange {
	var ranges []PortRange
	only := true
	for _, t := range terms {
		if t.Exclude {
			continue
		}
		only = false
		for _, r := range p.portsOf(t) {
			if !slices.Contains(ranges, r) {
				ranges = append(ranges, r)
			}
		}
	}
	if only && len(terms) > 0 {
		ranges = []PortRange{{1, 65535}}
	}
	for _, t := range terms {
		if t.Exclude {
			for _, out := range p.portsOf(t) {
				ranges = subtract(ranges, out)
			}
		}
	}
	return ranges
}

// portsOf follows the alias of t. Each alias is resolved once, so that aliases
// which name one another many times over stay cheap.
func (p *parser) portsOf(t PortTerm) []PortRange {
	if t.Alias == "" {
		return []PortRange{t.Range}
	}
	if ranges, ok := p.aliasRanges[t.Alias]; ok {
		return ranges
	}
	p.aliasRanges[t.Alias] = nil
	ranges := p.portRanges(p.aliasPorts[t.Alias])
	p.aliasRanges[t.Alias] = ranges
	return ranges
}

// subtract takes out away from each of the ranges.
func subtract(ranges []PortRange, out PortRange) []PortRange {
	var left []PortRange
	for _, r := range ranges {
		if out.To < r.From || r.To < out.From {
			left = append(left, r)
			continue
		}
		if r.From < out.From {
			left = append(left, PortRange{r.From, out.From - 1})
		}
		if out.To < r.To {
			left = append(left, PortRange{out.To + 1, r.To})
		}
	}
	return left
}
