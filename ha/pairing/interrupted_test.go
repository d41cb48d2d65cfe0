package pairing

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
)

// cutting is a network on which one message of one end is lost, and the connection with it.
type cutting struct {
	sockets
	lose *atomic.Int64 // messages until then, counted down; below 0: none any more
}

func newCutting(lose int) cutting {
	c := cutting{lose: new(atomic.Int64)}
	c.lose.Store(int64(lose))
	return c
}

func (c cutting) listen(at netip.Addr) (net.Listener, error) {
	l, err := c.sockets.listen(at)
	return cutListener{l, c.lose}, err
}

func (c cutting) dial(ctx context.Context, to netip.Addr) (net.Conn, error) {
	conn, err := c.sockets.dial(ctx, to)
	if err != nil {
		return nil, err
	}
	return cutConn{conn, c.lose}, nil
}

type cutListener struct {
	net.Listener
	lose *atomic.Int64
}

func (l cutListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return cutConn{c, l.lose}, nil
}

type cutConn struct {
	net.Conn
	lose *atomic.Int64
}

func (c cutConn) Write(b []byte) (int, error) {
	if c.lose.Add(-1) == 0 {
		return len(b), c.Close()
	}
	return c.Conn.Write(b)
}

// cuts are the messages that may be lost: of the dialler hello, proof, done, and of the host reply, answer.
func cuts() map[string][2]int {
	return map[string][2]int{"hello": {1, 0}, "reply": {0, 1}, "proof": {2, 0}, "answer": {0, 2}, "done": {3, 0}}
}

// TestInterruptedPairing loses each message of a pairing, where nothing was paired, and where the same two were.
func TestInterruptedPairing(t *testing.T) {
	for lost, cut := range cuts() {
		for _, before := range []bool{false, true} {
			for _, again := range []bool{false, true} { // or the nodes make do with what they have
				t.Run(fmt.Sprintf("%s, paired before %v, again %v", lost, before, again), func(t *testing.T) {
					c := &couple{}
					for i := range c.nodes {
						c.dirs[i] = t.TempDir()
						c.reload(t, i)
					}
					if before {
						c.pair(t)
					}
					host := show(t, c.nodes[0], Invite{Node: "host", Addresses: []netip.Addr{loopback(5)}}, newCutting(cut[1]))
					join := Join{Node: "dialler", Code: host.code, Address: loopback(5)}
					_, err := c.nodes[1].join(t.Context(), join, newCutting(cut[0]))
					if (err == nil) != (lost == "done") {
						t.Fatal(err)
					}
					if before {
						c.meet(t, "after it")
					}
					if again {
						if _, err := c.nodes[1].Join(t.Context(), join); err != nil {
							t.Fatal(err)
						}
						if r := host.wait(t); r.err != nil {
							t.Fatal(r.err)
						}
					} else {
						host.cancel()
						host.wait(t)
					}
					for i := range c.nodes {
						c.reload(t, i)
					}
					c.afterwards(t, before || again || lost == "done")
				})
			}
		}
	}
}

// afterwards makes a link, if one can be made, and holds against each other what both have then.
func (c *couple) afterwards(t *testing.T, want bool) {
	t.Helper()
	if !want {
		for i, k := range c.nodes {
			if k.State().Paired {
				t.Errorf("node %d: %+v", i, k.State())
			}
		}
		if c.nodes[1].Peers() != nil {
			t.Error("the dialler believes somebody")
		}
		return
	}
	c.meet(t, "at last")
	c.link(t)
	c.link(t)
	paired(t, c.nodes[0], c.nodes[1])
}

