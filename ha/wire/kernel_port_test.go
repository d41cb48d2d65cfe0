package wire

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/rempart/rempart/lab"
)

// listener collects what a port of a host hears.
type listener struct {
	*testing.T
	host  *lab.Host
	port  Port
	mac   MAC
	heard chan Heard
}

func listen(t *testing.T, h *lab.Host, device string) *listener {
	t.Helper()
	l := &listener{T: t, host: h, mac: MAC(h.MAC(device)), heard: make(chan Heard, 8192)}
	var err error
	l.port, err = openKernel(t, h).Open(device, func(got Heard) {
		got.Payload = bytes.Clone(got.Payload)
		l.heard <- got
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(l.port.Close(), l.port.Close()); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *listener) send(frame []byte) {
	l.Helper()
	if err := l.port.Send(frame); err != nil {
		l.Error(err)
	}
}

func (l *listener) sendTo(k Kind, to netip.Addr, said string) {
	l.Helper()
	if err := l.port.SendTo(k, to, []byte(said)); err != nil {
		l.Error(err)
	}
}

// hears waits for a payload of a kind.
func (l *listener) hears(k Kind, said string) Heard {
	l.Helper()
	for late := time.After(patience); ; {
		select {
		case got := <-l.heard:
			if got.Kind == k && string(got.Payload) == said {
				return got
			}
		case <-late:
			l.Fatalf("%s %q was not heard", k, said)
		}
	}
}

// only waits for a last payload, and says which others of the kinds were heard before.
func (l *listener) only(last string, kinds ...Kind) (before []string) {
	l.Helper()
	for late := time.After(patience); ; {
		select {
		case got := <-l.heard:
			switch {
			case string(got.Payload) == last:
				return before
			case slices.Contains(kinds, got.Kind):
				before = append(before, string(got.Payload))
			}
		case <-late:
			l.Fatalf("%q was not heard", last)
		}
	}
}

// link is two hosts on a switch, and what they hear.
type link struct {
	net  *lab.Net
	a, b *listener
}

// newLink gives b's device no IPv4 address unless it is asked to.
func newLink(t *testing.T, addrs ...netip.Prefix) *link {
	t.Helper()
	n := lab.Test(t)
	a, b := n.Host("a"), n.Host("b")
	sw := n.Switch("sw")
	a.Plug("eth0", sw, prefix("10.0.0.1/24"), prefix("2001:db8::1/64"), prefix("fe80::a/64"))
	b.Plug("eth0", sw, addrs...)
	return &link{net: n, a: listen(t, a, "eth0"), b: listen(t, b, "eth0")}
}

// refuseAll has a host drop all that its IP stack would get.
func refuseAll(t *testing.T, h *lab.Host) {
	t.Helper()
	run(t, h, "nft add table inet t")
	for _, hook := range []string{"prerouting", "input"} {
		_, err := h.Run(t.Context(), "nft", "add chain inet t "+hook+" { type filter hook "+hook+" priority -400; policy drop; }")
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestHearsGroups hears them without an IPv4 address, although the ruleset drops everything.
func TestHearsGroups(t *testing.T) {
	l := newLink(t)
	refuseAll(t, l.b.host)
	for _, src := range []netip.Addr{{}, addr("10.0.0.1"), addr("fe80::a")} {
		said := "to all from " + src.String()
		l.a.send(AppendCARP(nil, l.a.mac, src, []byte(said)))
		l.a.send(AppendBeat(nil, l.a.mac, src, []byte(said)))
		for _, k := range []Kind{CARP, Beat} {
			got := l.b.hears(k, said)
			if got.TTL != 255 || got.From != l.a.mac || got.Dst != Group(src.Is6()) {
				t.Errorf("heard %+v", got)
			}
		}
	}
}

func TestHearsOneHost(t *testing.T) {
	l := newLink(t, prefix("10.0.0.2/24"), prefix("2001:db8::2/64"), prefix("fe80::b/64"))
	for _, to := range []string{"10.0.0.2", "2001:db8::2", "fe80::b"} {
		l.a.sendTo(CARP, addr(to), "neighbour found") // before rules forbid to answer
		l.b.hears(CARP, "neighbour found")
	}
	refuseAll(t, l.b.host)
	for to, from := range map[string]string{"10.0.0.2": "10.0.0.1", "2001:db8::2": "2001:db8::1", "fe80::b": "fe80::"} {
		for _, k := range []Kind{CARP, Beat} {
			said := fmt.Sprint(k, " to ", to)
			l.a.sendTo(k, addr(to), said)
			got := l.b.hears(k, said)
			if got.TTL != 255 || got.To != l.b.mac || got.Dst != addr(to) || !strings.HasPrefix(got.Src.String(), from) {
				t.Errorf("heard %+v", got)
			}
		}
	}
}

// TestSentToOneHost looks at the headers that the kernel writes.
func TestSentToOneHost(t *testing.T) {
	l := newLink(t, prefix("10.0.0.2/24"), prefix("2001:db8::2/64"))
	c := l.b.host.Capture("eth0", nil)
	for _, to := range []string{"10.0.0.2", "2001:db8::2"} {
		for _, k := range []Kind{CARP, Beat} {
			l.a.sendTo(k, addr(to), "headers")
			l.b.hears(k, "headers")
		}
	}
	seen := 0
	for _, p := range c.Stop() {
		ip := p.IP()
		if !bytes.Contains(p.Frame, []byte("headers")) {
			continue
		}
		seen++
		if four := ip[0]>>4 == 4; four && (ip[1] != lowDelay || ip[6] != dontFragment>>8) || !four && (ip[0] != 0x61 || ip[1]>>4 != 0) {
			t.Errorf("header % x", ip[:8])
		}
		d, err := p.Datagram()
		if err != nil || d.Protocol == lab.UDP && (d.Src.Port() != BeatPort || d.Dst.Port() != BeatPort) {
			t.Errorf("sent %s, %v", d, err)
		}
	}
	if seen != 4 {
		t.Errorf("%d of 4 were seen", seen)
	}
}

// TestStackIsSilent holds that the stack does not answer what is for the port, as it does
// without one.
func TestStackIsSilent(t *testing.T) {
	l := newLink(t, prefix("10.0.0.2/24"), prefix("2001:db8::2/64"))
	c := l.b.host.Capture("eth0", func(frame []byte) bool {
		d, err := lab.Packet{Frame: frame}.Datagram()
		unreachable := len(d.Payload) > 0 && (d.Protocol == lab.ICMP4 && d.Payload[0] == 3 || d.Protocol == lab.ICMP6 && (d.Payload[0] == 1 || d.Payload[0] == 4))
		return err == nil && unreachable
	})
	sendAll := func() {
		for _, to := range []string{"10.0.0.2", "2001:db8::2"} {
			l.a.sendTo(CARP, addr(to), "CARP")
			l.a.sendTo(Beat, addr(to), "heartbeat")
			// When this is answered, the others were dealt with.
			if r := l.a.host.Ping(t.Context(), addr(to)); r.Outcome != lab.Open {
				t.Fatalf("ping: %+v", r)
			}
		}
	}
	sendAll()
	if got := c.Packets(); len(got) != 0 {
		t.Errorf("answered %d times", len(got))
	}
	if err := l.b.port.Close(); err != nil {
		t.Fatal(err)
	}
	sendAll()
	eventually(t, "without the port each of four is unreachable", func() bool { return len(c.Packets()) == 4 })
}

// TestMemberships are there without an address, and after the device was down.
func TestMemberships(t *testing.T) {
	l := newLink(t)
	member := func(when string) {
		t.Helper()
		eventually(t, "member of both groups "+when, func() bool {
			groups := run(t, l.b.host, "ip maddr show dev eth0")
			return strings.Contains(groups, "inet  224.0.0.18\n") && strings.Contains(groups, "inet6 ff02::12\n")
		})
	}
	member("at first")
	l.b.host.Down("eth0")
	if err := l.b.port.Send(AppendBeat(nil, l.b.mac, netip.Addr{}, nil)); !errors.Is(err, unix.ENETDOWN) {
		t.Errorf("sent by a device that is down: %v", err)
	}
	l.b.host.Up("eth0")
	member("after the device was down")
	l.b.send(AppendBeat(nil, l.b.mac, netip.Addr{}, []byte("up again")))
	l.a.hears(Beat, "up again")
	l.a.send(AppendBeat(nil, l.a.mac, netip.Addr{}, []byte("welcome")))
	l.b.hears(Beat, "welcome")
	if err := l.b.port.Close(); err != nil {
		t.Fatal(err)
	}
	if groups := run(t, l.b.host, "ip maddr show dev eth0"); strings.Contains(groups, "224.0.0.18") {
		t.Errorf("still a member after close:\n%s", groups)
	}
}

// TestForOthers is dropped, unless it is for a virtual host.
func TestForOthers(t *testing.T) {
	l := newLink(t)
	run(t, l.b.host, "ip link set eth0 promisc on")
	said := func(to MAC, what string) []byte {
		frame := AppendBeat(nil, l.a.mac, netip.Addr{}, []byte(what))
		copy(frame, to[:])
		return frame
	}
	tagged := func(id byte, what string) []byte {
		return slices.Insert(said(l.b.mac, what), 12, 0x81, 0, 0xe0, id)
	}
	l.a.send(said(MAC{2, 0, 0, 0, 0, 9}, "another"))
	l.a.send(said(MAC{0, 0, 0x5e, 0, 0, 1}, "almost virtual"))
	l.a.send(tagged(7, "of a VLAN"))
	l.a.send(said(l.b.mac, "own"))
	l.a.send(said(VirtualMAC(1), "virtual"))
	l.a.send(tagged(0, "with a priority"))
	l.a.send(said(broadcast, "all"))
	want := []string{"own", "virtual", "with a priority"}
	if got := l.b.only("all", Beat); !slices.Equal(got, want) {
		t.Errorf("heard %q, want %q", got, want)
	}
}

// TestOwnEcho is heard when it comes back from outside, and only then.
func TestOwnEcho(t *testing.T) {
	l := newLink(t)
	l.a.send(AppendBeat(nil, l.a.mac, netip.Addr{}, []byte("quiet")))
	l.b.hears(Beat, "quiet")
	hairpin(t, l.net.Prefix()+"sw")
	l.a.send(AppendBeat(nil, l.a.mac, netip.Addr{}, []byte("echo")))
	if before := l.a.only("echo", Beat); len(before) != 0 {
		t.Errorf("heard %q of its own before", before)
	}
}

// hairpin has a switch send frames back to where they came from.
func hairpin(t *testing.T, namespace string) {
	t.Helper()
	ns, err := netns.GetFromName(namespace)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	h, err := netlink.NewHandleAt(ns)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	links, err := h.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if l.Attrs().MasterIndex == 0 {
			continue
		}
		if err := h.LinkSetHairpin(l, true); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDeviceRemoved ends the port for good: the next device of that name is another.
func TestDeviceRemoved(t *testing.T) {
	n := lab.Test(t)
	a, b := n.Host("a"), n.Host("b")
	n.Cable(a, "eth0", b, "eth0")
	l := listen(t, b, "eth0")
	run(t, b, "ip link del eth0")
	for name, err := range map[string]error{
		"send":         l.port.Send(AppendBeat(nil, l.mac, netip.Addr{}, nil)),
		"send to IPv4": l.port.SendTo(Beat, addr("10.0.0.1"), nil),
		"send to IPv6": l.port.SendTo(CARP, addr("fe80::1"), nil),
	} {
		if !errors.Is(err, ErrNoDevice) {
			t.Errorf("%s: %v", name, err)
		}
	}
	n.Cable(a, "eth0", b, "eth0")
	if err := l.port.Send(AppendBeat(nil, l.mac, netip.Addr{}, nil)); !errors.Is(err, ErrNoDevice) {
		t.Errorf("send by the next device: %v", err)
	}
	next := listen(t, b, "eth0")
	next.send(AppendBeat(nil, next.mac, netip.Addr{}, []byte("next")))
	listen(t, a, "eth0") // a port can be opened on the other end as well
}
