package gateways

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/rules/steer"
)

func tcp(a string, port uint16) config.Probe {
	return config.Probe{Kind: config.ProbeTCP, Address: netip.MustParseAddr(a), Port: port}
}

func name(a string) config.Probe {
	return config.Probe{Kind: config.ProbeDNS, Address: netip.MustParseAddr(a), Port: 53, Name: "example.org."}
}

// serveDNS refuses every question, until the test ends.
func serveDNS(t *testing.T, h *lab.Host, addr string) {
	t.Helper()
	c, err := h.ListenPacket("udp", netip.AddrPortFrom(netip.MustParseAddr(addr), 53))
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	s := &dns.Server{PacketConn: c, NotifyStartedFunc: func() { close(started) }, Handler: dns.HandlerFunc(
		func(w dns.ResponseWriter, q *dns.Msg) {
			_ = w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeRefused)) // lost where it cannot be sent
		})}
	ended := make(chan error, 1)
	go func() { ended <- s.ActivateAndServe() }()
	<-started
	t.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
		<-ended
	})
}

// TestEveryKindOfTarget answers, dies alone and comes back, for a quorum of one
// and of both.
func TestEveryKindOfTarget(t *testing.T) {
	for _, c := range []struct {
		name         string
		first, other config.Probe
		dies         string
		bits         int
	}{
		{"icmp4", icmp(far4), icmp(away4), away4, 32},
		{"icmp6", icmp(far6), icmp(away6), away6, 128},
		{"tcp4", tcp(far4, 443), tcp(away4, 443), away4, 32},
		{"tcp6", tcp(far6, 443), tcp(away6, 443), away6, 128},
		{"refusal", tcp(far4, 9), tcp(away6, 9), away6, 128},
		{"dns4", name(far4), name(away4), away4, 32},
		{"dns6", name(far6), name(away6), away6, 128},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t)
			one, _ := b.lines()
			for _, a := range []string{far4, away4, far6, away6} {
				one.ServeTCP(netip.AddrPortFrom(netip.MustParseAddr(a), 443))
				serveDNS(t, one, a)
			}
			both := b.first(quick(2, c.first, c.other))
			b.monitor.Set([]Watched{both})
			b.run()
			for _, target := range b.await(steer.Online, true).Targets {
				if target.Delay <= 0 || target.Delay > 200*ms || target.Fault != "" {
					t.Errorf("%+v", target)
				}
			}
			lost := netip.PrefixFrom(netip.MustParseAddr(c.dies), c.bits)
			one.DelAddr("eth0", lost)
			s := b.await(steer.Down, false)
			if want := "no answer from " + probeText(c.other) + " for 250ms"; s.Reason != want {
				t.Errorf("%q, want %q", s.Reason, want)
			}
			any := both
			any.Monitor.Quorum = 1
			b.monitor.Set([]Watched{any})
			s = b.await(steer.Online, false)
			if s.Targets[0].Silent || !s.Targets[1].Silent || s.Targets[1].Fault == "" {
				t.Errorf("%+v", s.Targets)
			}
			one.AddAddr("eth0", lost)
			b.await(steer.Online, true)
			b.monitor.Set([]Watched{both})
			b.await(steer.Online, true)
		})
	}
}

