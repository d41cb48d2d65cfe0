package scenario_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// neighbour is the hardware address that a host has for an address; empty: none.
func neighbour(b *bed, h *lab.Host, dev string, a netip.Addr) string {
	b.Helper()
	words := strings.Fields(runOn(b, h, "ip", "neighbour", "show", "dev", dev, "to", a.String()))
	for i, w := range words {
		if w == "lladdr" {
			return words[i+1]
		}
	}
	return ""
}

// Hosts believe announcements: what they know of an address changes at a takeover, without their asking.
func TestNeighboursAreTold(t *testing.T) {
	b := newPair(t, settings{})
	old, heir := b.nodes[0], b.nodes[1]
	b.reaches(b.client, lanVIP)
	b.reaches(b.client, lanVIP6)
	b.reaches(b.server, wanVIP)
	if got := neighbour(b, b.client, "eth0", lanVIP); got != old.host.MAC(lanDevice).String() {
		t.Fatalf("before: %v has %q", lanVIP, got)
	}
	w := b.watch()
	at := time.Now()
	old.kill()
	b.tookOver(w, heir, at)
	for _, c := range []struct {
		host   *lab.Host
		vip    netip.Addr
		device string // of the node
	}{{b.client, lanVIP, lanDevice}, {b.client, lanVIP6, lanDevice}, {b.server, wanVIP, wanDevice}} {
		want := heir.host.MAC(c.device).String()
		if !lab.Poll(takeoverAtMost, func() bool { return neighbour(b, c.host, "eth0", c.vip) == want }) {
			t.Errorf("%s has %q for %v, want %s", c.host.Name(), neighbour(b, c.host, "eth0", c.vip), c.vip, want)
		}
	}
}

// A host whose default route leads to a link-local address keeps it over a takeover: an advertisement that does not say
// that its sender is a router would take the route away (RFC 4861 section 7.2.5).
func TestRouterStaysRouter(t *testing.T) {
	b := newPair(t, settings{})
	old, heir := b.nodes[0], b.nodes[1]
	b.client.Sysctl("net.ipv6.conf.eth0.accept_ra", "2")
	b.advertiseRouter(old)
	route := func() string { return runOn(b, b.client, "ip", "-6", "route", "show", "default", "proto", "ra") }
	b.await("the client to learn its router", func() bool { return strings.Contains(route(), "via fe80::1 ") })
	runOn(b, b.client, "ip", "-6", "route", "del", "default", "via", lanVIP6.String())
	b.passes6()
	w := b.watch()
	at := time.Now()
	old.kill()
	b.tookOver(w, heir, at)
	want := heir.host.MAC(lanDevice).String()
	b.await("the client to know the new master", func() bool { return neighbour(b, b.client, "eth0", routerVIP) == want })
	if out := runOn(b, b.client, "ip", "neighbour", "show", "dev", "eth0", "to", routerVIP.String()); !strings.Contains(out, "router") {
		t.Errorf("the neighbour is no router any more: %s", out)
	}
	if !strings.Contains(route(), "via fe80::1 ") {
		t.Errorf("the route is gone: %q", route())
	}
	b.passes6()
}

// advertiseRouter sends what a daemon of router advertisements would (RFC 4861 section 4.2), from the virtual address.
func (b *bed) advertiseRouter(n *node) {
	b.Helper()
	const hops, lifetime = 64, 1800
	message := []byte{134, 0, 0, 0, hops, 0, lifetime >> 8, lifetime & 0xff, 0, 0, 0, 0, 0, 0, 0, 0}
	d := lab.Datagram{
		Src: netip.AddrPortFrom(routerVIP, 0), Dst: netip.AddrPortFrom(netip.IPv6LinkLocalAllNodes(), 0),
		Protocol: lab.ICMP6, TTL: 255, Payload: message,
	}
	frame := append([]byte{0x33, 0x33, 0, 0, 0, 1}, n.host.MAC(lanDevice)...)
	frame = append(frame, 0x86, 0xdd)
	if err := n.host.SendFrame(lanDevice, d.Append(frame)); err != nil {
		b.Fatal(err)
	}
}

// passes6 waits until IPv6 gets to the server and back.
func (b *bed) passes6() {
	b.Helper()
	b.await("IPv6 to pass", func() bool {
		return b.client.UDP(b.Context(), server6Port, lab.Within(time.Second)).Outcome == lab.Open
	})
}

// With virtual hardware addresses hosts see that of CARP, and nothing of a takeover.
func TestVirtualMAC(t *testing.T) {
	b := newPair(t, settings{ha: "virtual_mac = true"})
	old, heir := b.nodes[0], b.nodes[1]
	see := func() {
		t.Helper()
		for _, c := range []struct {
			host *lab.Host
			vip  netip.Addr
			vhid int
		}{{b.client, lanVIP, 1}, {b.client, lanVIP6, 1}, {b.server, wanVIP, 2}} {
			b.reaches(c.host, c.vip)
			if got, want := neighbour(b, c.host, "eth0", c.vip), fmt.Sprintf("00:00:5e:00:01:%02x", c.vhid); got != want {
				t.Errorf("%s sees %v at %q, want %s", c.host.Name(), c.vip, got, want)
			}
		}
		b.awaitPass()
	}
	see()
	w := b.watch()
	at := time.Now()
	old.kill()
	b.tookOver(w, heir, at)
	see()
	old.start()
	b.settle(old)
	see()
	b.wantOneMaster()
}
