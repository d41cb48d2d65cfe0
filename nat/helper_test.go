package nat

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules"
)

const helped = `
schema = 1

[interface.wan]
device = "eth0"
addresses = ["203.0.113.2/24"]
external = true

[interface.lan]
device = "eth1"
addresses = ["10.1.2.1/24"]

[nat]
helpers = ["tftp", "ftp", "h323"]

[[port_forward]]
name = "other-port"
on = "wan"
protocol = "tcp"
port = [2121]
target = ["10.1.2.21"]
target_port = 21

[[port_forward]]
name = "shifted"
on = "wan"
protocol = ["tcp", "udp"]
port = ["7000-7100"]
target = ["10.1.2.22"]
target_port = 10

[[port_forward]]
name = "from-21"
on = "wan"
protocol = "tcp"
port = [21]
target = ["10.1.2.23"]
target_port = 2121

[[port_forward]]
name = "elsewhere"
on = "wan"
protocol = "udp"
port = [2021]
target = ["10.1.2.24"]
target_port = 21
`

func TestHelpers(t *testing.T) {
	w := world(t, helped)
	part := Compile(w, rules.NewSets(w, nil))
	want := []nft.Helper{
		{Name: "ftp_tcp", Type: "ftp", Protocol: 6}, {Name: "q931_tcp", Type: "Q.931", Protocol: 6},
		{Name: "ras_udp", Type: "RAS", Protocol: 17}, {Name: "tftp_udp", Type: "tftp", Protocol: 17},
	}
	if diff := cmp.Diff(want, part.Helpers); diff != "" {
		t.Errorf("helpers (-want +got):\n%s", diff)
	}
	text := textOf(part.Chains, chainHelper)
	for _, rule := range []string{
		"type filter hook prerouting priority mangle; policy accept;",
		`ct state new iifname "eth0" ip daddr 203.0.113.2 tcp dport 2121 ct helper set "ftp_tcp" comment "other-port"`,
		`ct state new iifname "eth0" ip daddr 203.0.113.2 tcp dport 7011 ct helper set "ftp_tcp" comment "shifted"`,
		`ct state new iifname "eth0" ip daddr 203.0.113.2 udp dport 7059 ct helper set "tftp_udp" comment "shifted"`,
		`ct state new tcp dport 21 ct helper set "ftp_tcp" comment "helper ftp"`,
		`ct state new udp dport 69 ct helper set "tftp_udp" comment "helper tftp"`,
		`ct state new tcp dport 1720 ct helper set "q931_tcp" comment "helper Q.931"`,
		`ct state new udp dport 1719 ct helper set "ras_udp" comment "helper RAS"`,
	} {
		if !strings.Contains(text, rule) {
			t.Errorf("%s is not in\n%s", rule, text)
		}
	}
	if n := strings.Count(text, "ct helper set"); n != 7 {
		t.Errorf("%d rules, want 7:\n%s", n, text)
	}
}

func TestNoHelpers(t *testing.T) {
	w := world(t, office)
	part := Compile(w, rules.NewSets(w, nil))
	if len(part.Helpers) > 0 || textOf(part.Chains, chainHelper) != "" {
		t.Errorf("a policy that names none has %v", part.Helpers)
	}
}
