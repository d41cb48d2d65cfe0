package feeds

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	maxLookups = 8 // names resolved at once
	maxFetches = 4 // lists fetched at once

	// settle joins changes that come close together, as all of them do after a boot.
	settle = 200 * time.Millisecond
	// keptUnwanted is how long content stays on disk that no policy wants: it may be rolled back to.
	keptUnwanted = 30 * 24 * time.Hour
)

// Run learns from every source that is due, until ctx ends; then it waits for
// what is under way and returns nil. It runs at most once at a time.
func (f *Feeds) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()

	running := map[Kind]int{}
	due := time.NewTimer(0)
	defer due.Stop()
	var settled <-chan time.Time
	for {
		ready, wait := f.plan(running)
		for _, s := range ready {
			running[s.kind]++
			f.start(ctx, s, &work)
		}
		due.Reset(wait)
		select {
		case <-ctx.Done():
			f.abandonAll()
			return nil
		case <-f.wake:
		case <-due.C:
		case o := <-f.outcomes:
			running[o.source.kind]--
			if f.takeIn(o) && settled == nil {
				settled = time.After(settle)
			}
		case <-settled:
			settled = nil
			signal(f.changed)
		}
	}
}

// plan returns the sources that are due and have a place to run, the longest
// due first, and how long nothing else has to be started.
func (f *Feeds) plan(running map[Kind]int) (ready []*source, wait time.Duration) {
	const longest = time.Hour
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	wait = longest
	for _, s := range f.sources {
		left := s.due.Sub(now)
		switch {
		case s.cancel != nil:
		case left <= 0:
			ready = append(ready, s)
		default:
			wait = min(wait, left)
		}
	}
	slices.SortFunc(ready, func(a, b *source) int {
		return cmp.Or(a.due.Compare(b.due), a.key.compare(b.key))
	})
	free := map[Kind]int{Name: maxLookups - running[Name], List: maxFetches - running[List]}
	ready = slices.DeleteFunc(ready, func(s *source) bool {
		free[s.kind]--
		return free[s.kind] < 0
	})
	return ready, wait
}

// start learns from a source beside the loop.
func (f *Feeds) start(ctx context.Context, s *source, work *sync.WaitGroup) {
	each, cancel := context.WithCancel(ctx)
	f.mu.Lock()
	j := s.begin(time.Now(), cancel)
	f.mu.Unlock()
	work.Go(func() {
		o := f.learn(each, j)
		select {
		case f.outcomes <- o:
		case <-ctx.Done():
		}
	})
}

// takeIn puts an outcome in its source and says whether a Snapshot is different
// by it. A source that is wanted no longer, or under another URL, takes nothing.
func (f *Feeds) takeIn(o outcome) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := o.source
	if f.sources[s.key] != s {
		s.cancel()
		return false
	}
	before := s.problem
	s.finish(o, time.Now(), rand.Float64())
	switch {
	case before == "" && o.err != nil:
		f.log.Warn("alias not refreshed", "source", s.name, "cause", o.err)
	case before != "" && o.err == nil:
		f.log.Info("alias refreshed again", "source", s.name)
	}
	if o.changed {
		f.log.Debug("alias content changed", "source", s.name, "entries", s.known.entries())
	}
	return o.changed
}

// abandonAll forgets what was under way, so that a later Run begins anew.
func (f *Feeds) abandonAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.sources {
		s.abandon()
		s.cancel = nil
	}
}
