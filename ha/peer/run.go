package peer

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"time"
)

// Run listens, calls and holds the connection until ctx ends, and then closes all at once. The last
// call of Down comes before it returns.
func (l *Link) Run(ctx context.Context) error {
	over, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		l.tell(over)
	}()
	l.parts.Go(func() { l.listen(ctx) })
	l.parts.Go(func() { l.dial(ctx) })
	l.parts.Wait()
	close(over)
	<-told
	return nil
}

// tell calls Proved, Up and Down until over is closed and nothing is left to tell.
func (l *Link) tell(over <-chan struct{}) {
	for {
		l.mu.Lock()
		events := l.events
		l.events = nil
		l.mu.Unlock()
		for _, e := range events {
			l.tellOne(e)
		}
		if len(events) > 0 {
			continue
		}
		select {
		case <-l.rang:
		case <-over:
			select {
			case <-l.rang:
			default:
				return
			}
		}
	}
}

func (l *Link) tellOne(e event) {
	if e.proved != nil {
		if l.options.Proved != nil {
			l.options.Proved(e.proved)
		}
		return
	}
	if e.up {
		l.options.Log.Info("link to the peer stands", "session", fmt.Sprintf("%016x", e.session), "version", e.version)
		if l.options.Up != nil {
			l.options.Up(e.session)
		}
		return
	}
	l.options.Log.Info("link to the peer ended", "why", e.ending.why, "reset", e.ending.reset)
	if l.options.Down != nil {
		l.options.Down(e.ending.why, e.ending.reset)
	}
}

// target is what to do now, and the signals of when it is something else.
func (l *Link) target() (a aim, listens, dials bool, aimed, changed context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a = l.aim
	return a, a.listens(), a.dials() && l.standing == nil, l.aimed.ctx, l.changed.ctx
}

// dial calls the peer whenever no connection stands.
func (l *Link) dial(ctx context.Context) {
	wait := retryMin
	for ctx.Err() == nil {
		a, _, wanted, _, changed := l.target()
		if !wanted {
			pause(ctx, changed, -1)
			wait = retryMin
			continue
		}
		c, err := l.call(ctx, changed, a)
		if err == nil {
			l.hold(ctx, c)
			if time.Since(c.stood) > retryMax {
				wait = retryMin
				continue
			}
			_, _, _, _, changed = l.target() // it has changed when the connection came to stand
		} else {
			l.options.Log.Debug("peer not reached", "device", a.device, "peer", a.peer, "error", err)
		}
		pause(ctx, changed, jitter(wait))
		wait = min(2*wait, retryMax)
	}
}

// jitter keeps two nodes that started together from calling at the same times.
func jitter(wait time.Duration) time.Duration {
	return wait*3/4 + mathrand.N(wait/2)
}

// pause waits for a while, which is for ever if it is negative, until one of the two ends.
func pause(ctx, changed context.Context, wait time.Duration) {
	var after <-chan time.Time
	if wait >= 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		after = timer.C
	}
	select {
	case <-ctx.Done():
	case <-changed.Done():
	case <-after:
	}
}

// both is a context that ends with either.
func both(ctx, other context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(other, cancel)
	return ctx, func() { stop(); cancel() }
}

// call makes a connection that stands.
func (l *Link) call(ctx, changed context.Context, a aim) (*conn, error) {
	ctx, done := both(ctx, changed)
	defer done()
	tcp, err := l.network.dial(ctx, a)
	if err != nil {
		return nil, err
	}
	l.setDialling(true)
	defer l.setDialling(false)
	return l.meet(ctx, tcp, dialler, a)
}

func (l *Link) setDialling(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dialling = on
}

// hold serves a connection that stands until it ends.
func (l *Link) hold(ctx context.Context, c *conn) {
	stop := context.AfterFunc(ctx, func() { c.end(ending{why: "this program ends"}) })
	defer stop()
	answering, cancel := context.WithCancel(ctx)
	defer cancel()
	if c.serve(func(m message) { l.question(answering, c, m) }).forged {
		l.counters.forged.Add(1)
	}
	l.lost(c)
}
