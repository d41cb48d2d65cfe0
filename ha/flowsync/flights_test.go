package flowsync

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/ha/flowwire"
)

func TestFlights(t *testing.T) {
	start := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	ack := func(upto uint64, ranges ...flowwire.Range) *flowwire.Ack {
		a := &flowwire.Ack{Upto: upto, N: len(ranges)}
		copy(a.Ranges[:], ranges)
		return a
	}
	for _, test := range []struct {
		name           string
		after          time.Duration
		ack            *flowwire.Ack
		arrived, lost  []uint64
		settled, still uint64
	}{
		{name: "all", ack: ack(6), arrived: []uint64{1, 2, 3, 4, 5, 6}, settled: 6},
		{name: "some", ack: ack(2), arrived: []uint64{1, 2}, settled: 2, still: 4},
		{name: "one is late", after: 5 * time.Millisecond, ack: ack(3, flowwire.Range{First: 5, Last: 6}), arrived: []uint64{1, 2, 3, 5, 6}, settled: 3, still: 1},
		{name: "one is lost", after: 5 * time.Millisecond, ack: ack(2, flowwire.Range{First: 4, Last: 6}), arrived: []uint64{1, 2, 4, 5, 6}, lost: []uint64{3}, settled: 6},
		{name: "one was overtaken just now", ack: ack(2, flowwire.Range{First: 4, Last: 6}), arrived: []uint64{1, 2, 4, 5, 6}, settled: 2, still: 1},
		{name: "an old acknowledgment", ack: ack(0), settled: 0, still: 6},
		{name: "of frames that were never sent", ack: ack(99), arrived: []uint64{1, 2, 3, 4, 5, 6}, settled: 6},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := flights{window: firstWindow}
			for seq := range uint64(6) {
				f.launch(f.next(seq+1, start))
			}
			var arrived, lost []uint64
			f.heard(start.Add(test.after), test.ack, func(f *flight) { arrived = append(arrived, f.seq) }, func(f *flight) { lost = append(lost, f.seq) })
			if d := cmp.Diff(test.arrived, arrived); d != "" {
				t.Errorf("arrived (-want +got):\n%s", d)
			}
			if d := cmp.Diff(test.lost, lost); d != "" {
				t.Errorf("lost (-want +got):\n%s", d)
			}
			if got := f.settled(6); got != test.settled {
				t.Errorf("settled up to %d, want %d", got, test.settled)
			}
			if uint64(len(f.all)) != test.still {
				t.Errorf("%d on their way, want %d", len(f.all), test.still)
			}
		})
	}
}

func TestFlightsExpire(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	f := flights{window: 100}
	f.launch(f.next(1, now))
	f.launch(f.next(2, now.Add(time.Second)))
	lost := 0
	f.expire(now.Add(leastWait-1), func(*flight) { lost++ })
	if lost != 0 {
		t.Fatal("lost before it was due")
	}
	f.expire(now.Add(leastWait), func(*flight) { lost++ })
	if lost != 1 || len(f.all) != 1 || f.window != 50 {
		t.Fatalf("%d lost, %d on their way, window %d", lost, len(f.all), f.window)
	}
	if f.wait() != 2*leastWait {
		t.Errorf("waits %v after a loss, want twice as long", f.wait())
	}
	for range 20 {
		f.launch(f.next(3, now))
		f.expire(now.Add(time.Hour), func(*flight) {})
	}
	if f.wait() != mostWait || f.window != leastWindow {
		t.Errorf("waits %v, window %d: they have bounds", f.wait(), f.window)
	}
	f.launch(f.next(4, now))
	f.heard(now.Add(time.Millisecond), &flowwire.Ack{Upto: 4}, func(*flight) {}, func(*flight) {})
	if f.wait() != leastWait {
		t.Errorf("waits %v after an answer in a millisecond", f.wait())
	}
}
