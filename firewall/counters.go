package firewall

import (
	"context"
	"time"

	"github.com/rempart/rempart/firewall/nft"
)

// hits remembers what each counter said and when it last moved.
type hits map[string]hit

type hit struct {
	counter nft.Counter
	last    time.Time // zero: it has not moved since we look
}

// update takes new readings. A counter that is seen for the first time with
// something in it has moved at a time that nobody knows.
func (h hits) update(now time.Time, counters map[string]nft.Counter) {
	for name, c := range counters {
		old, known := h[name]
		if known && c != old.counter {
			old.last = now
		}
		old.counter = c
		h[name] = old
	}
	for name := range h {
		if _, ok := counters[name]; !ok {
			delete(h, name)
		}
	}
}

// poll reads the counters.
func (f *Firewall) poll(ctx context.Context) {
	if f.running == nil {
		return
	}
	counters, err := f.Kernel.Counters(ctx)
	if err != nil {
		f.log.Warn("counters could not be read", "cause", err)
		return
	}
	now := time.Now()
	f.hits.update(now, counters)
	// A device that appeared under another name, or a clock that was set back,
	// makes what is in the kernel untrue.
	back := now.Round(0).Before(f.edgesDone.Round(0))
	if back {
		f.edgesDone = now
	}
	if f.findDevices(f.running.world.Config) || back {
		f.refreshSets(ctx)
	}
}
