package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/rules"
)

// pooled is a policy in which one [[outbound]] with more keys comes before the automatic translation.
func pooled(keys string) string {
	return passAll + "[nat]\noutbound = \"hybrid\"\n\n[[outbound]]\nname = \"o\"\non = \"wan\"\n" + keys
}

const (
	pool4 = "pool = [\"198.51.100.72-198.51.100.75\"]\n"
	pool6 = "pool = [\"2001:db8:f0f::72-2001:db8:f0f::75\"]\nsource = [\"lan:network\"]\n"
)

// sightings sends probes and says as which addresses their senders were seen, in order.
func (s *site) sightings(t *testing.T, tries ...string) []netip.AddrPort {
	t.Helper()
	var out []netip.AddrPort
	for _, try := range tries {
		r := s.send(t, probe{try: try})
		if r.Outcome != lab.Open {
			t.Errorf("%s: %s", try, r)
		}
		out = append(out, r.Seen)
	}
	return out
}

func repeated(n int, try string) []string { return slices.Repeat([]string{try}, n) }

// times is how often each address was seen.
func times(seen []netip.AddrPort) map[netip.Addr]int {
	out := map[netip.Addr]int{}
	for _, a := range seen {
		out[a.Addr()]++
	}
	return out
}

func TestTrafficPools(t *testing.T) {
	t.Parallel()
	s := translatingSite(t)
	for _, tt := range []struct {
		name, keys string
		tries      []string
		// Of four addresses each is seen so often, or 0: at least two are seen.
		each int
	}{
		{"in turn, TCP", pool4, repeated(8, "office tcp 198.51.100.7:80"), 2},
		{"in turn, UDP", pool4, repeated(8, "office udp 198.51.100.7:53"), 2},
		{"in turn, IPv6", pool6, repeated(8, "office tcp [2001:db8:ff::1]:80"), 2},
		{"at random", pool4 + "spread = \"random\"\n", repeated(24, "office tcp 198.51.100.7:80"), 0},
		{"at random, UDP", pool4 + "spread = \"random\"\n", repeated(24, "office udp 198.51.100.7:53"), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.apply(t, pooled(tt.keys))
			s.forget(t)
			seen := times(s.sightings(t, tt.tries...))
			if len(seen) < 2 || tt.each > 0 && len(seen) != 4 {
				t.Errorf("%d addresses were seen: %v", len(seen), seen)
			}
			for a, n := range seen {
				last := a.AsSlice()[len(a.AsSlice())-1]
				inPool := a.Is4() && 72 <= last && last <= 75 || a.Is6() && 0x72 <= last && last <= 0x75
				if !inPool || tt.each > 0 && n != tt.each {
					t.Errorf("%s was seen %d times", a, n)
				}
			}
			ownTraffic(t, s)
		})
	}
}

// TestTrafficPoolBySource: a source keeps its address, and it is the one that the policy's reader says.
func TestTrafficPoolBySource(t *testing.T) {
	t.Parallel()
	s := translatingSite(t)
	policy := pooled(pool4 + "spread = \"source\"\n")
	s.apply(t, policy)
	x := newOracle(NewWorld(parsed(t, base+policy), Learned{}, compileTime))
	all := map[netip.Addr]bool{}
	for _, src := range []string{"office 10.1.2.9", "office 10.1.2.10", "office 10.1.2.11", "server 10.1.3.10", "server 10.1.3.11", "server 10.1.3.12"} {
		seen := times(s.sightings(t, src+":0 tcp 198.51.100.7:80", src+":0 tcp 198.51.100.8:80", src+":0 udp 198.51.100.7:53"))
		if len(seen) != 1 {
			t.Errorf("%s was seen as %v", src, seen)
		}
		host, a, _ := strings.Cut(src, " ")
		in := map[string]string{"office": "lan", "server": "dmz"}[host]
		p := rules.Packet{In: in, Protocol: config.TCP, Src: addr(a), SrcPort: 40000, Dst: addr("198.51.100.7"), DstPort: 80, At: compileTime}
		if want := x.byPolicy(p, p.Dst).src.Addr(); seen[want] != 3 {
			t.Errorf("%s was seen as %v, and %s is its address", src, seen, want)
		}
		for a := range seen {
			all[a] = true
		}
	}
	if len(all) < 2 {
		t.Errorf("all sources have the same address: %v", all)
	}
}

func TestTrafficTranslatedPorts(t *testing.T) {
	t.Parallel()
	s := translatingSite(t)
	const ports = "translated_ports = \"20000-20999\"\n"
	for i, tt := range []struct{ name, keys, as string }{
		{"an address", "protocol = [\"tcp\", \"udp\"]\naddress = \"198.51.100.70\"\n" + ports, "198.51.100.70"},
		{"the interface's own", "protocol = [\"tcp\", \"udp\"]\n" + ports, "203.0.113.2"},
		{"a pool", "protocol = [\"tcp\", \"udp\"]\npool = [\"198.51.100.72\", \"198.51.100.74\"]\n" + ports, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.apply(t, pooled(tt.keys))
			s.forget(t)
			clash := fmt.Sprint(6000 + i) // both hosts send from it
			for _, a := range s.sightings(t,
				"office 10.1.2.9:"+clash+" tcp 198.51.100.7:80", "office 10.1.2.10:"+clash+" tcp 198.51.100.7:80", "office tcp 198.51.100.7:443",
				"office 10.1.2.9:"+clash+" udp 198.51.100.7:53", "office 10.1.2.10:"+clash+" udp 198.51.100.7:53",
			) {
				if a.Port() < 20000 || a.Port() > 20999 || tt.as != "" && a.Addr().String() != tt.as {
					t.Errorf("it was seen as %s", a)
				}
			}
			// What has no ports is not for the rule.
			if r := s.send(t, probe{try: "office ping 198.51.100.7"}); r.Outcome != lab.Open {
				t.Errorf("a ping: %s", r)
			}
		})
	}
	s.apply(t, pooled("protocol = \"tcp\"\naddress = \"2001:db8:f0f::70\"\n"+ports))
	for _, a := range s.sightings(t, "office [2001:db8:2::9]:0 tcp [2001:db8:ff::1]:80") {
		if a.Port() < 20000 || a.Port() > 20999 || a.Addr() != addr("2001:db8:f0f::70") {
			t.Errorf("IPv6 was seen as %s", a)
		}
	}
}