// TestInterruptedTwice loses the last word of one pairing and the answer of the next.
func TestInterruptedTwice(t *testing.T) {
	c := &couple{}
	for i := range c.nodes {
		c.dirs[i] = t.TempDir()
		c.reload(t, i)
	}
	host := show(t, c.nodes[0], Invite{Node: "host", Addresses: []netip.Addr{loopback(5)}}, newCutting(4)) // its second answer
	join := Join{Node: "dialler", Code: host.code, Address: loopback(5)}
	if _, err := c.nodes[1].join(t.Context(), join, newCutting(3)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.nodes[1].Join(t.Context(), join); !errors.Is(err, errHungUp) {
		t.Fatal(err)
	}
	// The host cannot know which of the two roots the dialler has: its word on the link decides, and ends the invitation.
	link := &couple{nodes: c.nodes}
	for range 2 {
		for i, k := range link.nodes {
			ask := func(ctx context.Context, kind string, body []byte) ([]byte, error) {
				return link.nodes[1-i].Answer(ctx, kind, body)
			}
			if err := k.Resume(t.Context(), ask); err != nil {
				t.Fatal(err)
			}
		}
	}
	paired(t, c.nodes[0], c.nodes[1])
	if r := host.wait(t); r.err != nil || !r.state.Paired {
		t.Errorf("%+v", r)
	}
}

// TestAnotherPeer pairs a node with a third one, and loses each message: the old peer is believed until the new
// one is sure.
func TestAnotherPeer(t *testing.T) {
	for lost, cut := range cuts() {
		t.Run(lost, func(t *testing.T) {
			c := newCouple(t)
			old := publicOf(c.nodes[1].Own())
			third := opened(t, t.TempDir())
			host := show(t, c.nodes[0], Invite{Node: "host", Addresses: []netip.Addr{loopback(6)}}, newCutting(cut[1]))
			join := Join{Node: "third", Code: host.code, Address: loopback(6)}
			if _, err := third.join(t.Context(), join, newCutting(cut[0])); (err == nil) != (lost == "done") {
				t.Fatal(err)
			}
			c.meet(t, "after it")
			// The old peer is asked about what is none of its business.
			if err := c.nodes[0].Resume(t.Context(), c.ask(0)); err != nil {
				t.Fatal(err)
			}
			if lost == "done" && !has(c.nodes[0].Peers(), publicOf(third.Own())) {
				t.Error("the third node is not believed any more")
			}
			if _, err := third.Join(t.Context(), join); err != nil {
				t.Fatal(err)
			}
			if r := host.wait(t); r.err != nil || r.state.Node != "third" {
				t.Fatalf("%+v", r)
			}
			if !c.nodes[0].Former(old) || has(c.nodes[0].Peers(), old) || !has(c.nodes[0].Known(), old) {
				t.Error("the old peer is not a former one")
			}
			if !has(third.Known(), old) {
				t.Error("the third node cannot check what the old peer signed")
			}
		})
	}
}

// TestPairingKilled fills the disk of either node at each step of a pairing.
func TestPairingKilled(t *testing.T) {
	for victim := range 2 {
		steps(t, func(t *testing.T, left *int) {
			c := newCouple(t)
			c.nodes[victim].disk = fragile{left: left}
			host := show(t, c.nodes[0], Invite{Node: "host", Addresses: []netip.Addr{loopback(7)}}, sockets{})
			_, err := c.nodes[1].Join(t.Context(), Join{Node: "dialler", Code: host.code, Address: loopback(7)})
			if victim == 1 && (err == nil) != (*left >= 0) {
				t.Fatal(err)
			}
			if victim == 1 && err != nil {
				host.cancel()
			}
			// What failed only after it stood on the disk may be taken as done.
			if r := host.wait(t); victim == 0 && *left < 0 && r.err != nil && !errors.Is(r.err, errPower) {
				t.Errorf("%v", r.err)
			}
			if victim == 0 && err != nil && !errors.Is(err, errUnable) {
				t.Errorf("the dialler is told %v", err)
			}
			c.reload(t, victim)
			c.meet(t, "after it")
			c.link(t)
			c.link(t)
			paired(t, c.nodes[0], c.nodes[1])
		})
	}
}

// TestPairingWhileRotating refuses what would make the peer an unknown one.
func TestPairingWhileRotating(t *testing.T) {
	c := newCouple(t)
	if err := c.nodes[0].Rotate(t.Context(), c.ask(0)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.nodes[0].Join(t.Context(), Join{Node: "a", Code: "12345678", Address: loopback(7)}); !errors.Is(err, ErrRotating) {
		t.Errorf("%v", err)
	}
	i := Invite{Node: "a", Addresses: []netip.Addr{loopback(7)}}
	if _, err := c.nodes[0].invite(t.Context(), i, sockets{}, nil); !errors.Is(err, ErrRotating) {
		t.Errorf("%v", err)
	}
}
