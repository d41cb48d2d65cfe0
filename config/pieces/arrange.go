package pieces

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A place is the number of an object; of one that ours and theirs have at different places, and nobody
// decided which, the place of theirs is its number and the number of all objects more.

// arrange brings the objects into the order of the result: each list whose order decides by itself,
// and these into the places that they have among all objects.
func (m *merge) arrange() {
	m.notes = nil
	anything := func(*object) bool { return true }
	lists := make(map[string][]int)
	for _, table := range m.lists {
		in := func(o *object) bool { return o.table == table }
		lead, torn := m.contest(in)
		for _, n := range torn {
			m.objects[n].disorder = true
		}
		if len(torn) > 0 {
			m.notes = append(m.notes, fmt.Sprintf("both changed the place of %s: the first that matches decides", m.names(torn)))
		}
		lists[table] = m.merged(lead, in)
		m.noteNeighbours(lists[table])
	}
	lead, _ := m.contest(anything)
	m.all, m.final = nil, nil
	for _, n := range m.merged(lead, anything) {
		if n < len(m.objects) {
			m.all = append(m.all, n)
		}
		table := m.at(n).table
		if !m.at(n).remains() {
			continue
		}
		if list, ok := lists[table]; ok {
			for !m.at(list[0]).remains() {
				list = list[1:]
			}
			n, lists[table] = list[0], list[1:]
		}
		m.final = append(m.final, n)
	}
}

// at is the object at a place.
func (m *merge) at(place int) *object { return m.objects[place%len(m.objects)] }

// remains says that o is in the merged text or in its draft.
func (o *object) remains() bool { return o.stays || o.conflict }

// merged is the places of the objects that in returns true for, in the order of lead, with what the
// other side added behind what it stood behind: ours first where both added. Those that were removed
// are among them.
func (m *merge) merged(lead int, in func(*object) bool) []int {
	places := func(side int) []int {
		order := m.pick(side, func(o *object) bool { return in(o) && o.remains() })
		if side == theirs {
			for i, n := range order {
				if m.objects[n].disorder {
					order[i] = n + len(m.objects)
				}
			}
		}
		return order
	}
	c := newChain(2*len(m.objects), places(lead))
	c.insert(places(other(lead)), func(place int) bool {
		o := m.at(place)
		return lead == ours && (!o.there[theirs] && !o.there[base] || o.disorder)
	})
	c.insert(m.pick(base, in), func(int) bool { return false })
	list := c.list()
	// The keys at the top stand before all tables, and what is at the end behind them.
	slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(m.at(a).rank(), m.at(b).rank()) })
	return list
}

// rank is where o has to stand: before all tables, among them, or behind.
func (o *object) rank() int {
	switch {
	case o.table != "":
		return 1
	case o.name == Top:
		return 0
	}
	return 2
}

// noteNeighbours tells what both added at one place of a list.
func (m *merge) noteNeighbours(list []int) {
	behind := nothing
	var added [3][]int
	tell := func() {
		if len(added[ours]) > 0 && len(added[theirs]) > 0 {
			where := "at the head of the list"
			if behind != nothing {
				where = "after " + m.objects[behind].name
			}
			m.notes = append(m.notes, fmt.Sprintf("%s and %s were both added %s: the first that matches decides",
				m.names(added[ours]), m.names(added[theirs]), where))
		}
		added = [3][]int{}
	}
	for _, place := range list {
		o := m.at(place)
		switch {
		case !o.remains() || o.disorder:
		case !o.there[base] && !o.there[theirs]:
			added[ours] = append(added[ours], place)
		case !o.there[base] && !o.there[ours]:
			added[theirs] = append(added[theirs], place)
		default:
			tell()
			behind = place
		}
	}
	tell()
}

// mostNames is how many objects a sentence names.
const mostNames = 5

// names lists objects in a sentence.
func (m *merge) names(list []int) string {
	var names []string
	for _, n := range list[:min(len(list), mostNames)] {
		names = append(names, m.objects[n].name)
	}
	if more := len(list) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// text is the merged text, or its draft.
func (m *merge) text() []byte {
	text := []byte{}
	for _, place := range m.final {
		o := m.at(place)
		switch {
		case o.disorder && place >= len(m.objects):
			text = append(text, o.draft(theirs)...)
		case o.disorder:
			text = append(text, o.draft(ours)...)
		case o.conflict:
			text = append(text, o.draft(base)...)
		default:
			text = append(text, o.result...)
		}
	}
	return text
}
