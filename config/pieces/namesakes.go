package pieces

import "slices"

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
		for _, side := range [...]int{base, ours, theirs} {
			n.pair(m, side, texts[side], given)
		}
		if n.unclear != [3]bool{} {
			m.unclear = append(m.unclear, n)
		}
	}
	return m
}

// pair finds out which objects the namesakes of a side are: those of base that have their text, and
// then, in their order, those that are left.
func (n *namesakes) pair(m *merge, side int, pieces []Piece, given names) {
	free := slices.Clone(n.objects)
	rest := n.at[side]
	if side != base {
		free = slices.DeleteFunc(free, func(o int) bool { return !m.objects[o].there[base] })
		if len(free) > 1 || len(free) == 1 && len(rest) > 1 {
			free, rest = n.pairEqual(m, side, pieces, free)
		}
		n.unclear[side] = len(free) > 0 && len(rest) > 0 && len(free) != len(rest)
	}
	// What both sides have more of is laid together, for a person to look at.
	for _, o := range n.objects {
		if !m.objects[o].there[base] {
			free = append(free, o)
		}
	}
	for i, at := range rest {
		if i == len(free) {
			o := len(m.objects)
			m.objects = append(m.objects, &object{name: given.unique(n.name), table: n.table})
			n.objects, free = append(n.objects, o), append(free, o)
		}
		n.take(m, free[i], side, at, pieces)
	}
}

// pairEqual pairs those whose texts are in base, and returns what is left of the objects and of the pieces.
func (n *namesakes) pairEqual(m *merge, side int, pieces []Piece, objects []int) (free, rest []int) {
	byText := make(map[string][]int, len(objects))
	for _, o := range objects {
		_, body := cutGap(m.objects[o].texts[base])
		byText[body] = append(byText[body], o)
	}
	for _, at := range n.at[side] {
		_, body := cutGap(pieces[at].Text)
		if same := byText[body]; len(same) > 0 {
			n.take(m, same[0], side, at, pieces)
			byText[body] = same[1:]
		} else {
			rest = append(rest, at)
		}
	}
	free = slices.DeleteFunc(slices.Clone(objects), func(o int) bool { return m.objects[o].there[side] })
	return free, rest
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
