package nft

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// listener hears the messages of a multicast group.
type listener struct {
	group uint32
	about string // what the messages tell of, for errors
	ready func() // called once it listens
	lost  func() // called where messages were dropped, because too many came at once
	heard func(*netlink.Conn, netlink.Message) error
}

// listen lets l hear until ctx ends, and then returns nil. An error of heard ends it.
func (n *Netlink) listen(ctx context.Context, l listener) error {
	c, err := n.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.JoinGroup(l.group); err != nil {
		return fmt.Errorf("listen to %s: %w", l.about, permission(err))
	}
	if err := c.SetReadBuffer(answerBuffer); err != nil {
		return fmt.Errorf("listen to %s: %w", l.about, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	l.ready()
	for {
		messages, err := c.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS):
			l.lost()
			continue
		case err != nil:
			return fmt.Errorf("listen to %s: %w", l.about, err)
		}
		for _, m := range messages {
			if err := l.heard(c, m); err != nil {
				return fmt.Errorf("listen to %s: %w", l.about, err)
			}
		}
	}
}
