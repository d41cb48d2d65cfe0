package wire

import (
	"context"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// newsBuffer, in bytes, bridges some thousand changes while one is looked at.
const newsBuffer = 1 << 20

// Watch listens to devices and addresses. A renewed lease is told of too.
func (n *Netlink) Watch(ctx context.Context, changed func()) error {
	s, err := nl.SubscribeAt(n.ns, netns.None(), unix.NETLINK_ROUTE,
		unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR)
	if err != nil {
		return fmt.Errorf("subscribe to rtnetlink: %w", err)
	}
	stop := context.AfterFunc(ctx, s.Close)
	defer func() {
		if stop() {
			s.Close()
		}
	}()
	// The default buffer only loses news sooner.
	_ = s.SetReceiveBufferSize(newsBuffer, true)
	changed()
	for {
		_, _, err := s.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("receive from rtnetlink: %w", err)
		default:
			changed()
		}
	}
}
