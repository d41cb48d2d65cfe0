package analysis

import (
	"math"

	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/space"
	"go4.org/netipx"
)

// scales numbers what has no number of its own, the interfaces and what is only
// known at run time, in the same way for all policies that are compared.
type scales struct {
	interfaces []string
	facts      map[fact]space.Fact
	known      []fact // by number, from 1
}

// fact is that an address of a packet is in what an alias learns, or that a
// gateway or a gateway group is up.
type fact struct {
	gateway string // empty: it speaks of an alias
	alias   string
	// content is what the alias is learned from: two policies may mean other things by one name.
	content string
	source  bool // the source; else the destination
}

func newScales(worlds ...*rules.World) *scales {
	s := &scales{facts: map[fact]space.Fact{}, known: []fact{{}}}
	seen := map[string]bool{}
	for _, w := range worlds {
		for _, i := range w.Config.Interfaces {
			if !seen[i.Name] {
				seen[i.Name] = true
				s.interfaces = append(s.interfaces, i.Name)
			}
		}
	}
	return s
}

func (s *scales) fact(f fact) space.Fact {
	n, ok := s.facts[f]
	if !ok {
		n = space.Fact(len(s.known))
		s.facts[f] = n
		s.known = append(s.known, f)
	}
	return n
}

// places is the points of some interfaces.
func (s *scales) places(named func(string) bool) space.Set {
	var points []uint64
	for n, name := range s.interfaces {
		if named(name) {
			points = append(points, uint64(n))
		}
	}
	return space.Points(points...)
}

// family is an index: IPv4 or IPv6.
type family int

const (
	v4 family = iota
	v6
	families
)

// lines is a set of addresses of each family.
type lines [families]space.Set

// The whole of each line. freeFlags is what combinations there are of the four
// TCP flags that a packet which begins a flow may have or not.
const (
	lastPort    = math.MaxUint16
	lastSecond  = 1 << 40
	freeFlags   = 16
	familyIPv4  = 4
	familyIPv6  = 6
	lastAddress = math.MaxUint32
)

func everyAddress() lines {
	return lines{space.Span(0, lastAddress), {{To: space.Point{Hi: math.MaxUint64, Lo: math.MaxUint64}}}}
}

// all is every packet of a family that comes in by an interface.
func (s *scales) all(f family) space.Cube {
	var c space.Cube
	if n := len(s.interfaces); n > 0 {
		c.Sets[space.In] = space.Span(0, uint64(n-1))
	}
	c.Sets[space.Out] = space.Span(0, uint64(len(s.interfaces))) // the last: none
	c.Sets[space.Family] = space.Points([]uint64{familyIPv4, familyIPv6}[f])
	c.Sets[space.Protocol] = space.Span(0, math.MaxUint8)
	c.Sets[space.Port] = space.Span(0, lastPort)
	c.Sets[space.SourcePort] = space.Span(0, lastPort)
	c.Sets[space.Flags] = space.Span(0, freeFlags-1)
	c.Sets[space.Time] = space.Span(0, lastSecond)
	every := everyAddress()
	c.Sets[space.Source], c.Sets[space.Destination] = every[f], every[f]
	return c
}

// linesOf is a set of addresses as sets of points.
func linesOf(s *netipx.IPSet) lines {
	var out lines
	for _, r := range s.Ranges() {
		f := v4
		if r.From().Is6() {
			f = v6
		}
		out[f] = append(out[f], space.Range{From: space.Addr(r.From()), To: space.Addr(r.To())})
	}
	return out
}

func (l lines) each(m lines, op func(a, b space.Set) space.Set) lines {
	var out lines
	for f := range l {
		out[f] = op(l[f], m[f])
	}
	return out
}

func (l lines) without(m lines) lines   { return l.each(m, space.Set.Without) }
func (l lines) intersect(m lines) lines { return l.each(m, space.Set.Intersect) }
func (l lines) empty() bool             { return len(l[v4])+len(l[v6]) == 0 }

// join is all of some lines together.
func join(parts []lines) lines {
	if len(parts) == 1 {
		return parts[0]
	}
	var out lines
	for f := range out {
		var ranges []space.Range
		for _, p := range parts {
			ranges = append(ranges, p[f]...)
		}
		out[f] = space.Union(ranges)
	}
	return out
}
