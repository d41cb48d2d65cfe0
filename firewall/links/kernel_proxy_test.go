package links

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
)

// segment is one of the two families of the segment in front of the gateway.
type segment struct {
	name             string
	host, own, proxy netip.Addr // of the peer, of the gateway, answered for
	inside           netip.Addr // an address of the gateway elsewhere
}

var segments = []segment{
	{"IPv4", netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2"), netip.MustParseAddr("203.0.113.5"), netip.MustParseAddr("10.1.2.2")},
	{"IPv6", netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("2001:db8::5"), netip.MustParseAddr("2001:db8:1::2")},
}

func (g segment) to(a netip.Addr) netip.AddrPort { return netip.AddrPortFrom(a, 4000) }

func proxied() State {
	want := twoLines()
	for _, g := range segments {
		want.Proxies = append(want.Proxies, Proxy{Device: "wan", Address: g.proxy})
	}
	return want
}

// proxySpace is a gateway, applied, and the host at the other end of eth0.
func proxySpace(t *testing.T, want State) (s, p *space, o *Owner) {
	t.Helper()
	s = newSpace(t, "eth0", "eth1")
	s.ip("link set lo up")
	p = s.peer("eth0", "203.0.113.1/29", "2001:db8::1/64")
	for _, path := range []string{"net/ipv4/neigh/eth0p/retrans_time_ms", "net/ipv6/neigh/eth0p/retrans_time_ms"} {
		if err := p.writeSysctl(path, "100"); err != nil {
			t.Fatal(err)
		}
	}
	o = s.owner()
	apply(t, o, want)
	return s, p, o
}

// asks makes the peer look for the proxied address and then for the gateway's
// own, and reports whether it found the first by the time it found the second.
func (g segment) asks(s, p *space) bool {
	s.t.Helper()
	c := p.udp(netip.AddrPort{})
	send(c, g.to(g.own), "first") // a device that just got carrier may lose some
	p.has(false, "lladdr", "neighbour show %s dev eth0p", g.own)
	p.ip("neighbour flush dev eth0p")
	send(c, g.to(g.proxy), "proxied")
	send(c, g.to(g.own), "own")
	mac := s.mac("eth0")
	p.has(false, "lladdr "+mac, "neighbour show %s dev eth0p", g.own)
	return strings.Contains(p.ip("neighbour show %s dev eth0p", g.proxy), "lladdr "+mac)
}

func (s *space) mac(device string) string {
	s.t.Helper()
	l, err := s.handle.LinkByName(device)
	if err != nil {
		s.t.Fatal(err)
	}
	return l.Attrs().HardwareAddr.String()
}

func TestKernelProxyAnswers(t *testing.T) {
	s, p, o := proxySpace(t, proxied())
	if ops := apply(t, o, proxied()); len(ops) != 0 {
		t.Errorf("second time: %q", ops)
	}
	if out := s.ip("address show dev %s", VoidDevice); strings.Contains(out, "inet") {
		t.Errorf("the void device has an address:\n%s", out)
	}
	for _, g := range segments {
		t.Run(g.name, func(t *testing.T) {
			if !g.asks(s, p) {
				t.Errorf("no answer for %s: %s", g.proxy, p.ip("neighbour"))
			}
			// The peer verifies its entry with a packet to the address itself.
			p.ip("neighbour replace %s lladdr %s dev eth0p nud probe", g.proxy, s.mac("eth0"))
			p.has(false, "REACHABLE", "neighbour show %s dev eth0p", g.proxy)
		})
	}
}

func TestKernelProxyLosesWhatNothingTranslates(t *testing.T) {
	s, p, _ := proxySpace(t, proxied())
	for _, g := range segments {
		t.Run(g.name, func(t *testing.T) {
			g.asks(s, p)
			if from := p.echoes(patience, g.proxy, g.own); from != g.own {
				t.Errorf("the first echo is from %s", from)
			}
			before := s.forwarded(g.proxy.Is6())
			wild := s.udp(netip.AddrPortFrom(netip.IPv6Unspecified(), 4000))
			defer wild.Close()
			c := p.udp(netip.AddrPort{})
			send(c, g.to(g.proxy), "not for you")
			send(c, g.to(g.own), "for you")
			if text, _ := receive(t, wild); text != "for you" {
				t.Errorf("a socket of the gateway got %q", text)
			}
			if n := s.forwarded(g.proxy.Is6()) - before; n != 1 {
				t.Errorf("one packet was forwarded %d times", n)
			}
			own := s.udp(netip.AddrPort{})
			send(own, g.to(g.proxy), "not for you either")
			send(own, g.to(g.own), "for you as well")
			if text, _ := receive(t, wild); text != "for you as well" {
				t.Errorf("a socket of the gateway got %q from itself", text)
			}
		})
	}
}

func TestKernelProxyIsTranslated(t *testing.T) {
	s, p, _ := proxySpace(t, proxied())
	s.nft(`table inet t { chain in { type nat hook prerouting priority dstnat
		ip daddr 203.0.113.5 dnat ip to 10.1.2.2
		ip6 daddr 2001:db8::5 dnat ip6 to 2001:db8:1::2
	}
	}`)
	for _, g := range segments {
		t.Run(g.name, func(t *testing.T) {
			server := s.udp(g.to(g.inside))
			c := p.udp(netip.AddrPort{})
			send(c, g.to(g.proxy), "hello")
			text, from := receive(t, server)
			if text != "hello" {
				t.Fatalf("server got %q", text)
			}
			send(server, from, "welcome")
			if text, from := receive(t, c); text != "welcome" || from != g.to(g.proxy) {
				t.Errorf("client got %q from %s", text, from)
			}
		})
	}
}

// TestKernelProxyRoutes says why the route is as it is.
func TestKernelProxyRoutes(t *testing.T) {
	want := proxied()
	for _, tt := range []struct {
		name            string
		route           string // in place of ours; empty: none
		answers, verify bool
		loops           bool
		ndp             string // whose proxy_ndp is set, if not that of all
	}{
		{name: "203.0.113.5", route: ""},
		{name: "203.0.113.5", route: "unreachable 203.0.113.5/32"},
		{name: "203.0.113.5", route: "blackhole 203.0.113.5/32"},
		{name: "203.0.113.5", route: "203.0.113.5/32 dev lo", answers: true, verify: true, loops: true},
		{name: "203.0.113.5", route: "203.0.113.5/32 dev " + VoidDevice, answers: true, verify: true},
		{name: "2001:db8::5", route: "unreachable 2001:db8::5/128", answers: true},
		{name: "2001:db8::5", route: "2001:db8::5/128 dev " + VoidDevice, answers: true, verify: true},
		{name: "2001:db8::5", route: "2001:db8::5/128 dev " + VoidDevice, answers: true, ndp: "eth0"},
	} {
		t.Run(tt.name+" "+tt.route, func(t *testing.T) {
			s, p, _ := proxySpace(t, want)
			g := segments[bit(strings.Contains(tt.name, ":"))]
			s.ip("route del %s/%d", g.proxy, g.proxy.BitLen())
			if tt.route != "" {
				s.ip("route add %s", tt.route)
			}
			if tt.ndp != "" {
				for name, value := range map[string]string{"all": "0", tt.ndp: "1"} {
					if err := s.writeSysctl("net/ipv6/conf/"+name+"/proxy_ndp", value); err != nil {
						t.Fatal(err)
					}
				}
			}
			if got := g.asks(s, p); got != tt.answers {
				t.Errorf("answers: %v", got)
			}
			before := s.forwarded(g.proxy.Is6())
			p.ip("neighbour replace %s lladdr %s dev eth0p nud permanent", g.proxy, s.mac("eth0"))
			send(p.udp(netip.AddrPort{}), g.to(g.proxy), "once")
			p.echoes(patience, g.own)
			if n := s.forwarded(g.proxy.Is6()) - before; (n > 10) != tt.loops {
				t.Errorf("forwarded %d times", n)
			}
			p.ip("neighbour replace %s lladdr %s dev eth0p nud probe", g.proxy, s.mac("eth0"))
			p.has(true, "PROBE", "neighbour show %s dev eth0p", g.proxy)
			if got := strings.Contains(p.ip("neighbour show %s dev eth0p", g.proxy), "REACHABLE"); got != tt.verify {
				t.Errorf("can be verified: %v", got)
			}
		})
	}
}

func TestKernelProxyLeaves(t *testing.T) {
	s, p, o := proxySpace(t, twoLines())
	s.ip("neighbour add proxy 203.0.113.6 dev eth0")
	s.ip("neighbour add proxy 203.0.113.5 dev eth1 protocol bgp")
	settings := Settings(twoLines().Links)
	before := s.listing(settings) + s.ip("neighbour show proxy")
	want := proxied()
	want.Proxies = append(want.Proxies, Proxy{Device: "eth0", Address: netip.MustParseAddr("203.0.113.6")})
	apply(t, o, want)
	if out := s.ip("neighbour show proxy"); strings.Count(out, "proto 82") != 2 {
		t.Errorf("entries:\n%s", out)
	}
	// A restart, then a policy that wants none.
	o = New(s, o.record.path, hclog.NewNullLogger())
	apply(t, o, twoLines())
	if d := cmp.Diff(before, s.listing(settings)+s.ip("neighbour show proxy")); d != "" {
		t.Errorf("(-before +after):\n%s", d)
	}
	for _, g := range segments {
		if g.asks(s, p) {
			t.Errorf("still answers for %s", g.proxy)
		}
	}
}

func TestKernelMendsProxies(t *testing.T) {
	for _, command := range []string{
		"neighbour del proxy 203.0.113.5 dev eth0",
		"link set eth0 down",
		"link del " + VoidDevice,
		"link set " + VoidDevice + " down",
		"route del 203.0.113.5",
	} {
		t.Run(command, func(t *testing.T) {
			s := newSpace(t, "eth0", "eth1")
			p := s.peer("eth0", "203.0.113.1/29", "2001:db8::1/64")
			o := s.running(proxied())
			s.ip("%s", command)
			s.settled(proxied())
			p.ip("link set eth0p down")
			p.ip("link set eth0p up")
			p.ip("address replace 2001:db8::1/64 dev eth0p nodad")
			s.settled(proxied())
			for _, g := range segments {
				if !g.asks(s, p) {
					t.Errorf("no answer for %s", g.proxy)
				}
			}
			if ops := apply(t, o, proxied()); len(ops) != 0 {
				t.Errorf("mended, and then %q", ops)
			}
		})
	}
}
