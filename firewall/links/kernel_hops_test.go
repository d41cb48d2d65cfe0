package links

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// shapes are routes to 10.8.0.0/16 or 2001:db8:8::/48, by gateways on eth0 and
// eth1: every kind, and changes that the kernel tells apart badly.
func shapes(is6 bool) []Route {
	a, b, c := hop("203.0.113.1 wan 1"), hop("10.1.2.4 lan 1"), hop("203.0.113.3 wan 1")
	dst := netip.MustParsePrefix("10.8.0.0/16")
	if is6 {
		a, b, c = hop("2001:db8::1 wan 1"), hop("2001:db8:1::4 lan 1"), hop("fe80::3 wan 1")
		dst = netip.MustParsePrefix("2001:db8:8::/48")
	}
	heavy := a
	heavy.Weight = 256
	far := Route{Dst: dst, Via: netip.MustParseAddr("192.0.2.7"), Device: "lan", OnLink: true}
	if is6 {
		far.Via = netip.MustParseAddr("2001:db8:ffff::7")
	}
	return []Route{
		{Dst: dst, Via: a.Via, Device: a.Device},
		{Dst: dst, Via: b.Via, Device: b.Device},
		{Dst: dst, Hops: []Hop{a, b}},
		{Dst: dst, Hops: []Hop{heavy, b}},
		{Dst: dst, Hops: []Hop{heavy, b, c}},
		{Dst: dst, Via: a.Via, Device: a.Device},
		{Dst: dst, Hops: []Hop{c, a}},
		{Dst: dst, Kind: Unreachable},
		{Dst: dst, Hops: []Hop{a, b}},
		{Dst: dst, Kind: Blackhole},
		{Dst: dst, Device: "wan"},
		{Dst: dst, Kind: Prohibit},
		far,
		{Dst: dst, Hops: []Hop{b, {Via: far.Via, Device: "lan", OnLink: true, Weight: 2}}},
		{Dst: dst, Device: "lan"},
	}
}

// hop parses "203.0.113.1 wan 3".
func hop(text string) Hop {
	fields := strings.Fields(text)
	weight := 0
	for _, digit := range fields[2] {
		weight = 10*weight + int(digit-'0')
	}
	return Hop{Via: netip.MustParseAddr(fields[0]), Device: fields[1], Weight: weight}
}

func twoLines() State {
	want := gateway()
	want.Links[1].Addresses = append(want.Links[1].Addresses, prefixes("2001:db8:1::2/64")...)
	want.Routes = nil
	return want
}

func TestKernelRouteShapes(t *testing.T) {
	for _, is6 := range []bool{false, true} {
		s := newSpace(t, "eth0", "eth1")
		o := s.owner()
		want := twoLines()
		apply(t, o, want)
		all := shapes(is6)
		for i := range 2 * len(all) {
			r := all[i%len(all)]
			want.Routes = []Route{r}
			ops := apply(t, o, want)
			if verb := []string{"route replace", "route add"}[bit(i == 0)]; len(ops) != 1 || !strings.HasPrefix(ops[0], verb) {
				t.Errorf("%s: ops %q", r, ops)
			}
			if ops := apply(t, o, want); len(ops) != 0 {
				t.Errorf("%s again: %q", r, ops)
			}
			devices, err := s.Devices()
			if err != nil {
				t.Fatal(err)
			}
			found, err := s.Routes()
			if err != nil || len(found) != 1 {
				t.Fatalf("%s: found %v, %v", r, found, err)
			}
			if d := cmp.Diff(resolve(devices, want).routes[0].Route.String(), found[0].String()); d != "" {
				t.Errorf("round trip (-want +got):\n%s", d)
			}
		}
		if out := s.ip("route show table all") + s.ip("-6 route show table all"); strings.Contains(out, "scope site") {
			t.Errorf("a stand-in is left:\n%s", out)
		}
	}
}