// TestTrafficStaticPort: the port stays, and a flow that would need another one does not leave.
func TestTrafficStaticPort(t *testing.T) {
	t.Parallel()
	s := translatingSite(t)
	for i, as := range []string{"address = \"198.51.100.70\"\n", "", pool4 + "spread = \"source\"\n"} {
		port := uint16(5060 + i)
		s.apply(t, pooled(as+"static_port = true\n"))
		s.forget(t)
		for _, try := range []string{"tcp 198.51.100.7:80", "udp 198.51.100.7:53"} {
			// Both leave with one address, for the pool chooses by source: of three two may share one.
			seen := map[netip.AddrPort]string{}
			for _, src := range []string{"10.1.2.9", "10.1.2.10", "10.1.2.11"} {
				r := s.send(t, probe{try: fmt.Sprintf("office %s:%d %s", src, port, try), want: lab.Timeout})
				switch {
				case r.Outcome == lab.Open && r.Seen.Port() != port:
					t.Errorf("%q: %s %s was seen as %s", as, src, try, r.Seen)
				case r.Outcome == lab.Open && seen[r.Seen] != "":
					t.Errorf("%q: %s and %s were both seen as %s", as, src, seen[r.Seen], r.Seen)
				case r.Outcome == lab.Open:
					seen[r.Seen] = src
				case r.Outcome != lab.Timeout:
					t.Errorf("%q: %s %s: %s", as, src, try, r)
				}
			}
			if len(seen) == 0 || !strings.Contains(as, "pool") && len(seen) != 1 {
				t.Errorf("%q: %s: seen as %v", as, try, seen)
			}
		}
		// Elsewhere the same port is free.
		if r := s.send(t, probe{try: fmt.Sprintf("office 10.1.2.10:%d udp 198.51.100.8:53", port)}); r.Outcome != lab.Open || r.Seen.Port() != port {
			t.Errorf("%q: to another server: %s", as, r)
		}
		if r := s.send(t, probe{try: "office ping 198.51.100.7"}); r.Outcome != lab.Open {
			t.Errorf("%q: a ping: %s", as, r)
		}
	}
	// Without it the kernel finds another port.
	s.apply(t, pooled("address = \"198.51.100.70\"\n"))
	s.forget(t)
	seen := s.sightings(t, "office 10.1.2.9:5060 udp 198.51.100.7:53", "office 10.1.2.10:5060 udp 198.51.100.7:53")
	if seen[0].Port() != 5060 || seen[1].Port() == 5060 {
		t.Errorf("without static_port: %v", seen)
	}
}

func TestTrafficOutboundExclusions(t *testing.T) {
	t.Parallel()
	s := translatingSite(t)
	s.apply(t, pooled("address = \"none\"\nsource = [\"10.1.2.10\", \"10.1.3.10\", \"2001:db8:2::9\"]\ndestination = [\"198.51.100.7\", \"2001:db8:ff::1\"]\n")+`
[[outbound]]
name = "by-port"
on = "wan"
protocol = "udp"
source_port = ["6000-6010"]
address = "198.51.100.71"

[[outbound]]
name = "six"
on = "wan"
address = "2001:db8:f0f::70"

[[one_to_one]]
name = "erp"
on = "wan"
external = "198.51.100.80"
internal = "10.1.3.10"
`)
	for _, c := range []crossing{
		{"office 10.1.2.10:0 tcp 198.51.100.7:80", "198.51.100.7:80", "", "o out"},
		{"office 10.1.2.10:0 udp 198.51.100.7:53", "198.51.100.7:53", "", "o out"},
		{"office 10.1.2.10:0 tcp 198.51.100.8:80", "198.51.100.8:80", "203.0.113.2", "auto_outbound out"},
		{"office 10.1.2.9:6005 udp 198.51.100.7:53", "198.51.100.7:53", "198.51.100.71", "by-port out"},
		{"office 10.1.2.9:6011 udp 198.51.100.7:53", "198.51.100.7:53", "203.0.113.2", "auto_outbound out"},
		{"office tcp [2001:db8:ff::1]:80", "[2001:db8:ff::1]:80", "", "o out"},
		{"server tcp [2001:db8:ff::1]:80", "[2001:db8:ff::1]:80", "2001:db8:f0f::70", "out six"},
		// 1:1 comes before all of them.
		{"server 10.1.3.10:0 tcp 198.51.100.7:80", "198.51.100.7:80", "198.51.100.80", "erp out"},
	} {
		s.cross(t, c)
	}
	ownTraffic(t, s)
}
