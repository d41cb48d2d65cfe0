package peer

import (
	"context"
	"fmt"
	"net"
	"time"
)

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
	l.mu.Lock()
	epoch := l.epoch // before the trust that it may be older than
	l.mu.Unlock()
	m, err := side{as: as, mine: ours(l.options.Local), trust: l.options.Trust(), former: l.options.Former}.shake(tcp)
	if err != nil {
		return nil, err
	}
	c := newConn(tcp, m)
	c.epoch = epoch
	return c, nil
}

// stand waits for the word of the node that decides, or is that node. stop has the connection
// outlive ctx.
func (l *Link) stand(ctx context.Context, c *conn, stop func() bool) error {
	leads := l.leads(c.session)
	if !leads {
		m, err := readMessage(c.reader)
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
	_ = c.put(context.Background(), message{kind: stand})
	return nil
}

// count takes note of a connection that came to nothing, and says so when the administrator should do something.
func (l *Link) count(tcp *net.TCPConn, err error) {
	cause := l.counters.of(err)
	cause.counter.Add(1)
	if !cause.warns {
		l.options.Log.Debug("no link with caller or called", "address", tcp.RemoteAddr(), "error", err)
		return
	}
	l.mu.Lock()
	now := time.Now()
	last, ever := l.blamed[cause.err]
	quiet := ever && now.Sub(last) < complaint
	if !quiet {
		l.blamed[cause.err] = now
	}
	l.mu.Unlock()
	if !quiet {
		l.options.Log.Warn("peer cannot be linked with", "address", tcp.RemoteAddr(), "why", err)
	}
}
