package packetlog

import (
	"context"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// numbered is an entry that can be told from others by its mark; odd ones come in by lan, even ones by dmz.
func numbered(n uint32) Entry {
	return Entry{Mark: n, In: []string{"dmz", "lan"}[n%2]}
}

func marks(entries []Entry) []uint32 {
	var out []uint32
	for _, e := range entries {
		out = append(out, e.Mark)
	}
	return out
}

func TestRingTail(t *testing.T) {
	r := NewRing(4)
	for n := uint32(1); n <= 6; n++ {
		r.Add(numbered(n))
	}
	for _, tc := range []struct {
		n      int
		filter Filter
		want   []uint32
	}{
		{0, nil, nil},
		{1, nil, []uint32{6}},
		{3, nil, []uint32{4, 5, 6}},
		{4, nil, []uint32{3, 4, 5, 6}},
		{9, nil, []uint32{3, 4, 5, 6}},
		{9, Filter{Interfaces{"lan"}}, []uint32{3, 5}},
		{1, Filter{Interfaces{"lan"}}, []uint32{5}},
		{9, Filter{Interfaces{"wan"}}, nil},
	} {
		if diff := cmp.Diff(tc.want, marks(r.Tail(tc.n, tc.filter))); diff != "" {
			t.Errorf("last %d of %v (-want +got):\n%s", tc.n, tc.filter, diff)
		}
	}
}

func TestRingNotYetFull(t *testing.T) {
	r := NewRing(0) // keeps one
	if got := r.Tail(5, nil); got != nil {
		t.Errorf("an empty ring has %v", got)
	}
	r.Add(numbered(1))
	r.Add(numbered(2))
	if diff := cmp.Diff([]uint32{2}, marks(r.Tail(5, nil))); diff != "" {
		t.Errorf("a ring of one (-want +got):\n%s", diff)
	}
}

func TestSubscribe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := NewRing(1)
	r.Add(numbered(1))
	all, lan := r.Subscribe(ctx, nil), r.Subscribe(ctx, Filter{Interfaces{"lan"}})
	r.Add(numbered(2))
	lossy := numbered(4)
	lossy.Lost = 7
	r.Add(lossy)
	r.Add(numbered(5))
	cancel()

	var got, gotLan []Entry
	for e := range all { // ends because the channel is closed
		got = append(got, e)
	}
	for e := range lan {
		gotLan = append(gotLan, e)
	}
	if diff := cmp.Diff([]uint32{2, 4, 5}, marks(got)); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	if len(got) == 3 && (got[0].Lost != 0 || got[1].Lost != 7 || got[2].Lost != 0) {
		t.Errorf("losses %d, %d, %d", got[0].Lost, got[1].Lost, got[2].Lost)
	}
	// What was lost before an entry that the filter leaves out is told by the next one that it picks.
	if len(gotLan) != 1 || gotLan[0].Mark != 5 || gotLan[0].Lost != 7 {
		t.Errorf("lan: %+v", gotLan)
	}
	r.Add(numbered(6)) // nobody is there any more
}

func TestSlowSubscriberLosesAndIsTold(t *testing.T) {
	r := NewRing(1)
	entries := r.Subscribe(t.Context(), nil)
	for n := range uint32(backlog + 10) {
		r.Add(numbered(n))
	}
	lossy := numbered(0)
	lossy.Lost = 5
	r.Add(lossy) // there is no room for it either
	for n := range uint32(backlog) {
		if e := <-entries; e.Mark != n || e.Lost != 0 {
			t.Fatalf("entry %d: mark %d, %d lost", n, e.Mark, e.Lost)
		}
	}
	r.Add(numbered(1))
	r.Add(numbered(2))
	if e := <-entries; e.Mark != 1 || e.Lost != 10+5+1 {
		t.Errorf("mark %d, %d lost, want 16", e.Mark, e.Lost)
	}
	if e := <-entries; e.Mark != 2 || e.Lost != 0 {
		t.Errorf("mark %d, %d lost, want none", e.Mark, e.Lost)
	}
}

// TestRingFromManySides is for the race detector, and adds up.
func TestRingFromManySides(t *testing.T) {
	const writers, each = 4, 250
	ctx, cancel := context.WithCancel(t.Context())
	r := NewRing(10)
	entries := r.Subscribe(ctx, nil)
	seen := make(chan uint64)
	go func() {
		var n uint64
		for e := range entries {
			n += 1 + e.Lost
		}
		seen <- n
	}()
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for n := range uint32(each) {
				r.Add(numbered(n))
				r.Tail(3, nil)
				leave, done := context.WithCancel(ctx)
				r.Subscribe(leave, nil)
				done()
			}
		})
	}
	wg.Wait()
	// Had the last entry found no room, nobody would tell its loss.
	eventually(t, "the subscriber reads on", func() bool { return len(entries) == 0 })
	r.Add(numbered(0))
	cancel()
	if n := <-seen; n != writers*each+1 {
		t.Errorf("%d entries read or lost, want %d", n, writers*each+1)
	}
}
