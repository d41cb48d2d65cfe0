package gateways

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/vishvananda/netns"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/rules/steer"
)

// bed is a gateway "gw" with two lines, each to a router of its own, and the
// default route by the second.
type bed struct {
	t        *testing.T
	net      *lab.Net
	gw       *lab.Host
	one, two *lab.Host
	sockets  *Sockets
	monitor  *Monitor
}

func newBed(t *testing.T) *bed {
	t.Helper()
	n := lab.Test(t)
	b := &bed{t: t, net: n, gw: n.Host("gw"), one: n.Host("one"), two: n.Host("two")}
	first, second := n.Switch("first"), n.Switch("second")
	b.gw.Plug("wan1", first, prefixes("198.51.100.2/24", "2001:db8:1::2/64")...)
	b.one.Plug("eth0", first, prefixes("198.51.100.1/24", "198.51.100.53/24", "2001:db8:1::1/64", "2001:db8:1::53/64")...)
	b.gw.Plug("wan2", second, prefixes("203.0.113.2/24", "2001:db8:2::2/64")...)
	b.two.Plug("eth0", second, prefixes("203.0.113.1/24", "203.0.113.53/24", "2001:db8:2::1/64")...)
	b.gw.Default(netip.MustParseAddr("203.0.113.1"))
	b.gw.Default(netip.MustParseAddr("2001:db8:2::1"))
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
// targets has answered.
func (b *bed) await(state steer.State, answers bool) Status {
	b.t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		s := b.monitor.Status()[0]
		fit := s.Health.State == state
		for _, t := range s.Targets {
			fit = fit && (!answers || t.Answered.After(s.Since))
		}
		if fit {
			return s
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			b.t.Fatalf("not %v within ten seconds: %+v", state, s)
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

func TestEcho(t *testing.T) {
	b := newBed(t)
	b.monitor.Set([]Watched{b.first(quick(2, config.Probe{Kind: config.ProbeICMP}, icmp("2001:db8:1::53")))})
	b.run()
	s := b.await(steer.Online, true)
	for _, target := range s.Targets {
		if target.Delay <= 0 || target.Delay > 200*time.Millisecond || target.Fault != "" {
			t.Errorf("target %+v", target)
		}
	}
	b.one.DelAddr("eth0", prefixes("2001:db8:1::53/64")...)
	s = b.await(steer.Down, false)
	if want := "no answer from 2001:db8:1::53 for 250ms"; s.Reason != want {
		t.Errorf("%q, want %q", s.Reason, want)
	}
	b.one.AddAddr("eth0", prefixes("2001:db8:1::53/64")...)
	b.await(steer.Online, true)
}
