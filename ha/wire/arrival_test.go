package wire

import (
	"testing"
	"time"
)

func TestArrival(t *testing.T) {
	const ms = time.Millisecond
	now := time.Now()
	for _, c := range []struct {
		name              string
		stamp, empty, age time.Duration // before now
	}{
		{"just come", 0, 9 * ms, 0},
		{"a while ago", 5 * ms, 9 * ms, 5 * ms},
		{"the reader slept", 5 * time.Second, 9 * time.Second, 5 * time.Second},
		{"the clock went an hour ahead", time.Hour, 9 * ms, 9 * ms},
		{"the clock went an hour back", -time.Hour, 9 * ms, 0},
		{"the bound is late", 5 * ms, -ms, 0},
	} {
		stamp := now.Add(-c.stamp).Round(0) // as a clock on the wall gives it
		if got := now.Sub(arrival(now, stamp, now.Add(-c.empty))); got != c.age {
			t.Errorf("%s: %v ago, want %v", c.name, got, c.age)
		}
	}
	if got := arrival(now, time.Time{}, now.Add(-ms)); got != now {
		t.Errorf("without a stamp: %v ago", now.Sub(got))
	}
}
