package vmac

import (
	"context"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rempart/rempart/lab"
)

func TestClientKnowsTheVirtualMAC(t *testing.T) {
	b := newBed(t)
	one := b.nodes[0]
	one.take(t, both())
	heard := b.client.Capture("eth0", nil)
	b.reach(b.client, addrs(vips[:2])...)
	b.reach(b.client, vips[2].Addr().WithZone("eth0"))
	for _, a := range addrs(vips) {
		if got := b.neighbour(b.client, a); got != virtual(vhid).String() {
			t.Errorf("client has %s at %s", a, got)
		}
	}
	// The gateway asks for its neighbours now, from the virtual addresses.
	b.forget(one.Host)
	for i, a := range clientAddrs {
		if r := one.Ping(t.Context(), a, lab.From(netip.AddrPortFrom(vips[i].Addr(), 0))); r.Outcome != lab.Open {
			t.Errorf("from %s: %s", vips[i], r)
		}
	}
	m := virtual(vhid).String()
	packets := heard.Stop()
	want := []string{"advertisement " + m, "arp " + m, "ether " + m, "solicitation " + m}
	if diff := cmp.Diff(want, says(packets, addrs(vips)...)); diff != "" {
		t.Errorf("the virtual addresses speak (-want +got):\n%s", diff)
	}
	checksums(t, packets)
}

// checksums looks at those of neighbour discovery: the kernel that made a frame has summed the MAC
// that is no longer in it.
func checksums(t *testing.T, packets []lab.Packet) {
	t.Helper()
	seen := 0
	for _, p := range packets {
		if _, _, how := spoken(p.Frame); how == "" || how == "arp" {
			continue
		}
		ip := p.IP()
		sum := uint32(58 + len(ip) - 40)
		for _, part := range [][]byte{ip[8:40], ip[40:]} {
			for len(part) > 1 {
				sum += uint32(binary.BigEndian.Uint16(part))
				part = part[2:]
			}
		}
		for sum > 0xffff {
			sum = sum>>16 + sum&0xffff
		}
		if seen++; sum != 0xffff {
			t.Errorf("checksum is off by %#x: % x", sum, p.Frame)
		}
	}
	if seen == 0 {
		t.Error("no neighbour discovery seen")
	}
}

func TestForwarded(t *testing.T) {
	two := func(w []Wanted) []Wanted {
		w[0].Hosts = append(w[0].Hosts, Virtual{VHID: 8, Addresses: []netip.Addr{addr("10.0.0.8")}})
		return w
	}
	for _, tt := range []struct {
		name   string
		wanted []Wanted
		mac    func(n *node) string // that the client sees
	}{
		{"one host", both(), func(*node) string { return virtual(vhid).String() }},
		{"two hosts", two(both()), func(n *node) string { return n.MAC("lan").String() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			one := b.nodes[0]
			one.take(t, tt.wanted)
			b.reach(b.client, vips[0].Addr(), vips[1].Addr()) // neighbours are known from here on
			heard := b.client.Capture("eth0", nil)
			b.reach(b.client, serverAddrs...)
			b.reach(b.server, clientAddrs...)
			b.reach(one.Host, clientAddrs...) // from addresses of its own
			packets := heard.Stop()
			if diff := cmp.Diff([]string{"ether " + tt.mac(one)}, says(packets, serverAddrs...)); diff != "" {
				t.Errorf("forwarded (-want +got):\n%s", diff)
			}
			m := one.MAC("lan").String()
			for _, line := range says(packets, ownAddrs[0]...) {
				if !strings.HasSuffix(line, m) {
					t.Errorf("of its own: %s, want %s", line, m)
				}
			}
		})
	}
}

// TestTwoHosts has two virtual hosts on one device, each with a MAC of its own.
func TestTwoHosts(t *testing.T) {
	b := newBed(t)
	second := []netip.Prefix{prefix("10.0.0.8/24"), prefix("fd00::8/64")}
	b.nodes[0].AddAddr("lan", second...)
	w := both()
	w[0].Hosts = append(w[0].Hosts, Virtual{VHID: 8, Addresses: addrs(second)})
	b.nodes[0].take(t, w)
	b.reach(b.client, vips[0].Addr(), vips[1].Addr(), second[0].Addr(), second[1].Addr())
	for i := range second {
		if got := b.neighbour(b.client, vips[i].Addr()); got != virtual(vhid).String() {
			t.Errorf("first host: %s", got)
		}
		if got := b.neighbour(b.client, second[i].Addr()); got != virtual(8).String() {
			t.Errorf("second host: %s", got)
		}
	}
}

