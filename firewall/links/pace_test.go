package links

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPace(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var p pace
	now := start
	if wait := p.news(now).Sub(now); wait != gather {
		t.Errorf("first news waits %s", wait)
	}
	p.looked(now, false, false)
	if wait := p.news(now).Sub(now); wait != gather {
		t.Errorf("after a look that found nothing: %s", wait)
	}
	var waits []time.Duration
	for range 10 {
		p.looked(now, true, false)
		next := p.news(now)
		waits = append(waits, next.Sub(now))
		now = next
	}
	const ms = time.Millisecond
	want := []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, longest, longest, longest}
	if d := cmp.Diff(want, waits); d != "" {
		t.Errorf("waits (-want +got):\n%s", d)
	}
	now = now.Add(calm + 1)
	if wait := p.news(now).Sub(now); wait != gather {
		t.Errorf("news after calm waits %s", wait)
	}
	p.looked(now, true, false)
	if wait := p.news(now).Sub(now); wait != shortest {
		t.Errorf("after calm: %s", wait)
	}
}

// TestPaceOfRefusals tries ever less often, and at once when there is news.
func TestPaceOfRefusals(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var p pace
	var waits []time.Duration
	for range 9 {
		next := p.looked(now, false, true)
		waits = append(waits, next.Sub(now))
		if wait := p.news(now).Sub(now); wait != shortest {
			t.Errorf("news right after a refusal waits %s", wait)
		}
		now = next
	}
	const ms = time.Millisecond
	want := []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, longest, longest}
	if d := cmp.Diff(want, waits); d != "" {
		t.Errorf("waits (-want +got):\n%s", d)
	}
	if wait := p.news(now).Sub(now); wait != gather {
		t.Errorf("news long after a refusal waits %s", wait)
	}
	if wait := p.looked(now, false, false).Sub(now); wait != recheck {
		t.Errorf("when nothing is refused any more: %s", wait)
	}
}
