package gateways

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/rules/steer"
)

// TestDeviceComesBack: under the same name and another number.
func TestDeviceComesBack(t *testing.T) {
	b := newBed(t)
	tun := b.gw.Tun("wan")
	b.gw.AddAddr("wan", prefixes("198.51.100.2/24")...)
	w := b.first(quick(2, icmp("198.51.100.1"), tcp("198.51.100.1", 443)))
	w.Device = "wan"
	b.monitor.Set([]Watched{w})
	b.run()
	b.leaves(tun, 2)
	if err := tun.Close(); err != nil {
		t.Fatal(err)
	}
	b.eventually("questions fail", func(s Status) bool {
		return s.Targets[0].Fault == "bind to wan: no such device" && s.Targets[1].Fault == s.Targets[0].Fault
	})
	b.gw.Tun("between") // takes the next number
	tun = b.gw.Tun("wan")
	b.gw.AddAddr("wan", prefixes("198.51.100.2/24")...)
	b.leaves(tun, 2)

	// Another device takes the name: it is the one that is asked by now.
	b.ip("link set wan down")
	b.ip("link set wan name old")
	b.ip("link set old up")
	other := b.gw.Tun("wan")
	b.gw.AddAddr("wan", prefixes("198.51.100.2/24")...)
	b.leaves(other, 2)
	if _, err := tun.Left(); err != nil {
		t.Fatal(err)
	}
	b.leaves(other, 2)
	if left, err := tun.Left(); err != nil || len(questions(left)) > 0 {
		t.Errorf("%d questions took the device that had the name before, %v", len(left), err)
	}
}

// isQuestion says whether a datagram is what a probe begins with.
func isQuestion(d lab.Datagram) bool {
	switch d.Protocol {
	case lab.ICMP4:
		return len(d.Payload) > 0 && d.Payload[0] == echoRequest4
	case lab.ICMP6:
		return len(d.Payload) > 0 && d.Payload[0] == echoRequest6
	case lab.TCP:
		return d.Flags == lab.SYN
	}
	return d.Protocol == lab.UDP
}

// questions are those among packets.
func questions(packets [][]byte) []lab.Datagram {
	var all []lab.Datagram
	for _, p := range packets {
		if d, err := lab.ParseDatagram(p); err == nil && isQuestion(d) {
			all = append(all, d)
		}
	}
	return all
}

// leaves waits until questions of so many kinds have left by a device.
func (b *bed) leaves(tun *lab.Tun, kinds int) []lab.Datagram {
	b.t.Helper()
	var all []lab.Datagram
	seen := make(map[lab.Protocol]bool)
	b.eventually("questions leave", func(Status) bool {
		packets, err := tun.Left()
		if err != nil {
			b.t.Fatal(err)
		}
		all = append(all, questions(packets)...)
		for _, d := range all {
			seen[d.Protocol] = true
		}
		return len(seen) == kinds
	})
	return all
}

// TestForgeries: nothing of what a stranger may send counts, and each true
// answer does.
func TestForgeries(t *testing.T) {
	for _, c := range []struct {
		name  string
		probe config.Probe
		stray string
		reply byte
	}{
		{"icmp4", icmp("198.51.100.1"), "198.51.100.3", echoReply4},
		{"icmp6", icmp("2001:db8:1::1"), "2001:db8:1::3", echoReply6},
		{"dns4", name("198.51.100.1"), "198.51.100.3", 0},
		{"dns6", name("2001:db8:1::1"), "2001:db8:1::3", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t)
			tun, other := b.gw.Tun("wan"), b.gw.Tun("side")
			b.gw.AddAddr("wan", prefixes("198.51.100.2/24", "2001:db8:1::2/64")...)
			m := quick(1, c.probe)
			m.Timeout = 5 * m.Down // so that answers in this test are in time
			w := b.first(m)
			w.Device = "wan"
			b.monitor.Set([]Watched{w})
			b.run()
			asked := b.leaves(tun, 1)
			send := func(by *lab.Tun, d lab.Datagram) {
				t.Helper()
				if err := by.Inject(d.Append(nil)); err != nil {
					t.Fatal(err)
				}
			}
			for _, q := range asked {
				good := answerTo(q, c.reply)
				change := func(at int, by byte) lab.Datagram {
					d := good
					d.Payload = slices.Clone(good.Payload)
					d.Payload[at] += by
					return d
				}
				for at := range good.Payload {
					if c.probe.Kind == config.ProbeICMP && at != 2 && at != 3 { // the checksum is the lab's to fill in
						send(tun, change(at, 1))
					}
				}
				send(tun, change(0, 1))
				send(tun, change(1, 1))
				stray := good
				stray.Src = netip.AddrPortFrom(netip.MustParseAddr(c.stray), q.Dst.Port())
				send(tun, stray)
				send(other, good)
				short := good
				short.Payload = good.Payload[:len(good.Payload)-1]
				if c.probe.Kind == config.ProbeICMP {
					send(tun, short)
				}
			}
			s := b.await(steer.Down, false)
			if got := s.Targets[0]; !got.Answered.IsZero() {
				t.Fatalf("a forgery counts: %+v", got)
			}
			b.eventually("a true answer counts", func(s Status) bool {
				packets, err := tun.Left()
				if err != nil {
					t.Fatal(err)
				}
				for _, q := range questions(packets) {
					send(tun, answerTo(q, c.reply))
				}
				return !s.Targets[0].Answered.IsZero()
			})
		})
	}
}

// answerTo is the true answer to an echo request, of type reply, or to a query.
func answerTo(q lab.Datagram, reply byte) lab.Datagram {
	d := lab.Datagram{Src: q.Dst, Dst: q.Src, Protocol: q.Protocol, Payload: slices.Clone(q.Payload)}
	if q.Protocol == lab.UDP {
		d.Payload = dnsAnswer(q.Payload)
	} else {
		d.Payload[0] = reply
	}
	return d
}
