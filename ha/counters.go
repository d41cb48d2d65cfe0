package ha

import (
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// counters counts events by name, with who caused the last one. It may be used from any
// goroutine.
type counters struct {
	mu  sync.Mutex
	all map[string]*event
}

// event is what is known of the events of one name.
type event struct {
	count  uint64
	at     time.Time
	link   string
	src    netip.Addr
	logged time.Time
}

// logEvery is how often one kind of event is logged: whoever can send frames could fill the
// disk otherwise.
const logEvery = time.Minute

func (c *counters) init() { c.all = map[string]*event{} }

// count adds one.
func (c *counters) count(name string) { c.note(time.Now(), name, "", netip.Addr{}) }

// note adds one and remembers where it came from. It says whether it is time to log that.
func (c *counters) note(now time.Time, name, link string, src netip.Addr) (log bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.all[name]
	if e == nil {
		e = &event{}
		c.all[name] = e
	}
	e.count, e.at, e.link, e.src = e.count+1, now, link, src
	if now.Sub(e.logged) < logEvery {
		return false
	}
	e.logged = now
	return true
}

// set makes a count that is kept elsewhere the count of a name.
func (c *counters) set(name string, count uint64) {
	if count == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[name] = &event{count: count}
}

// recent is the last event of a name, if it is not longer ago than the window.
func (c *counters) recent(now time.Time, name string, window time.Duration) (where string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.all[name]
	if e == nil || now.Sub(e.at) > window {
		return "", false
	}
	if !e.src.IsValid() {
		return e.link, true
	}
	return fmt.Sprintf("%v on %s", e.src, e.link), true
}

// totals are the counts by name.
func (c *counters) totals() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]uint64, len(c.all))
	for name, e := range c.all {
		out[name] = e.count
	}
	return out
}
