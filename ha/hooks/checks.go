package hooks

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Check is a command that says by its exit code whether this node is fit to be master.
type Check struct {
	Name    string
	Command []string // a program and its arguments
	// Interval is from one start to the next, and Timeout for how long it may run before it is
	// killed and has failed.
	Interval, Timeout time.Duration
	// Fall is after how many failures in a row it counts as failed, and Rise after how
	// many successes in a row no more.
	Fall, Rise int
	Weight     int // what a failure takes from the fitness of the node; not used here
}

func (c Check) equal(d Check) bool {
	return c.Name == d.Name && slices.Equal(c.Command, d.Command) && c.Interval == d.Interval &&
		c.Timeout == d.Timeout && c.Fall == d.Fall && c.Rise == d.Rise && c.Weight == d.Weight
}

// Checks run some checks, each on its own. The methods may be called from any goroutine.
type Checks struct {
	changed func(name string, ok bool, why string)
	log     hclog.Logger
	execute func(context.Context, command) outcome
	rang    chan struct{} // Set was called

	telling sync.Mutex // held while changed is called

	mu   sync.Mutex // guards what follows
	want []Check
}

// NewChecks returns Checks without any. changed is called when a check begins to count as failed and
// when it stops to, with how the command ended and what it said last; one call at a time.
func NewChecks(changed func(name string, ok bool, why string), log hclog.Logger) *Checks {
	return &Checks{changed: changed, log: log, execute: execute, rang: make(chan struct{}, 1)}
}

// Set says which checks there are, and never blocks. One whose name stays keeps its state, and one
// that is unchanged its rhythm as well. Nothing is told of those that go.
func (c *Checks) Set(checks []Check) {
	c.mu.Lock()
	c.want = slices.Clone(checks)
	c.mu.Unlock()
	select {
	case c.rang <- struct{}{}:
	default:
	}
}

// watcher is a check that runs.
type watcher struct {
	check Check
	gauge gauge // of run, until done is closed
	stop  context.CancelFunc
	done  chan struct{}
}

// Run runs checks until ctx ends, and kills those that then run.
func (c *Checks) Run(ctx context.Context) error {
	watchers := make(map[string]*watcher)
	defer func() {
		for _, w := range watchers {
			w.stop()
		}
		for _, w := range watchers {
			<-w.done
		}
	}()
	for {
		c.follow(ctx, watchers)
		select {
		case <-ctx.Done():
			return nil
		case <-c.rang:
		}
	}
}

// follow makes the watchers those that are wanted.
func (c *Checks) follow(ctx context.Context, watchers map[string]*watcher) {
	c.mu.Lock()
	want := make(map[string]Check, len(c.want))
	for _, k := range c.want {
		want[k.Name] = k
	}
	c.mu.Unlock()
	var ending []*watcher
	for name, w := range watchers {
		if k, stays := want[name]; stays && k.equal(w.check) {
			delete(want, name)
			continue
		}
		w.stop()
		ending = append(ending, w)
		delete(watchers, name)
	}
	gauges := make(map[string]gauge)
	for _, w := range ending {
		<-w.done // its command is killed at once
		gauges[w.check.Name] = w.gauge
	}
	for name, k := range want {
		watching, stop := context.WithCancel(ctx)
		w := &watcher{check: k, gauge: gauges[name], stop: stop, done: make(chan struct{})}
		watchers[name] = w
		go func() {
			defer close(w.done)
			c.watch(watching, w)
		}()
	}
}

// watch runs a check every interval until ctx ends.
func (c *Checks) watch(ctx context.Context, w *watcher) {
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		began := time.Now()
		o := c.execute(ctx, command{argv: w.check.Command, env: []string{"PATH=" + searchPath}, limit: w.check.Timeout})
		if ctx.Err() != nil {
			return // it may have been killed for that
		}
		c.see(w, o)
		next.Reset(max(0, w.check.Interval-time.Since(began)))
	}
}

// see takes in how a check ran.
func (c *Checks) see(w *watcher, o outcome) {
	changed := w.gauge.see(o.ok, w.check.Fall, w.check.Rise)
	c.log.Debug("check ran", "check", w.check.Name, "ok", o.ok, "how", o.whyWithLine(), "took", o.took)
	if !changed {
		return
	}
	c.telling.Lock()
	defer c.telling.Unlock()
	c.log.Info("check changed", "check", w.check.Name, "ok", o.ok, "how", o.whyWithLine())
	c.changed(w.check.Name, o.ok, o.whyWithLine())
}
