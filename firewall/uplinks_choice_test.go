package firewall

import (
	"fmt"
	"maps"
	"net/netip"
	"testing"

	"github.com/rempart/rempart/lab"
)

// balanced sends both families of the office by a group of all lines each.
func (s *uplinks) balanced(group string) string {
	four, six := "", ""
	for i, l := range s.lines {
		if i > 0 {
			four, six = four+", ", six+", "
		}
		four, six = four+fmt.Sprintf("%q", l.name), six+fmt.Sprintf("%q", l.name+"6")
	}
	return throughGroups("["+four+"]", "["+six+"]", group)
}

// throughGroups sends what leaves by groups of the given tiers, one a family, which the default
// routes follow as well.
func throughGroups(tiers, tiers6, group string) string {
	return fmt.Sprintf(`
[gateway_group.internet]
tiers = [%s]
%s
[gateway_group.internet6]
tiers = [%s]
%[2]s
[[rule]]
name = "out"
from = "inside"
to = "outside"
action = "pass"
gateway = "internet"

[[rule]]
name = "out6"
from = "inside"
to = "outside"
action = "pass"
gateway = "internet6"
`, tiers, group, tiers6) + defaults("internet")
}

// defaults are default routes by a gateway or a group, and by that of the same name with a 6.
func defaults(gateway string) string {
	return fmt.Sprintf("\n[[route]]\ndestination = \"default\"\ngateway = %q\n\n[[route]]\ndestination = \"default\"\ngateway = %q\n", gateway, gateway+"6")
}

// outside are the addresses of the Internet host that tests call, one a family.
var outside = map[string]string{"IPv4": "192.0.2.7:80", "IPv6": "[2001:db8:ff::7]:80"}

// TestUplinksBalance counts by which line new flows leave.
func TestUplinksBalance(t *testing.T) {
	t.Parallel()
	const flows = 400
	for _, tt := range []struct {
		name    string
		weights map[string]int
	}{
		{"two, alike", map[string]int{"fibre": 1, "cable": 1}},
		{"three, by weight", map[string]int{"fibre": 5, "cable": 3, "radio": 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newUplinks(t, len(tt.weights))
			keys, sum := map[string]string{}, 0
			for name, w := range tt.weights {
				keys[name] = fmt.Sprintf("weight = %d\n", w)
				keys[name+"6"] = keys[name]
				sum += w
			}
			s.applyLines(t, keys, s.balanced(""))
			strays := s.watchLines(t)
			for family, to := range outside {
				got := map[string]int{}
				for range flows {
					name := s.leaves(t, s.office, to)
					if got[name]++; name == "" {
						t.Fatalf("%s: no answer after %v", family, got)
					}
				}
				for name, w := range tt.weights {
					want := flows * w / sum
					// What else begins a flow meanwhile takes a turn as well.
					if off := got[name] - want; off < -flows/40 || off > flows/40 {
						t.Errorf("%s: %d of %d by %s, want about %d", family, got[name], flows, name, want)
					}
				}
				if len(got) != len(tt.weights) {
					t.Errorf("%s: by %v", family, got)
				}
			}
			strays()
		})
	}
}

// TestUplinksSticky has sources keep their line, and those of a dead one alone move.
func TestUplinksSticky(t *testing.T) {
	t.Parallel()
	s := newUplinks(t, 3)
	s.applyLines(t, nil, s.balanced("sticky = true\n"))
	var sources []netip.Addr
	for i := range 40 {
		four, six := netip.AddrFrom4([4]byte{10, 1, 2, byte(100 + i)}), addr(fmt.Sprintf("2001:db8:2::%d", 100+i))
		s.office.AddAddr("eth0", netip.PrefixFrom(four, 24), netip.PrefixFrom(six, 64))
		sources = append(sources, four, six)
	}
	by := func(src netip.Addr) string {
		to := outside["IPv4"]
		if src.Is6() {
			to = outside["IPv6"]
		}
		return s.leaves(t, s.office, to, lab.From(netip.AddrPortFrom(src, 0)))
	}
	once := func() map[netip.Addr]string {
		out := map[netip.Addr]string{}
		for _, src := range sources {
			out[src] = by(src)
		}
		return out
	}
	all := func() map[netip.Addr]string {
		out := once()
		for range 2 {
			if again := once(); !maps.Equal(again, out) {
				t.Errorf("sources go by %v, and then by %v", out, again)
			}
		}
		return out
	}
	before := all()
	count := map[string]int{}
	for _, name := range before {
		count[name]++
	}
	for _, l := range s.lines {
		if count[l.name] == 0 {
			t.Errorf("no source takes %s: %v", l.name, count)
		}
	}
	s.line("cable").wire.Pull()
	waitFor(t, "cable is left", func() bool {
		for src, name := range before {
			if name == "cable" && by(src) == "" {
				return false
			}
		}
		return true
	})
	during := all()
	for src, name := range before {
		if name == "cable" && during[src] == "cable" || name != "cable" && during[src] != name {
			t.Errorf("%s took %s, and without cable %s", src, name, during[src])
		}
	}
	s.line("cable").wire.Push()
	waitFor(t, "cable is taken again", func() bool { return maps.Equal(once(), before) })
}

