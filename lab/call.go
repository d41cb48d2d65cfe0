package lab

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// TCP opens a connection to dst, reads what the server says of itself, and closes it. The outcome is
// Open as soon as the handshake is done; a server that says nothing costs the whole time.
func (h *Host) TCP(ctx context.Context, dst netip.AddrPort, opts ...Option) Result {
	c, r := h.Call(ctx, dst, opts...)
	if c != nil {
		_ = c.Close() // nothing was written that could be lost
	}
	return r
}

// Call is a TCP connection to an echo server, to see whether it lives on.
type Call struct {
	conn  net.Conn
	in    *bufio.Reader
	count int
}

// Call opens a connection to dst as TCP does, and keeps it. The Call is nil unless the outcome is
// Open; closing it is the caller's.
func (h *Host) Call(ctx context.Context, dst netip.AddrPort, opts ...Option) (*Call, Result) {
	p, err := h.newProbe(dst, opts)
	if err != nil {
		return nil, Result{Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, p.within)
	defer cancel()
	s, err := h.open(ctx, p, unix.SOCK_STREAM, unix.IPPROTO_TCP)
	if err != nil {
		return nil, Result{Err: err}
	}
	defer s.Close()
	start := time.Now()
	r := s.judge(s.connect(sockaddr(p.dst)))
	r.From, r.Took = s.local(), time.Since(start)
	if r.Outcome != Open {
		return nil, r
	}
	conn, err := net.FileConn(s.file)
	if err != nil {
		return nil, Result{Err: err}
	}
	c := &Call{conn: conn, in: bufio.NewReader(conn)}
	c.greet(ctx, &r)
	return c, r
}

// greet reads the server's banner, if it sends one in time.
func (c *Call) greet(ctx context.Context, r *Result) {
	defer c.until(ctx)()
	line, err := c.in.ReadBytes('\n')
	if err != nil {
		return // connected is what was asked
	}
	if w, _, err := parseBanner(line); err == nil {
		w.fill(r)
	}
}

// until has reads and writes fail once ctx ends, until the function that it returns is called.
func (c *Call) until(ctx context.Context) (done func()) {
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(fired)
		_ = c.conn.SetDeadline(time.Unix(1, 0)) // fails on a closed connection only
	})
	return func() {
		if !stop() {
			<-fired
			_ = c.conn.SetDeadline(time.Time{})
		}
	}
}

// Echo sends a line of its own and waits until the server has sent it back.
func (c *Call) Echo(ctx context.Context) error {
	defer c.until(ctx)()
	c.count++
	line := fmt.Appendf(nil, "echo %d\n", c.count)
	if _, err := c.conn.Write(line); err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	got, err := c.in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	if !bytes.Equal(got, line) {
		return fmt.Errorf("echo: got %q for %q", got, line)
	}
	return nil
}

// Close ends the connection.
func (c *Call) Close() error { return c.conn.Close() }