// TestProbesKeepToTheirLine: the default route and every target are by the other
// line as well, and no probe takes it, whether the own line is whole or not.
func TestProbesKeepToTheirLine(t *testing.T) {
	b := newBed(t)
	one, two := b.lines()
	all := []string{far4, away4, far6, away6}
	for _, h := range []*lab.Host{one, two} {
		for _, a := range all {
			h.ServeTCP(netip.AddrPortFrom(netip.MustParseAddr(a), 443))
			serveDNS(t, h, a)
		}
	}
	var targets []netip.Addr
	for _, a := range all {
		targets = append(targets, netip.MustParseAddr(a))
	}
	// What the kernel itself says to late answers is no probe.
	leak := b.gw.Capture("wan2", func(frame []byte) bool {
		d, err := lab.Packet{Frame: frame}.Datagram()
		return err == nil && slices.Contains(targets, d.Dst.Addr()) && isQuestion(d)
	})
	w := b.first(quick(6, icmp(far4), icmp(far6), tcp(far4, 443), tcp(far6, 443), name(far4), name(far6)))
	b.monitor.Set([]Watched{w})
	b.run()
	b.await(steer.Online, true)
	b.gw.Unplug("wan1")
	b.await(steer.Down, false)
	b.gw.Replug("wan1")
	b.await(steer.Online, true)
	b.gw.Down("wan1") // its routes are gone
	s := b.await(steer.Down, false)
	for _, target := range s.Targets {
		if target.Fault == "" {
			t.Errorf("%+v", target)
		}
	}
	b.ip("rule del fwmark 0x10000/0xff0000")
	b.ip("-6 rule del fwmark 0x10000/0xff0000")
	b.gw.Up("wan1")
	b.gw.DelAddr("wan1", prefixes("198.51.100.2/24")...)
	seen := b.monitor.Status()[0].Targets[0].Sent
	b.eventually("more is asked", func(s Status) bool { return s.Targets[0].Sent != seen })
	if got := leak.Stop(); len(got) > 0 {
		d, err := got[0].Datagram()
		t.Errorf("%d packets took the other line, the first is %v, %v", len(got), d, err)
	}
	// And with the routing table alone it would have been taken.
	r := b.gw.Ping(t.Context(), netip.MustParseAddr(far4))
	if r.Outcome != lab.Open || r.From.Addr() != netip.MustParseAddr("203.0.113.2") {
		t.Errorf("without device and mark: %v", r)
	}
}

// TestSource: what is asked comes from the source, of two that the device has.
func TestSource(t *testing.T) {
	b := newBed(t)
	one, _ := b.lines()
	b.gw.AddAddr("wan1", prefixes("198.51.100.77/24", "2001:db8:1::77/64")...)
	for _, a := range []string{far4, far6} {
		one.ServeTCP(netip.AddrPortFrom(netip.MustParseAddr(a), 443))
		serveDNS(t, one, a)
	}
	for _, c := range []struct {
		from, far string
	}{
		{"198.51.100.2", far4}, {"198.51.100.77", far4}, {"2001:db8:1::2", far6}, {"2001:db8:1::77", far6},
	} {
		from, far := netip.MustParseAddr(c.from), netip.MustParseAddr(c.far)
		w := b.first(quick(3, icmp(c.far), tcp(c.far, 443), name(c.far)))
		w.Source, w.Name = from, c.from // another name each time: nothing is left of the one before
		b.monitor.Set([]Watched{w})
		seen := make(chan lab.Datagram, 1000)
		capture := b.gw.Capture("wan1", func(frame []byte) bool {
			d, err := lab.Packet{Frame: frame}.Datagram()
			if err == nil && d.Dst.Addr() == far && isQuestion(d) {
				select {
				case seen <- d:
				default:
				}
			}
			return false
		})
		if c.from == "198.51.100.2" {
			b.run()
		}
		b.await(steer.Online, true)
		protocols := make(map[lab.Protocol]bool)
		b.until("every kind is asked", func() bool {
			select {
			case d := <-seen:
				protocols[d.Protocol] = true
				if d.Src.Addr() != from {
					t.Errorf("source %v, want %v: %v", d.Src, from, d)
				}
			default:
			}
			return len(protocols) == 3
		})
		capture.Stop()
	}
}

// TestOwnAddress: a next hop that is link-local, without its zone and with it.
func TestOwnAddress(t *testing.T) {
	for _, hop := range []string{"fe80::1", "fe80::1%wan1"} {
		b := newBed(t)
		one, _ := b.lines()
		one.AddAddr("eth0", prefixes("fe80::1/64")...)
		w := b.first(quick(1, config.Probe{Kind: config.ProbeICMP}))
		w.NextHop = netip.MustParseAddr(hop)
		b.monitor.Set([]Watched{w})
		b.run()
		b.await(steer.Online, true)
	}
}

