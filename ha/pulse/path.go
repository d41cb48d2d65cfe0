package pulse

import "time"

// PathConfig is one network on which both nodes are.
type PathConfig struct {
	Name string
	// Cable says that nothing is between the nodes there: the carrier of one end is the power of the other.
	Cable bool
}

// PathState is what a Judge knows of one path.
type PathState struct {
	Name  string
	Cable bool
	// Beat is when the last heartbeat came and Sign when anything did that the peer's program sent.
	Beat, Sign time.Time
	// Carrier is of the own device.
	Carrier bool
	// Silent says that nothing was ever heard there, or nothing for as long as makes a peer dead.
	Silent bool
	// Lost is in percent, of the heartbeats of the last minute.
	Lost float64
}

// path is one of a Judge's.
type path struct {
	PathConfig
	beat, sign time.Time
	carrier    bool
	told       bool      // carrier is known and not assumed
	up         time.Time // since when it has carrier
	asked      time.Time // the first knock that is not answered; zero: none
	loss       loss
}

// silent says that nothing came for so long, counted from since at the earliest.
func (p *path) silent(now, since time.Time, limit time.Duration) bool {
	return !p.carrier || now.Sub(latest(since, p.sign, p.up)) >= limit
}

// answered ends the knocks that were asked before an instant.
func (p *path) answered(at time.Time) {
	if !at.Before(p.asked) {
		p.asked = time.Time{}
	}
}

// lossSpan is the time, in seconds, over which losses are counted.
const lossSpan = 60

// loss counts the heartbeats of a path, second by second.
type loss struct {
	first, last time.Time
	seconds     [lossSpan]struct {
		second    int
		got, want float64
	}
}

// count takes a heartbeat in. What came before the last one was counted as missing.
func (l *loss) count(at time.Time, interval time.Duration) {
	want := 1.0
	switch {
	case l.first.IsZero():
		l.first = at
	case l.last.IsZero():
	case at.Before(l.last):
		want = 0
	default:
		want = min(at.Sub(l.last), lossSpan*time.Second).Seconds() / interval.Seconds()
	}
	l.last = latest(l.last, at)
	second := int(at.Sub(l.first) / time.Second)
	s := &l.seconds[max(second, 0)%lossSpan]
	if s.second != second {
		s.second, s.got, s.want = second, 0, 0
	}
	s.got, s.want = s.got+1, s.want+want
}

// pause says that no beats are expected until the next one came.
func (l *loss) pause() { l.last = time.Time{} }

// percent is the share of beats that did not come.
func (l *loss) percent(now time.Time, interval time.Duration) float64 {
	if l.first.IsZero() {
		return 0
	}
	var got, want float64
	second := int(now.Sub(l.first) / time.Second)
	for _, s := range l.seconds {
		if s.second > second-lossSpan {
			got, want = got+s.got, want+s.want
		}
	}
	if !l.last.IsZero() {
		// The next one is not missing before it is due.
		want += max(0, min(now.Sub(l.last), lossSpan*time.Second).Seconds()/interval.Seconds()-1)
	}
	if want-got < 1 {
		return 0 // beats are not that regular
	}
	return 100 * (want - got) / want
}

// latest is the last of some instants.
func latest(first time.Time, more ...time.Time) time.Time {
	for _, t := range more {
		if t.After(first) {
			first = t
		}
	}
	return first
}