// TestUplinksTiers takes a later tier only while the earlier ones are down.
func TestUplinksTiers(t *testing.T) {
	t.Parallel()
	s := newUplinks(t, 3)
	s.applyLines(t, nil, throughGroups(`["fibre"], ["cable"], ["radio"]`, `["fibre6"], ["cable6"], ["radio6"]`, ""))
	strays := s.watchLines(t)
	fibre, cable := s.line("fibre"), s.line("cable")
	for _, step := range []struct {
		what string
		do   func()
		want string
	}{
		{"all live", func() {}, "fibre"},
		{"the first pulled", fibre.wire.Pull, "cable"},
		{"the second silent", func() { cable.wire.Set(lab.Impairment{Loss: 100}) }, "radio"},
		{"the first back", fibre.wire.Push, "fibre"},
		{"the first silent one way", func() { fibre.wire.SetTo(s.gw, lab.Impairment{Loss: 100}) }, "radio"},
		{"the second back", func() { cable.wire.Set(lab.Impairment{}) }, "cable"},
		{"all back", func() { fibre.wire.Set(lab.Impairment{}) }, "fibre"},
	} {
		step.do()
		for family, to := range outside {
			s.awaitNew(t, to, step.want)
			if t.Failed() {
				t.Fatalf("%s, %s", step.what, family)
			}
		}
	}
	strays()
}

// TestUplinksByRule sends by rule what the default route would send elsewhere.
func TestUplinksByRule(t *testing.T) {
	t.Parallel()
	s := newUplinks(t, 3)
	s.applyLines(t, nil, defaults("fibre")+`
[[rule]]
name = "mail"
from = "lan"
protocol = "tcp"
port = [8000]
action = "pass"
gateway = "cable"

[[rule]]
name = "mail6"
from = "lan"
protocol = "tcp"
port = [8000]
action = "pass"
gateway = "cable6"

[[rule]]
name = "director"
from = "lan"
source = ["10.1.2.10", "2001:db8:2::10"]
action = "pass"
gateway = "radio"

[[rule]]
name = "director6"
from = "lan"
source = ["10.1.2.10", "2001:db8:2::10"]
action = "pass"
gateway = "radio6"

[[rule]]
name = "out"
from = "inside"
action = "pass"
`)
	strays := s.watchLines(t)
	for _, tt := range []struct {
		from *lab.Host
		src  string
		to   string
		want string
	}{
		{s.office, "10.1.2.9:0", "192.0.2.7:80", "fibre"},
		{s.office, "10.1.2.9:0", "192.0.2.7:8000", "cable"},
		{s.office, "10.1.2.10:0", "192.0.2.7:80", "radio"},
		{s.office, "10.1.2.10:0", "192.0.2.7:8000", "cable"},
		{s.server, "10.1.3.10:0", "192.0.2.7:8000", "fibre"},
		{s.gw, "0.0.0.0:0", "192.0.2.7:8000", "fibre"},
		{s.gw, "198.51.100.2:0", "192.0.2.7:80", "cable"}, // what is bound to a line's address leaves by it
		{s.office, "[2001:db8:2::9]:0", "[2001:db8:ff::7]:80", "fibre"},
		{s.office, "[2001:db8:2::9]:0", "[2001:db8:ff::7]:8000", "cable"},
		{s.office, "[2001:db8:2::10]:0", "[2001:db8:ff::7]:80", "radio"},
		{s.server, "[2001:db8:3::10]:0", "[2001:db8:ff::7]:8000", "fibre"},
		{s.gw, "[::]:0", "[2001:db8:ff::7]:8000", "fibre"},
		{s.gw, "[2001:db8:f3::2]:0", "[2001:db8:ff::7]:80", "radio"},
	} {
		for range 3 {
			if got := s.leaves(t, tt.from, tt.to, lab.From(addrPort(tt.src))); got != tt.want {
				t.Errorf("%s from %s to %s: by %q, want %s", tt.from.Name(), tt.src, tt.to, got, tt.want)
			}
		}
	}
	// A gateway on an external interface is not used for what stays inside.
	for _, to := range []string{"10.1.3.10:8000", "[2001:db8:3::10]:8000"} {
		if r := s.office.TCP(t.Context(), addrPort(to), lab.Within(waitAtMost)); r.Outcome != lab.Open || r.Seen != r.From {
			t.Errorf("to the servers: %s", r)
		}
	}
	strays()
}

