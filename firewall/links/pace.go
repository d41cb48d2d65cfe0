package links

import "time"

const (
	// gather is how long news is waited for after the first: a device that
	// appears is told of several times.
	gather = 20 * time.Millisecond
	// The wait between two mends is doubled from shortest to longest while
	// there is something to mend each time, so that a quarrel with another program
	// costs neither much, and is forgotten after calm.
	shortest = 100 * time.Millisecond
	longest  = 10 * time.Second
	calm     = 30 * time.Second
	// recheck finds what the kernel does not announce: settings, for the most part.
	recheck = 30 * time.Second
	// relisten is the wait before listening anew.
	relisten = 200 * time.Millisecond
)

// pace decides when to look at the machine. The zero pace is calm.
type pace struct {
	mended time.Time // when there was last something to mend
	wait   time.Duration
}

// news returns when to look, after something happened at now.
func (p *pace) news(now time.Time) time.Time {
	at := now.Add(gather)
	if next := p.mended.Add(p.wait); next.After(at) {
		return next
	}
	return at
}

// looked notes that the machine was looked at, and whether there was anything
// to mend.
func (p *pace) looked(now time.Time, mended bool) {
	if !mended {
		return
	}
	if now.Sub(p.mended) > calm {
		p.wait = shortest
	} else {
		p.wait = min(2*p.wait, longest)
	}
	p.mended = now
}
