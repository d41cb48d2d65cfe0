package firewall

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/rempart/rempart/lab"
)

// crossing is a probe that is answered, and how it was translated.
type crossing struct {
	try  string
	at   string // the server's own address
	seen string // the client's as the server sees it; empty: as it left
	by   string // the counters that move, in order of their names
}

// cross sends a probe that has to be answered.
func (s *site) cross(t *testing.T, c crossing) {
	t.Helper()
	before := s.counters(t)
	r := s.send(t, probe{try: c.try})
	if r.Outcome != lab.Open {
		t.Errorf("%s: %s", c.try, r)
		return
	}
	if !strings.Contains(c.try, " ping ") {
		if c.seen == "" {
			c.seen = r.From.Addr().String()
		}
		if r.At.String() != c.at || r.Seen.Addr().String() != c.seen {
			t.Errorf("%s: %s, want %s to answer and to see %s", c.try, r, c.at, c.seen)
		}
	}
	var moved []string
	for name, n := range s.counters(t) {
		// What is blocked meanwhile are last words of earlier probes.
		if n != before[name] && name != "auto_neighbour" && !strings.HasPrefix(name, "block_") {
			moved = append(moved, name)
		}
	}
	slices.Sort(moved)
	if got := strings.Join(moved, " "); got != c.by {
		t.Errorf("%s: counted by %q, want %q", c.try, got, c.by)
	}
}

