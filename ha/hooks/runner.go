package hooks

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	hookLimit = 10 * time.Second
	hookGrace = 2 * time.Second
	// drainLimit is for how long what was told before the end of Run may still run.
	drainLimit = 10 * time.Second
)

// Runner runs hooks and services. Its methods may be called from any goroutine.
type Runner struct {
	dir      string
	services func() []string
	log      hclog.Logger
	execute  func(context.Context, command) outcome
	find     func(program string) string
	list     func(dir string) (file, []file, error)
	rang     chan struct{} // something waits, or a group is done

	mu      sync.Mutex // guards what follows
	waiting map[string]Change
	busy    map[string]bool // what runs: hooks of a group, or services
	results map[resultKey]Result
	warned  map[string]string // why a file was skipped, by name
	tied    tied
}

// resultKey says whose last run a Result is.
type resultKey struct{ name, group string }

// New returns a Runner of the hooks in dir and of the services that services names, which it asks
// at each change.
func New(dir string, services func() []string, log hclog.Logger) *Runner {
	return &Runner{
		dir: dir, services: services, log: log, execute: execute, find: find, list: list,
		rang:    make(chan struct{}, 1),
		waiting: make(map[string]Change), busy: make(map[string]bool),
		results: make(map[resultKey]Result),
		tied:    newTied(),
	}
}

// Tell has the hooks of a change run, and never blocks. Of the changes of a group that wait only
// the newest is run.
func (r *Runner) Tell(c Change) {
	r.mu.Lock()
	r.waiting[c.Group] = c
	r.tied.see(c)
	r.mu.Unlock()
	r.ring()
}

func (r *Runner) ring() {
	select {
	case r.rang <- struct{}{}:
	default:
	}
}

// Status returns how each hook and each service ran for the last time, in order of name and group.
func (r *Runner) Status() []Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Result, 0, len(r.results))
	for _, v := range r.results {
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b Result) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Group, b.Group))
	})
	return all
}

// Run runs hooks and services until ctx ends. What was told before that is still run, for ten
// seconds at most, so that the last change is not lost: end ctx after the last Tell.
func (r *Runner) Run(ctx context.Context) error {
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var parts sync.WaitGroup
	defer parts.Wait()
	ended := ctx.Done()
	for {
		r.begin(working, &parts)
		if ended == nil && r.idle() {
			return nil
		}
		select {
		case <-r.rang:
		case <-ended:
			ended = nil
			timer := time.AfterFunc(drainLimit, func() { r.drop(); stop() })
			defer timer.Stop()
		}
	}
}

// drop forgets what waits.
func (r *Runner) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.waiting)
	r.tied.drop()
}

func (r *Runner) idle() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.waiting) == 0 && len(r.busy) == 0 && !r.tied.waits()
}

// begin starts what waits and may run.
func (r *Runner) begin(ctx context.Context, parts *sync.WaitGroup) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for group, c := range r.waiting {
		if key := "group " + group; !r.busy[key] {
			delete(r.waiting, group)
			r.workLocked(parts, key, func() { r.hooks(ctx, c) })
		}
	}
	const key = "services"
	if r.tied.waits() && !r.busy[key] {
		on := r.tied.take()
		r.workLocked(parts, key, func() { r.switchServices(ctx, on) })
	}
}

// workLocked runs work on a goroutine, and nothing else of the same key meanwhile.
func (r *Runner) workLocked(parts *sync.WaitGroup, key string, work func()) {
	r.busy[key] = true
	parts.Go(func() {
		work()
		r.mu.Lock()
		delete(r.busy, key)
		r.mu.Unlock()
		r.ring()
	})
}

// hooks runs all hooks for a change, one after the other.
func (r *Runner) hooks(ctx context.Context, c Change) {
	names := r.names()
	r.forget(c.Group, names)
	for _, name := range names {
		if ctx.Err() != nil {
			return
		}
		o := r.execute(ctx, command{
			argv: []string{filepath.Join(r.dir, name), c.Group, c.To}, env: c.environment(),
			limit: hookLimit, grace: hookGrace,
		})
		r.keep(Result{Name: name, Group: c.Group, Role: c.To, Took: o.took, Err: o.err()})
		facts := []any{"hook", name, "vips", c.Group, "role", c.To, "took", o.took, "how", o.why, "output", o.output}
		if o.ok {
			r.log.Info("hook ran", facts...)
		} else {
			r.log.Warn("hook did not succeed", facts...)
		}
	}
}

// keep notes a result, as of when it began.
func (r *Runner) keep(v Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v.When = time.Now().Add(-v.Took)
	r.results[resultKey{v.Name, v.Group}] = v
}

// forget drops the results that a group has of others than these.
func (r *Runner) forget(group string, names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.results {
		if key.group == group && !slices.Contains(names, key.name) {
			delete(r.results, key)
		}
	}
}

// names are the files to run, in order.
func (r *Runner) names() []string {
	itself, files, err := r.list(r.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	us, why := user(), ""
	if err != nil {
		why = err.Error()
	} else {
		why = itself.unfitDirectory(us)
	}
	if why != "" {
		r.warn(map[string]string{r.dir: why})
		return nil
	}
	names, skipped := choose(files, us)
	r.warn(skipped)
	return names
}

// warn says why files are skipped, each reason when it is new.
func (r *Runner) warn(skipped map[string]string) {
	r.mu.Lock()
	before := r.warned
	r.warned = skipped
	r.mu.Unlock()
	for name, why := range skipped {
		if before[name] != why {
			r.log.Warn("hook is skipped", "name", name, "why", why)
		}
	}
}
