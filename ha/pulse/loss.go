package pulse

import "time"

// lossSpan is the time, in seconds, over which losses are counted.
const lossSpan = 60

// loss counts the heartbeats of a path that came and that were due, second by second.
type loss struct {
	first, last time.Time
	seconds     [lossSpan]tally
}

type tally struct {
	second    int
	got, want float64
}

// count takes a heartbeat in. It was due if the one before it came an interval ago.
func (l *loss) count(at time.Time, interval time.Duration) {
	if l.first.IsZero() {
		l.first = at
	}
	switch {
	case l.last.IsZero():
		l.of(at).want++
	case at.After(l.last):
		l.expect(at, interval)
	}
	l.last = latest(l.last, at)
	l.of(at).got++
}

// expect notes what was due from the last heartbeat until an instant.
func (l *loss) expect(until time.Time, interval time.Duration) {
	from := latest(l.last, until.Add(-lossSpan*time.Second))
	for from.Before(until) {
		next := l.first.Add(time.Duration(l.second(from)+1) * time.Second)
		if next.After(until) {
			next = until
		}
		l.of(from).want += next.Sub(from).Seconds() / interval.Seconds()
		from = next
	}
}

func (l *loss) second(at time.Time) int { return max(0, int(at.Sub(l.first)/time.Second)) }

// of is the tally of the second of an instant.
func (l *loss) of(at time.Time) *tally {
	second := l.second(at)
	t := &l.seconds[second%lossSpan]
	if t.second < second {
		*t = tally{second: second}
	}
	return t
}

// pause says that none is due until the next one came.
func (l *loss) pause() { l.last = time.Time{} }

// percent is the share of the heartbeats due in the last minute that did not come. It works on a copy, so
// that what is missing at the moment is not counted twice.
func (l loss) percent(now time.Time, interval time.Duration) float64 {
	if l.first.IsZero() {
		return 0
	}
	// The next one is not missing before it is due.
	if grace := now.Add(-interval); !l.last.IsZero() && grace.After(l.last) {
		l.expect(grace, interval)
	}
	var got, want float64
	for _, t := range l.seconds {
		if t.second > l.second(now)-lossSpan {
			got, want = got+t.got, want+t.want
		}
	}
	if want-got < 1 {
		return 0 // they are not that regular
	}
	return 100 * (want - got) / want
}
