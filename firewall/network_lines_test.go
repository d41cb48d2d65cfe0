package firewall

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/rempart/rempart/firewall/links"
)

// loneLine is a policy with one line of a family each.
const loneLine = `schema = 1

[interface.wan]
device = "wan"
addresses = ["203.0.113.2/29", "2001:db8:f1::2/64"]
external = true

[interface.lan]
device = "lan"
addresses = ["10.1.2.1/24", "2001:db8:2::1/64"]

[gateway.fibre]
interface = "wan"
address = "203.0.113.1"
weight = 3

[gateway.fibre6]
interface = "wan"
address = "2001:db8:f1::1"
`

// pairOfLines adds a second one.
const pairOfLines = loneLine + `
[interface.wan2]
device = "wan2"
addresses = ["192.0.2.2/24", "2001:db8:f2::2/64"]
external = true

[gateway.cable]
interface = "wan2"
address = "192.0.2.1"

[gateway.cable6]
interface = "wan2"
address = "2001:db8:f2::1"
`

// learnedLine adds a line whose address others bring.
const learnedLine = loneLine + `
[interface.lte]
device = "lte"
external = true

[gateway.lte]
interface = "lte"
address = "dhcp"
`

// grouped is a default route by two tiers of pairOfLines, of which keys says more.
func grouped(keys string) string {
	return pairOfLines + `
[gateway_group.internet]
tiers = [["fibre", "cable"], ["lte"]]
` + keys + `
[[route]]
destination = "default"
gateway = "internet"

[interface.lte]
device = "lte"
addresses = ["100.64.7.2/24"]
external = true

[gateway.lte]
interface = "lte"
address = "100.64.7.1"
`
}

const refusing = `
[alias.bad]
addresses = ["198.18.0.0/15", "2001:db8:bad::/48"]

[[route]]
destination = "@bad"
kind = "blackhole"

[[route]]
destination = "10.9.0.0/16"
kind = "prohibit"
metric = 9
`

const otherRouter = `
[gateway.router]
interface = "wan"
address = "203.0.113.4"

[gateway.inner]
interface = "lan"
address = "10.1.2.254"

[alias.partners]
addresses = ["198.51.100.0/24", "198.51.101.0/24", "2001:db8:9::/48"]

[[route]]
destination = "@partners"
gateway = "router"

[[route]]
destination = "10.8.0.0/16"
gateway = "inner"
`

