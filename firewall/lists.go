package firewall

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/rempart/rempart/firewall/nft"
)

// nameLists moves the lists that have ranges in them, and long ones, out of the
// rules and into sets by name. The kernel begins to look into a set of intervals only a
// moment after the transaction that makes it, so a list that is made anew with
// its rule misses the packets of that moment; a set by name is filled before.
// Rules with the same list share it, and one that stays is not sent again.
func nameLists(r *nft.Ruleset) {
	made := map[string]bool{}
	for _, c := range r.Chains {
		for i := range c.Rules {
			exprs := c.Rules[i].Exprs
			for j, x := range exprs {
				m, ok := x.(nft.Match)
				if !ok || m.Mask != 0 || m.Field == nft.FIBDaddrOIFName { // nft has no named sets of these
					continue
				}
				if len(m.Values) < 2 || len(m.Values) <= longestList && !slices.ContainsFunc(m.Values, ranged) {
					continue
				}
				set := valueSet(m)
				if !made[set.Name] {
					made[set.Name] = true
					r.Sets = append(r.Sets, set)
				}
				exprs = slices.Clone(exprs) // rules share what they ask
				exprs[j] = nft.Lookup{Fields: []nft.Field{m.Field}, Not: m.Not, Set: set.Name}
				c.Rules[i].Exprs = exprs
			}
		}
	}
	slices.SortFunc(r.Sets, func(a, b nft.Set) int { return strings.Compare(a.Name, b.Name) })
}

func ranged(v nft.Value) bool { return v.From != v.To || v.Lo != v.Hi }

// longestList is how many single values a rule lists itself.
const longestList = 32

// valueSet is the set of a match's values.
func valueSet(m nft.Match) nft.Set {
	s := nft.Set{Key: []nft.Type{m.Field.Type()}, Interval: slices.ContainsFunc(m.Values, ranged)}
	kinds := map[nft.Type]string{nft.TypePort: "ports", nft.TypeIPv4: "ip", nft.TypeIPv6: "ip6", nft.TypeIfname: "devices"}
	words := []string{cmp.Or(kinds[m.Field.Type()], "values")}
	for _, v := range m.Values {
		s.Elements = append(s.Elements, nft.Element{Key: []nft.Value{v}})
		words = append(words, v.String())
	}
	s.Name = setName(words)
	return s
}

// longestName is how long a name may be that tells what is in the set.
const longestName = 60

// setName is a name that says what the set holds: ports_80_443_8000-8080. What
// is too long for it, or has signs that a name may not have, is told by a hash.
func setName(words []string) string {
	name := strings.Join(words, "_")
	if len(name) <= longestName && !strings.ContainsAny(name, ":\"*") {
		return name
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	return fmt.Sprintf("%s_%012x", words[0], h.Sum64()&(1<<48-1))
}
