package links

import (
	"errors"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ways counts by which device addresses of 10.8.0.0/16 or 2001:db8:8::/48 are
// reached.
func (s *space) ways(is6 bool) map[string]int {
	s.t.Helper()
	names, err := s.names()
	if err != nil {
		s.t.Fatal(err)
	}
	// Strict checks would refuse the library's question for IPv6.
	handle, err := netlink.NewHandleAt(s.ns, unix.NETLINK_ROUTE)
	if err != nil {
		s.t.Fatal(err)
	}
	defer handle.Close()
	base := netip.MustParseAddr("10.8.0.0")
	if is6 {
		base = netip.MustParseAddr("2001:db8:8::")
	}
	count := make(map[string]int)
	for range 64 {
		base = base.Next()
		routes, err := handle.RouteGet(base.AsSlice())
		if err != nil {
			count[err.Error()]++
			continue
		}
		count[names[routes[0].LinkIndex]]++
	}
	return count
}

// lines is two lines that share a route, in both families.
func lines() State {
	want := twoLines()
	want.Links[0].Line, want.Links[1].Line = true, true
	want.Sysctls = Settings(want.Links)
	want.Routes = []Route{
		multipath("10.8.0.0/16", "203.0.113.1 wan 1", "10.1.2.4 lan 1"),
		multipath("2001:db8:8::/48", "2001:db8::1 wan 1", "2001:db8:1::4 lan 1"),
	}
	return want
}

func TestKernelLineWithoutCarrierIsNotUsed(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	o := s.owner()
	apply(t, o, lines())
	for _, is6 := range []bool{false, true} {
		if n := s.ways(is6); n["eth0"] == 0 || n["eth1"] == 0 {
			t.Errorf("IPv6 %v: with both %v", is6, n)
		}
	}
	s.ip("link set eth0p down")
	s.has(false, "linkdown", "route show 10.8.0.0/16")
	for _, is6 := range []bool{false, true} {
		if n := s.ways(is6); n["eth1"] != 64 {
			t.Errorf("IPv6 %v: with one %v", is6, n)
		}
	}
	if ops := apply(t, o, lines()); len(ops) != 0 {
		t.Errorf("a line without carrier makes %q", ops)
	}
	s.ip("link set eth0p up")
	s.has(true, "linkdown", "route show 10.8.0.0/16")
	for _, is6 := range []bool{false, true} {
		if n := s.ways(is6); n["eth0"] == 0 || n["eth1"] == 0 {
			t.Errorf("IPv6 %v: with both again %v", is6, n)
		}
	}
}

// TestKernelInsideWithoutCarrierKeepsItsPackets has an inside network whose
// cable is out, and a default route by the line.
func TestKernelInsideWithoutCarrierKeepsItsPackets(t *testing.T) {
	for _, line := range []bool{false, true} {
		s := newSpace(t, "eth0", "eth1")
		want := twoLines()
		want.Links[1].Line = line
		want.Sysctls = Settings(want.Links)
		want.Routes = []Route{route("0.0.0.0/0 203.0.113.1 wan"), route("::/0 2001:db8::1 wan")}
		apply(t, s.owner(), want)
		s.ip("link set eth1p down")
		s.has(false, "linkdown", "route show 10.1.2.0/28")
		device := map[bool]string{false: "dev eth1 ", true: "dev eth0 "}[line]
		for _, get := range []string{"route get 10.1.2.9", "-6 route get 2001:db8:1::9"} {
			if out := s.ip("%s", get); !strings.Contains(out, device) {
				t.Errorf("line %v: %s: %s", line, get, out)
			}
		}
	}
}

// TestKernelLineGoesAndComes has devices that are none of the policy's: nobody
// takes them up but their own program.
func TestKernelLineGoesAndComes(t *testing.T) {
	s := newSpace(t, "eth0", "eth1", "ppp0", "ppp1")
	for _, d := range []string{"ppp0", "ppp1"} {
		s.ip("link set %s up", d)
	}
	want := twoLines()
	onLink := func(dst, via string) Route {
		r := multipath(dst, via+" ppp0 1", via+" ppp1 3")
		r.Hops[0].OnLink, r.Hops[1].OnLink = true, true
		return r
	}
	want.Routes = []Route{
		route("10.9.0.0/16 - ppp0"), route("2001:db8:9::/48 - ppp0"),
		onLink("10.8.0.0/16", "192.0.2.1"), onLink("2001:db8:8::/48", "2001:db8:ffff::1"),
	}
	o := s.running(want)
	s.settled(want)
	failures := o.Stats().Failures.Load()

	s.ip("link set ppp0 down")
	s.settled(want)
	s.has(true, "10.9.0.0/16", "route")
	for _, is6 := range []bool{false, true} {
		if n := s.ways(is6); n["ppp1"] != 64 {
			t.Errorf("IPv6 %v: with one line %v", is6, n)
		}
	}
	s.trouble(o, `device "ppp0" is down: 4 routes by it wait`)
	s.ip("link set ppp1 down")
	s.has(true, "proto 82", "route")
	s.ip("link set ppp1 up")
	s.has(false, "10.8.0.0/16 via 192.0.2.1 dev ppp1", "route")
	s.has(false, "2001:db8:8::/48 via 2001:db8:ffff::1 dev ppp1", "-6 route")
	s.ip("link set ppp0 up")
	s.settled(want)
	s.trouble(o, "")
	for _, is6 := range []bool{false, true} {
		if n := s.ways(is6); n["ppp0"] == 0 || n["ppp1"] == 0 {
			t.Errorf("IPv6 %v: with both lines %v", is6, n)
		}
	}
	if n := o.Stats().Failures.Load() - failures; n != 0 {
		t.Errorf("tried in vain %d times", n)
	}
}

// TestKernelLineIsUnplugged: IPv4 loses the whole route with one device of it.
func TestKernelLineIsUnplugged(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	s.running(lines())
	s.settled(lines())
	s.ip("link del eth0")
	s.has(false, "10.8.0.0/16 via 10.1.2.4 dev eth1", "route")
	s.has(false, "2001:db8:8::/48 via 2001:db8:1::4 dev eth1", "-6 route")
	s.plug("eth0")
	s.settled(lines())
	s.has(false, "nexthop via 203.0.113.1 dev eth0", "route show 10.8.0.0/16")
	s.has(false, "nexthop via 2001:db8::1 dev eth0", "-6 route show 2001:db8:8::/48")
}

// TestKernelRefusesAHopThatIsDown says why such hops are left out.
func TestKernelRefusesAHopThatIsDown(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	apply(t, s.owner(), twoLines())
	s.ip("link set eth0 down")
	for _, r := range lines().Routes {
		for i, name := range []string{"eth0", "eth1"} {
			r.Hops[i].Device, r.Hops[i].OnLink = name, true
		}
		if err := s.handleAdd(r.canonical()); !errors.Is(err, unix.ENETDOWN) {
			t.Errorf("%s: %v", r, err)
		}
		if found, err := s.Routes(); err != nil || len(found) != 0 {
			t.Errorf("%v, routes %v", err, found)
		}
	}
	sameHop := multipath("2001:db8:8::/48", "2001:db8:1::4 eth1 1", "2001:db8:1::4 eth1 2")
	sameHop.Metric, sameHop.Table = 1, mainTable
	if err := s.handleAdd(sameHop); !errors.Is(err, unix.EEXIST) {
		t.Errorf("a hop named twice: %v", err)
	}
	noVia := Route{Dst: sameHop.Dst, Hops: []Hop{{Device: "eth1", Weight: 1}, {Device: "eth1p", Weight: 1}}, Metric: 1, Table: mainTable}
	if err := s.handleAdd(noVia); !errors.Is(err, unix.EINVAL) {
		t.Errorf("hops without a gateway: %v", err)
	}
}

func (s *space) handleAdd(r Route) error {
	s.t.Helper()
	route, err := s.toKernel(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.handle.RouteAdd(route)
}

// trouble polls until that is the owner's.
func (s *space) trouble(o *Owner, text string) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for o.Trouble() != text {
		if time.Now().After(deadline) {
			s.t.Fatalf("trouble %q, want %q", o.Trouble(), text)
		}
		runtime.Gosched()
	}
}
