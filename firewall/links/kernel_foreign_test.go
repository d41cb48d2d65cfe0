package links

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
)

// TestKernelRoutesOfOthersAreLeftAlone has routes of routing daemons and of people;
// then ours come, the program starts anew, they change, and go.
func TestKernelRoutesOfOthersAreLeftAlone(t *testing.T) {
	theirs := []string{
		"route add 10.8.0.0/16 via 203.0.113.5 proto zebra metric 20",
		"route add 10.9.0.0/16 via 203.0.113.5 proto bgp",
		"route add 10.9.0.0/16 via 203.0.113.5 proto bgp table 100",
		"route add default via 203.0.113.5 proto static metric 0",
		"route add default via 203.0.113.6 proto dhcp metric 100",
		"route add unreachable 10.10.0.0/16 proto static",
		"route add 10.11.0.0/16 proto bgp nexthop via 203.0.113.5 nexthop via 10.1.2.5",
		"-6 route add 2001:db8:8::/48 via 2001:db8::5 proto zebra metric 20",
		"-6 route add default via 2001:db8::5 proto static",
	}
	ours := func(v4, v6 string) []Route {
		var routes []Route
		for _, dst := range []string{"10.8.0.0/16", "10.9.0.0/16", "0.0.0.0/0", "10.10.0.0/16", "10.11.0.0/16"} {
			routes = append(routes, Route{Dst: netip.MustParsePrefix(dst), Via: netip.MustParseAddr(v4), Device: "wan"})
		}
		for _, dst := range []string{"2001:db8:8::/48", "::/0"} {
			routes = append(routes, Route{Dst: netip.MustParsePrefix(dst), Via: netip.MustParseAddr(v6), Device: "wan"})
		}
		return append(routes, Route{Dst: netip.MustParsePrefix("10.9.0.0/16"), Via: netip.MustParseAddr(v4), Device: "wan", Table: 100})
	}
	s := newSpace(t, "eth0", "eth1")
	o := s.owner()
	want := twoLines()
	apply(t, o, want)
	for _, command := range theirs {
		s.ip("%s", command)
	}
	foreign := func() string {
		var lines []string
		for line := range strings.Lines(s.ip("-o route show table all") + s.ip("-o -6 route show table all")) {
			if !strings.Contains(line, "proto 82") {
				lines = append(lines, line)
			}
		}
		slices.Sort(lines)
		return strings.Join(lines, "")
	}
	before := foreign()
	steps := [][]Route{ours("203.0.113.1", "2001:db8::1"), ours("203.0.113.3", "2001:db8::3"), nil}
	for i, routes := range steps {
		want.Routes = routes
		apply(t, New(s, o.record.path, hclog.NewNullLogger()), want)
		if found, err := s.Routes(); err != nil || len(found) != len(routes) {
			t.Errorf("step %d: %v, ours are %v", i, err, found)
		}
		if d := cmp.Diff(before, foreign()); d != "" {
			t.Errorf("step %d: routes of others (-before +after):\n%s", i, d)
		}
	}
}

// TestKernelSaysThatARouteIsBeside has an IPv4 route of another with all that
// tells routes apart.
func TestKernelSaysThatARouteIsBeside(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	var log bytes.Buffer
	o := New(s, filepath.Join(t.TempDir(), "links.json"), hclog.New(&hclog.LoggerOptions{Output: &log}))
	want := twoLines()
	apply(t, o, want)
	s.ip("route add 10.8.0.0/16 via 203.0.113.5 proto bgp")
	want.Routes = []Route{route("10.8.0.0/16 203.0.113.1 wan"), route("10.9.0.0/16 203.0.113.1 wan")}
	apply(t, o, want)
	text := `op="route add 10.8.0.0/16 via 203.0.113.1 dev eth0" cause="it stands before a route that is not ours"`
	if !strings.Contains(log.String(), text) || strings.Count(log.String(), "it stands before") != 1 {
		t.Errorf("log:\n%s", &log)
	}
	s.has(false, "via 203.0.113.1 ", "route get 10.8.0.1")
}

// TestKernelTakenRoute has an IPv6 route of another that keeps ours out until it goes.
func TestKernelTakenRoute(t *testing.T) {
	s := newSpace(t, "eth0", "eth1")
	want := twoLines()
	apply(t, s.owner(), want)
	s.ip("-6 route add 2001:db8:8::/48 via 2001:db8::5 proto bgp metric 1")
	want.Routes = []Route{route("2001:db8:8::/48 2001:db8::1 wan")}
	o := s.running(want)
	_, err := o.Apply(t.Context(), want)
	if text := fmt.Sprintf("route add 2001:db8:8::/48 via 2001:db8::1 dev eth0 metric 1: %s", ErrRouteTaken); !errors.Is(err, ErrRouteTaken) || o.Trouble() != text {
		t.Errorf("err %v, trouble %q", err, o.Trouble())
	}
	s.has(false, "via 2001:db8::5 ", "-6 route get 2001:db8:8::1")
	s.ip("-6 route del 2001:db8:8::/48")
	s.ip("link set eth1p down") // any news will do
	s.has(false, "via 2001:db8::1 ", "-6 route show 2001:db8:8::/48")
}
