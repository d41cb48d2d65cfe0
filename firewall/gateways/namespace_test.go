package gateways

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/vishvananda/netns"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/rules/steer"
)

// bed is a gateway "gw" and a monitor of it.
type bed struct {
	t       *testing.T
	net     *lab.Net
	gw      *lab.Host
	sockets *Sockets
	monitor *Monitor
}

func newBed(t *testing.T) *bed {
	t.Helper()
	n := lab.Test(t)
	b := &bed{t: t, net: n, gw: n.Host("gw")}
	ns, err := netns.GetFromName(b.gw.Namespace())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	if b.sockets, err = OpenSocketsAt(ns); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.sockets.Close(); err != nil {
			t.Error(err)
		}
	})
	b.monitor = New(Parts{Kernel: b.sockets, Log: hclog.NewNullLogger()})
	return b
}

// lines gives the gateway two lines, each to a router of its own, and the
// default route by the second. Both routers have the addresses far away.
func (b *bed) lines() (one, two *lab.Host) {
	b.t.Helper()
	one, two = b.net.Host("one"), b.net.Host("two")
	first, second := b.net.Switch("first"), b.net.Switch("second")
	b.gw.Plug("wan1", first, prefixes("198.51.100.2/24", "2001:db8:1::2/64")...)
	one.Plug("eth0", first, prefixes("198.51.100.1/24", "2001:db8:1::1/64")...)
	b.gw.Plug("wan2", second, prefixes("203.0.113.2/24", "2001:db8:2::2/64")...)
	two.Plug("eth0", second, prefixes("203.0.113.1/24", "2001:db8:2::1/64")...)
	for _, h := range []*lab.Host{one, two} {
		h.AddAddr("eth0", prefixes(far4+"/32", away4+"/32", far6+"/128", away6+"/128")...)
	}
	b.gw.Default(netip.MustParseAddr("203.0.113.1"))
	b.gw.Default(netip.MustParseAddr("2001:db8:2::1"))
	b.ip("route add default via 198.51.100.1 dev wan1 table 82001")
	b.ip("rule add fwmark 0x10000/0xff0000 table 82001")
	b.ip("-6 route add default via 2001:db8:1::1 dev wan1 table 82001")
	b.ip("-6 rule add fwmark 0x10000/0xff0000 table 82001")
	return one, two
}

// Addresses behind both lines.
const (
	far4, away4 = "192.0.2.53", "192.0.2.54"
	far6, away6 = "2001:db8:ffff::53", "2001:db8:ffff::54"
)

// ip runs ip(8) on the gateway.
func (b *bed) ip(args string) {
	b.t.Helper()
	if _, err := b.gw.Run(b.t.Context(), "ip", strings.Fields(args)...); err != nil {
		b.t.Fatal(err)
	}
}

// run runs the monitor until the test ends.
func (b *bed) run() {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- b.monitor.Run(ctx) }()
	b.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Error(err)
		}
	})
}

// quick is a monitoring of targets that tells within a quarter of a second.
func quick(quorum int, targets ...config.Probe) config.Monitor {
	return config.Monitor{
		Targets: targets, Quorum: quorum, Interval: 25 * time.Millisecond, Timeout: 200 * time.Millisecond,
		Window: time.Second, Down: 250 * time.Millisecond, Up: 100 * time.Millisecond, LossDown: 60,
	}
}

func icmp(a string) config.Probe {
	return config.Probe{Kind: config.ProbeICMP, Address: netip.MustParseAddr(a)}
}

func (b *bed) first(m config.Monitor) Watched {
	return Watched{
		Name: "first", Number: 1, Interface: "wan1", Device: "wan1",
		NextHop: netip.MustParseAddr("198.51.100.1"), Monitor: m,
	}
}

// await polls until the gateway is in a state and, with answers, each of its
// targets has answered since and is not silent.
func (b *bed) await(state steer.State, answers bool) Status {
	b.t.Helper()
	return b.eventually(state.String(), func(s Status) bool {
		fit := s.Health.State == state
		for _, t := range s.Targets {
			fit = fit && (!answers || t.Answered.After(s.Since) && !t.Silent)
		}
		return fit
	})
}

// eventually polls until the only gateway is as it should be.
func (b *bed) eventually(what string, is func(Status) bool) (s Status) {
	b.t.Helper()
	b.until(what, func() bool {
		s = b.monitor.Status()[0]
		return is(s)
	})
	return s
}

// until polls for ten seconds at most, for other tests keep the machine busy.
func (b *bed) until(what string, is func() bool) {
	b.t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline.C:
			b.t.Fatalf("%s: not within ten seconds: %+v", what, b.monitor.Status())
		}
	}
}

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, t := range texts {
		all = append(all, netip.MustParsePrefix(t))
	}
	return all
}
