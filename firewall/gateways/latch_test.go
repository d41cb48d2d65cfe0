package gateways

import (
	"slices"
	"testing"
	"time"
)

// holdsOf has a trouble begin again as soon as it is over, and returns for how
// long each of them held on.
func holdsOf(l *latch, up time.Duration, n int) []time.Duration {
	now := start()
	var holds []time.Duration
	for range n {
		l.see(now, true, up)
		holds = append(holds, l.hold)
		l.see(now, false, up)
		now = now.Add(l.hold)
		l.see(now, false, up)
		now = now.Add(time.Second)
	}
	return holds
}

func TestHoldsDouble(t *testing.T) {
	s := time.Second
	for _, c := range []struct {
		up   time.Duration
		want []time.Duration
	}{
		{10 * s, []time.Duration{10 * s, 20 * s, 40 * s, 80 * s, 160 * s, 320 * s, 600 * s, 600 * s}},
		{0, []time.Duration{0, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 64 * s, 128 * s}},
		{20 * time.Minute, []time.Duration{1200 * s, 1200 * s, 1200 * s}},
	} {
		if got := holdsOf(new(latch), c.up, len(c.want)); !slices.Equal(got, c.want) {
			t.Errorf("up after %v: %v, want %v", c.up, got, c.want)
		}
	}
}

func TestAnHourOfQuietIsForgotten(t *testing.T) {
	for _, c := range []struct {
		quiet, want time.Duration
	}{
		{time.Hour - time.Second, 80 * time.Second},
		{time.Hour, 10 * time.Second},
	} {
		var l latch
		holdsOf(&l, 10*time.Second, 3)
		again := l.turned.Add(c.quiet)
		l.see(again, true, 10*time.Second)
		if l.hold != c.want {
			t.Errorf("after %v the hold is %v, want %v", c.quiet, l.hold, c.want)
		}
	}
}

func TestCalmIsWithoutABreak(t *testing.T) {
	var l latch
	up := 10 * time.Second
	l.see(seconds(0), true, up)
	l.see(seconds(1), false, up)
	l.see(seconds(10), true, up)
	l.see(seconds(11), false, up)
	if l.see(seconds(20.9), false, up); !l.on {
		t.Error("over before its time")
	}
	if l.see(seconds(21), false, up); l.on {
		t.Error("not over in time")
	}
}
