package nat

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
)

const office = `
schema = 1

[interface.wan]
device = "eth0"
addresses = ["fe80::2/64", "203.0.113.2/24", "203.0.113.3/24", "2001:db8:f::2/64"]
external = true

[interface.lan]
device = "eth1"
addresses = ["10.1.2.1/24", "fd00:1:2:2::1/64"]

[interface.dmz]
device = "eth2"
addresses = ["10.1.3.1/24"]

[interface.ppp]
device = "ppp0"
external = true

[nat]
outbound = "hybrid"
reflection = true

[[prefix]]
name = "ula"
on = "wan"
external = "2001:db8:f00::/48"
internal = "fd00:1:2::/48"

[[prefix]]
name = "around-wan"
on = "wan"
external = "2001:db8:f::/64"
internal = "fd00:1:f::/64"

[[one_to_one]]
name = "off"
on = "wan"
disabled = true
external = "203.0.113.9"
internal = "10.1.2.99"

[[one_to_one]]
name = "erp"
on = "wan"
external = "203.0.113.4"
internal = "10.1.3.29"

[[one_to_one]]
name = "machines"
on = "wan"
external = "198.51.100.0/26"
internal = "10.1.3.64/26"

[[one_to_one]]
name = "six"
on = "wan"
external = "2001:db8:f00:2::25"
internal = "fd00:1:2:9::25"

[[outbound]]
name = "mail"
on = "wan"
source = ["10.1.3.20"]
address = "203.0.113.3"

[[outbound]]
name = "idle"
on = "wan"
disabled = true

[[port_forward]]
name = "shifted"
on = "wan"
protocol = "udp"
port = ["9000-9003"]
target = ["10.1.3.30"]
target_port = 8000

[[port_forward]]
name = "spread"
on = "wan"
source = ["any", "!192.0.2.66"]
protocol = "tcp"
port = [80, 443]
target = ["10.1.3.10-10.1.3.12", "!10.1.3.11"]
pass = true

[[port_forward]]
name = "second"
on = "wan"
protocol = "tcp"
port = [80]
target = ["10.1.3.99"]

[[port_forward]]
name = "tunnel"
on = "wan"
protocol = "gre"
target = ["10.1.3.30"]
pass = true

[[port_forward]]
name = "on-erp"
on = "wan"
destination = ["203.0.113.4"]
protocol = "tcp"
port = [8443]
target = ["10.1.3.10"]

[[port_forward]]
name = "dns"
on = "lan"
destination = ["any", "!10.1.2.53"]
protocol = "udp"
port = [53]
target = ["10.1.2.53"]
pass = true

[[port_forward]]
name = "by-ppp"
on = "ppp"
destination = ["any"]
protocol = "tcp"
port = [22]
target = ["10.1.3.22"]
`

func world(t *testing.T, policy string) *rules.World {
	t.Helper()
	c, err := config.Parse(config.File{Name: "rempart.toml", Data: []byte(policy)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &rules.World{Config: c, Numbers: rules.Numbers(nil).Assign(c.RuleNames())}
}

func TestInbound(t *testing.T) {
	e := NewEvaluator(world(t, office))
	for _, tt := range []struct {
		what     string
		in, src  string
		protocol config.Protocol
		dst      string
		want     string // NAME: ADDRESSES PORT
	}{
		{"several targets", "wan", "192.0.2.7", config.TCP, "203.0.113.2:443", "spread: 10.1.3.10 10.1.3.12 443 pass"},
		{"the first match decides", "wan", "192.0.2.7", config.TCP, "203.0.113.2:80", "spread: 10.1.3.10 10.1.3.12 80 pass"},
		{"a source left out", "wan", "192.0.2.66", config.TCP, "203.0.113.2:80", "second: 10.1.3.99 80"},
		{"another protocol", "wan", "192.0.2.7", config.UDP, "203.0.113.2:80", ": 203.0.113.2 80"},
		{"another address of wan", "wan", "192.0.2.7", config.TCP, "203.0.113.3:80", ": 203.0.113.3 80"},
		{"a target has a family", "wan", "2001:db8:9::1", config.TCP, "[2001:db8:f::2]:80", ": 2001:db8:f::2 80"},
		{"shifted, first", "wan", "192.0.2.7", config.UDP, "203.0.113.2:9000", "shifted: 10.1.3.30 8000"},
		{"shifted, last", "wan", "192.0.2.7", config.UDP, "203.0.113.2:9003", "shifted: 10.1.3.30 8003"},
		{"beside the range", "wan", "192.0.2.7", config.UDP, "203.0.113.2:9004", ": 203.0.113.2 9004"},
		{"no ports", "wan", "192.0.2.7", 47, "203.0.113.2:0", "tunnel: 10.1.3.30 0 pass"},
		{"reflected", "dmz", "10.1.3.50", config.TCP, "203.0.113.2:443", "spread: 10.1.3.10 10.1.3.12 443 pass"},
		{"not reflected to the outside", "ppp", "192.0.2.7", config.TCP, "203.0.113.2:443", ": 203.0.113.2 443"},
		{"any destination", "lan", "10.1.2.9", config.UDP, "192.0.2.53:53", "dns: 10.1.2.53 53 pass"},
		{"any destination but one", "lan", "10.1.2.9", config.UDP, "10.1.2.53:53", ": 10.1.2.53 53"},
		{"any destination is not reflected", "dmz", "10.1.3.9", config.UDP, "192.0.2.53:53", ": 192.0.2.53 53"},
		{"nor from the outside", "lan", "10.1.2.9", config.TCP, "192.0.2.53:22", ": 192.0.2.53 22"},
		{"an interface without addresses", "ppp", "192.0.2.7", config.TCP, "100.64.0.9:22", "by-ppp: 10.1.3.22 22"},
		{"1:1", "wan", "192.0.2.7", config.TCP, "203.0.113.4:80", "erp: 10.1.3.29 80"},
		{"a forward before 1:1", "wan", "192.0.2.7", config.TCP, "203.0.113.4:8443", "on-erp: 10.1.3.10 8443"},
		{"1:1 by its interface and the inside", "dmz", "10.1.3.50", config.TCP, "203.0.113.4:80", "erp: 10.1.3.29 80"},
		{"1:1 by no other outside", "ppp", "192.0.2.7", config.TCP, "203.0.113.4:80", ": 203.0.113.4 80"},
		{"a prefix by its interface alone", "lan", "fd00:1:2:2::9", config.TCP, "[2001:db8:f00:2:a:b:c:d]:25", ": 2001:db8:f00:2:a:b:c:d 25"},
		{"1:1 of a network, first", "wan", "192.0.2.7", config.ICMP, "198.51.100.0:0", "machines: 10.1.3.64 0"},
		{"1:1 of a network, last", "wan", "192.0.2.7", config.TCP, "198.51.100.63:22", "machines: 10.1.3.127 22"},
		{"beside the network", "wan", "192.0.2.7", config.TCP, "198.51.100.64:22", ": 198.51.100.64 22"},
		{"1:1 before prefixes", "wan", "2001:db8:9::1", config.TCP, "[2001:db8:f00:2::25]:25", "six: fd00:1:2:9::25 25"},
		{"a prefix", "wan", "2001:db8:9::1", config.TCP, "[2001:db8:f00:2:a:b:c:d]:25", "ula: fd00:1:2:2:a:b:c:d 25"},
		{"beside a gateway's own address", "wan", "2001:db8:9::1", config.TCP, "[2001:db8:f::3]:25", "around-wan: fd00:1:f::3 25"},
		{"disabled", "wan", "192.0.2.7", config.TCP, "203.0.113.9:80", ": 203.0.113.9 80"},
		{"a gateway's own address in a prefix", "wan", "2001:db8:9::1", config.TCP, "[2001:db8:f::2]:25", ": 2001:db8:f::2 25"},
		{"nothing", "wan", "192.0.2.7", config.TCP, "203.0.113.77:80", ": 203.0.113.77 80"},
	} {
		dst := netip.MustParseAddrPort(tt.dst)
		a := e.Inbound(rules.Packet{
			In: tt.in, Protocol: tt.protocol, Src: netip.MustParseAddr(tt.src), SrcPort: 40000, Dst: dst.Addr(), DstPort: dst.Port(),
		})
		if got := describe(a); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, got, tt.want)
		}
	}
}

