package peer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// TestLarge: the largest message arrives whole, its answer as well, and small ones are answered beside it.
func TestLarge(t *testing.T) {
	_, a, _ := pair(t, func(o *Options) {
		o.Answer = func(_ context.Context, q Question) ([]byte, error) { return q.Body[len(q.Body)*7/8:], nil }
	})
	body := bytes.Repeat([]byte("large"), maxMessage/5+1)[:maxMessage]
	small := make(chan error)
	go func() {
		_, err := a.Ask(context.Background(), "echo", []byte("small"))
		small <- err
	}()
	got, err := a.Ask(t.Context(), "echo", body)
	if err != nil || !bytes.Equal(got, body[len(body)*7/8:]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if err := <-small; err != nil {
		t.Error(err)
	}
}

// called is a node that leads, and its peer by hand.
func called(t *testing.T) (*node, manual) {
	t.Helper()
	on := newCable()
	n := start(t, on, 1, left, right, nil)
	m := callBy(t, on, 9, n)
	m.hears(t, stand, "")
	n.tells(t, "up 9")
	return n, m
}

// begun waits until a message is under way, of which all is still to be read.
func begun(t *testing.T, m manual) io.Reader {
	t.Helper()
	var first [1]byte
	if _, err := io.ReadFull(m.tls, first[:]); err != nil {
		t.Fatal(err)
	}
	return io.MultiReader(bytes.NewReader(first[:]), m.tls)
}

// narrow keeps little under way to the other end, so that it shows at once who does not read.
func narrow(t *testing.T, c *net.TCPConn) {
	t.Helper()
	if err := errors.Join(c.SetReadBuffer(partLen/2), c.SetWriteBuffer(partLen/2)); err != nil {
		t.Fatal(err)
	}
}

// TestSlowReader: a line that takes longer for a message than a peer may be silent is not a dead one. The reader
// takes its time for each part.
func TestSlowReader(t *testing.T) {
	n, m := called(t)
	narrow(t, m.tcp)
	narrow(t, n.current().tcp)
	const parts, each = 8, writeTime / 5 // of which about two fit between them
	asked := make(chan error, 1)
	go func() {
		_, err := n.Ask(context.Background(), "large", make([]byte, parts*partLen))
		asked <- err
	}()
	slow := reader(func(b []byte) (int, error) {
		k, err := m.tls.Read(b)
		time.Sleep(each * time.Duration(k) / partLen) // it is the slowness itself
		return k, err
	})
	began := time.Now()
	q, err := readMessage(slow)
	if err != nil || len(q.body) != parts*partLen || q.topic != "large" {
		t.Fatalf("%d bytes, %v", len(q.body), err)
	}
	if took := time.Since(began); took < writeTime {
		t.Fatalf("it took %v, which proves nothing", took)
	}
	m.says(t, message{kind: answer, id: q.id})
	if err := <-asked; err != nil {
		t.Error(err)
	}
}

// reader is a function that reads.
type reader func([]byte) (int, error)

func (r reader) Read(b []byte) (int, error) { return r(b) }

// TestDeadReader: one that does not read at all is.
func TestDeadReader(t *testing.T) {
	n, _ := called(t)
	if _, err := n.Ask(t.Context(), "large", make([]byte, 32<<20)); !errors.Is(err, ErrNotConnected) {
		t.Error(err)
	}
	await(t, "it is told", func() bool { return n.hasTold() != "up 9" })
	switch got := n.hasTold(); got {
	case "up 9; down false: it does not read", "up 9; down false: the network gave out":
	default:
		t.Errorf("told %q", got)
	}
}

// TestAskGivenUp: a question that is given up in its midst leaves the connection as it was.
func TestAskGivenUp(t *testing.T) {
	n, m := called(t)
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	go func() {
		_, err := n.Ask(ctx, "large", make([]byte, 32<<20))
		asked <- err
	}()
	large := begun(t, m)
	cancel()
	if q, err := readMessage(large); !errors.Is(err, errBroken) {
		t.Errorf("%d bytes, %v", len(q.body), err)
	}
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	go func() {
		_, err := n.Ask(context.Background(), "small", nil)
		asked <- err
	}()
	q, err := readMessage(m.tls)
	if err != nil || q.topic != "small" {
		t.Errorf("%+v, %v", q, err)
	}
	m.says(t, message{kind: answer, id: q.id})
	if err := <-asked; err != nil {
		t.Error(err)
	}
}

// TestGoodbyeAmid: a goodbye does not wait for a large message, and is not taken for a death because of it.
func TestGoodbyeAmid(t *testing.T) {
	n, m := called(t)
	asked := make(chan error, 1)
	go func() {
		_, err := n.Ask(context.Background(), "large", make([]byte, 32<<20))
		asked <- err
	}()
	large := begun(t, m)
	left := make(chan struct{})
	go func() { n.Goodbye(); close(left) }()
	if q, err := readMessage(large); !errors.Is(err, errBroken) {
		t.Errorf("%d bytes, %v", len(q.body), err)
	}
	m.hears(t, goodbye, "it stops")
	if err := <-asked; !errors.Is(err, ErrNotConnected) {
		t.Error(err)
	}
	<-left
}

// TestGoodbyeAgainst: a goodbye is heard by who is sending a large message, and is no death to it.
func TestGoodbyeAgainst(t *testing.T) {
	asked := make(chan struct{}, 1)
	_, a, b := pair(t, func(o *Options) {
		o.Answer = func(context.Context, Question) ([]byte, error) {
			asked <- struct{}{}
			return make([]byte, maxMessage), nil
		}
	})
	answered := make(chan error, 1)
	go func() {
		_, err := b.Ask(context.Background(), "large", nil)
		answered <- err
	}()
	<-asked
	b.Goodbye()
	a.tells(t, "up 2; down false: the peer leaves: it stops")
	if err := <-answered; !errors.Is(err, ErrNotConnected) {
		t.Error(err)
	}
}

// A message that was broken off by the peer leaves the connection as it was.
func TestPeerGivesUp(t *testing.T) {
	n, m := called(t)
	why := errors.New("enough")
	err := message{kind: ask, id: 1, body: make([]byte, 2*partLen)}.parts(nil, func() error { return why },
		func(b []byte) error { _, err := m.tls.Write(b); return err })
	if !errors.Is(err, why) {
		t.Fatal(err)
	}
	m.says(t, message{kind: ask, id: 2})
	if r, err := readMessage(m.tls); err != nil || r.kind != refusal || r.id != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	if n.Stats().Asked != 1 {
		t.Errorf("%+v", n.Stats())
	}
}

// TestTruncated: the end of TCP is a death wherever it cuts TLS, also behind TLS's own word for an
// end, for that is not a goodbye.
func TestTruncated(t *testing.T) {
	for name, say := range map[string]func(m manual) error{
		"between records": func(manual) error { return nil },
		"amid the head of a record": func(m manual) error {
			_, err := m.tcp.Write([]byte{23, 3, 3})
			return err
		},
		"amid a record": func(m manual) error {
			_, err := m.tcp.Write([]byte{23, 3, 3, 0, 99, 1, 2, 3})
			return err
		},
		"amid a message": func(m manual) error {
			_, err := m.tls.Write(wire(message{kind: ask, topic: "topic"})[:headLen+2])
			return err
		},
		"amid parts": func(m manual) error {
			_, err := m.tls.Write(wire(message{kind: ask, body: make([]byte, 2*partLen)})[:headLen+partLen])
			return err
		},
		"behind close_notify": func(m manual) error { return m.tls.CloseWrite() },
	} {
		n, m := called(t)
		if err := say(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := m.tcp.CloseWrite(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		n.tells(t, "up 9; down true: its program ended")
		_, _ = io.Copy(io.Discard, m.tcp)
		if got := n.Stats().Forged; got != 0 {
			t.Errorf("%s: counted as forged", name)
		}
		n.stop()
	}
}

// An end that asks without reading the refusals is left, and not taken for dead or waited for.
func TestAsksTooMuch(t *testing.T) {
	n, m := called(t)
	n.Link.answers = nil // all are taken
	c := n.current()
	c.writing <- struct{}{} // and nobody writes
	for id := range uint32(maxRefusals + 1) {
		m.says(t, message{kind: ask, id: id})
	}
	n.tells(t, "up 9; down false: questions come faster than their refusals are read")
	<-c.writing
}
