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
	knocks     int       // how many there are since
	loss       loss
}

// silent says that nothing came for so long, counted from since at the earliest.
func (p *path) silent(now, since time.Time, limit time.Duration) bool {
	return !p.carrier || now.Sub(latest(since, p.sign, p.up)) >= limit
}

// knock notes that the peer's kernel is asked.
func (p *path) knock(now time.Time) {
	if p.knocks++; p.knocks == 1 {
		p.asked = now
	}
}

// answered ends the knocks that were out at an instant, and says whether there were any.
func (p *path) answered(at time.Time) bool {
	if p.knocks == 0 || at.Before(p.asked) {
		return false
	}
	p.forget()
	return true
}

// forget is as if nobody had knocked.
func (p *path) forget() { p.asked, p.knocks = time.Time{}, 0 }

// latest is the last of some instants.
func latest(first time.Time, more ...time.Time) time.Time {
	for _, t := range more {
		if t.After(first) {
			first = t
		}
	}
	return first
}