func describe(a Arrival) string {
	words := []string{a.Name + ":"}
	for _, to := range a.To {
		words = append(words, to.String())
	}
	words = append(words, config.PortRange{From: a.Port, To: a.Port}.String())
	if a.Excluded {
		words = append(words, "excluded")
	}
	if a.Pass {
		words = append(words, "pass")
	}
	for _, s := range a.Silent {
		words = append(words, "silent "+s.String())
	}
	for _, name := range a.Idle {
		words = append(words, "idle "+name)
	}
	return strings.Join(words, " ")
}

func TestArrivalReaches(t *testing.T) {
	a := Arrival{To: []netip.Addr{netip.MustParseAddr("10.1.3.10"), netip.MustParseAddr("10.1.3.12")}, Port: 80}
	for at, want := range map[string]bool{
		"10.1.3.10:80": true, "10.1.3.12:80": true, "10.1.3.11:80": false, "10.1.3.10:81": false,
	} {
		if got := a.Reaches(netip.MustParseAddrPort(at)); got != want {
			t.Errorf("%s: %v", at, got)
		}
	}
}

// order is the comments of a chain's rules, each once.
func order(part rules.Part, chain string) []string {
	var out []string
	for _, c := range part.Chains {
		for _, r := range c.Rules {
			if c.Name == chain && (len(out) == 0 || out[len(out)-1] != r.Comment) {
				out = append(out, r.Comment)
			}
		}
	}
	return out
}

func TestCompileOrder(t *testing.T) {
	w := world(t, office)
	part := Compile(w, rules.NewSets(w, nil))
	for chain, want := range map[string][]string{
		chainIn: {"shifted", "spread", "second", "tunnel", "on-erp", "dns", "by-ppp", "erp", "machines", "six", "ula", "around-wan"},
		chainOut: {
			"the gateway itself", "reflection", "erp", "machines", "six", "ula", "around-wan",
			"mail", "automatic outbound NAT",
		},
	} {
		if diff := cmp.Diff(want, order(part, chain)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", chain, diff)
		}
	}
}

func TestCompileModes(t *testing.T) {
	plain := office[:strings.Index(office, "[nat]")] + "[nat]\noutbound = \"MODE\"\n"
	const rule = "[[outbound]]\nname = \"mail\"\non = \"wan\"\naddress = \"203.0.113.3\"\n"
	for _, tt := range []struct {
		mode, more string
		want       []string
	}{
		{"automatic", "", []string{"the gateway itself", "automatic outbound NAT"}},
		{"hybrid", rule, []string{"the gateway itself", "mail", "automatic outbound NAT"}},
		{"manual", rule, []string{"the gateway itself", "mail"}},
		{"manual", "", nil},
		{"off", "", nil},
	} {
		w := world(t, strings.Replace(plain, "MODE", tt.mode, 1)+tt.more)
		if diff := cmp.Diff(tt.want, order(Compile(w, rules.NewSets(w, nil)), chainOut)); diff != "" {
			t.Errorf("%s%s (-want +got):\n%s", tt.mode, tt.more, diff)
		}
	}
}
