package config

import (
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"
)

// extent is the addresses that a list stands for, as far as the policy tells.
type extent struct {
	set   *netipx.IPSet
	known bool   // false: a part is learned while the gateway runs
	any   bool   // every address, or every one of the families that are left
	text  string // the list as it is written
}

// everything is any address.
func everything() *netipx.IPSet {
	var b netipx.IPSetBuilder
	b.AddPrefix(netip.PrefixFrom(netip.IPv4Unspecified(), 0))
	b.AddPrefix(netip.PrefixFrom(netip.IPv6Unspecified(), 0))
	return built(&b)
}

// built is the set of a builder that was given nothing but valid ranges.
func built(b *netipx.IPSetBuilder) *netipx.IPSet {
	set, err := b.IPSet()
	if err != nil {
		panic("config: " + err.Error())
	}
	return set
}

// extent resolves a list.
func (p *parser) extent(terms []AddressTerm) extent {
	var b netipx.IPSetBuilder
	e := extent{known: true}
	texts := make([]string, 0, len(terms))
	included := false
	for _, exclude := range [...]bool{false, true} {
		if exclude && !included {
			b.AddSet(p.everything)
		}
		for _, t := range terms {
			if t.Exclude != exclude {
				continue
			}
			set, known := p.termExtent(t)
			e.known = e.known && known
			texts = append(texts, t.String())
			if exclude {
				b.RemoveSet(set)
			} else {
				included = true
				b.AddSet(set)
			}
		}
	}
	slices.Sort(texts)
	e.set, e.text = built(&b), strings.Join(texts, " ")
	e.any = e.known && e.set.Equal(p.everything)
	return e
}

// termExtent is what a term stands for, its exclusion mark aside.
func (p *parser) termExtent(t AddressTerm) (set *netipx.IPSet, known bool) {
	var b netipx.IPSetBuilder
	known = true
	switch t.Kind {
	case TermAny:
		return p.everything, true
	case TermRange:
		b.AddRange(netipx.IPRangeFrom(t.Range.From, t.Range.To))
	case TermAlias:
		e := p.aliasExtent(t.Name)
		return e.set, e.known
	case TermDomain:
		known = false
	case TermNetwork, TermAddress, TermSelf:
		for _, e := range p.policy.Interface {
			known = known && (p.addressed[e.name()] || t.Kind != TermSelf && t.Name != e.name())
		}
		for _, n := range p.networks {
			switch {
			case t.Kind != TermSelf && n.iface != t.Name:
			case t.Kind == TermNetwork:
				b.AddPrefix(n.prefix.Masked())
			default:
				b.Add(n.prefix.Addr())
			}
		}
	}
	return built(&b), known
}

// aliasExtent resolves each alias once. Circles have been reported; here they end.
func (p *parser) aliasExtent(name string) extent {
	if e, ok := p.aliasExtents[name]; ok {
		return e
	}
	e := extent{set: &netipx.IPSet{}}
	p.aliasExtents[name] = e
	if p.aliasKinds[name] == AliasAddresses {
		e = p.extent(p.aliasTerms[name])
	}
	p.aliasExtents[name] = e
	return e
}

// within is what of e is of some families.
func (e extent) within(f families) extent {
	var b netipx.IPSetBuilder
	b.AddSet(e.set)
	if f&inet4 == 0 {
		b.RemovePrefix(netip.PrefixFrom(netip.IPv4Unspecified(), 0))
	}
	if f&inet6 == 0 {
		b.RemovePrefix(netip.PrefixFrom(netip.IPv6Unspecified(), 0))
	}
	e.set = built(&b)
	return e
}

// covers says whether all addresses of o are in e, whatever is learned.
func (e extent) covers(o extent) bool {
	if e.known && o.known {
		return !slices.ContainsFunc(o.set.Ranges(), func(r netipx.IPRange) bool { return !e.set.ContainsRange(r) })
	}
	return e.any || e.text == o.text
}

// overlaps says whether e and o have addresses in common that are written.
func (e extent) overlaps(o extent) bool {
	return e.any || o.any || e.text == o.text || e.set.Overlaps(o.set)
}

// size is how many addresses e holds; limit+1 if they are more.
func (e extent) size(limit int) int {
	n := 0
	for _, r := range e.set.Ranges() {
		for a := r.From(); r.Contains(a) && n <= limit; a = a.Next() {
			n++
		}
	}
	return n
}

// addresses is all addresses of e, one by one.
func (e extent) addresses() []netip.Addr {
	var all []netip.Addr
	for _, r := range e.set.Ranges() {
		for a := r.From(); r.Contains(a); a = a.Next() {
			all = append(all, a)
		}
	}
	return all
}
