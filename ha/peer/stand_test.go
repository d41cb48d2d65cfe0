package peer

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// manual is the peer of a node, by hand.
type manual struct {
	met
	tcp *net.TCPConn
}

// callBy has a peer with a session call a node and prove itself.
func callBy(t *testing.T, on *cable, session uint64, n *node) manual {
	t.Helper()
	var tcp *net.TCPConn
	await(t, "it takes calls", func() bool {
		var err error
		tcp, err = on.dial(t.Context(), aim{"lo", netip.MustParseAddr(right), n.address})
		return err == nil
	})
	t.Cleanup(func() { tcp.Close() })
	return prove(t, tcp, session)
}

// prove has the node that is called take a connection for the peer's.
func prove(t *testing.T, tcp *net.TCPConn, session uint64) manual {
	t.Helper()
	if err := tcp.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	m, err := side{as: dialler, mine: ours(session), trust: pairedWith(right, left)}.shake(tcp)
	if err != nil {
		t.Fatal(err)
	}
	return manual{m, tcp}
}

// says writes one message.
func (m manual) says(t *testing.T, what message) {
	t.Helper()
	if err := what.parts(nil, func() error { return nil }, func(b []byte) error { _, err := m.tls.Write(b); return err }); err != nil {
		t.Error(err)
	}
}

// hears reads one message.
func (m manual) hears(t *testing.T, want kind, body string) {
	t.Helper()
	got, err := readMessage(m.tls)
	if err != nil || got.kind != want || string(got.body) != body {
		t.Errorf("kind %d, %q, %v; want kind %d, %q", got.kind, got.body, err, want, body)
	}
}

// TestWhichStands is the choice of the node that decides, between calls of one session.
func TestWhichStands(t *testing.T) {
	on := newCable()
	n := start(t, on, 1, left, right, nil)
	first := callBy(t, on, 9, n)
	first.hears(t, stand, "")
	n.tells(t, "up 9")
	// It may have been under way when the first came to stand.
	callBy(t, on, 9, n).hears(t, goodbye, errBeside.Error())
	n.Link.mu.Lock()
	n.standing.stood = n.standing.stood.Add(-dialTime - meetTime)
	n.Link.mu.Unlock()
	// This one was not, so that the peer must have lost the first.
	second := callBy(t, on, 9, n)
	second.hears(t, stand, "")
	first.hears(t, goodbye, "another connection stands")
	// While our own call is in its handshake, another has no chance.
	n.setDialling(true)
	callBy(t, on, 10, n).hears(t, goodbye, errBeside.Error())
	n.setDialling(false)
	if got := n.hasTold(); got != "up 9" {
		t.Errorf("told %q", got)
	}
	third := callBy(t, on, 10, n)
	third.hears(t, stand, "")
	n.tells(t, "up 9; down false: its program was started anew; up 10")
	callBy(t, on, 9, n).hears(t, goodbye, errRetired.Error())
	n.Goodbye()
	third.hears(t, goodbye, "it stops")
	if s := n.Stats(); s.Refused != 3 || s.Up != 2 {
		t.Errorf("%+v", s)
	}
}

// The node that does not decide waits for the word, and takes nothing else for it.
func TestWaitsForTheWord(t *testing.T) {
	for _, word := range []kind{stand, goodbye, ask} {
		on := newCable()
		n := start(t, on, 9, left, right, nil)
		on.mu.Lock()
		on.cut = true // it does not call
		on.mu.Unlock()
		tcp, err := net.DialTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(right), 0)), listening(t, on, n))
		if err != nil {
			t.Fatal(err)
		}
		m := prove(t, tcp, 1)
		if n.Connected() {
			t.Error("it did not wait")
		}
		m.says(t, message{kind: word})
		if word == stand {
			n.tells(t, "up 1")
		} else {
			await(t, "it is counted", func() bool { return n.Stats().Refused == 1 })
			n.tells(t, "")
		}
		n.stop()
		tcp.Close()
	}
}

// listening is where a node takes calls.
func listening(t *testing.T, on *cable, n *node) *net.TCPAddr {
	t.Helper()
	var port uint16
	await(t, "it takes calls", func() bool {
		on.mu.Lock()
		defer on.mu.Unlock()
		port = on.ports[n.address]
		return port != 0
	})
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(n.address, port))
}

// A device that was made anew under its old name gets a new listener.
func TestDeviceMadeAnew(t *testing.T) {
	on := newCable()
	n := start(t, on, 1, left, right, nil)
	before := listening(t, on, n)
	on.mu.Lock()
	on.device++
	on.mu.Unlock()
	await(t, "it listens anew", func() bool { return listening(t, on, n).Port != before.Port })
}

func TestNewAim(t *testing.T) {
	addr := netip.MustParseAddr
	for _, c := range []struct {
		a    aim
		want aim
	}{
		{newAim("eth0", addr("10.0.0.1"), addr("::ffff:10.0.0.2")), aim{"eth0", addr("10.0.0.1"), addr("10.0.0.2")}},
		{newAim("eth0", addr("fe80::1"), addr("fe80::2%wrong")), aim{"eth0", addr("fe80::1%eth0"), addr("fe80::2%eth0")}},
		{newAim("eth0", addr("2001:db8::1"), netip.Addr{}), aim{"eth0", addr("2001:db8::1"), netip.Addr{}}},
	} {
		if c.a != c.want {
			t.Errorf("%v, want %v", c.a, c.want)
		}
	}
	if a := newAim("eth0", addr("fe80::1"), addr("fe80::2")); !a.allows(addr("fe80::2%eth0")) || a.allows(addr("fe80::3%eth0")) {
		t.Error("a zone changes who is allowed")
	}
}

func TestJitter(t *testing.T) {
	for range 1000 {
		if d := jitter(retryMin); d < retryMin*3/4 || d >= retryMin*5/4 {
			t.Fatalf("%v", d)
		}
	}
}
