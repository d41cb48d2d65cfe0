package firewall

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/rules/steer"
)

// uplinked is a policy with two lines and what may go wrong with them.
const uplinked = `schema = 1

[interface.wan]
device = "wan0"
addresses = ["203.0.113.2/29"]
external = true

[interface.wan2]
device = "wan20"
addresses = ["192.0.2.2/24"]
external = true

[interface.wan3]
device = "wan30"
external = true

[interface.lan]
device = "lan0"
addresses = ["10.1.2.1/24"]

[alias.farm]
addresses = ["farm.example.org"]

[gateway.fibre]
interface = "wan"
address = "203.0.113.1"
weight = 3

[gateway.cable]
interface = "wan2"
address = "192.0.2.1"

[gateway.lte]
interface = "wan3"
address = "dhcp"

[gateway_group.internet]
tiers = [["fibre", "cable"], ["lte"]]

[gateway_group.voip]
tiers = [["cable"]]
on_down = "block"

[gateway_group.either]
tiers = [["cable"]]
on_down = "default-route"

[[route]]
destination = "default"
gateway = "internet"

[[route]]
destination = "198.51.100.0/24"
gateway = "voip"

[[route]]
destination = "198.51.101.0/24"
gateway = "cable"

[[rule]]
name = "mail"
from = "lan"
protocol = "tcp"
port = "smtp"
gateway = "cable"
action = "pass"

[[rule]]
name = "voip"
from = "lan"
protocol = "udp"
port = 5060
gateway = "voip"
action = "pass"

[[rule]]
name = "time"
from = "lan"
protocol = "udp"
port = "ntp"
gateway = "either"
action = "pass"

[[rule]]
name = "out"
from = "lan"
gateway = "internet"
action = "pass"

[[port_forward]]
name = "www"
on = "wan"
protocol = "tcp"
port = 80
target = ["10.1.2.10", "10.1.2.11"]
check = "tcp:8080"

[[port_forward]]
name = "farm"
on = "wan"
protocol = "tcp"
port = 81
target = "@farm"
`

func TestLineWarnings(t *testing.T) {
	const farm = "port forward farm translates nothing: its target @farm has no address"
	hops := map[string]netip.Addr{"lte": netip.MustParseAddr("100.64.7.1")}
	down := func(names ...string) map[string]steer.Health {
		out := map[string]steer.Health{}
		for _, name := range names {
			out[name] = steer.Health{State: steer.Down}
		}
		return out
	}
	hosts := func(list ...string) (out []netip.Addr) {
		for _, s := range list {
			out = append(out, netip.MustParseAddr(s))
		}
		return out
	}
	for _, tt := range []struct {
		name   string
		hops   map[string]netip.Addr
		lines  map[string]steer.Health
		silent []netip.Addr
		want   []string
	}{
		{"all is well but a name", hops, nil, nil, []string{farm}},
		{"no lease", nil, nil, nil, []string{"gateway lte has no address: no DHCP or PPP client has a default route on wan3", farm}},
		{"one line of a tier", hops, down("fibre"), nil, []string{farm}},
		{"a line that things name alone", hops, down("cable"), nil, []string{
			"gateway cable is down: rule mail is passed over, route 198.51.101.0/24 stays, and leads nowhere",
			"gateway group voip is down: rule voip blocks new flows, route 198.51.100.0/24 refuses what it takes",
			"gateway group either is down: rule time leaves them to the routing table",
			farm,
		}},
		{"all lines", hops, down("fibre", "cable", "lte"), nil, []string{
			"gateway cable is down: rule mail is passed over, route 198.51.101.0/24 stays, and leads nowhere",
			"gateway group internet is down: rule out is passed over, route default is withdrawn",
			"gateway group voip is down: rule voip blocks new flows, route 198.51.100.0/24 refuses what it takes",
			"gateway group either is down: rule time leaves them to the routing table",
			farm,
		}},
		{"one silent host", hops, nil, hosts("10.1.2.10"), []string{farm}},
		{"all hosts silent", hops, nil, hosts("10.1.2.10", "10.1.2.11"), []string{
			"port forward www: none of its targets answers (tcp:8080 every 5s); all are kept, for it may be the check that is wrong", farm,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := NewWorld(policyOfText(t, uplinked), Learned{}, friday)
			w.Hops, w.Lines, w.Silent = tt.hops, tt.lines, map[string][]netip.Addr{"www": tt.silent}
			if diff := cmp.Diff(tt.want, lineWarnings(w)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