// TestKernelStandInGoes has what a program left that died while it replaced a route.
func TestKernelStandInGoes(t *testing.T) {
	for _, left := range [][]string{
		{"10.8.0.0/16 via 203.0.113.1 scope site", "10.8.0.0/16 via 10.1.2.4"},
		{"10.8.0.0/16 via 203.0.113.1 scope site"},
		{"10.8.0.0/16 via 203.0.113.1", "10.8.0.0/16 via 203.0.113.1 scope site"},
	} {
		for _, wanted := range []int{0, 1} {
			s := newSpace(t, "eth0", "eth1")
			o := s.owner()
			want := twoLines()
			apply(t, o, want)
			for _, r := range left {
				s.ip("route append %s proto 82", r)
			}
			want.Routes = shapes(false)[:wanted]
			apply(t, o, want)
			if ops := apply(t, o, want); len(ops) != 0 {
				t.Errorf("%q, second time: %q", left, ops)
			}
			if found, err := s.Routes(); err != nil || len(found) != wanted {
				t.Errorf("%q: %v, routes %v", left, err, found)
			}
		}
	}
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestKernelRouteChangesWithoutGap(t *testing.T) {
	for _, is6 := range []bool{false, true} {
		t.Run(map[bool]string{false: "IPv4", true: "IPv6"}[is6], func(t *testing.T) {
			s := newSpace(t, "eth0", "eth1")
			o := s.owner()
			want := twoLines()
			all := shapes(is6)
			want.Routes = all[:1]
			apply(t, o, want)

			lookups := s.lookUp(all[0].Dst.Addr().Next(), 10_000)
			for i := 1; i <= 200 || lookups.more(); i++ {
				want.Routes = []Route{all[i%len(all)]}
				if ops := apply(t, o, want); len(ops) != 1 || !strings.HasPrefix(ops[0], "route replace") {
					t.Fatalf("ops %q", ops)
				}
			}
			if gaps := lookups.stop(); gaps != 0 {
				t.Errorf("%d look-ups found no route", gaps)
			}
		})
	}
}

// lookups asks for the route to an address again and again.
type lookups struct {
	enough, end chan struct{}
	gaps        chan int
}

func (s *space) lookUp(probe netip.Addr, enough int) lookups {
	s.t.Helper()
	// A handle of its own, so that the look-ups do not wait for the changes.
	handle, err := netlink.NewHandleAt(s.ns, unix.NETLINK_ROUTE)
	if err != nil {
		s.t.Fatal(err)
	}
	l := lookups{enough: make(chan struct{}), end: make(chan struct{}), gaps: make(chan int)}
	go func() {
		defer handle.Close()
		gaps := 0
		for n := 0; ; n++ {
			if n == enough {
				close(l.enough)
			}
			select {
			case <-l.end:
				l.gaps <- gaps
				return
			default:
				if _, err := handle.RouteGet(probe.AsSlice()); errors.Is(err, unix.ENETUNREACH) {
					gaps++
				}
			}
		}
	}()
	return l
}

func (l lookups) more() bool {
	select {
	case <-l.enough:
		return false
	default:
		return true
	}
}

// stop returns how many look-ups found no route.
func (l lookups) stop() int {
	close(l.end)
	return <-l.gaps
}

// TestKernelLookupsFindGaps makes sure that the test above can fail.
func TestKernelLookupsFindGaps(t *testing.T) {
	for _, is6 := range []bool{false, true} {
		s := newSpace(t, "eth0", "eth1")
		o := s.owner()
		want := twoLines()
		all := shapes(is6)
		l := s.lookUp(all[0].Dst.Addr().Next(), 1000)
		for i := 0; i < 20 || l.more(); i++ {
			apply(t, o, want)
			want.Routes = all[:(i+1)%2]
		}
		if l.stop() == 0 {
			t.Errorf("IPv6 %v: no look-up noticed that the route was gone", is6)
		}
	}
}

func TestKernelForeignRoutesStayWhileOursChange(t *testing.T) {
	for _, foreign := range []string{
		"route add 10.8.0.0/16 via 203.0.113.5 proto bgp",
		"route prepend 10.8.0.0/16 via 203.0.113.5 proto bgp",
		"route append 10.8.0.0/16 via 203.0.113.5 proto bgp",
		"route add 10.8.0.0/16 via 203.0.113.1 proto bgp", // as one of ours
		"route prepend 10.8.0.0/16 proto bgp nexthop via 203.0.113.1 nexthop via 10.1.2.4",
		"route prepend unreachable 10.8.0.0/16 proto bgp",
	} {
		for _, late := range []bool{false, true} {
			if late == strings.HasPrefix(foreign, "route add") {
				continue // the kernel adds none beside ours
			}
			s := newSpace(t, "eth0", "eth1")
			o := s.owner()
			want := twoLines()
			apply(t, o, want)
			if late {
				want.Routes = shapes(false)[:1]
				apply(t, o, want)
			}
			s.ip("%s", foreign)
			for _, r := range slices.Concat(shapes(false), shapes(false)) {
				want.Routes = []Route{r}
				apply(t, o, want)
				s.has(false, "proto bgp", "route show 10.8.0.0/16")
				if found, err := s.Routes(); err != nil || len(found) != 1 {
					t.Fatalf("beside %q: ours are %v, %v", foreign, found, err)
				}
			}
			want.Routes = nil
			apply(t, o, want)
			if out := s.ip("route show 10.8.0.0/16"); strings.Count(out, "10.8.0.0/16") != 1 || !strings.Contains(out, "bgp") {
				t.Errorf("left after %q:\n%s", foreign, out)
			}
		}
	}
}
