package analysis

import (
	"slices"

	"github.com/rempart/rempart/rules/space"
)

// tiles is the cubes of all entries in order, ready to be searched.
type tiles struct {
	entries []entry
	cubes   []space.Cube
	boxes   space.Boxes
	of      []int   // entry of each cube
	first   []int   // cube of each entry, and one more
	gone    []bool  // entries that decide nothing, or need not be there
	earlier [][]int // what before found, by entry
}

func newTiles(entries []entry) *tiles {
	t := &tiles{entries: entries, gone: make([]bool, len(entries)), earlier: make([][]int, len(entries))}
	for n := range entries {
		t.first = append(t.first, len(t.cubes))
		for _, c := range entries[n].region {
			t.cubes = append(t.cubes, c)
			t.boxes.Add(&c)
			t.of = append(t.of, n)
		}
	}
	t.first = append(t.first, len(t.cubes))
	return t
}

// meeting is the cubes of the entries from to to, to not in it, that have a
// packet of the region.
func (t *tiles) meeting(region []space.Cube, from, to int) []int {
	var out []int
	for i := range region {
		box := region[i].Box()
		met := t.boxes.Meeting(&box, t.first[from], t.first[to], nil)
		out = append(out, slices.DeleteFunc(met, func(n int) bool { return t.gone[t.of[n]] || !t.cubes[n].Meets(&region[i]) })...)
	}
	if len(region) > 1 {
		slices.Sort(out)
		out = slices.Compact(out)
	}
	return out
}

// mostKept is how many cubes are kept of an entry: a bound on memory alone.
const mostKept = 1000

// before is the cubes before entry n that have a packet of its region.
func (t *tiles) before(n int) []int {
	if t.earlier[n] == nil {
		found := t.meeting(t.entries[n].region, 0, n)
		if len(found) > mostKept {
			return found
		}
		t.earlier[n] = append([]int{}, found...)
	}
	return slices.DeleteFunc(slices.Clone(t.earlier[n]), func(c int) bool { return t.gone[t.of[c]] })
}

// at is the first of some cubes that has a packet; -1: none.
func (t *tiles) at(s *space.Spot, among []int) int {
	box := s.Box()
	for i, n := range among {
		if t.boxes.At(n, &box) && t.cubes[n].Contains(s) {
			return i
		}
	}
	return -1
}

// answer is what a search found. Unknown says that it was not worth the time.
type answer int

const (
	no answer = iota
	yes
	unknown
)

// search looks for one packet that shows something. It goes through a region by
// asking about single packets: what decides one decides all those around it, so
// each question answers for a cube, and the rest is asked next.
type search struct {
	*tiles
	steps int // that may still be taken; each is about as long as the others
}

// ask takes the steps of one question among some cubes; false: there are none left.
func (s *search) ask(among int) bool {
	s.steps -= 1 + among/cubesInAStep
	return s.steps >= 0
}

// cubesInAStep is how many cubes can be looked at while one is cut.
const cubesInAStep = 100

// covered says whether every packet of a region is in one of some cubes, and
// if so in those of which entries. Otherwise the first packet of the witness is in none.
func (s *search) covered(region []space.Cube, among []int) (by []int, witness space.Cube, a answer) {
	stack := slices.Clone(region)
	for len(stack) > 0 {
		if !s.ask(len(among)) {
			return nil, witness, unknown
		}
		c := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		spot := c.Sample()
		i := s.at(&spot, among)
		if i < 0 {
			return nil, c, no
		}
		by = append(by, s.of[among[i]])
		stack = append(stack, c.Without(&s.cubes[among[i]])...)
	}
	slices.Sort(by)
	return slices.Compact(by), witness, yes
}

// alone is a part of a cube around its first packet, which is in none of some
// others, in which no packet is.
func (t *tiles) alone(c space.Cube, among []int) space.Cube {
	spot := c.Sample()
	for _, n := range among {
		for _, piece := range c.Without(&t.cubes[n]) {
			if piece.Contains(&spot) {
				c = piece
				break
			}
		}
	}
	return c
}

// replaced says whether the later entries do the same with every packet that
// entry n decides, and which they are.
func (s *search) replaced(n int, same func(a, b *entry) bool) (by []int, a answer) {
	region := s.entries[n].region
	before, after := s.before(n), s.meeting(region, n+1, len(s.entries))
	stack := slices.Clone(region)
	for len(stack) > 0 {
		if !s.ask(len(before) + len(after)) {
			return nil, unknown
		}
		c := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		spot := c.Sample()
		if i := s.at(&spot, before); i >= 0 {
			stack = append(stack, c.Without(&s.cubes[before[i]])...)
			continue
		}
		i := s.at(&spot, after) // the default at least
		m := after[i]
		if !same(&s.entries[n], &s.entries[s.of[m]]) {
			return nil, no
		}
		by = append(by, s.of[m])
		stack = append(stack, c.Without(&s.cubes[m])...)
		// In the part that m has, those between may still do otherwise.
		part, _ := c.Intersect(&s.cubes[m])
		stack = append(stack, s.otherwise(part, after[:i], func(e *entry) bool { return !same(&s.entries[n], e) })...)
	}
	slices.Sort(by)
	return slices.Compact(by), yes
}

// otherwise is the parts of a cube that some others have whose entries differ.
// They may overlap.
func (s *search) otherwise(c space.Cube, among []int, differs func(*entry) bool) []space.Cube {
	var out []space.Cube
	for _, n := range among {
		if differs(&s.entries[s.of[n]]) {
			if both, ok := c.Intersect(&s.cubes[n]); ok {
				out = append(out, both)
			}
		}
	}
	s.steps -= len(out)
	return out
}
