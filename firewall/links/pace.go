package links

import "time"

const (
	// gather is how long news is waited for after the first: a device that
	// appears is told of several times.
	gather = 20 * time.Millisecond
	// The wait between two mends is doubled from shortest to longest while
	// there is something to mend each time, so that a quarrel with another program
	// costs neither much, and is forgotten after calm. So is that between two
	// tries of what the kernel refuses.
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
	failed time.Time // when the kernel last refused something
	retry  time.Duration
}

// news returns when to look, after something happened at now. What the kernel
// refused is tried as soon as there is news, however often it refused before: a
// route waits for a line that may be back now.
func (p *pace) news(now time.Time) time.Time {
	at := now.Add(gather)
	for _, next := range []time.Time{p.mended.Add(p.wait), p.failed.Add(min(p.retry, shortest))} {
		if next.After(at) {
			at = next
		}
	}
	return at
}

// looked notes that the machine was looked at, and whether something was mended
// or refused. It returns when to look next without news.
func (p *pace) looked(now time.Time, mended, refused bool) time.Time {
	if mended {
		p.wait = longer(p.wait, now.Sub(p.mended) > calm)
		p.mended = now
	}
	if !refused {
		p.retry = 0
		return now.Add(recheck)
	}
	p.retry = longer(p.retry, false)
	p.failed = now
	return now.Add(p.retry)
}

func longer(wait time.Duration, forgotten bool) time.Duration {
	if forgotten {
		return shortest
	}
	return min(max(2*wait, shortest), longest)
}
