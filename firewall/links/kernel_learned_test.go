package links

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// learns polls until the owner has learned just that.
func (s *space) learns(o *Owner, want State, learned Learned) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		got, err := o.Learned(want)
		if err != nil {
			s.t.Fatal(err)
		}
		d := cmp.Diff(learned, got, sameAddresses)
		if d == "" {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("learned (-want +got):\n%s", d)
		}
	}
}

func TestKernelLearns(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	want := gateway()
	want.Routes, want.Links[0].Addresses = nil, prefixes("203.0.113.2/29")
	o := s.owner()
	apply(t, o, want)
	for _, command := range []string{
		"address add 198.51.100.7/24 dev eth0",
		"address add 192.0.2.77 peer 192.0.2.1 dev eth1",
		"address add 2001:db8:2::1/64 dev eth0 nodad preferred_lft 0",
		"address add 2001:db8:2::2/64 dev eth0 nodad",
		"address add 2001:db8:2::3/64 dev eth0", // tentative without an answer for a second
		"route add default via 203.0.113.5 metric 100 proto dhcp",
		"route add default via 198.51.100.1 metric 50 proto dhcp",
		"route add default dev eth1 metric 7",
		"-6 route add default via fe80::5 dev eth0",
		"-6 route add unreachable default metric 5",
		"route add 10.77.0.0/16 via 203.0.113.6",
		"route add default via 203.0.113.6 table 100",
	} {
		s.ip("%s", command)
	}
	learned := Learned{
		Addresses: map[string][]netip.Prefix{"wan": prefixes("198.51.100.7/24", "2001:db8:2::2/64"), "lan": prefixes("192.0.2.77/32")},
		Hops4:     map[string]netip.Addr{"wan": netip.MustParseAddr("198.51.100.1"), "lan": netip.IPv4Unspecified()},
		Hops6:     map[string]netip.Addr{"wan": netip.MustParseAddr("fe80::5")},
		Carrier:   map[string]bool{"wan": true, "lan": true},
	}
	s.learns(o, want, learned)
	if ops := apply(t, o, want); len(ops) != 0 {
		t.Errorf("what others put there makes %q", ops)
	}
	s.ip("address del 2001:db8:2::3/64 dev eth0")
	s.ip("link set eth1p down")
	learned.Carrier["lan"] = false
	s.learns(o, want, learned)
}

func TestKernelTellsOfWhatIsLearned(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	want := gateway()
	want.Routes = nil
	o := s.running(want)
	s.settled(want)
	for _, command := range []string{
		"address add 198.51.100.7/24 dev eth0",
		"link set eth1p down",
		"route add default via 203.0.113.5 metric 100 proto dhcp",
		"route replace default via 203.0.113.6 metric 100 proto dhcp",
		"route del default",
		"-6 route add default via fe80::5 dev eth0",
		"-6 route del default",
		"address del 198.51.100.7/24 dev eth0",
		"link set eth1p up",
	} {
		s.quiet(o)
		s.ip("%s", command)
		select {
		case <-o.Changed():
		case <-time.After(patience):
			t.Errorf("not told of %s", command)
		}
	}
}

// TestKernelTellsNotOfOtherRoutes has a thousand routes of others and then a
// default route: the news is heard in order.
func TestKernelTellsNotOfOtherRoutes(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	apply(t, s.owner(), gateway())
	news := make(chan struct{}, 10_000)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Watch(ctx, func() { news <- struct{}{} }) }()
	<-news
	s.foreign(1000)
	s.ip("-6 route add default via fe80::5 dev eth0 metric 77")
	<-news
	n := 1
	for range news {
		n++
		if out := s.ip("-6 route show default metric 77"); out != "" {
			s.ip("-6 route del default metric 77")
		} else {
			break
		}
	}
	cancel()
	if err := <-ended; err != nil || n > 20 {
		t.Errorf("%v, told %d times", err, n)
	}
}

// quiet waits until no news came for a while: link-local addresses, for one,
// are ready a second or two after their device.
func (s *space) quiet(o *Owner) {
	s.t.Helper()
	s.has(true, "tentative", "address")
	for {
		select {
		case <-o.Changed():
		case <-time.After(100 * time.Millisecond):
			return
		}
	}
}

// advertise sends a router advertisement with the prefix 2001:db8:77::/64 and
// returns the router's address.
func (p *space) advertise(device string) netip.Addr {
	p.t.Helper()
	p.has(false, "fe80::", "-6 address show dev %s", device)
	p.has(true, "tentative", "-6 address show dev %s", device)
	var c *net.IPConn
	var router netip.Addr
	err := p.inside(func() error {
		dev, err := net.InterfaceByName(device)
		if err != nil {
			return err
		}
		addresses, err := dev.Addrs()
		if err != nil {
			return err
		}
		for _, a := range addresses {
			if prefix := netip.MustParsePrefix(a.String()); prefix.Addr().Is6() && prefix.Addr().IsLinkLocalUnicast() {
				router = prefix.Addr()
			}
		}
		c, err = net.ListenIP("ip6:ipv6-icmp", &net.IPAddr{IP: router.AsSlice(), Zone: device})
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	hopLimit(p.t, c, 255)
	message := []byte{
		134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, // a router for half an hour
		3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10, 0, 0, 0, 0, // on the link, for addresses
		0x20, 0x01, 0x0d, 0xb8, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	}
	if _, err := c.WriteToIP(message, &net.IPAddr{IP: net.ParseIP("ff02::1"), Zone: device}); err != nil {
		p.t.Fatal(err)
	}
	return router
}

func hopLimit(t testing.TB, c *net.IPConn, hops int) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var setErr error
	err = raw.Control(func(fd uintptr) {
		setErr = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, hops)
	})
	if err := errors.Join(err, setErr); err != nil {
		t.Fatal(err)
	}
}

// TestKernelAcceptsAdvertisements has a router that is heard before the gateway
// forwards, and again after.
func TestKernelAcceptsAdvertisements(t *testing.T) {
	for _, accept := range []bool{true, false} {
		s := newSpace(t, "eth0")
		s.hasty("eth0")
		s.ip("link set eth0 up")
		p := s.peer("eth0")
		router := p.advertise("eth0p")
		s.has(false, "2001:db8:77:", "-6 address show dev eth0")
		s.has(true, "tentative", "-6 address show dev eth0")

		want := State{Links: []Link{{Name: "wan", Device: "eth0", Up: true, AcceptRA: accept}}}
		want.Sysctls = Settings(want.Links)
		o := s.owner()
		apply(t, o, want)
		learned, err := o.Learned(want)
		if got := learned.Hops6["wan"] == router; got != accept || err != nil || len(learned.Addresses["wan"]) != 1 {
			t.Fatalf("accept %v: %v, learned %v", accept, err, learned)
		}
		s.ip("-6 route flush proto ra")
		p.advertise("eth0p")
		p.echoes(patience, learned.Addresses["wan"][0].Addr()) // the first is heard when this is answered
		learned, err = o.Learned(want)
		if got := learned.Hops6["wan"] == router; got != accept || err != nil {
			t.Errorf("accept %v, again: %v, learned %v", accept, err, learned)
		}
		if ops := apply(t, o, want); len(ops) != 0 {
			t.Errorf("accept %v: ops %q", accept, ops)
		}
		if err := o.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.has(false, "2001:db8:77:", "-6 address show dev eth0")
	}
}