// translatingSite has more outside addresses that are routed to the gateway.
func translatingSite(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.internet.Route(netip.MustParsePrefix("198.51.100.64/26"), addr("203.0.113.2"))
	return s
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// passAll lets everything in that is not for the gateway.
const passAll = `
[[rule]]
name = "through"
to = "inside"
action = "pass"

[[rule]]
name = "out"
from = "inside"
to = "wan"
action = "pass"
`

func TestTrafficOutboundRules(t *testing.T) {
	t.Parallel()
	s := translatingSite(t)
	mode := func(m, rest string) string {
		return passAll + "[nat]\noutbound = \"" + m + "\"\n" + "[[outbound]]\nname = \"o\"\non = \"wan\"\n" + rest
	}
	const as = "address = \"198.51.100.70\"\n"
	for _, tt := range []struct {
		name, policy string
		crossings    []crossing
	}{
		{"hybrid: by source, others automatic", mode("hybrid", as+"source = [\"10.1.2.10\"]\n"), []crossing{
			{"office 10.1.2.10:0 tcp 198.51.100.7:80", "198.51.100.7:80", "198.51.100.70", "o out"},
			{"office 10.1.2.10:0 udp 198.51.100.7:53", "198.51.100.7:53", "198.51.100.70", "o out"},
			{"office 10.1.2.10:0 ping 198.51.100.7", "", "", "o out"},
			{"office 10.1.2.9:0 tcp 198.51.100.7:80", "198.51.100.7:80", "203.0.113.2", "auto_outbound out"},
			{"server udp 198.51.100.7:53", "198.51.100.7:53", "203.0.113.2", "auto_outbound out"},
			{"office 10.1.2.10:0 tcp 10.1.3.10:80", "10.1.3.10:80", "", "through"},
		}},
		{"manual: others untranslated", mode("manual", as+"source = [\"dmz:network\", \"!10.1.3.12\"]\n"), []crossing{
			{"server 10.1.3.11:0 tcp 198.51.100.7:80", "198.51.100.7:80", "198.51.100.70", "o out"},
			{"server 10.1.3.12:0 tcp 198.51.100.7:80", "198.51.100.7:80", "", "out"},
			{"office udp 198.51.100.7:53", "198.51.100.7:53", "", "out"},
			{"server tcp [2001:db8:ff::1]:80", "[2001:db8:ff::1]:80", "", "out"},
		}},
		{"by destination", mode("hybrid", as+"destination = [\"198.51.100.8\"]\n"), []crossing{
			{"office tcp 198.51.100.8:80", "198.51.100.8:80", "198.51.100.70", "o out"},
			{"office tcp 198.51.100.7:80", "198.51.100.7:80", "203.0.113.2", "auto_outbound out"},
		}},
		{"by protocol and port", mode("hybrid", as+"protocol = \"tcp\"\nport = [80, \"8000-8001\"]\n"), []crossing{
			{"office tcp 198.51.100.7:80", "198.51.100.7:80", "198.51.100.70", "o out"},
			{"office tcp 198.51.100.7:8001", "198.51.100.7:8001", "198.51.100.70", "o out"},
			{"office tcp 198.51.100.7:443", "198.51.100.7:443", "203.0.113.2", "auto_outbound out"},
			{"office udp 198.51.100.7:80", "198.51.100.7:80", "203.0.113.2", "auto_outbound out"},
		}},
		{"without an address: the interface's, and IPv6 stays", mode("manual", ""), []crossing{
			{"office tcp 198.51.100.7:80", "198.51.100.7:80", "203.0.113.2", "o out"},
			{"office udp 198.51.100.7:53", "198.51.100.7:53", "203.0.113.2", "o out"},
			{"office tcp [2001:db8:ff::1]:80", "[2001:db8:ff::1]:80", "", "out"},
		}},
		{"IPv6 to an address", mode("hybrid", "source = [\"lan:network\"]\naddress = \"2001:db8:ff::2\"\n"), []crossing{
			{"office tcp [2001:db8:ff::1]:80", "[2001:db8:ff::1]:80", "2001:db8:ff::2", "o out"},
			{"office tcp 198.51.100.7:80", "198.51.100.7:80", "203.0.113.2", "auto_outbound out"},
			{"server udp [2001:db8:ff::1]:53", "[2001:db8:ff::1]:53", "", "out"},
		}},
		{"the first decides, disabled ones never", mode("manual", "disabled = true\n"+as) +
			"[[outbound]]\nname = \"p\"\non = \"wan\"\nsource = [\"10.1.2.10\"]\naddress = \"198.51.100.71\"\n" +
			"[[outbound]]\nname = \"q\"\non = \"wan\"\naddress = \"198.51.100.72\"\n", []crossing{
			{"office 10.1.2.10:0 tcp 198.51.100.7:80", "198.51.100.7:80", "198.51.100.71", "out p"},
			{"office 10.1.2.11:0 tcp 198.51.100.7:80", "198.51.100.7:80", "198.51.100.72", "out q"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.apply(t, tt.policy)
			s.forget(t)
			for _, c := range tt.crossings {
				s.cross(t, c)
			}
			ownTraffic(t, s)
		})
	}
}

// ownTraffic leaves what the gateway itself sends as it is, whatever address it sends from.
func ownTraffic(t *testing.T, s *site) {
	t.Helper()
	for _, try := range []string{
		"gw tcp 198.51.100.7:80", "gw 10.1.3.1:0 tcp 198.51.100.7:80", "gw 10.1.2.1:0 udp 198.51.100.7:53",
		"gw tcp [2001:db8:ff::1]:80", "gw [2001:db8:2::1]:0 udp [2001:db8:ff::1]:53",
	} {
		if r := s.send(t, probe{try: try}); r.Outcome != lab.Open || r.Seen != r.From {
			t.Errorf("%s: %s, and it left as %s", try, r, r.From)
		}
	}
}

const oneToOne = passAll + `
[nat]
outbound = "hybrid"

[[outbound]]
name = "o"
on = "wan"
address = "198.51.100.70"

[[port_forward]]
name = "before"
on = "wan"
destination = ["203.0.113.4", "2001:db8:f00:3::10"]
protocol = ["tcp", "udp"]
port = [8080]
target = ["10.1.3.12", "2001:db8:2::9"]
pass = true

[[one_to_one]]
name = "erp"
on = "wan"
external = "203.0.113.4"
internal = "10.1.3.10"

[[one_to_one]]
name = "routed"
on = "wan"
external = "198.51.100.80/28"
internal = "10.1.2.0/28"

[[one_to_one]]
name = "near"
on = "wan"
external = "203.0.113.64/28"
internal = "10.1.3.0/28"

[[one_to_one]]
name = "off"
on = "wan"
disabled = true
external = "198.51.100.100"
internal = "10.1.3.11"

[[one_to_one]]
name = "six"
on = "wan"
external = "2001:db8:f00:3::10"
internal = "2001:db8:3::10"

[[prefix]]
name = "all"
on = "wan"
external = "2001:db8:f00::/48"
internal = "2001:db8:2::/48"
`

func TestTrafficOneToOne(t *testing.T) {
	t.Parallel()
	s := translatingSite(t)
	s.apply(t, oneToOne)
	for _, c := range []crossing{
		// One address, both ways; a neighbour of the gateway finds it.
		{"internet tcp 203.0.113.4:80", "10.1.3.10:80", "", "erp through"},
		{"internet udp 203.0.113.4:53", "10.1.3.10:53", "", "erp through"},
		{"internet ping 203.0.113.4", "", "", "erp through"},
		{"server 10.1.3.10:0 tcp 198.51.100.7:80", "198.51.100.7:80", "203.0.113.4", "erp out"},
		{"server 10.1.3.10:0 udp 198.51.100.7:53", "198.51.100.7:53", "203.0.113.4", "erp out"},
		{"server 10.1.3.10:0 ping 198.51.100.7", "", "", "erp out"},
		// Whole networks: one that is routed to the gateway, one in the network of wan.
		{"internet tcp 198.51.100.89:80", "10.1.2.9:80", "", "routed through"},
		{"internet udp 198.51.100.91:53", "10.1.2.11:53", "", "routed through"},
		{"office 10.1.2.11:0 tcp 198.51.100.7:80", "198.51.100.7:80", "198.51.100.91", "out routed"},
		{"office 10.1.2.9:0 udp 198.51.100.7:53", "198.51.100.7:53", "198.51.100.89", "out routed"},
		{"internet tcp 203.0.113.76:80", "10.1.3.12:80", "", "near through"},
		{"server 10.1.3.11:0 udp 198.51.100.7:53", "198.51.100.7:53", "203.0.113.75", "near out"},
		// A port forward goes before, for its own port alone.
		{"internet tcp 203.0.113.4:8080", "10.1.3.12:8080", "", "auto_forwarded before"},
		{"internet udp 203.0.113.4:8080", "10.1.3.12:8080", "", "auto_forwarded before"},
		{"internet tcp [2001:db8:f00:3::10]:8080", "[2001:db8:2::9]:8080", "", "auto_forwarded before"},
		// 1:1 goes before prefixes, and both before outbound rules.
		{"internet tcp [2001:db8:f00:3::10]:80", "[2001:db8:3::10]:80", "", "six through"},
		{"server tcp [2001:db8:ff::1]:80", "[2001:db8:ff::1]:80", "2001:db8:f00:3::10", "out six"},
		// Inside nothing is translated.
		{"office tcp 10.1.3.10:80", "10.1.3.10:80", "", "through"},
		{"server tcp 10.1.2.9:80", "10.1.2.9:80", "", "through"},
	} {
		s.cross(t, c)
	}
	ownTraffic(t, s)

	// Rules see the inside address, and none of them means that nothing comes in.
	s.apply(t, strings.Replace(oneToOne, "to = \"inside\"", "to = \"inside\"\ndestination = [\"10.1.3.10\"]", 1))
	s.forget(t)
	s.cross(t, crossing{"internet tcp 203.0.113.4:80", "10.1.3.10:80", "", "erp through"})
	if r := s.send(t, probe{try: "internet tcp 198.51.100.89:80", want: lab.Timeout}); r.Outcome != lab.Timeout {
		t.Errorf("without a rule: %s", r)
	}
	s.logged(t, "block default wan -> lan tcp 203.0.113.1", compileTime)
}

// TestApplyKeepsTranslatedFlows: connections through 1:1 and prefixes live as
// long as the policy sends them to where they are.
func TestApplyKeepsTranslatedFlows(t *testing.T) {
	t.Parallel()
	s := translatingSite(t)
	s.apply(t, oneToOne)
	call := func(to string) *lab.Call {
		c, r := s.internet.Call(t.Context(), addrPort(to), lab.Within(waitAtMost))
		if r.Outcome != lab.Open {
			t.Fatalf("%s: %s", to, r)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	erp, six, forwarded := call("203.0.113.4:80"), call("[2001:db8:f00::9]:80"), call("203.0.113.4:8080")
	if a := s.apply(t, oneToOne+"[[rule]]\nname = \"more\"\naction = \"block\"\n"); a.FlowsEnded != 0 {
		t.Errorf("an apply that changes nothing for them ended %d flows", a.FlowsEnded)
	}
	for _, c := range []*lab.Call{erp, six, forwarded} {
		if err := c.Echo(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if a := s.apply(t, strings.Replace(oneToOne, "internal = \"10.1.3.10\"", "internal = \"10.1.3.11\"", 1)); a.FlowsEnded != 1 {
		t.Errorf("an apply that leads one elsewhere ended %d flows", a.FlowsEnded)
	}
	for _, c := range []*lab.Call{six, forwarded} {
		if err := c.Echo(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

const prefixes = passAll + `
[[prefix]]
name = "lan-prefix"
on = "wan"
external = "2001:db8:f00:2::/64"
internal = "2001:db8:2::/64"

[[prefix]]
name = "own-kept"
on = "wan"
external = "2001:db8:ff::/64"
internal = "2001:db8:3::/64"
`

func TestTrafficPrefix(t *testing.T) {
	t.Parallel()
	s := translatingSite(t)
	s.apply(t, prefixes+"[[rule]]\nname = \"gateway\"\nfrom = \"wan\"\nto = \"self\"\naction = \"pass\"\n")
	for _, c := range []crossing{
		{"internet tcp [2001:db8:f00:2::9]:80", "[2001:db8:2::9]:80", "", "lan-prefix through"},
		{"internet udp [2001:db8:f00:2::9]:53", "[2001:db8:2::9]:53", "", "lan-prefix through"},
		{"internet ping 2001:db8:f00:2::9", "", "", "lan-prefix through"},
		{"office tcp [2001:db8:ff::1]:80", "[2001:db8:ff::1]:80", "2001:db8:f00:2::9", "lan-prefix out"},
		{"office udp [2001:db8:ff::1]:53", "[2001:db8:ff::1]:53", "2001:db8:f00:2::9", "lan-prefix out"},
		{"office ping 2001:db8:ff::1", "", "", "lan-prefix out"},
		{"office tcp [2001:db8:3::10]:80", "[2001:db8:3::10]:80", "", "through"},
		// The gateway's own address in an outside prefix stays the gateway's.
		{"internet tcp [2001:db8:ff::2]:80", "[2001:db8:ff::2]:80", "", "gateway"},
	} {
		s.cross(t, c)
	}
	ownTraffic(t, s)
}

const reflected = `
[nat]
reflection = true

[[port_forward]]
name = "www"
on = "wan"
protocol = ["tcp", "udp"]
port = [80]
target = ["10.1.3.10"]
target_port = 8080
pass = true

[[port_forward]]
name = "six"
on = "wan"
protocol = "tcp"
port = [443]
target = ["2001:db8:3::10"]
pass = true

[[port_forward]]
name = "anywhere"
on = "wan"
destination = ["any"]
protocol = "tcp"
port = [8000]
target = ["10.1.3.11"]
pass = true
`

func TestTrafficReflection(t *testing.T) {
	t.Parallel()
	s := translatingSite(t)
	s.neighbour = s.net.Host("neighbour")
	s.neighbour.Plug("eth0", s.dmz, prefixesOf("10.1.3.50/24 2001:db8:3::50/64")...)
	s.neighbour.Default(addr("10.1.3.1"))
	s.neighbour.Default(addr("2001:db8:3::1"))

	s.apply(t, reflected+passAll)
	for _, c := range []crossing{
		// From another segment the source stays.
		{"office tcp 203.0.113.2:80", "10.1.3.10:8080", "", "auto_forwarded www"},
		{"office udp 203.0.113.2:80", "10.1.3.10:8080", "", "auto_forwarded www"},
		{"office tcp [2001:db8:ff::2]:443", "[2001:db8:3::10]:443", "", "auto_forwarded six"},
		// From the server's own segment it is the gateway's, for both families.
		{"neighbour tcp 203.0.113.2:80", "10.1.3.10:8080", "10.1.3.1", "auto_forwarded auto_reflected www"},
		{"neighbour udp 203.0.113.2:80", "10.1.3.10:8080", "10.1.3.1", "auto_forwarded auto_reflected www"},
		{"neighbour tcp [2001:db8:ff::2]:443", "[2001:db8:3::10]:443", "2001:db8:3::1", "auto_forwarded auto_reflected six"},
		{"server 10.1.3.10:0 tcp 203.0.113.2:80", "10.1.3.10:8080", "10.1.3.1", "auto_forwarded auto_reflected www"},
		// From outside all is as without reflection.
		{"internet tcp 203.0.113.2:80", "10.1.3.10:8080", "", "auto_forwarded www"},
		{"internet udp 203.0.113.2:80", "10.1.3.10:8080", "", "auto_forwarded www"},
		{"internet tcp 10.1.3.10:8000", "10.1.3.11:8000", "", "anywhere auto_forwarded"},
		// A forward for any destination does not take what the inside sends elsewhere.
		{"office tcp 198.51.100.7:8000", "198.51.100.7:8000", "203.0.113.2", "auto_outbound out"},
	} {
		s.cross(t, c)
	}
	ownTraffic(t, s)

	// A forward on an inside interface can lead back to it without reflection.
	s.apply(t, passAll+`
[[port_forward]]
name = "redirect"
on = "dmz"
source = ["any", "!10.1.3.10"]
destination = ["any"]
protocol = "udp"
port = [53]
target = ["10.1.3.10"]
pass = true
`)
	for _, c := range []crossing{
		{"neighbour udp 198.51.100.7:53", "10.1.3.10:53", "10.1.3.1", "auto_forwarded auto_reflected redirect"},
		{"office udp 198.51.100.7:53", "198.51.100.7:53", "203.0.113.2", "auto_outbound out"},
		{"server 10.1.3.10:0 udp 198.51.100.7:53", "198.51.100.7:53", "203.0.113.2", "auto_outbound out"},
	} {
		s.cross(t, c)
	}
}
