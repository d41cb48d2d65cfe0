package config

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// lineage is a history to reason about: the parents of what is held, by its ID.
type lineage map[string][]string

// list is the revisions in the order of their names.
func (l lineage) list() []Revision {
	var list []Revision
	for id, parents := range l {
		list = append(list, Revision{ID: id, Parents: parents})
	}
	slices.SortFunc(list, func(a, b Revision) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// ancestry is what id descends from, and itself.
func (l lineage) ancestry(id string) map[string]bool {
	all := map[string]bool{id: true}
	for _, p := range l[id] {
		for a := range l.ancestry(p) {
			all[a] = true
		}
	}
	return all
}

func (l lineage) generation(id string) int {
	n := 0
	for _, p := range l[id] {
		n = max(n, l.generation(p))
	}
	return n + 1
}

// newestFirst sorts what of ids is held.
func (l lineage) newestFirst(ids map[string]bool) []string {
	var sorted []string
	for id := range ids {
		if _, held := l[id]; held {
			sorted = append(sorted, id)
		}
	}
	slices.SortFunc(sorted, func(a, b string) int {
		return cmp.Or(cmp.Compare(l.generation(b), l.generation(a)), cmp.Compare(a, b))
	})
	return sorted
}

func (l lineage) relation(a, b string) Relation {
	switch {
	case a == b:
		return Same
	case b == "" || l.ancestry(a)[b]:
		return Ahead
	case a == "" || l.ancestry(b)[a]:
		return Behind
	}
	return Apart
}

func (l lineage) base(a, b string) string {
	common := make(map[string]bool)
	for id := range l.ancestry(a) {
		common[id] = l.ancestry(b)[id]
	}
	for id, both := range common {
		if !both {
			delete(common, id)
		}
	}
	if sorted := l.newestFirst(common); len(sorted) > 0 {
		return sorted[0]
	}
	return ""
}

func (l lineage) missing(have []string, head string) []string {
	needed := l.ancestry(head)
	for _, h := range have {
		for id := range l.ancestry(h) {
			delete(needed, id)
		}
	}
	missing := l.newestFirst(needed)
	slices.Reverse(missing)
	return missing
}

// randomLineage has up to ten revisions with up to two parents each, some of which are not held.
func randomLineage(r *rand.Rand) lineage {
	l := make(lineage)
	for i, name := range r.Perm(1 + r.IntN(10)) {
		var parents []string
		for range min(r.IntN(3), i) {
			parents = append(parents, slices.Sorted(keysAnd(l, "lost"))[r.IntN(len(l)+1)])
		}
		l[fmt.Sprintf("r%d", name)] = slices.Compact(parents)
	}
	for id := range l {
		if r.IntN(8) == 0 {
			delete(l, id)
		}
	}
	return l
}

// keysAnd are the IDs of l and another.
func keysAnd(l lineage, more ...string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for id := range l {
			if !yield(id) {
				return
			}
		}
		for _, id := range more {
			if !yield(id) {
				return
			}
		}
	}
}

// TestHistoryAgainstReference holds every answer about small random histories against what a slow
// and simple reading of the same says.
func TestHistoryAgainstReference(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		l := randomLineage(r)
		list := l.list()
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		h := NewHistory(list)
		ids := slices.Collect(keysAnd(l, "", "lost", "r0", "r1", "unheard of"))
		for _, a := range ids {
			_, held := l[a]
			if got := h.Contains(a); got != held {
				t.Fatalf("%v: contains %q: %v", l, a, got)
			}
			want := l.newestFirst(l.ancestry(a))
			if !held {
				want = nil
			}
			for _, most := range []int{-1, 0, 1, 3, 100} {
				if got := h.Line(a, most); !slices.Equal(got, want[:max(0, min(most, len(want)))]) {
					t.Fatalf("%v: line of %q, at most %d: %v, want it of %v", l, a, most, got, want)
				}
			}
			for _, b := range ids {
				if got, want := h.Relation(a, b), l.relation(a, b); got != want {
					t.Fatalf("%v: %q stands %v to %q, want %v", l, a, got, b, want)
				}
				if got, want := h.Base(a, b), l.base(a, b); got != want {
					t.Fatalf("%v: the base of %q and %q is %q, want %q", l, a, b, got, want)
				}
				have := []string{b, ids[r.IntN(len(ids))], "nobody's"}
				if got, want := h.Missing(have, a), l.missing(have, a); !slices.Equal(got, want) {
					t.Fatalf("%v: who has %q misses %v for %q, want %v", l, have, got, a, want)
				}
			}
		}
	}
}

