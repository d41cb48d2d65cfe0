package nft

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Trace tells every step of all packets that are traced in the network namespace,
// in the order in which the kernel tells them, until ctx ends, and then returns nil.
// It calls ready once it listens. An event may be kept.
func (n *Netlink) Trace(ctx context.Context, ready func(), told func(TraceEvent)) error {
	heard := func(c *netlink.Conn, m netlink.Message) error {
		if uint16(m.Header.Type) != subsystem|unix.NFT_MSG_TRACE {
			return nil
		}
		t, err := decodeTrace(m.Data)
		if err != nil {
			return err
		}
		t.event.In, t.event.Out = device(c, t.in), device(c, t.out)
		told(t.event)
		return nil
	}
	lost := func() { told(TraceEvent{Lost: true}) }
	return n.listen(ctx, listener{group: unix.NFNLGRP_NFTRACE, about: "traces", ready: ready, lost: lost, heard: heard})
}

// device is the name of a device in the namespace of a socket; empty when there is none.
func device(c *netlink.Conn, index uint32) string {
	if index == 0 {
		return ""
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return ""
	}
	request, err := unix.NewIfreq("")
	if err != nil {
		return ""
	}
	request.SetUint32(index)
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.IoctlIfreq(int(fd), unix.SIOCGIFNAME, request) })
	if err != nil || failed != nil {
		return ""
	}
	return request.Name()
}

// Handles lists the rules of the table, those of each chain in their order.
func (n *Netlink) Handles(ctx context.Context) ([]RuleHandle, error) {
	var list []RuleHandle
	_, err := n.consistent(ctx, func(c *netlink.Conn) error {
		list = nil
		return n.dump(c, unix.NFT_MSG_GETRULE, nil, func(data []byte) error {
			table, r, err := decodeRule(data)
			if err == nil && table == n.table {
				list = append(list, r)
			}
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list rules: %w", err)
	}
	return list, nil
}

// ErrNoOwner says that the kernel is too old for Hold.
var ErrNoOwner = errors.New("the kernel has no tables that go with their process: Linux 5.12 is needed")

// Hold makes the chains of a ruleset in a table that lives as long as what it
// returns: closing it removes the table, and so does the end of the process,
// however it ends. Named sets and counters are not made. The table must not exist yet.
func (n *Netlink) Hold(ctx context.Context, r Ruleset) (io.Closer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b := Batch{addOwned{r.Table.Name}}
	for _, chain := range r.Chains {
		b = append(b, AddChain{r.Table.Name, chain.Name, chain.Hook})
	}
	for _, chain := range r.Chains {
		for _, rule := range chain.Rules {
			b = append(b, AddRule{Table: r.Table.Name, Chain: chain.Name, Rule: rule})
		}
	}
	message, err := encode(b, 0)
	if err != nil {
		return nil, err
	}
	c, err := n.dial()
	if err != nil {
		return nil, err
	}
	if err := n.transact(c, b, message); err != nil {
		return nil, errors.Join(tooOld(err), c.Close())
	}
	return c, nil
}

// tooOld tells a refusal of the flag from others: kernels before it know two ways to refuse it.
func tooOld(err error) error {
	refused := (*CommitError)(nil)
	if !errors.As(err, &refused) {
		return err
	}
	_, flag := refused.Op.(addOwned)
	if flag && (refused.Errno == unix.EINVAL || refused.Errno == unix.EOPNOTSUPP) {
		return ErrNoOwner
	}
	return err
}
