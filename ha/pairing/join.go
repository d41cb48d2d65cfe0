package pairing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"
)

const (
	dialTime     = 5 * time.Second
	exchangeTime = 5 * time.Second
)

// Join is what the node says that was given a code.
type Join struct {
	Node    string // its own name
	Code    string // as it was typed
	Address netip.Addr
	// Now is the clock; nil: the machine's.
	Now func() time.Time
	// Within opens sockets where the node's network is; nil: here.
	Within func(open func() error) error
}

// Join pairs this node with the one that shows a code at an address. When it returns without an
// error, both nodes keep the pairing; a pairing with another node is over.
func (k *Keeper) Join(ctx context.Context, j Join) (State, error) {
	s, err := k.join(ctx, j, sockets{within: j.Within})
	if err != nil {
		return State{}, fmt.Errorf("pair with %s: %w", j.Address, err)
	}
	return s, nil
}

func (k *Keeper) join(ctx context.Context, j Join, n network) (State, error) {
	c, err := parseCode(j.Code)
	if err != nil {
		return State{}, err
	}
	if err := k.ready(j.Node); err != nil {
		return State{}, err
	}
	dialling, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	conn, err := n.dial(dialling, j.Address)
	if err != nil {
		return State{}, err
	}
	defer conn.Close()
	stop := limit(ctx, conn)
	defer stop()
	own := k.identity(j.Node, j.Address)
	d, err := newDialler(c, own, k.Own())
	if err != nil {
		return State{}, err
	}
	m, last, err := d.speak(conn)
	if err != nil {
		return State{}, why(ctx, err)
	}
	_, remote := ends(conn)
	if err := k.keep(m, agreed, placeOf(n, conn, m.called, remote), clock(j.Now)); err != nil {
		return State{}, err
	}
	// The host holds the pairing since before its answer, and asks about it on the link if this is lost.
	if _, err := conn.Write(last); err == nil {
		hangUp(conn)
	}
	return k.State(), nil
}

// ready says whether this node can be paired now.
func (k *Keeper) ready(node string) error {
	if err := checkNode(node); err != nil {
		return err
	}
	if k.read().rotating() {
		return ErrRotating
	}
	return k.fault
}

// identity is what this node says of itself.
func (k *Keeper) identity(node string, called netip.Addr) identity {
	b := k.read()
	return identity{node: node, key: b.public(), known: b.known(), called: called}
}

// keep holds a pairing on the disk.
func (k *Keeper) keep(m met, s stage, p place, now func() time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.offering = nil
	err := k.update(func(b book) (book, error) {
		return b.pair(bond{
			id: m.id, node: m.node, since: now().Round(time.Second), key: m.key, root: m.root, place: p, stage: s, known: m.known,
		})
	})
	if err != nil {
		return fmt.Errorf("keep the pairing: %w", err)
	}
	return nil
}

// speak is the exchange up to the last message, which is for later.
func (d *dialler) speak(rw io.ReadWriter) (met, []byte, error) {
	if _, err := rw.Write(d.hello); err != nil {
		return met{}, nil, err
	}
	b, err := readMessage(rw)
	if err != nil {
		return met{}, nil, err
	}
	p, err := d.onReply(b)
	if err != nil {
		return met{}, nil, err
	}
	if _, err := rw.Write(p); err != nil {
		return met{}, nil, err
	}
	if b, err = readMessage(rw); err != nil {
		return met{}, nil, err
	}
	return d.onAnswer(b)
}

// limit closes a connection when ctx ends, or when an exchange has had its time.
func limit(ctx context.Context, c net.Conn) (stop func() bool) {
	_ = c.SetDeadline(time.Now().Add(exchangeTime)) // what it fails for, reading fails for as well
	return context.AfterFunc(ctx, func() { _ = c.Close() })
}

// hangUp waits until the other end has read all and closed, so that nothing sent is lost with the connection.
func hangUp(c net.Conn) {
	if t, is := c.(*net.TCPConn); is {
		_ = t.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(c, 1024))
}

var errHungUp = errors.New("the other node broke off: it may be pairing with others at this moment")

// why says what a broken connection means.
func why(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errHungUp
	}
	return err
}

// placeOf is where a pairing ran; nowhere when both ends do not see the host at one address.
func placeOf(n network, c net.Conn, theirs, mine netip.Addr) place {
	if theirs.Unmap().WithZone("") != mine.WithZone("") {
		return place{}
	}
	local, remote := ends(c)
	return place{device: n.device(local), local: local.WithZone(""), address: remote.WithZone("")}
}

func clock(now func() time.Time) func() time.Time {
	if now == nil {
		return time.Now
	}
	return now
}
