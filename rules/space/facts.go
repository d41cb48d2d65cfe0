package space

import (
	"cmp"
	"slices"
)

// Fact is something about a packet that no line tells and nobody knows
// beforehand, such as whether its source is in an alias that rules fill. Facts
// are numbered from 1; a negative one says that it is not so.
type Fact int32

// Facts is facts that all hold, without repeats, in the order of their numbers.
type Facts []Fact

func (f Fact) number() Fact { return max(f, -f) }

func (f Fact) compare(g Fact) int { return cmp.Compare(f.number(), g.number()) }

// deny says whether some fact holds in one and not in the other.
func (fs Facts) deny(gs Facts) bool {
	for _, f := range fs {
		if slices.Contains(gs, -f) {
			return true
		}
	}
	return false
}

// imply says whether every fact of gs is among fs.
func (fs Facts) imply(gs Facts) bool {
	for _, g := range gs {
		if !slices.Contains(fs, g) {
			return false
		}
	}
	return true
}

// And is both together; they must not deny each other.
func (fs Facts) And(gs Facts) Facts {
	switch {
	case len(gs) == 0:
		return fs
	case len(fs) == 0:
		return gs
	}
	out := slices.Concat(fs, gs)
	slices.SortFunc(out, Fact.compare)
	return slices.Compact(out)
}

// positive is the facts that are so.
func (fs Facts) positive() Facts {
	var out Facts
	for _, f := range fs {
		if f > 0 {
			out = append(out, f)
		}
	}
	return out
}

// holdAt says whether the facts hold of a packet of which just those are true.
func (fs Facts) holdAt(so Facts) bool {
	for _, f := range fs {
		if slices.Contains(so, f.number()) != (f > 0) {
			return false
		}
	}
	return true
}

// merge is what holds in both, and how many facts hold in one and are denied in
// the other; a number past 1 may stand for any other difference.
func (fs Facts) merge(gs Facts) (both Facts, apart int) {
	if len(fs) != len(gs) {
		return nil, 2
	}
	for i, f := range fs {
		switch f {
		case gs[i]:
			both = append(both, f)
		case -gs[i]:
			apart++
		default:
			return nil, 2
		}
	}
	return both, apart
}
