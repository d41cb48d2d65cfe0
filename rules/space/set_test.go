package space

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// TestSetsAgreeWithBits holds every operation against the plainest sets there are: bits.
func TestSetsAgreeWithBits(t *testing.T) {
	const line = 24
	r := rand.New(rand.NewPCG(1, 2))
	draw := func() (Set, uint32) {
		var ranges []Range
		bits := uint32(0)
		for range r.IntN(5) {
			lo := r.Uint64N(line)
			hi := min(line-1, lo+r.Uint64N(6))
			ranges = append(ranges, Range{Num(lo), Num(hi)})
			for i := lo; i <= hi; i++ {
				bits |= 1 << i
			}
		}
		return Union(ranges), bits
	}
	for range 20_000 {
		s, a := draw()
		q, b := draw()
		same := func(what string, got Set, want uint32) {
			for i := range uint64(line) {
				if got.Contains(Num(i)) != (want>>i&1 == 1) {
					t.Fatalf("%v %s %v = %v", s, what, q, got)
				}
			}
			for i := 1; i < len(got); i++ {
				if touches(got[i-1], got[i]) {
					t.Fatalf("%v %s %v = %v: ranges touch", s, what, q, got)
				}
			}
		}
		same("and", s.Intersect(q), a&b)
		same("without", s.Without(q), a&^b)
		same("or", Union(append(s[:len(s):len(s)], q...)), a|b)
		if s.Covers(q) != (b&^a == 0) || s.Meets(q) != (a&b != 0) || s.Equal(q) != (a == b) {
			t.Fatalf("%v, %v: covers %v, meets %v, equal %v", s, q, s.Covers(q), s.Meets(q), s.Equal(q))
		}
	}
}

func TestEndsOfTheLine(t *testing.T) {
	all := Set{{Point{}, Addr(netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"))}}
	half := Set{{Addr(netip.MustParseAddr("8000::")), all[0].To}}
	rest := all.Without(half)
	if len(rest) != 1 || rest[0].To.Addr6() != netip.MustParseAddr("7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") {
		t.Fatalf("all without its upper half: %v", rest)
	}
	if !Union(append(rest[:1:1], half...)).Equal(all) || !all.Without(all).Empty() {
		t.Error("two halves are not the whole")
	}
	if a := netip.MustParseAddr("10.1.2.3"); Addr(a).Addr4() != a {
		t.Errorf("%v does not come back", a)
	}
}
