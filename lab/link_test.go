package lab

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCable(t *testing.T) {
	n := Test(t)
	a, b := n.Host("a"), n.Host("b")
	n.Cable(a, "sync", b, "sync")
	a.AddAddr("sync", prefix("10.1.0.1/30"), prefix("fd01::1/64"))
	b.AddAddr("sync", prefix("10.1.0.2/30"), prefix("fd01::2/64"))
	for _, dst := range []string{"10.1.0.2", "fd01::2"} {
		if r := a.Ping(t.Context(), addr(dst)); r.Outcome != Open {
			t.Errorf("%s: %s", dst, r)
		}
	}
}

// TestFirstPacketPasses holds Plug and Cable to their word: one probe, no time to try again.
func TestFirstPacketPasses(t *testing.T) {
	for range 10 {
		p := newPair(t)
		p.server.ServeUDP(port(server4, 53))
		p.server.ServeUDP(port(server6, 53))
		for _, dst := range []netip.AddrPort{port(server4, 53), port(server6, 53)} {
			if r := p.client.UDP(t.Context(), dst); r.Outcome != Open {
				t.Errorf("%s: %s", dst, r)
			}
		}
		if err := p.net.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDownAndUnplug(t *testing.T) {
	tests := []struct {
		name       string
		cut, mend  func(h *Host, dev string)
		wantRoutes bool // a device without carrier keeps its routes
	}{
		{"down", (*Host).Down, (*Host).Up, false},
		{"unplug", (*Host).Unplug, (*Host).Replug, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t)
			tt.cut(p.server, "eth0")
			if r := p.client.Ping(t.Context(), addr(server4), Within(50*time.Millisecond)); r.Outcome == Open {
				t.Errorf("cut: %s", r)
			}
			routes, err := p.server.Run(t.Context(), "ip", "route")
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(routes, "10.0.0.0/24"); got != tt.wantRoutes {
				t.Errorf("cut: routes %q", routes)
			}
			tt.mend(p.server, "eth0")
			for _, a := range []string{server4, server6} {
				// The kernel asks for a neighbour that was silent only every second.
				if r := p.client.Ping(t.Context(), addr(a), Within(5*time.Second)); r.Outcome != Open {
					t.Errorf("mended: %s: %s", a, r)
				}
			}
		})
	}
}

