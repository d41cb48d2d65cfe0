package pieces

import (
	"cmp"
	"slices"
)

// namesakes are the pieces of one name in the three texts: one in each as a rule, more when a policy
// has, say, two routes to one destination.
type namesakes struct {
	table, name string
	at          [3][]int // where they are among the pieces of each text
	objects     []int    // what they are in the merge: those of base, then new ones
	unclear     [3]bool  // a side has other texts and another number of them
}

func newMerge(docs [3]document) *merge {
	m := &merge{}
	var texts [3][]Piece
	var all []*namesakes
	known := make(map[ident]*namesakes)
	for side, d := range docs {
		texts[side] = d.pieces
		if d.tail != "" {
			texts[side] = append(slices.Clip(d.pieces), Piece{Object: End, Text: ended(d.tail), name: End})
		}
		m.order[side] = make([]int, len(texts[side]))
		for i, p := range texts[side] {
			id := ident{p.Table, p.name}
			n, ok := known[id]
			if !ok {
				n = &namesakes{table: p.Table, name: p.name}
				known[id], all = n, append(all, n)
			}
			n.at[side] = append(n.at[side], i)
		}
	}
	given := newNames()
	for _, n := range all {
		if decides(n.table) && !slices.Contains(m.lists, n.table) {
			m.lists = append(m.lists, n.table)
		}
		for side, pieces := range texts {
			n.pair(m, side, pieces)
		}
		n.call(m, given)
		if n.unclear != [3]bool{} {
			m.unclear = append(m.unclear, n)
		}
	}
	return m
}

// pair finds out which objects the namesakes of a side are: those of base that say the same, those of
// base that are left, in their order, then what the other side has more of likewise, and then new ones.
func (n *namesakes) pair(m *merge, side int, pieces []Piece) {
	rest := n.at[side]
	for _, from := range [...]int{base, ours} {
		if from >= side {
			break
		}
		free := n.free(m, from, side)
		if len(free)+len(rest) > 2 {
			rest = n.pairEqual(m, from, side, pieces, rest)
			free = n.free(m, from, side)
		}
		if from == base {
			n.unclear[side] = len(free) > 0 && len(rest) > 0 && len(free) != len(rest)
		}
		for len(free) > 0 && len(rest) > 0 {
			n.take(m, free[0], side, rest[0], pieces)
			free, rest = free[1:], rest[1:]
		}
	}
	for _, at := range rest {
		o := len(m.objects)
		m.objects = append(m.objects, &object{table: n.table})
		n.objects = append(n.objects, o)
		n.take(m, o, side, at, pieces)
	}
}

// free is the objects that the text from was the first to have, and that side does not have yet.
func (n *namesakes) free(m *merge, from, side int) []int {
	var free []int
	for _, o := range n.objects {
		there := m.objects[o].there
		if first := slices.Index(there[:], true); first == from && !there[side] {
			free = append(free, o)
		}
	}
	return free
}

// pairEqual pairs those of a side that say what they say in the text from, and returns what is left.
func (n *namesakes) pairEqual(m *merge, from, side int, pieces []Piece, list []int) []int {
	byText := make(map[string][]int)
	for _, o := range n.free(m, from, side) {
		_, body := cutGap(m.objects[o].texts[from])
		byText[body] = append(byText[body], o)
	}
	var rest []int
	for _, at := range list {
		_, body := cutGap(pieces[at].Text)
		if same := byText[body]; len(same) > 0 {
			n.take(m, same[0], side, at, pieces)
			byText[body] = same[1:]
		} else {
			rest = append(rest, at)
		}
	}
	return rest
}

// call names the objects: those of base first, and then as they come in ours or theirs, so that it
// does not matter which is which.
func (n *namesakes) call(m *merge, given names) {
	place := make(map[int]int) // the first in either
	for _, side := range [...]int{ours, theirs} {
		for i, at := range n.at[side] {
			o := m.order[side][at]
			if p, known := place[o]; !known || i < p {
				place[o] = i
			}
		}
	}
	// The objects of base were the first to come, in its order.
	fresh := n.objects[len(n.at[base]):]
	slices.SortFunc(fresh, func(a, b int) int {
		return cmp.Or(cmp.Compare(place[a], place[b]), cmp.Compare(m.objects[a].least(), m.objects[b].least()))
	})
	for _, o := range n.objects {
		m.objects[o].name = given.unique(n.name)
	}
}

// least is the lesser of the texts of the two sides.
func (o *object) least() string {
	if !o.there[theirs] || o.there[ours] && o.texts[ours] < o.texts[theirs] {
		return o.texts[ours]
	}
	return o.texts[theirs]
}

// take makes a piece of a side the object o.
func (n *namesakes) take(m *merge, o, side, at int, pieces []Piece) {
	m.objects[o].texts[side], m.objects[o].there[side] = pieces[at].Text, true
	m.order[side][at] = o
}

// settle leaves the namesakes to a person if one side edited them so that nobody can tell which, and the other
// edited them too.
func (n *namesakes) settle(m *merge) {
	edited := func(side int) bool {
		return slices.ContainsFunc(n.objects, func(o int) bool {
			c := m.objects[o].change(side)
			return c != Unchanged && c != Moved
		})
	}
	if !edited(ours) || !edited(theirs) {
		return
	}
	for _, o := range n.objects {
		if m.objects[o].differs() {
			m.objects[o].conflict = true
		}
	}
}
