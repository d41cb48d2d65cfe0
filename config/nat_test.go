package config

import (
	"fmt"
	"testing"
	"time"
)

func addressTerm(r string) AddressTerm {
	parsed, err := ParseRange(r)
	if err != nil {
		panic(err)
	}
	return AddressTerm{Kind: TermRange, Range: parsed}
}

func TestParsePortForwards(t *testing.T) {
	c := parseText(t, twoInterfaces+`
[nat]
helpers = ["sip", "ftp"]
[[port_forward]]
name     = "not-from-there"
on       = "wan"
source   = "198.51.100.0/24"
protocol = "tcp"
target   = "none"
[[port_forward]]
name           = "www"
on             = "wan"
protocol       = "tcp"
port           = ["8000-8003"]
target         = ["10.1.2.3", "10.1.2.4"]
target_port    = 80
weights        = [3, 1]
spread         = "random"
check          = "tcp"
check_interval = "1s"
reflection     = true
[[port_forward]]
name     = "mail"
on       = "wan"
protocol = "tcp"
port     = 25
target   = ["10.1.2.5", "10.1.2.6"]
check    = "tcp"
[[port_forward]]
name     = "dns"
on       = "wan"
protocol = "udp"
port     = 53
target   = ["10.1.2.5", "10.1.2.6"]
check    = "tcp:8080"
[[port_forward]]
name     = "ntp"
on       = "wan"
protocol = "udp"
port     = 123
target   = ["10.1.2.5"]
check    = "icmp"
`)
	expect(t, "nat", NAT{Outbound: NATAutomatic, Helpers: []Helper{HelperSIP, HelperFTP}}, c.NAT)
	expect(t, "port forwards", []PortForward{
		{
			Name: "not-from-there", On: "wan", Source: []AddressTerm{addressTerm("198.51.100.0/24")}, Protocols: []Protocol{TCP},
			Exclude: true, Spread: SpreadSource,
		},
		{
			Name: "www", On: "wan", Protocols: []Protocol{TCP}, Ports: []PortRange{{8000, 8003}},
			Target: []AddressTerm{addressTerm("10.1.2.3"), addressTerm("10.1.2.4")}, TargetPort: 80, Weights: []int{3, 1},
			Spread: SpreadRandom, Check: &TargetCheck{Kind: ProbeTCP, Port: 80, Interval: time.Second}, Reflection: true,
		},
		{
			Name: "mail", On: "wan", Protocols: []Protocol{TCP}, Ports: []PortRange{{25, 25}},
			Target: []AddressTerm{addressTerm("10.1.2.5"), addressTerm("10.1.2.6")},
			Spread: SpreadSource, Check: &TargetCheck{Kind: ProbeTCP, Port: 25, Interval: 5 * time.Second},
		},
		{
			Name: "dns", On: "wan", Protocols: []Protocol{UDP}, Ports: []PortRange{{53, 53}},
			Target: []AddressTerm{addressTerm("10.1.2.5"), addressTerm("10.1.2.6")},
			Spread: SpreadSource, Check: &TargetCheck{Kind: ProbeTCP, Port: 8080, Interval: 5 * time.Second},
		},
		{
			Name: "ntp", On: "wan", Protocols: []Protocol{UDP}, Ports: []PortRange{{123, 123}},
			Target: []AddressTerm{addressTerm("10.1.2.5")},
			Spread: SpreadSource, Check: &TargetCheck{Kind: ProbeICMP, Interval: 5 * time.Second},
		},
	}, c.PortForwards)
}

