package main

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"
	_ "time/tzdata" // schedules need their zone on a machine without a zone database

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall"
	"github.com/rempart/rempart/firewall/feeds"
	"github.com/rempart/rempart/firewall/gateways"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/ha/configsync"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/web"
	"golang.org/x/sync/errgroup"
)

// logEntries is how many packets the log remembers, and overloadEntries how
// many sources over a limit may wait to have their flows ended.
const (
	logEntries      = 10_000
	overloadEntries = 64
)

// pairThreads is for how many threads more than it has processors the program runs Go code. The
// threads of the pair then find room at once, however busy a compile keeps the others: with as many as
// processors a heartbeat waits tens of milliseconds for its turn, and SCHED_FIFO does not help it.
const pairThreads = 2

// serve is the daemon: it puts the rooms together and runs them until ctx ends.
// The ruleset, addresses and routes stay when it returns.
func serve(ctx context.Context, o options, log hclog.Logger) error {
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + pairThreads)
	m, err := openMachine(ctx, o, log)
	if err != nil {
		return err
	}
	defer m.close()
	fetched := feeds.New(feeds.Options{Dir: m.state.Path(firewall.LearnedDir), Fetcher: feeds.NewWeb(o.config), Log: log.Named("feeds")})
	owner := links.New(m.links, m.state.Path("links.json"), log.Named("links"))
	lines := gateways.New(gateways.Parts{Kernel: m.lines, Log: log.Named("gateways"), File: m.state.Path("gateways.history")})
	var gateway *firewall.Firewall
	keys, err := openKeys(m.state.Path("pair"), log)
	if err != nil {
		return err
	}
	var policies *configsync.Sync
	line := peerLine{keys: keys, sync: func() *configsync.Sync { return policies }, linked: make(chan struct{}, 1)}
	pair, err := newPair(o, m, owner, line, func() *firewall.Firewall { return gateway }, log)
	if err != nil {
		return err
	}
	var enforced atomic.Pointer[config.Config]
	ring, overloads := packetlog.NewRing(logEntries), packetlog.NewRing(overloadEntries)
	tampered := make(chan nft.Event, 1)
	gateway = firewall.New(firewall.Parts{
		State: m.state, Kernel: m.table, Traces: m.table, Links: owner, FlowTable: m.flows, Feeds: fetched, Gateways: lines, Resets: m.resets,
		Host: firewall.Machine{}, PacketLog: ring, Overloads: overloads.Subscribe(ctx, nil), Tampered: tampered,
		Files: o.draft, Version: version, Logger: log, Policy: enforce(&enforced, func(c *config.Config) { pair.Set(c); policies.Ring() }), ReadSecret: o.secret, Node: o.node, Seal: sealer(keys, pair),
		Hold: pair.Hold, Holds: pair.Holds, Moved: pair.Moved(),
	})
	backend := newPairBackend(o, m, owner, line, pair, gateway, &enforced, log)
	policies = backend.gateway.sync
	reader := func(group uint16, to *packetlog.Ring) *packetlog.Reader {
		return packetlog.NewReader(packetlog.Config{Group: group, Ring: to, Name: gateway.DeviceName, Logger: log.Named("packetlog")})
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, run := range []func(context.Context) error{
		owner.Run, pair.Run, policies.Run, fetched.Run, lines.Run, keepReading(reader(rules.LogGroup, ring), log), keepReading(reader(rules.OverloadGroup, overloads), log),
		func(ctx context.Context) error { return m.table.Watch(ctx, sendTo(ctx, tampered)) },
		func(ctx context.Context) error {
			return m.server.Run(ctx, web.Handler(backend.gateway, backend, log))
		},
		func(ctx context.Context) error {
			return gateway.Run(ctx, func() {
				backend.gateway.files.settle()
				notify(log, daemon.SdNotifyReady)
			})
		},
		func(ctx context.Context) error { return line.keepKeys(ctx, pair, log) },
		func(ctx context.Context) error { return watchdog(ctx, gateway, log) },
	} {
		g.Go(func() error { return run(ctx) })
	}
	log.Info("rempart runs", "version", version, "config", o.config, "state", o.state, "socket", o.socket)
	err = g.Wait()
	notify(log, daemon.SdNotifyStopping)
	log.Info("rempart stops, the ruleset stays")
	return err
}

// readAgain is how long a packet log that cannot be read is left alone.
const readAgain = time.Minute

// keepReading reads a packet log for as long as ctx lasts. A gateway whose log
// another program took is still a gateway.
func keepReading(r *packetlog.Reader, log hclog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		for {
			err := r.Run(ctx)
			if ctx.Err() != nil {
				return nil
			}
			log.Warn("no packets are logged, tried again in a minute", "cause", err)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(readAgain):
			}
		}
	}
}

// sendTo sends what is told to a channel, until ctx ends.
func sendTo[T any](ctx context.Context, to chan<- T) func(T) {
	return func(v T) {
		select {
		case to <- v:
		case <-ctx.Done():
		}
	}
}

// notify tells the service manager (sd_notify(3)); without one it does nothing.
func notify(log hclog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("service manager could not be told", "cause", err)
	}
}

// watchdog tells the service manager that the gateway still answers. One that
// does not is started anew, which interrupts no packet.
func watchdog(ctx context.Context, gateway *firewall.Firewall, log hclog.Logger) error {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		return err
	}
	tick := time.NewTicker(every / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if gateway.Alive(ctx) {
				notify(log, daemon.SdNotifyWatchdog)
			}
		}
	}
}
