package space

import "math"

// Box is a rough cube in little memory: every packet of a cube is in its box.
// Two boxes that do not meet tell at a glance that their cubes do not.
type Box struct {
	in, protocol        uint64 // a bit for each number, modulo 64
	source, destination span
	port, sourcePort    span
	family              uint8 // a bit for each
}

// span is the numbers from to to.
type span struct{ from, to uint32 }

func (s span) meets(t span) bool { return s.from <= t.to && t.from <= s.to }

// Box is the box around the cube, which must not be empty.
func (c *Cube) Box() Box {
	family := uint8(bits(c.Sets[Family]))
	return Box{
		in: bits(c.Sets[In]), protocol: bits(c.Sets[Protocol]), family: family,
		source: c.Sets[Source].hull(family), destination: c.Sets[Destination].hull(family),
		port: c.Sets[Port].hull(only4), sourcePort: c.Sets[SourcePort].hull(only4),
	}
}

// Box is the box around one packet.
func (s *Spot) Box() Box {
	var c Cube
	for d, p := range s.Points {
		c.Sets[d] = Set{{p, p}}
	}
	return c.Box()
}

// Meets says whether the boxes have anything in common.
func (b *Box) Meets(o *Box) bool {
	return b.source.meets(o.source) && b.destination.meets(o.destination) && b.port.meets(o.port) &&
		b.in&o.in != 0 && b.protocol&o.protocol != 0 && b.family&o.family != 0 && b.sourcePort.meets(o.sourcePort)
}

// Boxes is many boxes, laid out so that most are passed over at a glance: what
// tells cubes apart most often, where packets go, lies close together.
type Boxes struct {
	destinations []span
	boxes        []Box
}

// Add appends the box around a cube, which must not be empty.
func (b *Boxes) Add(c *Cube) {
	box := c.Box()
	b.destinations = append(b.destinations, box.destination)
	b.boxes = append(b.boxes, box)
}

// Meeting appends to out which boxes of from to to, to not in it, have anything
// in common with another.
func (b *Boxes) Meeting(o *Box, from, to int, out []int) []int {
	for n, d := range b.destinations[from:to] {
		if d.meets(o.destination) && b.boxes[from+n].Meets(o) {
			out = append(out, from+n)
		}
	}
	return out
}

// At says whether box n has anything in common with another.
func (b *Boxes) At(n int, o *Box) bool { return b.boxes[n].Meets(o) }

// bits has a bit for each number of a set, modulo 64.
func bits(s Set) uint64 {
	var out uint64
	for _, r := range s {
		if r.To.Hi > 0 || r.To.Lo > math.MaxUint32 || r.To.Lo-r.From.Lo >= 64 {
			return ^uint64(0)
		}
		for n := r.From.Lo; n <= r.To.Lo; n++ {
			out |= 1 << (n % 64)
		}
	}
	return out
}

// What family a box may be of.
const only4, only6 = 1 << 4, 1 << 6

// hull is from the first to the last point of a set. Of IPv6 addresses it has
// the upper 32 bits, and of sets that may be of either family nothing is told.
func (s Set) hull(family uint8) span {
	first, last := s[0].From, s[len(s)-1].To
	switch {
	case family == only6:
		return span{uint32(first.Hi >> 32), uint32(last.Hi >> 32)}
	case family == only4 && last.Hi == 0 && last.Lo <= math.MaxUint32:
		return span{uint32(first.Lo), uint32(last.Lo)}
	}
	return span{0, math.MaxUint32}
}