// TestHistoryInCircles asks about revisions that name each other as parents, as those of format 1
// may: every answer comes, and none contradicts another.
func TestHistoryInCircles(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 2))
		var list []Revision
		for range 1 + r.IntN(12) {
			list = append(list, Revision{ID: fmt.Sprint("r", r.IntN(6)), Parents: []string{fmt.Sprint("r", r.IntN(6)), fmt.Sprint("r", r.IntN(6))}})
		}
		h := NewHistory(list)
		for _, a := range list {
			line := h.Line(a.ID, 100)
			if line[0] != a.ID {
				t.Fatalf("%v: the line of %q begins with %q", list, a.ID, line[0])
			}
			if missing := h.Missing(nil, a.ID); len(missing) != len(line) || missing[len(missing)-1] != a.ID {
				t.Fatalf("%v: %v and %v are not the same", list, missing, line)
			}
			for i, id := range line {
				if slices.Contains(line[:i], id) {
					t.Fatalf("%v: %v has one twice", list, line)
				}
				if got := h.Relation(a.ID, id); id != a.ID && got != Ahead {
					t.Fatalf("%v: %q is %v of %q in its line", list, a.ID, got, id)
				}
			}
			for _, b := range list {
				there, back := h.Relation(a.ID, b.ID), h.Relation(b.ID, a.ID)
				mirror := map[Relation]Relation{Same: Same, Ahead: Behind, Behind: Ahead, Apart: Apart}
				if back != mirror[there] || (there == Same) != (a.ID == b.ID) {
					t.Fatalf("%v: %q is %v of %q, which is %v of it", list, a.ID, there, b.ID, back)
				}
			}
		}
	}
}

// TestHistoryAfterRollbacks is about a node that went back before revisions had IDs of their own.
func TestHistoryAfterRollbacks(t *testing.T) {
	chain := func(ids ...string) []Revision {
		list := []Revision{{ID: ids[0]}}
		for i, id := range ids[1:] {
			list = append(list, Revision{ID: id, Parents: ids[i : i+1]})
		}
		return list
	}
	for _, c := range []struct {
		name string
		list []Revision
		line []string // of the last
	}{
		{"once", chain("a", "b", "a"), []string{"a", "b"}},
		{"and on", chain("a", "b", "a", "c"), []string{"c", "a", "b"}},
		{"to the middle", chain("a", "b", "c", "b"), []string{"b", "a", "c"}},
		{"to and fro", chain("a", "b", "a", "b"), []string{"b", "a"}},
		{"the same again", chain("a", "a", "a"), []string{"a"}},
		{"in a circle", []Revision{{ID: "a", Parents: []string{"b"}}, {ID: "b", Parents: []string{"a"}}}, []string{"b", "a"}},
		{"itself", []Revision{{ID: "a", Parents: []string{"a"}}}, []string{"a"}},
	} {
		h, head := NewHistory(c.list), c.list[len(c.list)-1].ID
		if got := h.Line(head, 10); !slices.Equal(got, c.line) {
			t.Errorf("%s: %v, want %v", c.name, got, c.line)
		}
		for _, r := range c.list {
			if got := h.Relation(r.ID, head); got != Same && got != Behind {
				t.Errorf("%s: %q, which ran before, is %v of what runs", c.name, r.ID, got)
			}
		}
	}
}

func TestHistoryOfNothing(t *testing.T) {
	for _, h := range []History{{}, NewHistory(nil)} {
		if h.Contains("") || h.Contains("a") || h.Base("a", "a") != "" || h.Line("a", 9) != nil || h.Missing(nil, "a") != nil {
			t.Error("it knows something")
		}
		if h.Relation("", "") != Same || h.Relation("a", "") != Ahead || h.Relation("", "a") != Behind || h.Relation("a", "b") != Apart {
			t.Error("no revision is not the ancestor of every other")
		}
	}
}

// TestHistoryIsLong has 10,000 revisions: in one line, in one that parts and joins all the way, so
// that its paths cannot be counted, and to and fro between two texts.
func TestHistoryIsLong(t *testing.T) {
	const n = 10000
	id := func(i int) string { return fmt.Sprintf("%05d", max(i, 0)) }
	for _, c := range []struct {
		name    string
		parents func(i int) []string
	}{
		{"line", func(i int) []string { return []string{id(i - 1)} }},
		{"ladder", func(i int) []string { return []string{id(i - 2 - i%2), id(i - 1 - i%2)} }},
	} {
		list := []Revision{{ID: id(0)}}
		for i := 1; i < n; i++ {
			list = append(list, Revision{ID: id(i), Parents: c.parents(i)})
		}
		h, head, root := NewHistory(list), id(n-1), id(0)
		if line := h.Line(head, n); line[0] != head || line[len(line)-1] != root || len(line) < n-1 {
			t.Errorf("%s: the line has %d, from %s to %s", c.name, len(line), line[0], line[len(line)-1])
		}
		if got := h.Missing([]string{root}, head); len(got) < n-2 || got[len(got)-1] != head {
			t.Errorf("%s: %d are missing", c.name, len(got))
		}
		if h.Relation(root, head) != Behind || h.Relation(head, root) != Ahead || h.Base(root, head) != root {
			t.Errorf("%s: the first is not where it all comes from", c.name)
		}
	}
	var list []Revision
	for i := range n {
		list = append(list, Revision{ID: id(i % 2), Parents: []string{id(1 - i%2)}})
	}
	if h := NewHistory(list); h.Relation(id(1), id(0)) != Ahead {
		t.Error("to and fro: what was kept last is not the newest")
	}
}

func TestRelationString(t *testing.T) {
	for r, want := range map[Relation]string{Same: "same", Ahead: "ahead", Behind: "behind", Apart: "apart", 0: "(0)"} {
		if r.String() != want {
			t.Errorf("%d is %q", r, r)
		}
	}
}