// TestTargetsInside: those of a port forward are asked as the routing table
// says, and a refusal is no answer.
func TestTargetsInside(t *testing.T) {
	b := newBed(t)
	lan := b.net.Switch("lan")
	b.gw.Plug("lan", lan, prefixes("10.0.0.1/24")...)
	web := b.net.Host("web")
	web.Plug("eth0", lan, prefixes("10.0.0.2/24", "10.0.0.3/24")...)
	web.ServeTCP(netip.MustParseAddrPort("10.0.0.2:8080"))
	web.ServeTCP(netip.MustParseAddrPort("10.0.0.3:8080"))
	shut, second := netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.3")
	check := config.TargetCheck{Kind: config.ProbeTCP, Port: 8080, Interval: 50 * ms}
	b.monitor.SetTargets([]Targets{{Forward: "web", Check: check, Addresses: []netip.Addr{shut, second}}})
	b.run()
	answers := func(n int) func() bool {
		return func() bool {
			f := b.monitor.Forwards()[0]
			return f.Targets[0].Answered != f.Targets[1].Answered && f.Targets[0].Stats.Answered >= n && f.Targets[1].Stats.Answered >= n
		}
	}
	b.until("both answer", answers(3))
	if got := b.monitor.Silent(); len(got) > 0 {
		t.Errorf("silent: %v", got)
	}
	web.DelAddr("eth0", prefixes("10.0.0.3/24")...)
	b.until("one is silent", func() bool { return fmt.Sprint(b.monitor.Silent()) == "map[web:[10.0.0.3]]" })
	web.AddAddr("eth0", prefixes("10.0.0.3/24")...)
	b.until("none is", func() bool { return len(b.monitor.Silent()) == 0 })
	check.Port = 9
	b.monitor.SetTargets([]Targets{{Forward: "web", Check: check, Addresses: []netip.Addr{shut}}})
	b.until("a shut port is silent", func() bool { return len(b.monitor.Silent()) == 1 })
	if got := b.monitor.Forwards()[0].Targets[0].Fault; got != "connection refused" {
		t.Errorf("fault %q", got)
	}
}

// TestSocketsAreFew: a question that was answered or given up leaves none behind.
func TestSocketsAreFew(t *testing.T) {
	b := newBed(t)
	one, _ := b.lines()
	serveDNS(t, one, far4)
	b.monitor.Set([]Watched{b.first(quick(1, icmp(far4), tcp(far4, 9), name(far4), tcp(away4, 9)))})
	one.DelAddr("eth0", prefixes(away4+"/32")...)
	b.run()
	b.eventually("some are lost", func(s Status) bool { return s.Targets[3].Lost > 10 && s.Targets[2].Answered.After(s.Since) })
	b.sockets.mu.Lock()
	open := len(b.sockets.byFD)
	b.sockets.mu.Unlock()
	if most := 1 + 3*10; open > most { // in a Timeout of 200 ms eight questions go to each
		t.Errorf("%d sockets are open", open)
	}
	b.monitor.Set(nil)
	b.sockets.mu.Lock()
	defer b.sockets.mu.Unlock()
	if n := len(b.sockets.byFD) + len(b.sockets.echoes) + len(b.sockets.single); n > 0 {
		t.Errorf("%d sockets are open when nothing is watched", n)
	}
}

// TestOthersPings: they do not even reach the program.
func TestOthersPings(t *testing.T) {
	b := newBed(t)
	b.lines()
	b.monitor.Set([]Watched{b.first(quick(2, icmp("198.51.100.1"), icmp("2001:db8:1::1")))})
	b.run()
	b.await(steer.Online, true)
	for _, a := range []string{"198.51.100.1", "2001:db8:1::1"} {
		for range 20 {
			if r := b.gw.Ping(t.Context(), netip.MustParseAddr(a)); r.Outcome != lab.Open {
				t.Fatal(r)
			}
		}
	}
	if got := b.monitor.Ignored(); got > 0 {
		t.Errorf("%d packets for others were read", got)
	}
}

func TestClosedSockets(t *testing.T) {
	s, err := OpenSockets()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Send(Question{Kind: config.ProbeICMP}); err == nil {
		t.Error("a question is sent")
	}
	if err := s.Receive(time.Now().Add(time.Minute), nil); err == nil {
		t.Error("answers are waited for")
	}
}
