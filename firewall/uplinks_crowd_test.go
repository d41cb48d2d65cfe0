package firewall

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// crowd is many TCP connections to an echo server, each of which checks every
// byte of its own stream. Half of them speak now and then, the others are idle.
type crowd struct {
	callers []*caller
	stop    chan struct{}
	work    sync.WaitGroup
}

// caller is one connection of a crowd.
type caller struct {
	id   int
	conn net.Conn
	in   *bufio.Reader
	seen netip.Addr // its address as the server sees it

	mu           sync.Mutex
	sent, echoed int
	err          error // why it ended; nil while it lives
	ended        time.Time
}

// crowdChunk is what a caller says at a time, in bytes.
const crowdChunk = 32

// openCrowd opens n connections; they are closed with the test.
func openCrowd(t testing.TB, from *lab.Host, n int, to netip.AddrPort) *crowd {
	t.Helper()
	c := &crowd{stop: make(chan struct{})}
	const dialers = 8
	var mu sync.Mutex
	var dial sync.WaitGroup
	for d := range dialers {
		dial.Go(func() {
			err := from.Do(func() error {
				for id := d; id < n; id += dialers {
					one, err := call(t.Context(), id, to)
					if err != nil {
						return err
					}
					mu.Lock()
					c.callers = append(c.callers, one)
					mu.Unlock()
				}
				return nil
			})
			if err != nil {
				t.Errorf("open a crowd: %v", err)
			}
		})
	}
	dial.Wait()
	t.Cleanup(c.close)
	if t.Failed() {
		t.FailNow()
	}
	for _, one := range c.callers {
		c.work.Go(one.listen)
	}
	c.work.Go(c.chat)
	return c
}

// call opens a connection and reads what the server says of it.
func call(ctx context.Context, id int, to netip.AddrPort) (*caller, error) {
	d := net.Dialer{Timeout: waitAtMost, KeepAlive: -1} // idle is idle
	conn, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	one := &caller{id: id, conn: conn, in: bufio.NewReader(conn)}
	greeting, err := one.in.ReadString('\n')
	words := strings.Fields(greeting)
	if err != nil || len(words) != 3 {
		return nil, errors.Join(fmt.Errorf("greeting %q: %w", greeting, err), conn.Close())
	}
	seen, err := netip.ParseAddrPort(words[2])
	one.seen = seen.Addr()
	return one, err
}

// letter is the byte of a caller's stream at a place.
func (c *caller) letter(at int) byte {
	return byte((uint32(c.id+1)*2654435761 + uint32(at)*40503) >> 13)
}

// listen checks the echo until the connection ends.
func (c *caller) listen() {
	buf := make([]byte, 4096)
	for {
		n, err := c.in.Read(buf)
		c.mu.Lock()
		for i, b := range buf[:n] {
			if b != c.letter(c.echoed+i) && err == nil {
				err = fmt.Errorf("byte %d of the echo is wrong", c.echoed+i)
			}
		}
		c.echoed += n
		c.mu.Unlock()
		if err != nil {
			c.fail(err)
			return
		}
	}
}

// speak sends the next bytes of the stream.
func (c *caller) speak() {
	c.mu.Lock()
	chunk := make([]byte, crowdChunk)
	for i := range chunk {
		chunk[i] = c.letter(c.sent + i)
	}
	c.sent += len(chunk)
	over := c.err != nil
	c.mu.Unlock()
	if over {
		return
	}
	if _, err := c.conn.Write(chunk); err != nil {
		c.fail(err)
	}
}

// fail notes why the connection ended. Of a reset the kernel tells once, either who reads or who writes.
func (c *caller) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.ended = time.Now()
	}
	if c.err == nil || errors.Is(err, syscall.ECONNRESET) {
		c.err = err
	}
}

// fate is when the connection has ended, and why; nil while it lives.
func (c *caller) fate() (ended time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended, c.err
}

// chat has every other caller speak twice a second.
func (c *crowd) chat() {
	const parts = 10
	tick := time.NewTicker(time.Second / 2 / parts)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-c.stop:
			return
		case <-tick.C:
		}
		for i, one := range c.callers {
			if i/2%parts == n%parts && i%2 == 0 {
				one.speak()
			}
		}
	}
}

func (c *crowd) close() {
	close(c.stop)
	for _, one := range c.callers {
		_ = one.conn.Close() // it may have ended long ago
	}
	c.work.Wait()
}

// over are the callers that left by a line.
func (c *crowd) over(l *line) []*caller {
	var out []*caller
	for _, one := range c.callers {
		if l.owns(one.seen) {
			out = append(out, one)
		}
	}
	return out
}

// awaitResets waits until all callers were reset, and says how long after since the last of them was.
func awaitResets(t testing.TB, callers []*caller, since time.Time) (last time.Duration) {
	t.Helper()
	waitFor(t, "a reset of every connection", func() bool {
		last = 0
		for _, one := range callers {
			at, err := one.fate()
			if err == nil {
				return false
			}
			last = max(last, at.Sub(since))
		}
		return true
	})
	for _, one := range callers {
		if _, err := one.fate(); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("connection %d ended with %v, want a reset", one.id, err)
		}
	}
	return last
}

// awaitEchoes has every caller speak, and waits until each has heard all that it said.
func awaitEchoes(t testing.TB, callers []*caller) {
	t.Helper()
	want := make([]int, len(callers))
	for i, one := range callers {
		one.speak()
		one.mu.Lock()
		want[i] = one.sent
		one.mu.Unlock()
	}
	waitFor(t, "an echo of every connection", func() bool {
		for i, one := range callers {
			one.mu.Lock()
			err, echoed := one.err, one.echoed
			one.mu.Unlock()
			if err != nil {
				t.Fatalf("connection %d, seen as %s: %v", one.id, one.seen, err)
			}
			if echoed < want[i] {
				return false
			}
		}
		return true
	})
}

// waitFor polls until ok holds, with the patience that the death of a line takes.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(failOverAtMost); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: it did not come in %s", what, failOverAtMost)
		}
	}
}
