package space

import "slices"

// Dim is a line on which a packet has a point.
type Dim int

// The lines. Operations cut along the first of them first, so that what is left
// of a cube is told by few and simple ranges: the coarse lines come before addresses.
const (
	In          Dim = iota // interface that the packet comes in by
	Out                    // interface that it leaves by, where its destination does not decide that
	Family                 // 4 or 6
	Protocol               // IP protocol number
	Port                   // destination port; of ICMP the type times 256 and the code
	SourcePort             // of protocols that have ports
	Flags                  // what TCP flags are free in a packet that begins a flow
	Time                   // seconds since 1970
	Source                 // address, on the line of its family
	Destination            // address, on the line of its family
	Dims                   // how many lines there are
)

// Cube is the packets whose points lie in the set of every line and for which
// the facts hold. A cube with an empty set has no packets; the zero cube is empty.
// Cubes are values: no operation changes its operands.
type Cube struct {
	Sets  [Dims]Set
	Facts Facts
}

// Spot is one packet: a point on every line, and the facts that are true of it.
// All others are false.
type Spot struct {
	Points [Dims]Point
	True   Facts
}

// Empty says whether no packet is in the cube.
func (c *Cube) Empty() bool {
	for d := range c.Sets {
		if len(c.Sets[d]) == 0 {
			return true
		}
	}
	return false
}

// Meets says whether some packet is in both.
func (c *Cube) Meets(o *Cube) bool {
	for d := range c.Sets {
		if !c.Sets[d].Meets(o.Sets[d]) {
			return false
		}
	}
	return !c.Facts.deny(o.Facts)
}

// Covers says whether every packet of o is in c.
func (c *Cube) Covers(o *Cube) bool {
	if o.Empty() {
		return true
	}
	for d := range c.Sets {
		if !c.Sets[d].Covers(o.Sets[d]) {
			return false
		}
	}
	return o.Facts.imply(c.Facts)
}

// Contains says whether a packet is in the cube.
func (c *Cube) Contains(s *Spot) bool {
	for d := range c.Sets {
		if !c.Sets[d].Contains(s.Points[d]) {
			return false
		}
	}
	return c.Facts.holdAt(s.True)
}

// Intersect is the packets that are in both; ok is false when there are none.
func (c *Cube) Intersect(o *Cube) (both Cube, ok bool) {
	if c.Facts.deny(o.Facts) {
		return Cube{}, false
	}
	for d := range c.Sets {
		if both.Sets[d] = c.Sets[d].Intersect(o.Sets[d]); len(both.Sets[d]) == 0 {
			return Cube{}, false
		}
	}
	both.Facts = c.Facts.And(o.Facts)
	return both, true
}

// Without is the packets of c that are not in o, as cubes that have no packet in
// common: at most one for each line and each fact of o.
func (c *Cube) Without(o *Cube) []Cube {
	if !c.Meets(o) {
		return []Cube{*c}
	}
	var out []Cube
	rest := *c
	for d := range c.Sets {
		if beside := rest.Sets[d].Without(o.Sets[d]); len(beside) > 0 {
			piece := rest
			piece.Sets[d] = beside
			out = append(out, piece)
			rest.Sets[d] = rest.Sets[d].Intersect(o.Sets[d])
		}
	}
	for _, f := range o.Facts {
		if slices.Contains(rest.Facts, f) {
			continue
		}
		piece := rest
		piece.Facts = rest.Facts.And(Facts{-f})
		out = append(out, piece)
		rest.Facts = rest.Facts.And(Facts{f})
	}
	return out
}

// Sample is a packet of the cube, which must not be empty: the first point of
// every line, and nothing true that need not be.
func (c *Cube) Sample() Spot {
	var s Spot
	for d := range c.Sets {
		s.Points[d] = c.Sets[d][0].From
	}
	s.True = c.Facts.positive()
	return s
}

// Merge is one cube of two that differ on one line only, which along tells, or in
// one fact only, which is then open and along is Dims. Others cannot be one.
func (c *Cube) Merge(o *Cube) (one Cube, along Dim, ok bool) {
	along = Dims
	for d := range Dims {
		if c.Sets[d].Equal(o.Sets[d]) {
			continue
		}
		if along != Dims {
			return Cube{}, along, false
		}
		along = d
	}
	facts, apart := c.Facts.merge(o.Facts)
	one = *c
	switch {
	case apart == 0 && along != Dims:
		one.Sets[along] = Union(slices.Concat(c.Sets[along], o.Sets[along]))
	case apart <= 1 && along == Dims:
		one.Facts = facts
	default:
		return Cube{}, along, false
	}
	return one, along, true
}

// Equal says whether two cubes are written alike: of cubes that have packets,
// whether they have the same ones.
func (c *Cube) Equal(o *Cube) bool {
	for d := range c.Sets {
		if !c.Sets[d].Equal(o.Sets[d]) {
			return false
		}
	}
	return slices.Equal(c.Facts, o.Facts)
}
