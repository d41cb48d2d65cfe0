package space

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The tiny space: four points on four lines, two facts, one point everywhere
// else. Its 1024 packets can all be asked.
var tinyLines = []Dim{In, Protocol, Source, Destination}

const (
	tinySide  = 4
	tinyFacts = 2
)

func tinySpots() []Spot {
	var out []Spot
	for n := range 1 << (2*len(tinyLines) + tinyFacts) {
		var s Spot
		s.Points[Family] = Num(4)
		rest := n
		for _, d := range tinyLines {
			s.Points[d] = Num(uint64(rest % tinySide))
			rest /= tinySide
		}
		for f := range tinyFacts {
			if rest>>f&1 == 1 {
				s.True = append(s.True, Fact(f+1))
			}
		}
		out = append(out, s)
	}
	return out
}

// tinyCube draws a cube; the bytes decide, so that the fuzzer can steer.
func tinyCube(draw func() byte) Cube {
	var c Cube
	for d := range c.Sets {
		c.Sets[d] = Points(0)
	}
	c.Sets[Family] = Points(4)
	for _, d := range tinyLines {
		b := draw()
		var points []uint64
		for i := range uint64(tinySide) {
			if b>>i&1 == 1 || b&0x30 == 0 {
				points = append(points, i)
			}
		}
		c.Sets[d] = Points(points...)
	}
	facts := draw()
	for f := range tinyFacts {
		switch facts >> (2 * f) & 3 {
		case 1:
			c.Facts = append(c.Facts, Fact(f+1))
		case 2:
			c.Facts = append(c.Facts, -Fact(f+1))
		}
	}
	return c
}

// packets is which of the spots are in a cube, by asking each.
func packets(spots []Spot, c Cube) []bool {
	out := make([]bool, len(spots))
	for i := range spots {
		out[i] = c.Contains(&spots[i])
	}
	return out
}

// agree holds every operation on two cubes against what it does to packets.
func agree(t *testing.T, spots []Spot, a, b Cube) {
	t.Helper()
	in, of := packets(spots, a), packets(spots, b)
	meets, covers, any := false, true, false
	for i := range spots {
		any = any || in[i]
		meets = meets || in[i] && of[i]
		covers = covers && (in[i] || !of[i])
	}
	if a.Empty() == any || a.Meets(&b) != meets || a.Covers(&b) != covers {
		t.Fatalf("%v, %v: empty %v, meets %v want %v, covers %v want %v", a, b, a.Empty(), a.Meets(&b), meets, a.Covers(&b), covers)
	}
	both, ok := a.Intersect(&b)
	got := packets(spots, both)
	count := make([]int, len(spots))
	rest := a.Without(&b)
	if len(rest) > int(Dims)+len(b.Facts) {
		t.Fatalf("%v without %v: %d cubes", a, b, len(rest))
	}
	for _, r := range rest {
		for i, is := range packets(spots, r) {
			if is {
				count[i]++
			}
		}
	}
	for i := range spots {
		want := 0
		if in[i] && !of[i] {
			want = 1
		}
		if got[i] != (in[i] && of[i]) || ok != meets || count[i] != want {
			t.Fatalf("%v, %v at %v: in both %v, in %d pieces of the rest, want %d", a, b, spots[i], got[i], count[i], want)
		}
	}
	if one, _, ok := a.Merge(&b); ok {
		for i, is := range packets(spots, one) {
			if is != (in[i] || of[i]) {
				t.Fatalf("%v merged with %v: %v", a, b, one)
			}
		}
	}
	boxes(t, a, b, any)
}

func boxes(t *testing.T, a, b Cube, any bool) {
	t.Helper()
	if !any || b.Empty() {
		return
	}
	s := a.Sample()
	if !a.Contains(&s) {
		t.Fatalf("%v does not contain its sample %v", a, s)
	}
	boxA, boxB, boxS := a.Box(), b.Box(), s.Box()
	if a.Meets(&b) && !boxA.Meets(&boxB) || b.Contains(&s) && !boxB.Meets(&boxS) {
		t.Fatalf("%v and %v meet and their boxes do not", a, b)
	}
}

func TestCubesAgreeWithPackets(t *testing.T) {
	spots := tinySpots()
	r := rand.New(rand.NewPCG(3, 4))
	draw := func() byte { return byte(r.Uint32()) }
	merged := 0
	for range 200 {
		a, b := tinyCube(draw), tinyCube(draw)
		if r.IntN(3) == 0 { // two that differ on one line are rare otherwise
			d := tinyLines[r.IntN(len(tinyLines))]
			other := b.Sets[d]
			b = a
			b.Sets[d] = other
		}
		if _, _, ok := a.Merge(&b); ok {
			merged++
		}
		agree(t, spots, a, b)
	}
	if merged < 15 {
		t.Errorf("only %d pairs could be merged", merged)
	}
}

func FuzzCubes(f *testing.F) {
	spots := tinySpots()
	f.Add([]byte{1, 2, 0x3f, 0, 1, 3, 6, 0x3f, 0, 2})
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 10 {
			return
		}
		draw := func() byte {
			if len(in) == 0 {
				return 0
			}
			b := in[0]
			in = in[1:]
			return b
		}
		a, b := tinyCube(draw), tinyCube(draw)
		agree(t, spots, a, b)
	})
}

// TestBoxesOfAddresses draws real addresses, where boxes round.
func TestBoxesOfAddresses(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	draw := func(family uint64) Cube {
		var c Cube
		for d := range c.Sets {
			c.Sets[d] = Points(0)
		}
		c.Sets[Family] = Points(family)
		for _, d := range []Dim{Source, Destination} {
			ends := []Point{{Lo: r.Uint64() >> r.IntN(64)}, {Lo: r.Uint64() >> r.IntN(64)}}
			for i := range ends {
				if ends[i].Lo &= 1<<32 - 1; family == 6 {
					ends[i] = Point{Hi: r.Uint64() >> r.IntN(65), Lo: r.Uint64() >> r.IntN(65)}
				}
			}
			slices.SortFunc(ends, Point.Compare)
			c.Sets[d] = Set{{ends[0], ends[1]}}
		}
		return c
	}
	met := 0
	for range 20_000 {
		family := 4 + 2*r.Uint64N(2)
		a, b := draw(family), draw(family)
		boxA, boxB := a.Box(), b.Box()
		var boxes Boxes
		boxes.Add(&a)
		if meeting := len(boxes.Meeting(&boxB, 0, 1, nil)) == 1; meeting != boxA.Meets(&boxB) || meeting != boxes.At(0, &boxB) {
			t.Fatalf("%v and %v: alone %v, among others %v", a, b, boxA.Meets(&boxB), meeting)
		}
		if a.Meets(&b) {
			met++
			if !boxA.Meets(&boxB) {
				t.Fatalf("%v and %v meet and their boxes do not", a, b)
			}
		}
	}
	if met < 1000 {
		t.Errorf("only %d pairs met", met)
	}
}
