package main

import (
	"context"
	"io"
	"slices"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/firewall"
	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/gateways"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/ha/pulse"
	"github.com/rempart/rempart/ha/vmac"
	"github.com/rempart/rempart/ha/wire"
	"github.com/rempart/rempart/web"
)

// machine is what the daemon has of the machine that it runs on.
type machine struct {
	state  *firewall.State
	table  *nft.Netlink
	server *web.Server
	flows  *flows.Kernel
	links  *links.Netlink
	lines  *gateways.Sockets
	resets *flows.Resetter
	frames *wire.Netlink
	ticker *pulse.Ticker
	macs   *vmac.Table

	open []io.Closer
}

// openMachine opens all of it. What there may be one of in a machine comes first, so that a
// second daemon ends before it has touched anything.
func openMachine(ctx context.Context, o options, log hclog.Logger) (*machine, error) {
	m := &machine{table: nft.Open(firewall.TableName)}
	for _, open := range []func() error{
		func() error {
			return keep(m, &m.state, func() (*firewall.State, error) { return firewall.OpenState(o.state) })
		},
		func() error {
			_, err := m.table.Features(ctx) // without the right to the table there is no point in going on
			return err
		},
		func() error { return keep(m, new(io.Closer), firewall.ClaimTable) },
		func() error {
			return keep(m, &m.server, func() (*web.Server, error) { return web.Listen(o.socket, log) })
		},
		func() error { return keep(m, &m.flows, flows.Open) },
		func() error { return keep(m, &m.links, links.OpenNetlink) },
		func() error { return keep(m, &m.lines, gateways.OpenSockets) },
		func() error { return keep(m, &m.resets, flows.OpenResetter) },
		func() error { return keep(m, &m.frames, wire.OpenNetlink) },
		func() error { return keep(m, &m.macs, vmac.Open) },
		func() (err error) { m.ticker, err = pulse.NewTicker(); return err },
	} {
		if err := open(); err != nil {
			m.close()
			return nil, err
		}
	}
	return m, nil
}

// keep opens something and closes it with the machine.
func keep[T io.Closer](m *machine, to *T, open func() (T, error)) error {
	v, err := open()
	if err == nil {
		*to, m.open = v, append(m.open, v)
	}
	return err
}

// close gives everything back, the last first. What the daemon put into the kernel stays.
func (m *machine) close() {
	for _, c := range slices.Backward(m.open) {
		c.Close() // nothing depends on it any more
	}
}
