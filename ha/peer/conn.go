package peer

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// writeTime is for how long the peer may not read a part of a message before the connection is given up.
	writeTime = 3 * time.Second
	// goodbyeTime is for how long a goodbye may wait for what is being written, and for room.
	goodbyeTime = time.Second
	// partTime is for how long it may then take until the other has closed its end.
	partTime = 200 * time.Millisecond
	// faultTime is how long the end of what is read waits for a writer that knows better.
	faultTime = 5 * time.Millisecond
)

// ending is why a connection is over.
type ending struct {
	why    string
	reset  bool // the other program ended, and said nothing
	forged bool // what came is not by the peer
}

// conn is a connection whose ends have proved themselves. What is said goes by tls; tcp is for all else, so
// that the end of the connection never waits for TLS.
type conn struct {
	met
	tcp           *net.TCPConn
	device        string
	local, remote netip.Addr
	dialled       bool   // by this node
	epoch         uint64 // of the trust that it was made by
	began, stood  time.Time

	reader *bufio.Reader

	writing chan struct{} // held by who writes
	buffer  []byte

	parting atomic.Pointer[string] // why this node leaves
	once    sync.Once
	ended   chan struct{}
	ending  ending // valid once ended is closed

	mu      sync.Mutex // guards what follows
	lastID  uint32
	pending map[uint32]chan<- message
}

func newConn(tcp *net.TCPConn, m met) *conn {
	return &conn{
		met: m, tcp: tcp, local: addrOf(tcp.LocalAddr()), remote: addrOf(tcp.RemoteAddr()),
		reader:  bufio.NewReader(m.tls),
		writing: make(chan struct{}, 1), ended: make(chan struct{}),
		pending: make(map[uint32]chan<- message),
	}
}

func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// end closes the connection. The first reason stays, unless this node left on purpose.
func (c *conn) end(e ending) {
	c.once.Do(func() {
		if why := c.parting.Load(); why != nil {
			e = ending{why: *why}
		}
		c.ending = e
		close(c.ended)
		_ = c.tcp.Close() // nothing is left to be sent
	})
}

// leave says goodbye to a peer, waits a moment until it has closed its end, and closes. Somebody
// must be in serve.
func (c *conn) leave(toPeer, why string) {
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeTime)
	defer cancel()
	if c.part(ctx, toPeer, why) == nil {
		select {
		case <-c.ended:
		case <-time.After(partTime):
		}
	}
	c.end(ending{})
}

// part says goodbye, and that nothing follows.
func (c *conn) part(ctx context.Context, toPeer, why string) error {
	c.parting.CompareAndSwap(nil, &why)
	if err := c.write(ctx, message{kind: goodbye, body: []byte(toPeer)}); err != nil {
		return err
	}
	return c.tcp.CloseWrite()
}

// write sends a message. When ctx ends amid a large one, the rest of it is not sent.
func (c *conn) write(ctx context.Context, m message) error {
	select {
	case c.writing <- struct{}{}:
	case <-c.ended:
		return c.fault()
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.writing }()
	return c.put(ctx, m)
}

// put is write for who holds c.writing.
func (c *conn) put(ctx context.Context, m message) error {
	if c.buffer == nil {
		c.buffer = make([]byte, 0, headLen+maxTopic+partLen)
	}
	goOn := func() error {
		if why := c.parting.Load(); why != nil { // the goodbye does not wait for all of this
			return fmt.Errorf("%w: %s", ErrNotConnected, *why)
		}
		return ctx.Err()
	}
	return m.parts(c.buffer, goOn, c.send)
}

// send writes bytes of a message, for which the peer has a time of its own.
func (c *conn) send(b []byte) error {
	select {
	case <-c.ended:
		return c.fault()
	default:
	}
	deadline := time.Now().Add(writeTime)
	if c.parting.Load() != nil {
		deadline = time.Now().Add(goodbyeTime)
	}
	_ = c.tcp.SetWriteDeadline(deadline) // fails when it is closed, which Write says as well
	if _, err := c.tls.Write(b); err != nil {
		// What was sent of it cannot be taken back.
		c.end(endingBy(err, "it does not read"))
		return c.fault()
	}
	return nil
}

// fault is the error of what can no longer be done, after the end.
func (c *conn) fault() error {
	<-c.ended
	return fmt.Errorf("%w: %s", ErrNotConnected, c.ending.why)
}

// serve takes messages in until the connection ends.
func (c *conn) serve(question func(message)) ending {
	for {
		m, err := readMessage(c.reader)
		switch {
		case errors.Is(err, errBroken): // nobody waits for it any more
		case err != nil:
			c.stopReading(err)
		case m.kind == goodbye:
			c.end(ending{why: "the peer leaves: " + string(m.body)})
		case m.kind == ask:
			question(m)
		case m.kind == answer, m.kind == refusal:
			c.settle(m)
		}
		select {
		case <-c.ended:
			return c.ending
		default:
		}
	}
}

// stopReading ends a connection that cannot be read. The kernel tells a fault of the network only once,
// and who reads may see a plain end when it was told to a writer.
func (c *conn) stopReading(err error) {
	select {
	case c.writing <- struct{}{}:
		<-c.writing
	case <-c.ended:
	case <-time.After(faultTime):
	}
	e := endingBy(err, "it was silent")
	if e.reset && quiet(c.tcp) > outage {
		// The other end may have given up what this one had not.
		e = ending{why: "the network was out for too long"}
	}
	c.end(e)
}

// endingBy is the ending that an error of a socket means. late is what a missed deadline is.
func endingBy(err error, late string) ending {
	var timeout net.Error
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.EPIPE):
		return ending{why: "its program ended", reset: true}
	case errors.Is(err, syscall.ECONNRESET):
		return ending{why: "its kernel knows no such connection", reset: true}
	case errors.Is(err, syscall.ETIMEDOUT):
		return ending{why: "the network gave out"}
	case errors.As(err, &timeout) && timeout.Timeout():
		return ending{why: late}
	}
	return ending{why: err.Error(), forged: forged(err)}
}

// forged says whether what came cannot be by the peer, or is not as the link says it.
func forged(err error) bool {
	var header tls.RecordHeaderError
	return alerted(err) || errors.As(err, &header) || errors.Is(err, errLength) || errors.Is(err, errFormat)
}

// ask asks the peer and waits for its answer.
func (c *conn) ask(ctx context.Context, topic string, body []byte) ([]byte, error) {
	m := message{kind: ask, topic: topic, body: body}
	if err := m.fits(); err != nil {
		return nil, err
	}
	replies := make(chan message, 1)
	c.mu.Lock()
	c.lastID++
	m.id = c.lastID
	c.pending[m.id] = replies
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.pending, m.id)
	}()
	if err := c.write(ctx, m); err != nil {
		return nil, err
	}
	select {
	case r := <-replies:
		return result(r)
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.ended:
	}
	select {
	case r := <-replies: // it was the last that came
		return result(r)
	default:
		return nil, c.fault()
	}
}

func result(r message) ([]byte, error) {
	if r.kind == refusal {
		return nil, &Refused{Text: string(r.body)}
	}
	return r.body, nil
}

// settle hands a reply to who waits for it. One that nobody waits for came too late.
func (c *conn) settle(m message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if replies := c.pending[m.id]; replies != nil {
		delete(c.pending, m.id)
		replies <- m // has room: there is one reply to an id
	}
}
