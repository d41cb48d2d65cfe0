package dispatch

import (
	"cmp"
	"slices"
	"sort"

	"github.com/rempart/rempart/rules/space"
)

// edge is where a rule's points begin or end.
type edge struct {
	at     space.Point
	closes bool // it still holds at the point
	rule   int
}

// edges sorts out the rules that are everywhere and returns where the others
// begin and end, in the order of the rules. A rule that has too many intervals,
// or all points, is everywhere. Intervals are cut to the region here and not by
// Intersect, since this is where a compilation spends its time.
func (p *planner) edges(c *candidate) []edge {
	out := p.scratch[:0]
	for i, r := range c.rules {
		t := r.term(c.dim)
		if t == nil || t.Within == nil || len(t.Within) > p.cost.Ranges || t.Within.Covers(c.all) {
			c.wide = append(c.wide, i)
			continue
		}
		for _, s := range t.Within {
			first := sort.Search(len(c.all), func(n int) bool { return s.From.Compare(c.all[n].To) <= 0 })
			for _, in := range c.all[first:] {
				if s.To.Compare(in.From) < 0 {
					break
				}
				out = append(out, edge{later(s.From, in.From), false, i}, edge{earlier(s.To, in.To), true, i})
			}
		}
	}
	p.scratch = out
	return out
}

// along brings edges into the order of the line.
func along(edges []edge) {
	slices.SortFunc(edges, func(a, b edge) int {
		switch {
		case a.at.Hi != b.at.Hi:
			return cmp.Compare(a.at.Hi, b.at.Hi)
		case a.at.Lo != b.at.Lo:
			return cmp.Compare(a.at.Lo, b.at.Lo)
		case a.closes == b.closes:
			return 0
		case a.closes:
			return 1
		}
		return -1
	})
}

func later(a, b space.Point) space.Point {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}

func earlier(a, b space.Point) space.Point {
	if a.Compare(b) < 0 {
		return a
	}
	return b
}

// bin is an interval and the rules apart that hold somewhere in it, by number.
type bin struct {
	within  space.Range
	members []int
}

// bins cuts the points into intervals with at most room rules each where the
// policy allows it; room 0 cuts wherever the rules change. There are none when
// they would have more than limit entries.
func (c *candidate) bins(edges []edge, room int, limit float64) []bin {
	w := sweep{room: room, everywhere: len(c.wide), seen: make([]int, len(c.rules)), end: c.all[len(c.all)-1].To}
	from := c.all[0].From
	for i := 0; i < len(edges); {
		at, closes := edges[i].at, edges[i].closes
		if closes && at == w.end {
			break
		}
		cut := at // the first point of the next interval
		if closes {
			cut = at.Next()
		}
		if from.Compare(cut) < 0 {
			w.interval(from, cut.Prev())
			from = cut
		}
		if float64(w.size) > limit && room > 0 {
			return nil
		}
		for ; i < len(edges) && edges[i].at == at && edges[i].closes == closes; i++ {
			w.toggle(edges[i])
		}
	}
	w.interval(from, w.end)
	return w.bins
}

// sweep goes along a dimension.
type sweep struct {
	room   int
	active []int // rules that hold here, in order
	bins   []bin
	seen   []int // by rule: the last bin that has it, counted from 1
	end    space.Point

	everywhere int // rules that every bin has besides
	size       int // entries of all bins
}

func (w *sweep) toggle(e edge) {
	i, there := slices.BinarySearch(w.active, e.rule)
	switch {
	case !e.closes && !there:
		w.active = slices.Insert(w.active, i, e.rule)
	case e.closes && there:
		w.active = slices.Delete(w.active, i, i+1)
	}
}

// interval adds the next interval: to the bin before when that has room, or as a new one.
func (w *sweep) interval(from, to space.Point) {
	n := len(w.bins)
	fresh := 0
	for _, r := range w.active {
		if w.seen[r] != n {
			fresh++
		}
	}
	if n > 0 && w.room > 0 && len(w.bins[n-1].members)+fresh <= w.room {
		last := &w.bins[n-1]
		last.within.To = to
		for _, r := range w.active {
			if w.seen[r] != n {
				w.seen[r] = n
				last.members = append(last.members, r)
				w.size++
			}
		}
		return
	}
	w.size += len(w.active) + w.everywhere
	w.bins = append(w.bins, bin{space.Range{From: from, To: to}, slices.Clone(w.active)})
	for _, r := range w.active {
		w.seen[r] = n + 1
	}
}

// merge makes one group of all bins with the same rules.
func merge(bins []bin) []group {
	index := map[uint64][]int{} // groups by the hash of their members
	var members [][]int
	var ranges [][]space.Range
	for _, b := range bins {
		slices.Sort(b.members)
		h := hashInts(b.members)
		at := -1
		for _, g := range index[h] {
			if slices.Equal(members[g], b.members) {
				at = g
			}
		}
		if at < 0 {
			at = len(members)
			index[h] = append(index[h], at)
			members, ranges = append(members, b.members), append(ranges, nil)
		}
		ranges[at] = append(ranges[at], b.within)
	}
	out := make([]group, len(members))
	for i := range members {
		out[i] = group{within: space.Union(ranges[i]), members: members[i]}
	}
	return out
}