// The gateways have their numbers as they are written, by families: fibre 1,
// fibre6 2, cable or lte 3 and so on; those of the tables are at 82000 beyond.
func TestNetworkOfLines(t *testing.T) {
	hop := func(a string) links.Learned {
		return links.Learned{
			Hops4:     map[string]netip.Addr{"lte": netip.MustParseAddr(a)},
			Addresses: map[string][]netip.Prefix{"lte": {netip.MustParsePrefix("100.64.7.2/24")}},
		}
	}
	for _, tt := range []struct {
		name   string
		policy string
		seen   links.Learned
		down   []string
		want   string // lines that have to be there; with "no " before it, that must not
		all    bool   // no others
	}{
		{name: "one line of a family needs no table", policy: loneLine, all: true},
		{name: "two lines of both families", policy: pairOfLines, all: true, want: `
			default via 203.0.113.1 dev wan table 82001
			unreachable default metric 4294967295 table 82001
			203.0.113.0/29 dev wan table 82001
			::/0 via 2001:db8:f1::1 dev wan table 82002
			unreachable ::/0 metric 4294967295 table 82002
			2001:db8:f1::/64 dev wan table 82002
			fe80::/64 dev wan table 82002
			default via 192.0.2.1 dev wan2 table 82003
			unreachable default metric 4294967295 table 82003
			192.0.2.0/24 dev wan2 table 82003
			::/0 via 2001:db8:f2::1 dev wan2 table 82004
			unreachable ::/0 metric 4294967295 table 82004
			2001:db8:f2::/64 dev wan2 table 82004
			fe80::/64 dev wan2 table 82004
			priority 8201 from all fwmark 0x10000/0xff0000 table 82001
			priority 8202 from all fwmark 0x20000/0xff0000 table 82002 (IPv6)
			priority 8203 from all fwmark 0x30000/0xff0000 table 82003
			priority 8204 from all fwmark 0x40000/0xff0000 table 82004 (IPv6)
			priority 8500 from all table main suppress_prefixlength 0
			priority 8500 from all table main suppress_prefixlength 0 (IPv6)
			priority 8601 from 203.0.113.2/32 table 82001
			priority 8602 from 2001:db8:f1::2/128 table 82002 (IPv6)
			priority 8603 from 192.0.2.2/32 table 82003
			priority 8604 from 2001:db8:f2::2/128 table 82004 (IPv6)`},
		{name: "a line that has learned nothing", policy: learnedLine, want: `
			unreachable default metric 4294967295 table 82003
			priority 8203 from all fwmark 0x30000/0xff0000 table 82003
			no default via 100.64.7.1 dev lte table 82003
			no default dev lte table 82003
			no priority 8603 from 100.64.7.2/32 table 82003`},
		{name: "a line that has learned its next hop", policy: learnedLine, seen: hop("100.64.7.1"), want: `
			default via 100.64.7.1 dev lte table 82003
			unreachable default metric 4294967295 table 82003
			100.64.7.0/24 dev lte table 82003
			priority 8603 from 100.64.7.2/32 table 82003`},
		{name: "a line that is the link itself", policy: learnedLine, seen: hop("0.0.0.0"), want: `
			default dev lte table 82003
			unreachable default metric 4294967295 table 82003`},
		{name: "a default by the first tier", policy: grouped(""), want: `
			default nexthop via 203.0.113.1 dev wan weight 3 nexthop via 192.0.2.1 dev wan2 weight 1`},
		{name: "a default by what is left of it", policy: grouped(""), down: []string{"fibre"}, want: `
			default via 192.0.2.1 dev wan2
			default via 203.0.113.1 dev wan table 82001`},
		{name: "a default by the next tier", policy: grouped(""), down: []string{"fibre", "cable"}, want: `
			default via 100.64.7.1 dev lte
			no default via 192.0.2.1 dev wan2`},
		{name: "a group that is down: next", policy: grouped(""), down: []string{"fibre", "cable", "lte"}, want: `
			no default via 100.64.7.1 dev lte
			no unreachable default`},
		{name: "a group that is down: block", policy: grouped("on_down = \"block\""), down: []string{"fibre", "cable", "lte"}, want: `
			unreachable default
			no default via 100.64.7.1 dev lte`},
		{name: "a group that is down: default-route", policy: grouped("on_down = \"default-route\""), down: []string{"fibre", "cable", "lte"}, want: `
			no default via 100.64.7.1 dev lte
			no unreachable default`},
		{name: "what is refused is so for flows of lines", policy: pairOfLines + refusing, want: `
			blackhole 198.18.0.0/15
			blackhole 198.18.0.0/15 table 82001
			blackhole 198.18.0.0/15 table 82003
			blackhole 2001:db8:bad::/48
			blackhole 2001:db8:bad::/48 table 82002
			blackhole 2001:db8:bad::/48 table 82004
			prohibit 10.9.0.0/16 metric 9
			prohibit 10.9.0.0/16 metric 9 table 82001
			prohibit 10.9.0.0/16 metric 9 table 82003
			no blackhole 198.18.0.0/15 table 82002
			no blackhole 2001:db8:bad::/48 table 82001`},
		{name: "another router on a line, and one inside", policy: pairOfLines + otherRouter, want: `
			198.51.100.0/23 via 203.0.113.4 dev wan
			198.51.100.0/23 via 203.0.113.4 dev wan table 82001
			10.8.0.0/16 via 10.1.2.254 dev lan
			default via 203.0.113.4 dev wan table 82005
			default via 10.1.2.254 dev lan table 82006
			no 198.51.100.0/23 via 203.0.113.4 dev wan table 82003
			no 198.51.100.0/23 via 203.0.113.4 dev wan table 82005
			no 10.8.0.0/16 via 10.1.2.254 dev lan table 82001
			no 10.8.0.0/16 via 10.1.2.254 dev lan table 82006
			no 2001:db8:9::/48 via 203.0.113.4 dev wan
			no priority 8605 from 203.0.113.2/32 table 82005`},
		{name: "a route by a gateway that is down", policy: pairOfLines + otherRouter, down: []string{"router"}, want: `
			198.51.100.0/23 via 203.0.113.4 dev wan`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := NewWorld(policyOfText(t, tt.policy), Learned{Machine: tt.seen}, friday)
			w = withDown(w, tt.down)
			var got []string
			state := Network(w)
			for _, r := range state.Routes {
				got = append(got, r.String())
			}
			for _, r := range state.Rules {
				if got = append(got, r.String()); r.Is6 {
					got[len(got)-1] += " (IPv6)"
				}
			}
			wanted := 0
			for line := range strings.Lines(tt.want) {
				line, not := strings.CutPrefix(strings.TrimSpace(line), "no ")
				if line == "" {
					continue
				}
				if slices.Contains(got, line) == not {
					t.Errorf("%q is there: %v", line, not)
				}
				wanted++
			}
			if tt.all && wanted != len(got) || t.Failed() {
				t.Errorf("%d wanted, got\n%s", wanted, strings.Join(got, "\n"))
			}
		})
	}
}

// TestNeighboursOfLines: a flow that carries its line goes to a host on the link of
// the line without a router, and elsewhere by the line's.
func TestNeighboursOfLines(t *testing.T) {
	t.Parallel()
	s := newUplinks(t, 2)
	s.applyLines(t, nil, "")
	for _, tt := range []struct {
		family, to, mark string
		want             string
	}{
		{"-4", "203.0.113.5", "0x10000", "203.0.113.5 dev wan1"},
		{"-4", "192.0.2.7", "0x10000", "192.0.2.7 via 203.0.113.1 dev wan1"},
		{"-6", "2001:db8:f1::5", "0x20000", "2001:db8:f1::5 from :: dev wan1"},
		{"-6", "fe80::5", "0x20000", "fe80::5 from :: dev wan1"},
		{"-6", "2001:db8:ff::7", "0x20000", "2001:db8:ff::7 from :: via 2001:db8:f1::1 dev wan1"},
	} {
		if got := s.run(t, "ip", tt.family, "route", "get", tt.to, "mark", tt.mark); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s with mark %s: got %s, want %s", tt.to, tt.mark, got, tt.want)
		}
	}
}