// TestUplinksReply calls the gateway and what is behind it by a line that is not the default.
func TestUplinksReply(t *testing.T) {
	t.Parallel()
	s := newUplinks(t, 3)
	s.applyLines(t, nil, defaults("fibre")+`
[[rule]]
name = "service"
from = "outside"
to = "self"
protocol = ["tcp", "udp"]
port = [22, 53]
action = "pass"

[[rule]]
name = "ping"
from = "outside"
to = "self"
protocol = ["icmp", "icmpv6"]
action = "pass"

[[rule]]
name = "refused"
from = "outside"
protocol = "tcp"
port = [8001]
action = "reject"

[[rule]]
name = "in6"
from = "outside"
to = "inside"
destination = ["2001:db8:3::10", "2001:db8:5::66", "203.0.113.66"]
action = "pass"
`+s.each(`
[[port_forward]]
name = "www-%[1]s"
on = %[1]q
protocol = ["tcp", "udp"]
port = [8080]
target = ["10.1.3.10"]
target_port = 80
pass = true
`))
	strays := s.watchLines(t)
	for _, l := range s.lines {
		s.routePublic(l)
		own, own6 := l.own().String(), l.own6().String()
		for to, server := range map[string]string{
			own + ":22": "gw", "[" + own6 + "]:22": "gw",
			own + ":8080":         "server",
			"203.0.113.66:80":     "public",
			"[2001:db8:5::66]:80": "public",
			prefixed(l) + ":22":   "server",
		} {
			if r := s.internet.TCP(t.Context(), addrPort(to), lab.Within(waitAtMost)); r.Outcome != lab.Open || r.Server != server || r.Seen.Addr() != r.From.Addr() {
				t.Errorf("%s: tcp %s: %s, want %s", l.name, to, r, server)
			}
		}
		for to, server := range map[string]string{own + ":53": "gw", "[" + own6 + "]:53": "gw", own + ":8080": "server"} {
			if r := s.internet.UDP(t.Context(), addrPort(to), lab.Within(waitAtMost)); r.Outcome != lab.Open || r.Server != server {
				t.Errorf("%s: udp %s: %s, want %s", l.name, to, r, server)
			}
		}
		for _, to := range []string{own + ":8001", "[" + own6 + "]:8001", prefixed(l) + ":8001"} {
			if r := s.internet.TCP(t.Context(), addrPort(to), lab.Within(waitAtMost)); r.Outcome != lab.Refused {
				t.Errorf("%s: tcp %s: %s, want refused", l.name, to, r)
			}
		}
		for _, to := range []string{own, own6} {
			if r := s.internet.Ping(t.Context(), addr(to), lab.Within(waitAtMost)); r.Outcome != lab.Open {
				t.Errorf("%s: ping %s: %s", l.name, to, r)
			}
		}
	}
	strays()
}

// prefixed is the address that the server in dmz has by the prefix of a line, for a port.
func prefixed(l *line) string {
	b := l.net6.Addr().As16()
	b[7], b[15] = 3, 0x10
	return "[" + netip.AddrFrom16(b).String() + "]"
}
