package gateways

import "time"

const (
	longestHold = 10 * time.Minute
	// quiet is after how much peace it is forgotten that a latch came back often.
	quiet = time.Hour
	// shortestHold is what holds grow from, so that they grow where Up is nothing.
	shortestHold = time.Second
)

// latch is a trouble that begins at once and is over only when it was absent
// without a break for its hold. That doubles each time the trouble comes back,
// up to ten minutes, until there was an hour of peace.
type latch struct {
	on     bool
	calm   time.Time // since when the trouble is absent, while on
	hold   time.Duration
	begun  int       // how often it has begun since there was peace
	turned time.Time // when it last began or was over
}

// see takes in whether the trouble is there now. up is the first hold.
func (l *latch) see(now time.Time, trouble bool, up time.Duration) {
	switch {
	case trouble && !l.on:
		l.begin(now, up)
	case trouble:
		l.calm = time.Time{}
	case l.on && l.calm.IsZero():
		l.calm = now
	}
	if due := l.due(); !due.IsZero() && !now.Before(due) {
		l.on, l.calm, l.turned = false, time.Time{}, now
	}
}

func (l *latch) begin(now time.Time, up time.Duration) {
	if now.Sub(l.turned) >= quiet {
		l.begun = 0
	}
	l.hold = up
	for range l.begun {
		l.hold = max(l.hold, shortestHold)
		if l.hold >= longestHold {
			break
		}
		l.hold = min(2*l.hold, longestHold)
	}
	l.on, l.turned = true, now
	l.begun++
}

// due is when the trouble is over if it stays absent; zero: it is not on, or there.
func (l *latch) due() time.Time {
	if !l.on || l.calm.IsZero() {
		return time.Time{}
	}
	return l.calm.Add(l.hold)
}

// shift moves the beginning of calm to a later time.
func (l *latch) shift(by time.Duration) {
	if !l.calm.IsZero() {
		l.calm = l.calm.Add(by)
	}
}
