package flowdiff

import (
	"context"
	"errors"
	"fmt"

	"github.com/rempart/rempart/ha/conntrack"
)

// Kernel is the table of flows of the network namespace of the calling thread. It needs CAP_NET_ADMIN.
type Kernel struct{}

var _ Table = Kernel{}

// Walk shows every flow of the kernel, of both families.
func (Kernel) Walk(ctx context.Context, fn func(*conntrack.Flow, *conntrack.Extra) error) (err error) {
	w, err := conntrack.OpenWalk()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if err := w.Start(conntrack.KindFlow, 0); err != nil {
		return err
	}
	var m conntrack.Message
	var fault error
	show := func(msg []byte) {
		if fault != nil {
			return
		}
		if fault = m.Parse(msg); fault != nil {
			fault = fmt.Errorf("read flow: %w", fault)
			return
		}
		if m.Event == conntrack.New || m.Event == conntrack.Update {
			fault = fn(&m.Flow, &m.Extra)
		}
	}
	for done := false; !done; {
		if done, err = w.Read(show); err != nil {
			return err
		}
		if err := errors.Join(fault, ctx.Err()); err != nil {
			return err
		}
	}
	return nil
}

// Locals says which addresses, as a Tuple has them, this machine has now.
func (Kernel) Locals() (func(family uint8, a [16]byte) bool, error) {
	l, err := conntrack.OpenLocals()
	if err != nil {
		return nil, err
	}
	return l.Has, l.Close()
}
