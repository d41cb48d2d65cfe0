package rules

import (
	"maps"
	"slices"
)

// Numbers gives each rule name the number that its flows carry in their
// conntrack mark, from 1 to MaxNumber. A name keeps its number over revisions,
// so that flows let in by an older revision still name their rule.
type Numbers map[string]uint16

// MaxNumber is the highest rule number: the mark has 16 bits for it.
const MaxNumber = 1<<16 - 1

// Assign returns numbers for all names: those known keep theirs, new ones get
// free ones. Names that are gone keep their number for as long as there is
// room, since their flows may still live; then the ones gone are given up.
// It does not change n. More than MaxNumber names: the last ones get 0, which marks nothing.
func (n Numbers) Assign(names []string) Numbers { return n.assign(names, MaxNumber) }

// MaxGateway is the highest number of a gateway: the mark has 8 bits for it.
const MaxGateway = 1<<8 - 1

// AssignGateways is Assign for the numbers of gateways.
func (n Numbers) AssignGateways(names []string) Numbers { return n.assign(names, MaxGateway) }

func (n Numbers) assign(names []string, most uint16) Numbers {
	out := maps.Clone(n)
	if out == nil {
		out = Numbers{}
	}
	missing := slices.DeleteFunc(slices.Clone(names), func(s string) bool { return out[s] != 0 })
	if len(out)+len(missing) > int(most) {
		wanted := map[string]bool{}
		for _, s := range names {
			wanted[s] = true
		}
		maps.DeleteFunc(out, func(s string, _ uint16) bool { return !wanted[s] })
	}
	used := make(map[uint16]bool, len(out))
	for _, v := range out {
		used[v] = true
	}
	next := uint16(1)
	for _, s := range missing {
		for used[next] && next < most {
			next++
		}
		if used[next] {
			break
		}
		out[s], used[next] = next, true
	}
	return out
}

// Name is the rule with a number; empty when there is none.
func (n Numbers) Name(number uint16) string {
	if number == 0 {
		return ""
	}
	for name, v := range n {
		if v == number {
			return name
		}
	}
	return ""
}
