package firewall

import (
	"strings"
	"testing"

	"github.com/rempart/rempart/lab"
)

const virtual = `
[[vip]]
kind = "alias"
interface = "wan1"
address = "203.0.113.6/28"

[[vip]]
kind = "alias"
interface = "wan1"
address = "2001:db8:f1::6/64"

[[vip]]
kind = "proxy_arp"
interface = "wan1"
address = "203.0.113.8/30"

[[vip]]
kind = "proxy_arp"
interface = "wan1"
address = "2001:db8:f1::9/128"

[[rule]]
name = "service"
from = "wan1"
to = "self"
protocol = ["tcp", "icmp", "icmpv6"]
action = "pass"

[[port_forward]]
name = "alias"
on = "wan1"
destination = ["203.0.113.6"]
protocol = "tcp"
port = [8080]
target = ["10.1.3.10"]
target_port = 80
pass = true

[[port_forward]]
name = "proxy"
on = "wan1"
destination = ["203.0.113.9", "203.0.113.10"]
protocol = "tcp"
port = [8080]
target = ["10.1.3.11"]
target_port = 80
pass = true

[[port_forward]]
name = "proxy6"
on = "wan1"
destination = ["2001:db8:f1::9"]
protocol = "tcp"
port = [8080]
target = ["2001:db8:3::10"]
target_port = 80
pass = true

[[outbound]]
name = "as-proxy"
on = "wan1"
source = ["10.1.2.10"]
address = "203.0.113.10"
`

// TestTrafficVirtual reaches virtual addresses from the segment that they are on, where each has to
// be answered for in ARP or neighbour discovery.
func TestTrafficVirtual(t *testing.T) {
	t.Parallel()
	s := newUplinks(t, 2)
	s.applyLines(t, nil, defaults("fibre")+virtual+passesOut)
	isp := s.line("fibre").isp
	reach := func(from *lab.Host, to, server, at string) {
		t.Helper()
		r := from.TCP(t.Context(), addrPort(to), lab.Within(waitAtMost))
		if r.Outcome != lab.Open || r.Server != server || at != "" && r.At != addrPort(at) {
			t.Errorf("%s to %s: %s, want %s", from.Name(), to, r, server)
		}
	}
	for _, from := range []*lab.Host{isp, s.internet} {
		reach(from, "203.0.113.6:22", "gw", "203.0.113.6:22")
		reach(from, "[2001:db8:f1::6]:22", "gw", "[2001:db8:f1::6]:22")
		reach(from, "203.0.113.6:8080", "server", "10.1.3.10:80")
		reach(from, "203.0.113.9:8080", "server", "10.1.3.11:80")
		reach(from, "203.0.113.10:8080", "server", "10.1.3.11:80")
		reach(from, "[2001:db8:f1::9]:8080", "server", "[2001:db8:3::10]:80")
	}
	for _, a := range []string{"203.0.113.6", "2001:db8:f1::6"} {
		if r := isp.Ping(t.Context(), addr(a), lab.Within(waitAtMost)); r.Outcome != lab.Open {
			t.Errorf("ping %s: %s", a, r)
		}
	}
	// A proxied address is not the gateway's own, and one beside it is nobody's.
	for _, a := range []string{"203.0.113.9", "203.0.113.12"} {
		if r := isp.Ping(t.Context(), addr(a), lab.Within(patience)); r.Outcome == lab.Open {
			t.Errorf("ping %s: %s", a, r)
		}
	}
	if r := s.office.TCP(t.Context(), addrPort(outside["IPv4"]), lab.From(addrPort("10.1.2.10:0")), lab.Within(waitAtMost)); r.Seen.Addr() != addr("203.0.113.10") {
		t.Errorf("as the proxied address: %s", r)
	}
	// A policy without them gives them back.
	s.applyLines(t, nil, defaults("fibre")+passesOut)
	for _, line := range []string{"address show dev wan1", "neighbour show proxy"} {
		if out := s.run(t, "ip", strings.Fields(line)...); strings.Contains(out, "203.0.113.6") || strings.Contains(out, "203.0.113.9") || strings.Contains(out, "::9") {
			t.Errorf("left behind: %s", out)
		}
	}
}
