package pieces

import "slices"

// findMoves marks what each side put elsewhere: the fewest objects whose moves make the order of
// base that of the side. In a list whose order decides, they are looked for in the list alone first.
func (m *merge) findMoves() {
	places := make([]int, len(m.objects))
	for i, n := range m.order[base] {
		places[n] = i
	}
	for _, side := range [...]int{ours, theirs} {
		kept := m.pick(side, func(o *object) bool { return o.there[base] })
		lists := make(map[string][]int)
		for _, n := range kept {
			if t := m.objects[n].table; decides(t) {
				lists[t] = append(lists[t], n)
			}
		}
		for _, list := range lists {
			for _, n := range outside(list, places) {
				m.objects[n].overtook[side], m.objects[n].moved[side] = true, true
			}
		}
		rest := slices.DeleteFunc(kept, func(n int) bool { return m.objects[n].moved[side] })
		for _, n := range outside(rest, places) {
			m.objects[n].moved[side] = true
		}
	}
}

// outside is what of list is not part of its longest rise.
func outside(list, places []int) []int {
	rise := longestRise(list, places)
	out := make([]int, 0, len(list)-len(rise))
	for i, n := range list {
		if len(rise) > 0 && rise[0] == i {
			rise = rise[1:]
		} else {
			out = append(out, n)
		}
	}
	return out
}

// longestRise is the indexes of a longest part of list whose places rise, by patience sorting
// (C. Schensted, "Longest increasing and decreasing subsequences", 1961).
func longestRise(list, places []int) []int {
	var piles []int // the index of the smallest end of a rise of each length
	before := make([]int, len(list))
	for i, n := range list {
		at, _ := slices.BinarySearchFunc(piles, places[n], func(top, place int) int { return places[list[top]] - place })
		before[i] = -1
		if at > 0 {
			before[i] = piles[at-1]
		}
		if at == len(piles) {
			piles = append(piles, i)
		} else {
			piles[at] = i
		}
	}
	rise := make([]int, len(piles))
	if len(piles) > 0 {
		for i, at := len(piles)-1, piles[len(piles)-1]; i >= 0; i, at = i-1, before[at] {
			rise[i] = at
		}
	}
	return rise
}

// pick is the objects of a side that take returns true for, in the side's order.
func (m *merge) pick(side int, take func(*object) bool) []int {
	var picked []int
	for _, n := range m.order[side] {
		if take(m.objects[n]) {
			picked = append(picked, n)
		}
	}
	return picked
}

// both says that ours and theirs have o.
func (o *object) both() bool { return o.there[ours] && o.there[theirs] }

// contest finds out whose order those objects keep that take returns true for, ours or theirs, and
// which of them stand where no order is that of both.
func (m *merge) contest(take func(*object) bool) (lead int, torn []int) {
	common := func(side int) []int {
		return m.pick(side, func(o *object) bool { return o.both() && take(o) })
	}
	old := func(side int) []int {
		return m.pick(side, func(o *object) bool { return o.both() && o.there[base] && take(o) })
	}
	a, b := common(ours), common(theirs)
	if slices.Equal(a, b) {
		return ours, nil
	}
	was, oursOld, theirsOld := old(base), old(ours), old(theirs)
	oursKept, theirsKept := slices.Equal(was, oursOld), slices.Equal(was, theirsOld)
	moved := func(n int) bool { return m.objects[n].overtook[ours] || m.objects[n].overtook[theirs] }
	switch {
	case oursKept && !theirsKept:
		lead = theirs
	default:
		lead = ours
		if !theirsKept && !slices.Equal(oursOld, theirsOld) {
			for _, n := range a {
				if moved(n) {
					torn = append(torn, n)
				}
			}
		}
	}
	return lead, append(torn, m.newApart(slices.DeleteFunc(a, moved), slices.DeleteFunc(b, moved))...)
}

// newApart is what both added, but not behind the same object.
func (m *merge) newApart(a, b []int) []int {
	if slices.Equal(a, b) {
		return nil
	}
	behind := make(map[int]int, len(b))
	last := -1
	for _, n := range b {
		behind[n], last = last, n
	}
	var apart []int
	last = -1
	for _, n := range a {
		if !m.objects[n].there[base] && behind[n] != last {
			apart = append(apart, n)
		}
		last = n
	}
	return apart
}

// chain is an order of numbers into which others are put.
type chain struct {
	next []int // the number behind each; the last of next is the head
	in   []bool
}

const nothing = -1

func newChain(size int, order []int) *chain {
	c := &chain{next: make([]int, size+1), in: make([]bool, size)}
	at := size
	for _, n := range order {
		c.next[at], c.in[n], at = n, true, n
	}
	c.next[at] = nothing
	return c
}

// insert puts the numbers of order that are missing behind those that they stand behind there, and
// behind those that follow there and that past returns true for.
func (c *chain) insert(order []int, past func(n int) bool) {
	at := len(c.in)
	for _, n := range order {
		if !c.in[n] {
			for next := c.next[at]; next != nothing && past(next); next = c.next[at] {
				at = next
			}
			c.next[n], c.next[at], c.in[n] = c.next[at], n, true
		}
		at = n
	}
}

// list is the whole order.
func (c *chain) list() []int {
	var list []int
	for n := c.next[len(c.in)]; n != nothing; n = c.next[n] {
		list = append(list, n)
	}
	return list
}
