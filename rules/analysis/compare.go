package analysis

import (
	"cmp"
	"slices"

	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/space"
)

// comparison is two policies over the same lines.
type comparison struct {
	old, new   *ground
	was, is    *tiles
	steps      int                     // that may still be taken
	incomplete bool                    // they did not suffice
	found      map[[2]int][]space.Cube // by the entries that decide, before and after
}

// What bounds the work of a comparison: cuts in all for each of its two halves,
// and for one suspect. Two policies that have nothing in common differ in more
// ways than anybody reads.
const (
	mostCuts     = 200_000
	mostCutsEach = 20_000
)

// compare finds all packets of which something else becomes. Two entries that both policies
// have, in the same order and for the same packets, leave no difference: only
// packets of the others are looked at.
func compare(old, new *rules.World) *comparison {
	s := newScales(old, new)
	c := &comparison{old: newGround(s, old), new: newGround(s, new), steps: mostCuts, found: map[[2]int][]space.Cube{}}
	c.was, c.is = newTiles(c.old.policy()), newTiles(c.new.policy())
	suspects := c.suspects()
	left := mostCuts
	for _, region := range suspects {
		c.steps = min(left, mostCutsEach)
		left -= c.steps
		c.examine(region)
		left += max(c.steps, 0)
	}
	return c
}

// suspects is packets that have no cube twice, outside of which nothing differs.
func (c *comparison) suspects() []space.Cube {
	var all []space.Cube
	add := func(region []space.Cube) {
		for _, part := range region {
			if !part.Empty() {
				all = append(all, c.apart(part, all)...)
			}
		}
	}
	pairs := inCommon(c.was.entries, c.is.entries)
	partner := make([]bool, len(c.is.entries))
	for n := range c.was.entries {
		m, ok := pairs[n]
		if !ok {
			add(c.was.entries[n].region)
			continue
		}
		partner[m] = true
		before, after := c.was.entries[n].region, c.is.entries[m].region
		if !slices.EqualFunc(before, after, equalCubes) {
			for _, part := range before {
				add(c.apart(part, after))
			}
			for _, part := range after {
				add(c.apart(part, before))
			}
		}
	}
	for m := range c.is.entries {
		if !partner[m] {
			add(c.is.entries[m].region)
		}
	}
	return all
}

func equalCubes(a, b space.Cube) bool { return a.Equal(&b) }

// apart is what of a cube is in none of some others.
func (c *comparison) apart(part space.Cube, others []space.Cube) []space.Cube {
	rest := []space.Cube{part}
	c.steps -= len(others) / 100 // to look at them is cheap, but not for nothing
	for i := range others {
		if len(rest) == 0 || !others[i].Meets(&part) {
			continue
		}
		var next []space.Cube
		for j := range rest {
			next = append(next, rest[j].Without(&others[i])...)
		}
		rest = next
		if c.steps -= len(rest); c.steps < 0 {
			c.incomplete = true
			return nil
		}
	}
	return rest
}

// inCommon pairs entries of one name and effect that stand in the same order in
// both: a longest increasing sequence, by patience.
func inCommon(old, new []entry) map[int]int {
	type name struct {
		automatic bool
		name      string
		effect    effect
	}
	of := func(e *entry) name { return name{e.rule == nil, e.name, e.effect()} }
	at := map[name]int{}
	for m := range new {
		at[of(&new[m])] = m
	}
	type link struct{ n, m, before int }
	var links []link
	var ends []int // the link that ends the best sequence of each length
	for n := range old {
		m, ok := at[of(&old[n])]
		if !ok {
			continue
		}
		i, _ := slices.BinarySearchFunc(ends, m, func(l, m int) int { return cmp.Compare(links[l].m, m) })
		before := -1
		if i > 0 {
			before = ends[i-1]
		}
		if i == len(ends) {
			ends = append(ends, 0)
		}
		ends[i] = len(links)
		links = append(links, link{n, m, before})
	}
	pairs := map[int]int{}
	if len(ends) > 0 {
		for l := ends[len(ends)-1]; l >= 0; l = links[l].before {
			pairs[links[l].n] = links[l].m
		}
	}
	return pairs
}

// examine finds what differs in a cube: a packet shows who decides around it in
// both policies, unless an earlier entry has a part of that, which is asked again.
func (c *comparison) examine(cube space.Cube) {
	region := []space.Cube{cube}
	was, is := c.was.meeting(region, 0, len(c.was.entries)), c.is.meeting(region, 0, len(c.is.entries))
	stack := region
	for len(stack) > 0 {
		if c.steps--; c.steps < 0 {
			c.incomplete = true
			return
		}
		part := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		spot := part.Sample()
		i, j := c.was.at(&spot, was), c.is.at(&spot, is)
		old, new := &c.was.cubes[was[i]], &c.is.cubes[is[j]]
		stack = append(stack, part.Without(old)...)
		part, _ = part.Intersect(old)
		stack = append(stack, part.Without(new)...)
		part, _ = part.Intersect(new)
		n, m := c.was.of[was[i]], c.is.of[is[j]]
		a, b := c.was.entries[n].effect(), c.is.entries[m].effect()
		rest := []space.Cube{part}
		carve := func(t *tiles, before []int) {
			for _, k := range before {
				if e := t.of[k]; a != b || t.entries[e].effect() != a {
					rest = c.carve(rest, &t.cubes[k], &stack)
				}
			}
		}
		carve(c.was, was[:i])
		carve(c.is, is[:j])
		if a != b {
			c.found[[2]int{n, m}] = append(c.found[[2]int{n, m}], rest...)
		}
	}
}

// carve moves what some cubes have in common with another to the stack.
func (c *comparison) carve(from []space.Cube, other *space.Cube, stack *[]space.Cube) []space.Cube {
	if !slices.ContainsFunc(from, func(f space.Cube) bool { return f.Meets(other) }) {
		return from
	}
	var rest []space.Cube
	for i := range from {
		if both, ok := from[i].Intersect(other); ok {
			*stack = append(*stack, both)
		}
		rest = append(rest, from[i].Without(other)...)
	}
	c.steps -= len(rest)
	return rest
}
