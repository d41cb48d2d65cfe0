// Package space is header space: what packets a rule is about, as sets of
// points on the lines that rules look at (interfaces, addresses, protocol,
// ports, flags, time), and the algebra over them. It is exact: nothing is sampled
// and nothing is rounded.
package space

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"sort"
)

// Point is a place on a line: an unsigned number of 128 bits. IPv4 addresses
// and all smaller numbers use Lo alone.
type Point struct{ Hi, Lo uint64 }

// Num is the point of a small number.
func Num(n uint64) Point { return Point{Lo: n} }

// Addr is the point of an address on the line of its own family.
func Addr(a netip.Addr) Point {
	if a.Is4() {
		b := a.As4()
		return Point{Lo: uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := a.As16()
	return Point{Hi: binary.BigEndian.Uint64(b[:8]), Lo: binary.BigEndian.Uint64(b[8:])}
}

// Addr4 is the IPv4 address at a point.
func (p Point) Addr4() netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(p.Lo))))
}

// Addr6 is the IPv6 address at a point.
func (p Point) Addr6() netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], p.Hi)
	binary.BigEndian.PutUint64(b[8:], p.Lo)
	return netip.AddrFrom16(b)
}

// Compare orders points; the result is as of cmp.Compare.
func (p Point) Compare(q Point) int {
	if c := cmp.Compare(p.Hi, q.Hi); c != 0 {
		return c
	}
	return cmp.Compare(p.Lo, q.Lo)
}

// Next is the point after p; that of the last point is the first.
func (p Point) Next() Point {
	p.Lo++
	if p.Lo == 0 {
		p.Hi++
	}
	return p
}

// Prev is the point before p; that of the first point is the last.
func (p Point) Prev() Point {
	if p.Lo == 0 {
		p.Hi--
	}
	p.Lo--
	return p
}

// Range is the points From to To, both in it.
type Range struct{ From, To Point }

// Set is some points of one line, as ranges in order that neither overlap nor
// touch. The nil set is empty. Sets are values: no operation changes its operands,
// and results may share memory with them.
type Set []Range

// Points is the set of some numbers.
func Points(ns ...uint64) Set {
	out := make(Set, len(ns))
	for i, n := range ns {
		out[i] = Range{Num(n), Num(n)}
	}
	return Union(out)
}

// Span is the set of the numbers lo to hi, both in it.
func Span(lo, hi uint64) Set { return Set{{Num(lo), Num(hi)}} }

// Union puts ranges in any order into a set.
func Union(ranges []Range) Set {
	rs := slices.Clone(ranges)
	slices.SortFunc(rs, func(a, b Range) int { return a.From.Compare(b.From) })
	var out Set
	for _, r := range rs {
		if n := len(out); n > 0 && touches(out[n-1], r) {
			if out[n-1].To.Compare(r.To) < 0 {
				out[n-1].To = r.To
			}
			continue
		}
		out = append(out, r)
	}
	return out
}

// touches says whether b, which does not begin before a, begins inside of it or right behind.
func touches(a, b Range) bool {
	last := Point{^uint64(0), ^uint64(0)}
	return a.To == last || b.From.Compare(a.To.Next()) <= 0
}

// same says whether s and t are one piece of memory: lists that many rules share
// need not be compared range by range.
func (s Set) same(t Set) bool {
	return len(s) == len(t) && (len(s) == 0 || &s[0] == &t[0])
}

// Empty says whether no point is in the set.
func (s Set) Empty() bool { return len(s) == 0 }

// reach is the first range that does not end before p.
func (s Set) reach(p Point) int {
	if len(s) == 0 || p.Compare(s[0].To) <= 0 {
		return 0
	}
	return sort.Search(len(s), func(i int) bool { return p.Compare(s[i].To) <= 0 })
}

// Contains says whether a point is in the set.
func (s Set) Contains(p Point) bool {
	i := s.reach(p)
	return i < len(s) && s[i].From.Compare(p) <= 0
}

// Covers says whether every point of t is in s.
func (s Set) Covers(t Set) bool {
	if s.same(t) {
		return true
	}
	if len(t) == 0 {
		return true
	}
	i := s.reach(t[0].From)
	for _, r := range t {
		for i < len(s) && s[i].To.Compare(r.From) < 0 {
			i++
		}
		if i == len(s) || s[i].From.Compare(r.From) > 0 || s[i].To.Compare(r.To) < 0 {
			return false
		}
	}
	return true
}

// Meets says whether s and t have a point in common.
func (s Set) Meets(t Set) bool {
	if len(s) == 0 || len(t) == 0 {
		return false
	}
	for i, j := s.reach(t[0].From), t.reach(s[0].From); i < len(s) && j < len(t); {
		switch {
		case s[i].To.Compare(t[j].From) < 0:
			i++
		case t[j].To.Compare(s[i].From) < 0:
			j++
		default:
			return true
		}
	}
	return false
}

// Intersect is the points that are in both. Often one of them is the whole line,
// or they are one: the result is then what is there already.
func (s Set) Intersect(t Set) Set {
	switch {
	case len(s) == 0 || len(t) == 0:
		return nil
	case s.same(t), len(t) == 1 && t.Covers(s):
		return s
	case len(s) == 1 && s.Covers(t):
		return t
	}
	var out Set
	for i, j := s.reach(t[0].From), t.reach(s[0].From); i < len(s) && j < len(t); {
		from, to := s[i].From, s[i].To
		if t[j].From.Compare(from) > 0 {
			from = t[j].From
		}
		if t[j].To.Compare(to) < 0 {
			to = t[j].To
		}
		if from.Compare(to) <= 0 {
			out = append(out, Range{from, to})
		}
		if s[i].To.Compare(t[j].To) < 0 {
			i++
		} else {
			j++
		}
	}
	return out
}

// Without is the points of s that are not in t.
func (s Set) Without(t Set) Set {
	if s.same(t) {
		return nil
	}
	if len(s) == 0 {
		return nil
	}
	var out Set
	j := t.reach(s[0].From)
	for _, r := range s {
		from, done := r.From, false
		for j < len(t) && t[j].To.Compare(from) < 0 {
			j++
		}
		for k := j; k < len(t) && t[k].From.Compare(r.To) <= 0; k++ {
			if from.Compare(t[k].From) < 0 {
				out = append(out, Range{from, t[k].From.Prev()})
			}
			if t[k].To.Compare(r.To) >= 0 {
				done = true
				break
			}
			from = t[k].To.Next()
		}
		if !done {
			out = append(out, Range{from, r.To})
		}
	}
	return out
}

// Equal says whether the same points are in both.
func (s Set) Equal(t Set) bool { return s.same(t) || slices.Equal(s, t) }