// TestCarrierIsToldAtOnce would fail by up to a second if both ends had one index.
func TestCarrierIsToldAtOnce(t *testing.T) {
	n := Test(t)
	a, b := n.Host("a"), n.Host("b")
	n.Cable(a, "eth0", b, "eth0")
	a.Plug("eth1", n.Switch("lan"))
	for _, dev := range []string{"eth0", "eth1"} {
		var took []time.Duration
		for range 9 {
			start := time.Now()
			a.Unplug(dev)
			a.Replug(dev)
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		if median := took[len(took)/2]; median > 100*time.Millisecond {
			t.Errorf("%s: out and in took %s", dev, median)
		}
	}
}

func TestUnplugLosesCarrier(t *testing.T) {
	p := newPair(t)
	carrier := func() string {
		out, err := p.client.Run(t.Context(), "cat", "/sys/class/net/eth0/carrier", "/sys/class/net/eth0/operstate")
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(out, "\n", " ")
	}
	p.client.Unplug("eth0")
	if got := carrier(); !strings.HasPrefix(got, "0 ") {
		t.Errorf("out: carrier %q", got)
	}
	p.client.Replug("eth0")
	if got := carrier(); got != "1 up " {
		t.Errorf("in: carrier %q", got)
	}
}

func TestUpWithoutCarrier(t *testing.T) {
	p := newPair(t)
	p.client.Unplug("eth0")
	p.client.Down("eth0")
	start := time.Now()
	p.client.Up("eth0")
	if took := time.Since(start); took > settleTime/2 {
		t.Errorf("waited %s for a carrier that cannot come", took)
	}
}

func TestRoute(t *testing.T) {
	n := Test(t)
	client, gw, server := n.Host("client"), n.Host("gw"), n.Host("server")
	lan, wan := n.Switch("lan"), n.Switch("wan")
	client.Plug("eth0", lan, prefix("10.0.0.2/24"), prefix("fd00::2/64"))
	gw.Plug("lan", lan, prefix("10.0.0.1/24"), prefix("fd00::1/64"))
	gw.Plug("wan", wan, prefix("192.0.2.1/24"), prefix("2001:db8::1/64"), prefix("fe80::1/64"))
	server.Plug("eth0", wan, prefix("192.0.2.2/24"), prefix("2001:db8::2/64"))
	gw.Forward()
	client.Default(addr("10.0.0.1"))
	client.Default(addr("fd00::1"))
	server.Route(prefix("10.0.0.0/24"), addr("192.0.2.1"))
	server.Route(prefix("fd00::/64"), addr("fe80::1%eth0"))
	for _, dst := range []string{"192.0.2.2", "2001:db8::2"} {
		if r := client.Ping(t.Context(), addr(dst)); r.Outcome != Open {
			t.Errorf("%s: %s", dst, r)
		}
	}
	server.Route(prefix("10.0.0.0/24"), addr("192.0.2.99")) // in place of the other
	if r := client.Ping(t.Context(), addr("192.0.2.2"), Within(100*time.Millisecond)); r.Outcome != Timeout {
		t.Errorf("without a way back: %s", r)
	}
}

func TestAddr(t *testing.T) {
	p := newPair(t)
	more := []netip.Prefix{prefix("10.0.0.77/24"), prefix("fd00::77/64")}
	p.server.AddAddr("eth0", more...)
	for _, a := range more {
		if r := p.client.Ping(t.Context(), a.Addr()); r.Outcome != Open {
			t.Errorf("added: %s: %s", a, r)
		}
	}
	p.server.DelAddr("eth0", more...)
	for _, a := range more {
		if r := p.client.Ping(t.Context(), a.Addr(), Within(50*time.Millisecond)); r.Outcome == Open {
			t.Errorf("deleted: %s: %s", a, r)
		}
	}
}

func TestMTU(t *testing.T) {
	p := newPair(t)
	for _, tt := range []struct {
		mtu  int
		size int
		want bool
	}{
		{1500, 1472, true},
		{9000, 8972, true},
		{1400, 1372, true},
	} {
		p.client.MTU("eth0", tt.mtu)
		p.server.MTU("eth0", tt.mtu)
		c := p.server.Capture("eth0", Between(addr(client4), addr(server4)))
		if r := p.client.Ping(t.Context(), addr(server4), Size(tt.size)); r.Outcome != Open {
			t.Errorf("mtu %d, size %d: %s", tt.mtu, tt.size, r)
		}
		if got := len(c.Stop()); got != 2 {
			t.Errorf("mtu %d, size %d: %d packets, want 2", tt.mtu, tt.size, got)
		}
	}
}

// TestSwitchFloods sees on a third port what is for a group.
func TestSwitchFloods(t *testing.T) {
	p := newPair(t)
	third := p.net.Host("third")
	lan := p.net.Switch("lan2")
	p.client.Plug("eth1", lan, prefix("10.2.0.1/24"))
	third.Plug("eth0", lan)
	c := third.Capture("eth0", func(frame []byte) bool {
		d, err := Packet{Frame: frame}.Datagram()
		return err == nil && d.Protocol == 112
	})
	frame := append([]byte{0x01, 0x00, 0x5e, 0, 0, 18}, p.client.MAC("eth1")...)
	frame = append(frame, 0x08, 0x00)
	d := Datagram{Src: port("10.2.0.1", 0), Dst: port("224.0.0.18", 0), Protocol: 112, TTL: 255}
	frame = d.Append(frame)
	if err := p.client.SendFrame("eth1", frame); err != nil {
		t.Fatal(err)
	}
	got := c.Stop()
	if len(got) != 1 || !bytes.Equal(got[0].Frame, frame) || got[0].Out {
		t.Errorf("seen %v, want once %x", got, frame)
	}
}
