package flowwire

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWindow(t *testing.T) {
	type step struct {
		seq  uint64
		want error
	}
	skip := errors.New("a step that skips")
	for _, c := range []struct {
		name                string
		steps               []step
		highest, contiguous uint64
		missing             []uint64
		ranges              []Range
	}{
		{name: "nothing"},
		{name: "zero", steps: []step{{0, ErrOld}}},
		{name: "in order", steps: []step{{1, nil}, {2, nil}, {3, nil}}, highest: 3, contiguous: 3},
		{name: "twice", steps: []step{{1, nil}, {1, ErrReplay}, {2, nil}, {2, ErrReplay}}, highest: 2, contiguous: 2},
		{name: "gap", steps: []step{{1, nil}, {4, nil}, {5, nil}, {4, ErrReplay}},
			highest: 5, contiguous: 1, missing: []uint64{2, 3}, ranges: []Range{{4, 5}}},
		{name: "gap is filled", steps: []step{{1, nil}, {4, nil}, {3, nil}, {2, nil}}, highest: 4, contiguous: 4},
		{name: "first is late", steps: []step{{2, nil}, {1, nil}}, highest: 2, contiguous: 2},
		{name: "last in the window", steps: []step{{4097, nil}, {2, nil}, {1, ErrOld}}, highest: 4097, contiguous: 0,
			missing: upTo(3, 4096), ranges: []Range{{2, 2}, {4097, 4097}}},
		{name: "far ahead", steps: []step{{1, nil}, {1 << 40, nil}, {1, ErrOld}}, highest: 1 << 40, contiguous: 1,
			missing: upTo(1<<40-4095, 1<<40-1), ranges: []Range{{1 << 40, 1 << 40}}},
		{name: "the highest", steps: []step{{1<<48 - 1, nil}, {1<<48 - 1, ErrReplay}, {5, ErrOld}}, highest: 1<<48 - 1,
			missing: upTo(1<<48-4096, 1<<48-2), ranges: []Range{{1<<48 - 1, 1<<48 - 1}}},
		{name: "given up", steps: []step{{1, nil}, {3, nil}, {6, nil}, {2, skip}, {2, ErrOld}, {3, ErrReplay}, {5, nil}},
			highest: 6, contiguous: 3, missing: []uint64{4}, ranges: []Range{{5, 6}}},
		{name: "given up beyond what came", steps: []step{{1, nil}, {7, skip}, {7, ErrOld}, {8, nil}, {3, skip}}, highest: 8, contiguous: 8},
		{name: "given up what left the window", steps: []step{{1, nil}, {9000, nil}, {8000, skip}, {9001, nil}, {8001, nil}},
			highest: 9001, contiguous: 8001, missing: upTo(8002, 8999), ranges: []Range{{9000, 9001}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var w Window
			for i, s := range c.steps {
				if s.want == skip {
					w.Skip(s.seq)
				} else if err := w.Take(s.seq); err != s.want {
					t.Errorf("step %d: Take(%d) = %v, want %v", i, s.seq, err, s.want)
				}
			}
			if w.Highest() != c.highest || w.Contiguous() != c.contiguous {
				t.Errorf("highest %d, contiguous %d, want %d, %d", w.Highest(), w.Contiguous(), c.highest, c.contiguous)
			}
			if diff := cmp.Diff(c.missing, missingOf(&w)); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
			a := Ack{N: 3}
			w.Fill(&a)
			want := Ack{Upto: c.contiguous, N: len(c.ranges)}
			copy(want.Ranges[:], c.ranges)
			if diff := cmp.Diff(want, a); diff != "" {
				t.Errorf("Fill (-want +got):\n%s", diff)
			}
		})
	}
}

// missingOf are the numbers above Contiguous and below Highest that were not taken, as far as the window reaches.
func missingOf(w *Window) (all []uint64) {
	for seq := w.bottom(); seq < w.highest; seq++ {
		if !w.has(seq) {
			all = append(all, seq)
		}
	}
	return all
}

// upTo are the numbers from first to last.
func upTo(first, last uint64) (all []uint64) {
	for ; first <= last; first++ {
		all = append(all, first)
	}
	return all
}

func TestFillTakesTheLowest(t *testing.T) {
	var w Window
	for seq := uint64(2); seq <= 100; seq += 2 {
		if err := w.Take(seq); err != nil {
			t.Fatal(err)
		}
	}
	var a Ack
	w.Fill(&a)
	if a.N != MaxRanges || a.Ranges[0] != (Range{2, 2}) || a.Ranges[MaxRanges-1] != (Range{32, 32}) {
		t.Errorf("Fill = %d ranges %v", a.N, a.Ranges[:a.N])
	}
}

// model is a Window that is right at first sight.
type model struct {
	taken                      map[uint64]bool
	highest, floor, contiguous uint64
}

func (m *model) take(seq uint64) error {
	switch {
	case seq <= m.floor, seq+WindowSize <= m.highest:
		return ErrOld
	case m.taken[seq]:
		return ErrReplay
	}
	m.taken[seq] = true
	m.highest = max(m.highest, seq)
	m.join()
	return nil
}

func (m *model) skip(seq uint64) {
	m.floor, m.highest = max(m.floor, seq), max(m.highest, seq)
	m.contiguous = max(m.contiguous, seq)
	m.join()
}

// join counts on, as far as the window reaches: what left it is forgotten.
func (m *model) join() {
	for m.taken[m.contiguous+1] && m.contiguous+1+WindowSize > m.highest {
		m.contiguous++
	}
}

func (m *model) missing() (all []uint64) {
	from := m.contiguous
	if m.highest > WindowSize {
		from = max(from, m.highest-WindowSize)
	}
	for seq := from + 1; seq < m.highest; seq++ {
		if !m.taken[seq] {
			all = append(all, seq)
		}
	}
	return all
}

func TestWindowModel(t *testing.T) {
	for seed := range uint64(12) {
		d := newDraw(seed)
		var w Window
		m := model{taken: map[uint64]bool{}}
		for step := range 1500 {
			seq := m.highest + 1
			switch d.IntN(20) {
			case 0:
				seq += d.Uint64N(200)
			case 1, 2, 3:
				seq -= min(d.Uint64N(100), seq)
			case 4:
				seq -= min(d.Uint64N(2*WindowSize), seq)
			case 5:
				if d.one(20) {
					seq += d.Uint64N(3 * WindowSize)
				}
			case 6:
				skip := m.contiguous + d.Uint64N(5)
				w.Skip(skip)
				m.skip(skip)
			}
			if got, want := w.Take(seq), m.take(seq); got != want {
				t.Fatalf("seed %d, step %d: Take(%d) = %v, want %v", seed, step, seq, got, want)
			}
			if w.Highest() != m.highest || w.Contiguous() != m.contiguous {
				t.Fatalf("seed %d, step %d: highest %d, contiguous %d, want %d, %d", seed, step, w.Highest(), w.Contiguous(), m.highest, m.contiguous)
			}
			if step%100 == 0 && !slices.Equal(m.missing(), missingOf(&w)) {
				t.Fatalf("seed %d, step %d: missing %v, want %v", seed, step, missingOf(&w), m.missing())
			}
		}
	}
}
