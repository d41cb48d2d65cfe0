package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

// patience is how long a busy machine may take for what needs no time.
const patience = 20 * time.Second

// await polls until something holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("not in %v: %s", patience, what)
		}
		runtime.Gosched()
	}
}

// cable is a network between addresses of the loopback that needs no rights: a port
// that nobody has taken stands for Port.
type cable struct {
	mu    sync.Mutex
	ports map[netip.Addr]uint16
	cut   bool // nobody is reached
	calls int
	// device is the number that its device has.
	device int
}

func newCable() *cable { return &cable{ports: make(map[netip.Addr]uint16)} }

func (n *cable) listen(a aim) (*net.TCPListener, error) {
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(a.local, 0)))
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ports[a.local] = l.Addr().(*net.TCPAddr).AddrPort().Port()
	return l, nil
}

func (n *cable) dial(ctx context.Context, a aim) (*net.TCPConn, error) {
	n.mu.Lock()
	port, cut := n.ports[a.peer], n.cut
	n.calls++
	n.mu.Unlock()
	if cut || port == 0 {
		return nil, errors.New("nobody is there")
	}
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(a.local, 0))}
	c, err := d.DialContext(ctx, "tcp", netip.AddrPortFrom(a.peer, port).String())
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

func (n *cable) index(string) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.device, nil
}

func (n *cable) isCut(cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = cut
}

// node is a Link that runs, and what it told.
type node struct {
	*Link
	address netip.Addr
	stop    context.CancelFunc
	ended   chan error

	mu   sync.Mutex
	told []string
	log  bytes.Buffer
}

// start runs a link on an address, with another's address to look for, until the test ends.
func start(t *testing.T, on network, session uint64, local, other string, change func(*Options)) *node {
	t.Helper()
	n := &node{address: netip.MustParseAddr(local), ended: make(chan error, 1)}
	o := Options{
		Trust: func() Trust { return pairedWith(local, other) },
		Local: session,
		Up:    func(session uint64) { n.tell(fmt.Sprintf("up %d", session)) },
		Down:  func(why string, reset bool) { n.tell(fmt.Sprintf("down %v: %s", reset, why)) },
		Log:   hclog.New(&hclog.LoggerOptions{Output: n, Level: hclog.Info}),
	}
	if change != nil {
		change(&o)
	}
	n.Link = New(o)
	if on != nil {
		n.Link.network = on
	}
	n.Aim("lo", n.address, netip.MustParseAddr(other))
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	go func() { n.ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-n.ended; err != nil {
			t.Error(err)
		}
	})
	return n
}

func (n *node) tell(what string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told = append(n.told, what)
}

// Write takes a line of the log.
func (n *node) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.log.Write(b)
}

func (n *node) logged(what string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Count(n.log.String(), what)
}

func (n *node) hasTold() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.told, "; ")
}

// tells waits until all that was told is this.
func (n *node) tells(t *testing.T, want string) {
	t.Helper()
	for end := time.Now().Add(patience); n.hasTold() != want; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%v told %q, want %q; %+v", n.address, n.hasTold(), want, n.Stats())
		}
	}
}

const (
	left, right = "127.71.1.1", "127.71.1.2"
	third       = "127.71.1.3"
)

// pair is two nodes with sessions 1 and 2 that have found one another.
func pair(t *testing.T, change func(*Options)) (n *cable, a, b *node) {
	t.Helper()
	n = newCable()
	a = start(t, n, 1, left, right, change)
	b = start(t, n, 2, right, left, change)
	a.tells(t, "up 2")
	b.tells(t, "up 1")
	return n, a, b
}

