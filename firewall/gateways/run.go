package gateways

import (
	"context"
	"sync"
	"time"
)

const (
	// together is how much too early a question may go out, but no more than a
	// tenth of its interval, so that the machine is not woken for each one of many.
	together = 50 * time.Millisecond
	// stall is how late Run may look at what is due. When it was kept from it for
	// longer, answers may wait that nobody has read, and no line is to blame.
	stall = 200 * time.Millisecond
	// relisten is how long to wait after Kernel.Receive has failed.
	relisten = time.Second
)

// Run asks and listens until ctx ends; then it has joined what it started, and
// returns nil. What it knows stays for a later Run. One goroutine asks and
// listens, and one saves what is remembered.
func (m *Monitor) Run(ctx context.Context) error {
	if !m.loaded {
		m.load()
		m.loaded = true
	}
	var saver sync.WaitGroup
	saver.Go(func() { m.keep(ctx) })
	defer saver.Wait()
	defer m.rest()
	stop := context.AfterFunc(ctx, m.kernel.Wake)
	defer stop()
	for ctx.Err() == nil {
		err := m.kernel.Receive(m.step(time.Now()), m.receive)
		if err == nil || ctx.Err() != nil {
			continue
		}
		m.log.Warn("answers cannot be received, trying anew", "cause", err)
		select {
		case <-ctx.Done():
		case <-time.After(relisten):
		}
	}
	return nil
}

// rest ends what is open when nobody asks any more.
func (m *Monitor) rest() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, a := range m.asked {
		a.target.cancels(a.serial)
		m.dropLocked(id)
	}
	m.kernel.Keep(nil)
}

// step does what is due, and returns when to do so again.
func (m *Monitor) step(now time.Time) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.awakeLocked(now)
	next := m.sampleLocked(now)
	for _, e := range m.entries {
		if !e.due.IsZero() && !e.due.After(now.Add(together)) {
			m.attendLocked(now, e)
		}
		next = earlier(next, e.due)
	}
	m.planned = next
	return next
}

// awakeLocked takes out the time in which this program did not run.
func (m *Monitor) awakeLocked(now time.Time) {
	late := now.Sub(m.planned)
	if late <= stall {
		return
	}
	if !m.planned.IsZero() {
		for _, e := range m.entries {
			e.shift(late)
		}
	}
	m.planned = now
}

// attendLocked gives up what was not answered in time, asks what is due and judges.
func (m *Monitor) attendLocked(now time.Time, e *entry) {
	for _, t := range e.askable() {
		for _, id := range t.passes(now) {
			m.dropLocked(id)
		}
		if !t.due.After(now.Add(min(together, t.interval/10))) {
			m.askLocked(e.path(), e.silence(), t)
		}
	}
	m.judgeLocked(now, e)
}

func (m *Monitor) judgeLocked(now time.Time, e *entry) {
	if e.judge(now) {
		signal(m.changed)
	}
	e.due = e.next(now)
}
