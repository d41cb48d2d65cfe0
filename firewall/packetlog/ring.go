package packetlog

import (
	"context"
	"slices"
	"sync"
)

// backlog is how many entries a subscriber may be behind before it loses some.
const backlog = 256

// Ring keeps the last entries in memory and hands new ones to subscribers. Its methods may be called from several goroutines.
type Ring struct {
	mu          sync.Mutex
	entries     []Entry // oldest first from next on, once full
	next        int
	subscribers map[*subscriber]struct{}
}

type subscriber struct {
	filter  Filter
	entries chan Entry
	lost    uint64 // since the last entry that was sent
}

// NewRing returns a ring that keeps the last size entries, at least one.
func NewRing(size int) *Ring {
	return &Ring{entries: make([]Entry, 0, max(size, 1)), subscribers: make(map[*subscriber]struct{})}
}

// Add keeps the entry, in place of the oldest if the ring is full, and hands it to the subscribers whose filter picks it. It
// waits for none of them.
func (r *Ring) Add(e Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.entries) < cap(r.entries) {
		r.entries = append(r.entries, e)
	} else {
		r.entries[r.next] = e
		r.next = (r.next + 1) % len(r.entries)
	}
	for s := range r.subscribers {
		s.offer(e)
	}
}

func (s *subscriber) offer(e Entry) {
	if !s.filter.Match(e) {
		s.lost += e.Lost // what was lost there might have been for this subscriber
		return
	}
	lost := s.lost + e.Lost
	e.Lost = lost
	select {
	case s.entries <- e:
		s.lost = 0
	default:
		s.lost = lost + 1
	}
}

// Tail returns the last n entries that the filter picks, oldest first.
func (r *Ring) Tail(n int, f Filter) []Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	var picked []Entry
	for i := len(r.entries) - 1; i >= 0 && len(picked) < n; i-- {
		if e := r.entries[(r.next+i)%len(r.entries)]; f.Match(e) {
			picked = append(picked, e)
		}
	}
	slices.Reverse(picked)
	return picked
}

// Subscribe returns a channel of the entries to come that the filter picks. A subscriber that falls behind loses entries; the
// Lost of the next one it gets counts them. The channel is closed when ctx ends.
func (r *Ring) Subscribe(ctx context.Context, f Filter) <-chan Entry {
	s := &subscriber{filter: f, entries: make(chan Entry, backlog)}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.subscribers[s] = struct{}{}
	context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.subscribers, s)
		close(s.entries)
	})
	return s.entries
}