func TestParseReflectionFollowsNAT(t *testing.T) {
	for nat, want := range map[bool]string{false: "false true false", true: "true true false"} {
		text := twoInterfaces + fmt.Sprintf("[nat]\nreflection = %v\n", nat)
		for i, keys := range []string{"", "reflection = true", "reflection = false"} {
			text += fmt.Sprintf("[[port_forward]]\nname = \"f%d\"\non = \"wan\"\nprotocol = \"tcp\"\nport = %d\ntarget = \"10.1.2.3\"\n%s\n", i, 80+i, keys)
			text += fmt.Sprintf("[[one_to_one]]\nname = \"o%d\"\non = \"wan\"\nexternal = \"198.51.100.%d\"\ninternal = \"10.1.2.%d\"\n%s\n", i, i+1, i+5, keys)
		}
		c := parseText(t, text)
		if got := fmt.Sprint(c.PortForwards[0].Reflection, c.PortForwards[1].Reflection, c.PortForwards[2].Reflection); got != want {
			t.Errorf("nat.reflection = %v: port forwards %s, want %s", nat, got, want)
		}
		if got := fmt.Sprint(c.OneToOne[0].Reflection, c.OneToOne[1].Reflection, c.OneToOne[2].Reflection); got != want {
			t.Errorf("nat.reflection = %v: 1:1 translations %s, want %s", nat, got, want)
		}
	}
}

func TestParseOutbound(t *testing.T) {
	c := parseText(t, twoInterfaces+`
[alias.pool]
addresses = ["198.51.100.8/30", "!198.51.100.11"]
[nat]
outbound = "hybrid"
[[outbound]]
name        = "not-the-tunnel"
on          = "wan"
destination = "192.0.2.0/24"
address     = "none"
[[outbound]]
name        = "as-the-interface"
on          = "wan"
protocol    = "udp"
source_port = 500
address     = "interface"
static_port = true
[[outbound]]
name             = "pool"
on               = "wan"
protocol         = ["tcp", "udp"]
pool             = ["@pool", "198.51.100.20-198.51.100.23"]
spread           = "source"
translated_ports = "20000-29999"
[[outbound]]
name   = "six"
on     = "wan"
source = "fd00::/64"
pool   = ["2001:db8:9::8/125"]
`)
	expect(t, "outbound", []Outbound{
		{
			Name: "not-the-tunnel", On: "wan", Destination: []AddressTerm{addressTerm("192.0.2.0/24")},
			Exclude: true, Spread: SpreadRoundRobin,
		},
		{
			Name: "as-the-interface", On: "wan", Protocols: []Protocol{UDP}, SourcePorts: []PortTerm{{Range: PortRange{500, 500}}},
			StaticPort: true, Spread: SpreadRoundRobin,
		},
		{
			Name: "pool", On: "wan", Protocols: []Protocol{TCP, UDP},
			Pool:   []AddressTerm{{Kind: TermAlias, Name: "pool"}, addressTerm("198.51.100.20/30")},
			Spread: SpreadSource, Translated: PortRange{20000, 29999},
		},
		{
			Name: "six", On: "wan", Source: []AddressTerm{addressTerm("fd00::/64")},
			Pool: []AddressTerm{addressTerm("2001:db8:9::8/125")}, Spread: SpreadRoundRobin,
		},
	}, c.Outbound)
}

// TestMostOfAPool: MaxPool addresses are taken, one more is not.
func TestMostOfAPool(t *testing.T) {
	for last, want := range map[string]bool{"198.51.100.255": true, "198.51.101.0": false} {
		pool := fmt.Sprintf("[[outbound]]\nname = \"p\"\non = \"wan\"\npool = \"198.51.100.0-%s\"\n", last)
		target := fmt.Sprintf("[[port_forward]]\nname = \"f\"\non = \"wan\"\nprotocol = \"tcp\"\nport = 80\ntarget = \"198.51.100.0-%s\"\n", last)
		for _, part := range []string{pool, target} {
			if _, err := ParseLanguage(File{"rempart.toml", []byte(twoInterfaces + part)}, nil); (err == nil) != want {
				t.Errorf("%s: %v", part, err)
			}
		}
	}
}

func TestWordsOfNAT(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{HelperFTP.String(), "ftp"}, {HelperH323.String(), "h323"}, {Helper(0).String(), "(0)"},
		{SpreadSource.String(), "source"}, {SpreadRandom.String(), "random"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}
