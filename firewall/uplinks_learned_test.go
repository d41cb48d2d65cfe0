package firewall

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/rempart/rempart/lab"
)

// dhcp does what a DHCP client does on a line: the address, and the default route by the router.
func (s *uplinks) dhcp(t *testing.T, l *line, own, router string) {
	t.Helper()
	s.run(t, "ip", "address", "flush", "dev", l.device, "scope", "global")
	s.run(t, "ip", "address", "add", fmt.Sprintf("%s/%d", own, l.net.Bits()), "dev", l.device)
	s.run(t, "ip", "route", "replace", "default", "via", router, "dev", l.device, "proto", "dhcp", "metric", "100")
}

// TestUplinksDHCP changes the address and the router of a line under the gateway.
func TestUplinksDHCP(t *testing.T) {
	t.Parallel()
	s := newUplinks(t, 2)
	fibre, cable := s.line("fibre"), s.line("cable")
	const first, second, other, otherRouter = "203.0.113.3", "203.0.113.4", "203.0.113.5", "203.0.113.14"
	fibre.isp.AddAddr("customer", prefixesOf(otherRouter+"/28")...)
	s.dhcp(t, fibre, first, fibre.hop().String())
	s.applyDraft(t, learningFibre(s), 0)
	seenAs := func(want string) {
		t.Helper()
		// The kernel takes routes away with an address, and the gateway puts its own
		// back: several new flows in a row are needed to know that it has.
		waitFor(t, "new flows as "+want, func() bool {
			for range 5 {
				if r := s.office.TCP(t.Context(), addrPort(outside["IPv4"]), lab.Within(patience*5)); r.Seen.Addr() != addr(want) {
					return false
				}
			}
			return true
		})
		// The service of the gateway has moved with the address, and so has the port forward.
		for port, server := range map[string]string{"22": "gw", "8080": "server"} {
			if r := s.internet.TCP(t.Context(), addrPort(want+":"+port), lab.Within(waitAtMost)); r.Outcome != lab.Open || r.Server != server {
				t.Errorf("to %s:%s: %s", want, port, r)
			}
		}
	}
	seenAs(first)
	before := s.rulesLoaded(t)
	strays := s.watchLines(t)
	s.dhcp(t, fibre, second, fibre.hop().String())
	seenAs(second)
	s.dhcp(t, fibre, other, otherRouter)
	seenAs(other)
	if after := s.rulesLoaded(t); after != before {
		t.Errorf("the rules were loaded anew: before\n%s\nafter\n%s", before, after)
	}
	// Without the route there is no router: the line is down.
	s.run(t, "ip", "route", "del", "default", "dev", fibre.device, "proto", "dhcp")
	s.awaitNew(t, outside["IPv4"], cable.name)
	s.dhcp(t, fibre, first, fibre.hop().String())
	seenAs(first)
	strays()
}

// learningFibre is the policy of a site whose first line has its address by DHCP.
func learningFibre(s *uplinks) string {
	l := s.lines[0]
	p := s.policy(nil, throughGroups(`["fibre"], ["cable"]`, `["cable6"]`, "")+fmt.Sprintf(`
[[rule]]
name = "service"
from = "outside"
to = "self"
destination = ["%[1]s:address"]
protocol = "tcp"
port = [22]
action = "pass"

[[port_forward]]
name = "www"
on = %[1]q
protocol = "tcp"
port = [8080]
target = ["10.1.3.10"]
target_port = 80
pass = true
`, l.device))
	p = strings.Replace(p, fmt.Sprintf("addresses = [\"%s/28\", \"%s/64\"]\n", l.own(), l.own6()), "", 1)
	p = strings.Replace(p, fmt.Sprintf("address = \"%s\"", l.hop()), "address = \"dhcp\"", 1)
	six := regexp.MustCompile(`(?s)\n\[gateway\.fibre6\].*?\n\n`)
	return six.ReplaceAllString(p, "\n")
}

// rulesLoaded is the rules of the kernel with their handles, without the elements of sets and the
// values of counters: it is the same as long as no rule was loaded anew.
func (s *uplinks) rulesLoaded(t *testing.T) string {
	t.Helper()
	var out []string
	elements := false
	for _, line := range strings.Split(s.run(t, "nft", "-a", "list", "table", "inet", TableName), "\n") {
		switch {
		case strings.Contains(line, "elements = {"):
			elements = !strings.Contains(line, "}")
		case elements:
			elements = !strings.Contains(line, "}")
		case strings.Contains(line, "packets "):
		default:
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// TestUplinksAdvertised follows the router that an advertisement names.
func TestUplinksAdvertised(t *testing.T) {
	t.Parallel()
	s := newUplinks(t, 2)
	fibre := s.line("fibre")
	p := s.policy(nil, throughGroups(`["fibre"], ["cable"]`, `["fibre6"], ["cable6"]`, ""))
	s.applyDraft(t, strings.Replace(p, fmt.Sprintf("address = \"%s\"", fibre.hop6()), "address = \"ra\"", 1), 0)
	s.awaitNew(t, outside["IPv6"], "cable") // nobody has advertised a router
	// What the kernel does with an advertisement.
	s.run(t, "ip", "-6", "route", "add", "default", "via", fibre.hop6().String(), "dev", fibre.device, "proto", "ra", "metric", "1024")
	s.awaitNew(t, outside["IPv6"], "fibre")
	s.run(t, "ip", "-6", "route", "del", "default", "dev", fibre.device, "proto", "ra")
	s.awaitNew(t, outside["IPv6"], "cable")
}
