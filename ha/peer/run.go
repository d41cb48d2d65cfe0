package peer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
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

// tell calls Up and Down until over is closed and nothing is left to tell.
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
	if e.up {
		l.options.Log.Info("link to the peer stands", "session", fmt.Sprintf("%016x", e.session))
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

// meet has the ends of a connection prove themselves, and makes it the one that stands.
func (l *Link) meet(ctx context.Context, tcp *net.TCPConn, as end, a aim) (*conn, error) {
	began := time.Now()
	_ = tcp.SetDeadline(began.Add(meetTime)) // fails when it is closed, which is seen below
	stop := context.AfterFunc(ctx, func() { _ = tcp.SetDeadline(began) })
	defer stop()
	c, err := l.prove(tcp, as)
	if err != nil {
		_ = tcp.Close()
		l.count(tcp, err)
		return nil, err
	}
	c.device, c.dialled, c.began = a.device, as == dialler, began
	if err := l.stand(ctx, c, stop); err != nil {
		parting, cancel := context.WithTimeout(context.Background(), partTime)
		defer cancel()
		_ = c.part(parting, err.Error(), err.Error()) // a courtesy: nobody counts on this connection
		c.end(ending{})
		l.count(tcp, err)
		return nil, err
	}
	_ = tcp.SetReadDeadline(time.Time{})
	return c, nil
}

func (l *Link) prove(tcp *net.TCPConn, as end) (*conn, error) {
	mine := hello{session: l.options.Local}
	_, _ = rand.Read(mine.nonce[:]) // it never fails
	m, err := shake(tcp, as, mine, l.options.Keys())
	if err != nil {
		return nil, err
	}
	return newConn(tcp, m), nil
}

// stand waits for the word of the node that decides, or is that node. stop has the connection
// outlive ctx.
func (l *Link) stand(ctx context.Context, c *conn, stop func() bool) error {
	leads := l.leads(c.session)
	if !leads {
		m, err := c.in.read(c.reader)
		switch {
		case ctx.Err() != nil:
			return errGivenUp
		case err != nil:
			return err
		case m.kind != stand:
			return fmt.Errorf("%w: %s", errBeside, m.body)
		}
	}
	if !stop() {
		return errGivenUp
	}
	if !leads {
		return l.settle(c)
	}
	c.writing <- struct{}{} // is free; no question goes before the word
	defer func() { <-c.writing }()
	if err := l.settle(c); err != nil {
		return err
	}
	// Should it not arrive, the connection has ended, and who serves it sees that.
	_ = c.put(message{kind: stand})
	return nil
}

// count takes note of a connection that came to nothing.
func (l *Link) count(tcp *net.TCPConn, err error) {
	l.counters.of(err).Add(1)
	if !errors.Is(err, errSecret) && !errors.Is(err, errVersion) {
		l.options.Log.Debug("no link with caller or called", "address", tcp.RemoteAddr(), "error", err)
		return
	}
	l.mu.Lock()
	now := time.Now()
	quiet := !l.blamed.IsZero() && now.Sub(l.blamed) < complaint
	if !quiet {
		l.blamed = now
	}
	l.mu.Unlock()
	if !quiet {
		l.options.Log.Warn("peer cannot be linked with", "address", tcp.RemoteAddr(), "why", err)
	}
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

// question answers the peer, unless too many of its questions are open.
func (l *Link) question(ctx context.Context, c *conn, m message) {
	l.counters.asked.Add(1)
	select {
	case l.answers <- struct{}{}:
	default:
		l.counters.busy.Add(1)
		_ = c.write(ctx, message{kind: refusal, id: m.id, body: []byte("too many questions at once")})
		return
	}
	l.parts.Go(func() {
		defer func() { <-l.answers }()
		reply := l.answer(ctx, m)
		if ctx.Err() == nil { // else it may say no more than that
			_ = c.write(ctx, reply) // a connection that ended needs no answer
		}
	})
}

func (l *Link) answer(ctx context.Context, m message) message {
	refuse := func(err error) message {
		text := err.Error()
		return message{kind: refusal, id: m.id, body: []byte(text[:min(len(text), maxMessage-minMessage)])}
	}
	if l.options.Answer == nil {
		return refuse(errors.New("this node answers no questions"))
	}
	b, err := l.options.Answer(ctx, Question{Kind: m.topic, Body: m.body})
	if err != nil {
		return refuse(err)
	}
	reply := message{kind: answer, id: m.id, body: b}
	if err := reply.fits(); err != nil {
		return refuse(err)
	}
	return reply
}
