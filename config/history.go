package config

import (
	"cmp"
	"slices"
)

// History is how revisions descend from each other, by their IDs. It is a value that does not change;
// the zero one knows none. A parent that is named and not held counts as one of which nothing earlier
// is known. Each question takes time in proportion to the revisions and their parents, whoever made them.
//
// Revisions of format 1 may name each other in a circle, after a rollback: what was kept last is then
// taken as the newest.
type History struct {
	index map[string]int
	all   []vertex
	// order is all of them, each behind what it descends from: by their generation and, among equals,
	// by their ID, the smallest last.
	order []int
}

// vertex is a revision among those that it descends from.
type vertex struct {
	id         string
	parents    []int
	generation int  // 1 more than the highest of the parents'
	held       bool // and not merely named as a parent
}

// NewHistory is the history of a list of revisions, the oldest first. IDs and Parents are all that it
// looks at. An ID that is there more than once descends from the parents of each.
func NewHistory(list []Revision) History {
	h := History{index: make(map[string]int, len(list))}
	for _, r := range list {
		child := h.vertex(r.ID)
		h.all[child].held = true
		for _, p := range r.Parents {
			parent := h.vertex(p) // before h.all is looked into: it may grow
			h.all[child].parents = append(h.all[child].parents, parent)
		}
	}
	states := make([]settling, len(h.all))
	for _, r := range slices.Backward(list) {
		h.settle(h.index[r.ID], states)
	}
	h.order = make([]int, len(h.all))
	for i := range h.order {
		h.order[i] = i
	}
	slices.SortFunc(h.order, func(i, j int) int {
		a, b := &h.all[i], &h.all[j]
		return cmp.Or(cmp.Compare(a.generation, b.generation), cmp.Compare(b.id, a.id))
	})
	return h
}

// vertex is the place of an ID, which it gets when it has none.
func (h *History) vertex(id string) int {
	i, ok := h.index[id]
	if !ok {
		i = len(h.all)
		h.index[id] = i
		h.all = append(h.all, vertex{id: id})
	}
	return i
}

// settling is how far a vertex is on its way to a generation.
type settling uint8

const (
	untouched settling = iota
	underWay           // it waits for its parents
	settled
)

// noVertex stands for a parent that would close a circle.
const noVertex = -1

// settle gives a vertex and all that it descends from their generations. A parent that itself waits
// for the vertex is no parent of it.
func (h *History) settle(root int, states []settling) {
	type step struct{ vertex, next int }
	if states[root] == settled {
		return
	}
	states[root] = underWay
	for path := []step{{vertex: root}}; len(path) > 0; {
		at := &path[len(path)-1]
		v := &h.all[at.vertex]
		if at.next == len(v.parents) {
			v.parents = slices.DeleteFunc(v.parents, func(p int) bool { return p == noVertex })
			v.generation = 1
			for _, p := range v.parents {
				v.generation = max(v.generation, h.all[p].generation+1)
			}
			states[at.vertex] = settled
			path = path[:len(path)-1]
			continue
		}
		parent := v.parents[at.next]
		switch states[parent] {
		case underWay:
			v.parents[at.next] = noVertex
		case untouched:
			states[parent] = underWay
			path = append(path, step{vertex: parent})
			continue // at is stale, and comes back to this parent when it is settled
		}
		at.next++
	}
}

// Contains says whether the revision itself is there, and not merely named as a parent.
func (h History) Contains(id string) bool {
	i, ok := h.index[id]
	return ok && h.all[i].held
}

// Relation is how a revision stands to another.
type Relation int

// How it may stand.
const (
	Same   Relation = iota + 1
	Ahead           // it descends from the other
	Behind          // the other descends from it
	Apart           // neither, as far as is known
)

var relationWords = words{"same", "ahead", "behind", "apart"}

// String is the relation in a word.
func (r Relation) String() string { return relationWords.word(int(r)) }

// Relation is how a stands to b. No revision at all ("") is an ancestor of every other. Of an ID that
// is not known nothing can be said: Apart, unless it is both.
func (h History) Relation(a, b string) Relation {
	switch {
	case a == b:
		return Same
	case b == "":
		return Ahead
	case a == "":
		return Behind
	}
	i, known := h.index[a]
	j, both := h.index[b]
	switch {
	case !known || !both:
		return Apart
	case h.ancestry(a)[j]:
		return Ahead
	case h.ancestry(b)[i]:
		return Behind
	}
	return Apart
}

// ancestry marks the revisions that are known among ids and all that they descend from.
func (h History) ancestry(ids ...string) []bool {
	marks := make([]bool, len(h.all))
	var left []int
	mark := func(i int) {
		if !marks[i] {
			marks[i] = true
			left = append(left, i)
		}
	}
	for _, id := range ids {
		if i, ok := h.index[id]; ok {
			mark(i)
		}
	}
	for len(left) > 0 {
		i := left[len(left)-1]
		left = left[:len(left)-1]
		for _, p := range h.all[i].parents {
			mark(p)
		}
	}
	return marks
}

// Base is the nearest revision that is there and that both descend from, or are; "" when there is
// none. Of several it is the one with the longest history, then the one with the smallest ID: the
// same on both nodes, when they have the same revisions.
func (h History) Base(a, b string) string {
	ours, theirs := h.ancestry(a), h.ancestry(b)
	for _, i := range slices.Backward(h.order) {
		if ours[i] && theirs[i] && h.all[i].held {
			return h.all[i].id
		}
	}
	return ""
}

// Line is the IDs of head and of what it descends from, each before its parents, at most so many:
// those with the longest history first. A head that is not there has none.
func (h History) Line(head string, most int) []string {
	if !h.Contains(head) {
		return nil
	}
	var line []string
	marks := h.ancestry(head)
	for _, i := range slices.Backward(h.order) {
		if len(line) >= most {
			break
		}
		if marks[i] && h.all[i].held {
			line = append(line, h.all[i].id)
		}
	}
	return line
}

// Missing is the IDs that whoever has some revisions, and all that these descend from, needs to have
// head as well, each behind its parents. IDs among have that are not known change nothing.
func (h History) Missing(have []string, head string) []string {
	var missing []string
	needed, had := h.ancestry(head), h.ancestry(have...)
	for _, i := range h.order {
		if needed[i] && !had[i] && h.all[i].held {
			missing = append(missing, h.all[i].id)
		}
	}
	return missing
}

// heads marks, by their IDs, the revisions from which no other descends.
func (h History) heads() map[string]bool {
	named := make([]bool, len(h.all))
	for _, v := range h.all {
		for _, p := range v.parents {
			named[p] = true
		}
	}
	heads := make(map[string]bool)
	for i, v := range h.all {
		if !named[i] { // what is not held is
			heads[v.id] = true
		}
	}
	return heads
}