func TestMove(t *testing.T) {
	b := newBed(t)
	one, two := b.nodes[0], b.nodes[1]
	m := virtual(vhid).String()
	one.take(t, both())
	b.reach(b.client, serverAddrs...)
	ports := []string{b.port("lan", m)}
	for _, n := range []*node{two, one} {
		if n == two {
			one.leave(t)
		} else {
			two.leave(t)
		}
		n.take(t, both())
		check(t, n.SendFrame("lan", announcement(n)))
		ports = append(ports, b.port("lan", m))
		// The client has asked nobody: what it knows is still true.
		came := n.Capture("lan", lab.Between(clientAddrs[0], serverAddrs[0]))
		b.reach(b.client, serverAddrs...)
		if len(came.Stop()) == 0 {
			t.Errorf("%s: nothing came by it", n.Name())
		}
		if got := b.neighbour(b.client, vips[0].Addr()); got != m {
			t.Errorf("%s: client has the gateway at %s", n.Name(), got)
		}
	}
	if ports[0] == "none" || ports[1] == "none" || ports[0] == ports[1] || ports[2] != ports[0] {
		t.Errorf("the switch had the virtual MAC at %v", ports)
	}
}

// TestLeaving has both nodes forward for a while, as in a planned move: the switch stays with the new
// one, and what the old one says of the addresses stays true.
func TestLeaving(t *testing.T) {
	b := newBed(t)
	one, two := b.nodes[0], b.nodes[1]
	m, own := virtual(vhid).String(), one.MAC("lan").String()
	one.take(t, both())
	b.reach(b.client, serverAddrs...)
	was := b.port("lan", m)
	leaving := both()
	for i := range leaving {
		leaving[i].Hosts[0].Leaving = true
	}
	check(t, one.table.Set(leaving))
	b.reach(b.client, serverAddrs...) // it still hears
	two.take(t, both())
	check(t, two.SendFrame("lan", announcement(two)))
	now := b.port("lan", m)
	if now == was {
		t.Fatal("the switch has heard nothing")
	}
	fromVirtual := append(addrs(vips), serverAddrs...)
	heard := b.client.Capture("eth0", func(frame []byte) bool { return len(says([]lab.Packet{{Frame: frame}}, fromVirtual...)) > 0 })
	clientMAC, serverMAC := b.client.MAC("eth0"), b.server.MAC("eth0")
	check(t, b.server.SendFrame("eth0", echo(one.MAC("wan"), serverMAC, serverAddrs[0], clientAddrs[0])))
	check(t, b.client.SendFrame("eth0", echo(one.MAC("lan"), clientMAC, clientAddrs[0], vips[0].Addr())))
	check(t, b.client.SendFrame("eth0", arp(one.MAC("lan"), clientMAC, clientAddrs[0], vips[0].Addr())))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if !heard.Await(ctx, 3) {
		t.Error("it forwards or answers no more")
	}
	if diff := cmp.Diff([]string{"arp " + m, "ether " + own}, says(heard.Stop(), fromVirtual...)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := b.port("lan", m); got != now {
		t.Errorf("the switch has the MAC at %s, want %s", got, now)
	}
}

// TestBackupIsDeaf sends frames for the virtual MAC to a node, as a switch does that has forgotten
// where it is.
func TestBackupIsDeaf(t *testing.T) {
	b := newBed(t)
	two := b.nodes[1]
	b.reach(b.client, ownAddrs[1]...)
	m := virtual(vhid)
	for i, dst := range []netip.Addr{ownAddrs[1][0], serverAddrs[0]} {
		forwarded := i == 1
		if forwarded {
			two.AddAddr("wan", outside...)
			two.Neighbour("wan", serverAddrs[0], b.server.MAC("eth0"))
		}
		for _, w := range [][]Wanted{nil, both(), nil} {
			check(t, two.table.Set(w))
			device, out := "lan", lab.Between(dst, clientAddrs[0])
			if forwarded {
				device = "wan"
			}
			answers := two.Capture(device, out)
			check(t, b.client.SendFrame("eth0", echo(m[:], b.client.MAC("eth0"), clientAddrs[0], dst)))
			sent := slices.ContainsFunc(answers.Stop(), func(p lab.Packet) bool { return p.Out })
			if held := w != nil; sent != held {
				t.Errorf("to %s: held %t: it acted %t", dst, held, sent)
			}
		}
	}
}
