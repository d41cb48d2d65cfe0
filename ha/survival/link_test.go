package survival_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// pace is how fast the ends of a connection send.
type pace struct {
	name  string
	chunk int           // bytes at once
	every time.Duration // from one chunk to the next; zero: at once, and negative: never between the first and the last
	down  bool          // only the end that was called does; the other one is idle
}

var (
	idle        = pace{"idle", 32, -1, false}
	interactive = pace{"interactive", 24, 200 * time.Millisecond, false}
	bulk        = pace{"bulk", 16 << 10, 125 * time.Millisecond, false} // 128 KiB/s
	download    = pace{"download", 64 << 10, 0, true}                   // as fast as it goes
)

// of is the pace of one end.
func (p pace) of(end int) pace {
	if p.down && end == 0 {
		return idle
	}
	return p
}

// link is one TCP connection with both of its ends. What one end sends is random and of its own, and each end keeps a
// hash of what it has sent and of what came.
type link struct {
	route *route
	pace  pace
	id    uint64
	ends  [2]end // the one that called first
}

// end is one end of a link.
type end struct {
	conn      net.Conn
	sum       hash.Hash // of what was sent
	got       hash.Hash // of what came
	sent, has atomic.Int64
	failed    error // why nothing more was sent
	broken    error // why nothing more came; nil: the other end had said all
}

// idSize is what a link begins with, so that who is called knows which it is. It is in no hash.
const idSize = 8

// call is the first end of the link.
func (l *link) call(c net.Conn) error {
	l.ends[0].conn = c
	_, err := c.Write(binary.BigEndian.AppendUint64(nil, l.id))
	return err
}

// run sends and receives at both ends until stop is closed, then says the last word at both, and returns when
// everything was said and heard, or cannot be any more.
func (l *link) run(stop <-chan struct{}) {
	var work sync.WaitGroup
	for i := range l.ends {
		e := &l.ends[i]
		e.sum, e.got = sha256.New(), sha256.New()
		seed := [32]byte{byte(i)}
		binary.BigEndian.PutUint64(seed[1:], l.id)
		work.Go(func() { e.failed = e.send(rand.NewChaCha8(seed), l.pace.of(i), stop) })
		work.Go(func() { e.broken = e.receive() })
	}
	work.Wait()
	for i := range l.ends {
		_ = l.ends[i].conn.Close() // all is said
	}
}

// send sends a first chunk, more at a pace until stop, and a last one.
func (e *end) send(random *rand.ChaCha8, p pace, stop <-chan struct{}) error {
	chunk := make([]byte, p.chunk)
	say := func() error {
		_, _ = random.Read(chunk) // it never fails
		n, err := e.conn.Write(chunk)
		e.sum.Write(chunk[:n])
		e.sent.Add(int64(n))
		return err
	}
	if err := say(); err != nil {
		return err
	}
	for wait := p.timer(); ; {
		select {
		case <-stop:
			if err := say(); err != nil {
				return err
			}
			return e.conn.(*net.TCPConn).CloseWrite()
		case <-wait:
			if err := say(); err != nil {
				return err
			}
		}
	}
}

// timer tells when the next chunk is due.
func (p pace) timer() <-chan time.Time {
	switch {
	case p.every < 0:
		return nil
	case p.every == 0:
		always := make(chan time.Time)
		close(always)
		return always
	}
	return time.Tick(p.every)
}

// receive takes in what comes until the other end has said all.
func (e *end) receive() error {
	buf := make([]byte, 64<<10)
	for {
		n, err := e.conn.Read(buf)
		e.got.Write(buf[:n])
		e.has.Add(int64(n))
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// has is how many bytes have come at both ends.
func (l *link) has() [2]int64 { return [2]int64{l.ends[0].has.Load(), l.ends[1].has.Load()} }

// silent says that less has come than ought to since then.
func (l *link) silent(since [2]int64) bool {
	for i, now := range l.has() {
		if l.pace.of(1-i) != idle && now <= since[i] {
			return true
		}
	}
	return false
}

// verdict is what became of a link that has ended; nil: it lived, and every byte that was sent came.
func (l *link) verdict() error {
	var errs []error
	for i := range l.ends {
		from, to := &l.ends[i], &l.ends[1-i]
		switch {
		case from.failed != nil:
			errs = append(errs, fmt.Errorf("end %d sends: %w", i, from.failed))
		case to.broken != nil:
			errs = append(errs, fmt.Errorf("end %d receives: %w", 1-i, to.broken))
		case from.sent.Load() != to.has.Load():
			errs = append(errs, fmt.Errorf("end %d sent %d bytes, of which %d came", i, from.sent.Load(), to.has.Load()))
		case !bytes.Equal(from.sum.Sum(nil), to.got.Sum(nil)):
			errs = append(errs, fmt.Errorf("end %d sent other bytes than came", i))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s: %w", l, err)
	}
	return nil
}

// String is what the link is, and between which ports.
func (l *link) String() string {
	return fmt.Sprintf("%s %s %s -> %s", l.route.name, l.pace.name, l.ends[0].conn.LocalAddr(), l.ends[0].conn.RemoteAddr())
}