func TestAsk(t *testing.T) {
	_, a, b := pair(t, func(o *Options) {
		o.Answer = func(ctx context.Context, q Question) ([]byte, error) {
			switch q.Kind {
			case "echo":
				return q.Body, nil
			case "no":
				return nil, errors.New("not today")
			case "too big":
				return make([]byte, maxMessage+1), nil
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}
	})
	parts := string(bytes.Repeat([]byte("x"), 2*partLen+1))
	for _, c := range []struct {
		kind, body, want, refused string
	}{
		{"echo", "", "", ""},
		{"echo", "words", "words", ""},
		{"echo", parts[:partLen], parts[:partLen], ""},
		{"echo", parts, parts, ""},
		{"no", "", "", "not today"},
		{"too big", "", "", "a message of 67108865 bytes is longer than 67108864"},
	} {
		for _, n := range []*node{a, b} {
			got, err := n.Ask(t.Context(), c.kind, []byte(c.body))
			var refused *Refused
			if errors.As(err, &refused) != (c.refused != "") || refused != nil && refused.Text != c.refused ||
				refused == nil && err != nil || string(got) != c.want {
				t.Errorf("%s: %d bytes, %v; want %d bytes, %q", c.kind, len(got), err, len(c.want), c.refused)
			}
		}
	}
	if _, err := a.Ask(t.Context(), "echo", make([]byte, maxMessage+1)); err == nil || errors.Is(err, ErrNotConnected) {
		t.Errorf("a question that is too long: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := a.Ask(ctx, "hang", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a question without an answer: %v", err)
	}
	if !a.Connected() || !b.Connected() {
		t.Error("it is not connected any more")
	}
}

func TestAskManyAtOnce(t *testing.T) {
	release := make(chan struct{})
	_, a, b := pair(t, func(o *Options) {
		o.Answer = func(ctx context.Context, q Question) ([]byte, error) {
			select {
			case <-release:
			case <-ctx.Done():
			}
			return q.Body, nil
		}
	})
	const over = 5
	answers := make(chan error, maxAnswers+over)
	var asks sync.WaitGroup
	for i := range cap(answers) {
		asks.Go(func() {
			got, err := a.Ask(t.Context(), "wait", []byte{byte(i)})
			if err == nil && (len(got) != 1 || got[0] != byte(i)) {
				err = fmt.Errorf("question %d is answered with %v", i, got)
			}
			answers <- err
		})
	}
	for range over {
		var refused *Refused
		if err := <-answers; !errors.As(err, &refused) || refused.Text != "too many questions at once" {
			t.Error(err)
		}
	}
	close(release)
	asks.Wait()
	close(answers)
	for err := range answers {
		if err != nil {
			t.Error(err)
		}
	}
	if s := b.Stats(); s.Asked != maxAnswers+over || s.Busy != over {
		t.Errorf("%+v", s)
	}
}

func TestAskNobody(t *testing.T) {
	a := start(t, newCable(), 1, left, right, nil)
	if _, err := a.Ask(t.Context(), "echo", nil); !errors.Is(err, ErrNotConnected) || a.Connected() {
		t.Errorf("%v, connected %v", err, a.Connected())
	}
}

// The end of a program is a reset at the other at once, with a question open or none.
func TestDeath(t *testing.T) {
	for _, asking := range []bool{false, true} {
		asked := make(chan struct{}, 1)
		n, a, b := pair(t, func(o *Options) {
			o.Answer = func(ctx context.Context, _ Question) ([]byte, error) {
				asked <- struct{}{}
				<-ctx.Done()
				return nil, ctx.Err()
			}
		})
		answered := make(chan error, 1)
		if asking {
			go func() {
				_, err := a.Ask(context.Background(), "wait", nil)
				answered <- err
			}()
			<-asked
		}
		n.isCut(true)
		began := time.Now()
		b.stop()
		a.tells(t, "up 2; down true: its program ended")
		t.Logf("the end is known after %v", time.Since(began))
		b.tells(t, "up 1; down false: this program ends")
		if asking {
			if err := <-answered; !errors.Is(err, ErrNotConnected) {
				t.Error(err)
			}
		}
		if a.Connected() {
			t.Error("it is still connected")
		}
	}
}

func TestReset(t *testing.T) {
	_, a, b := pair(t, nil)
	if err := b.current().tcp.SetLinger(0); err != nil { // as with data that was not read
		t.Fatal(err)
	}
	b.stop()
	a.tells(t, "up 2; down true: its kernel knows no such connection")
}

func TestGoodbye(t *testing.T) {
	n, a, b := pair(t, nil)
	b.Goodbye()
	if b.Connected() {
		t.Error("it is still connected")
	}
	a.tells(t, "up 2; down false: the peer leaves: it stops")
	b.tells(t, "up 1; down false: this node stops")
	calls := func() int {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.calls
	}
	before := calls()
	await(t, "the other calls again", func() bool { return calls() > before })
	b.Goodbye()
	if b.Connected() || a.Connected() {
		t.Error("it is connected after a goodbye")
	}
	// It has not gone for ever.
	b.Aim("lo", b.address, a.address)
	a.tells(t, "up 2; down false: the peer leaves: it stops; up 2")
	b.tells(t, "up 1; down false: this node stops; up 1")
}

// A program that was started anew is known by its session; the old one never comes back.
func TestRestart(t *testing.T) {
	n, a, b := pair(t, nil)
	b.stop()
	<-b.ended
	b.ended <- nil
	again := start(t, n, 3, right, left, nil)
	a.tells(t, "up 2; down true: its program ended; up 3")
	again.tells(t, "up 1")
	again.stop()
	<-again.ended
	again.ended <- nil
	const all = "up 2; down true: its program ended; up 3; down true: its program ended"
	a.tells(t, all)
	refused := a.Stats().Refused
	old := start(t, n, 2, right, left, nil)
	await(t, "the old session is refused", func() bool { return a.Stats().Refused > refused })
	a.tells(t, all)
	if old.Stats().Up > 1 {
		t.Errorf("%+v", old.Stats())
	}
}

// A new program takes the place of one whose end was not heard of.
func TestNewSessionDisplaces(t *testing.T) {
	n, a, b := pair(t, nil)
	_ = b
	another := start(t, n, 3, right, left, nil)
	another.tells(t, "up 1")
	a.tells(t, "up 2; down false: its program was started anew; up 3")
	if !a.Connected() {
		t.Error("it is not connected")
	}
}

func TestAim(t *testing.T) {
	n, a, b := pair(t, nil)
	// What is the same, or fits, changes nothing.
	a.Aim("lo", a.address, b.address)
	a.Aim("lo", a.address, netip.Addr{})
	a.Aim("lo", netip.Addr{}, b.address)
	if _, err := a.Ask(t.Context(), "any", nil); errors.Is(err, ErrNotConnected) {
		t.Error(err)
	}
	a.Aim("", netip.Addr{}, netip.Addr{})
	a.tells(t, "up 2; down false: this node looks for it elsewhere")
	b.tells(t, "up 1; down false: the peer leaves: it looks for the peer elsewhere")
	n.mu.Lock()
	clear(n.ports)
	n.mu.Unlock()
	// To its other address it comes by our call, which b takes only when it looks there.
	a.Aim("lo", netip.MustParseAddr(third), b.address)
	b.Aim("lo", b.address, netip.MustParseAddr(third))
	await(t, "they find one another", func() bool { return a.Connected() && b.Connected() })
}

// A stranger is refused by his address, his silence, his words or his lack of the key, and none
// of it is noticed by the connection that stands.
func TestStrangers(t *testing.T) {
	n, a, b := pair(t, nil)
	a.Aim("lo", a.address, netip.Addr{}) // from anywhere
	call := func(from string) *net.TCPConn {
		t.Helper()
		var c *net.TCPConn
		await(t, "it takes calls", func() bool {
			var err error
			c, err = n.dial(t.Context(), aim{"lo", netip.MustParseAddr(from), a.address})
			return err == nil
		})
		t.Cleanup(func() { c.Close() })
		return c
	}
	var silent []*net.TCPConn
	for range maxHalfOpen {
		silent = append(silent, call(third))
	}
	for _, c := range silent {
		// One that reads nothing and says nothing is not answered.
		if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if k, err := c.Read(make([]byte, 1)); k > 0 || err == nil {
			t.Errorf("it said %d bytes, %v", k, err)
		}
	}
	await(t, "one more is refused", func() bool {
		call(third) // and stays
		return a.Stats().Refused > 0
	})
	await(t, "the silent ones are given up", func() bool { return a.Stats().Unfinished >= maxHalfOpen })
	await(t, "nonsense is counted", func() bool {
		c := call(third)
		defer c.Close()
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\n\r\n") // fails when it is refused
		_, _ = io.Copy(io.Discard, c)
		return a.Stats().Malformed > 0
	})
	await(t, "an unknown key is counted", func() bool {
		c := call(third)
		defer c.Close()
		_, err := side{as: dialler, mine: ours(9), trust: pairedWith(third, left)}.shake(c)
		return errors.Is(err, errDisbelieved) && a.Stats().UnknownKey > 0
	})
	a.Aim("lo", a.address, b.address)
	await(t, "strangers are known by their address", func() bool {
		_, _ = io.Copy(io.Discard, call(third))
		return a.Stats().Strangers > 0
	})
	a.tells(t, "up 2")
	b.tells(t, "up 1")
}

// A node that calls itself does not take itself for the peer.
func TestSelf(t *testing.T) {
	a := start(t, newCable(), 1, left, left, nil)
	await(t, "it is counted", func() bool { return a.Stats().Self > 1 })
	if a.Connected() {
		t.Error("it is connected with itself")
	}
}

// What is not by the peer ends a connection, without a death.
func TestForgery(t *testing.T) {
	for name, c := range map[string]struct {
		say func(c *conn) error
		why string
	}{
		"a record by nobody": {func(c *conn) error {
			_, err := c.tcp.Write([]byte("\x17\x03\x03\x00\x20 this is not what the peer says."))
			return err
		}, "local error: tls: bad record MAC"},
		"no record": {func(c *conn) error {
			_, err := c.tcp.Write([]byte("GET / HTTP/1.1\r\n"))
			return err
		}, "tls: received record with version 4554 when expecting version 303"},
		"a message that is none": {func(c *conn) error {
			_, err := c.tls.Write(make([]byte, headLen))
			return err
		}, errFormat.Error()},
	} {
		n, a, b := pair(t, nil)
		n.isCut(true)
		stands := b.current()
		stands.writing <- struct{}{}
		if err := c.say(stands); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		<-stands.writing
		a.tells(t, "up 2; down false: "+c.why)
		if got := a.Stats().Forged; got != 1 {
			t.Errorf("%s: counted %d times", name, got)
		}
		a.stop()
		b.stop()
	}
}

// TestOneStands: however the two begin, both ends have the same connection, and nobody hears of another.
func TestOneStands(t *testing.T) {
	for range 20 {
		n := newCable()
		var nodes [2]*node
		var starts sync.WaitGroup
		for i, addresses := range [][2]string{{left, right}, {right, left}} {
			starts.Go(func() { nodes[i] = start(t, n, uint64(i+1), addresses[0], addresses[1], nil) })
		}
		starts.Wait()
		a, b := nodes[0], nodes[1]
		a.tells(t, "up 2")
		b.tells(t, "up 1")
		x, y := a.current(), b.current()
		if x == nil || y == nil || x.dialled == y.dialled || x.tcp.LocalAddr().String() != y.tcp.RemoteAddr().String() {
			t.Errorf("%+v and %+v", x, y)
		}
		a.Goodbye()
		b.Goodbye()
		a.stop()
		b.stop()
	}
}

func TestRunLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 5 {
		_, a, b := pair(t, nil)
		a.stop()
		b.stop()
		for _, x := range []*node{a, b} {
			x.ended <- <-x.ended
		}
	}
	await(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}
