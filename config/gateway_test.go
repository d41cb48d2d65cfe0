package config

import (
	"net/netip"
	"testing"
	"time"
)

// lines are three ways out of twoInterfaces.
const lines = twoInterfaces + `
[interface.lte]
device   = "wwan0"
external = true
[gateway.fibre]
interface = "wan"
address   = "203.0.113.1"
monitor   = "192.0.2.53"
[gateway.lte]
interface      = "lte"
address        = "dhcp"
weight         = 3
monitor        = ["192.0.2.53", "tcp://192.0.2.7:443", "dns://192.0.2.53/Example.org"]
quorum         = 2
interval       = "2s"
timeout        = "1s"
window         = "1m"
loss_warning   = 0
loss_down      = 50
delay_warning  = "0s"
delay_down     = "900ms"
jitter_warning = "50ms"
jitter_down    = "100ms"
down_after     = "4s"
up_after       = "1m"
force_down     = true
on_down        = "block"
fail_over      = "keep"
[gateway.six]
interface = "wan"
address   = "ra"
monitor   = []
up_after  = "30s"
[gateway_group.internet]
description = "Whatever works"
tiers       = [["fibre"], ["lte"]]
trigger     = ["jitter", "loss"]
sticky      = true
on_down     = "default-route"
fail_over   = "end"
fail_back   = "drain"
drain       = "1h"
`

func TestParseGateways(t *testing.T) {
	c := parseText(t, lines)
	expect(t, "gateways", []Gateway{
		{
			Name: "fibre", Interface: "wan", Address: addr("203.0.113.1"), Weight: 1, OnDown: OnDownNext, FailOver: FailOverMove,
			Monitor: watched(Probe{Kind: ProbeICMP, Address: addr("192.0.2.53")}),
		},
		{
			Name: "lte", Interface: "lte", Learned: LearnedDHCP, Weight: 3, ForceDown: true, OnDown: OnDownBlock, FailOver: FailOverKeep,
			Monitor: Monitor{
				Targets: []Probe{
					{Kind: ProbeICMP, Address: addr("192.0.2.53")},
					{Kind: ProbeTCP, Address: addr("192.0.2.7"), Port: 443},
					{Kind: ProbeDNS, Address: addr("192.0.2.53"), Port: 53, Name: "example.org."},
				},
				Quorum: 2, Interval: 2 * time.Second, Timeout: time.Second, Window: time.Minute,
				Down: 4 * time.Second, Up: time.Minute, LossDown: 50, DelayDown: 900 * time.Millisecond,
				JitterWarning: 50 * time.Millisecond, JitterDown: 100 * time.Millisecond,
			},
		},
		{
			Name: "six", Interface: "wan", Learned: LearnedRA, Weight: 1, OnDown: OnDownNext, FailOver: FailOverMove,
			Monitor: Monitor{Down: 2 * time.Second, Up: 30 * time.Second},
		},
	}, c.Gateways)
	expect(t, "group", &GatewayGroup{
		Name: "internet", Description: "Whatever works", Tiers: [][]string{{"fibre"}, {"lte"}},
		Triggers: Triggers{Loss: true, Jitter: true}, Sticky: true, OnDown: OnDownDefaultRoute,
		FailOver: FailOverEnd, FailBack: FailBackDrain, Drain: time.Hour,
	}, c.GatewayGroup("internet"))
}

func TestParseSteering(t *testing.T) {
	const group = lines + `
[gateway_group.keeps]
tiers = [["fibre"], ["lte"]]
[gateway_group.drains]
tiers     = [["fibre"], ["lte"]]
fail_back = "drain"
[[rule]]
name   = "r"
action = "pass"
`
	for _, tt := range []struct {
		keys string
		want Steering
	}{
		{"", Steering{}},
		{`gateway = "keeps"`, Steering{}},
		{"gateway = \"fibre\"\nfail_over = \"end\"", Steering{FailOver: FailOverEnd}},
		{"gateway = \"keeps\"\nfail_over = \"move\"\nfail_back = \"end\"", Steering{FailOver: FailOverMove, FailBack: FailBackEnd}},
		{"gateway = \"keeps\"\nfail_back = \"drain\"", Steering{FailBack: FailBackDrain, Drain: 10 * time.Minute}},
		{"gateway = \"drains\"\nfail_back = \"drain\"", Steering{FailBack: FailBackDrain, Drain: 10 * time.Minute}},
		{"gateway = \"internet\"\nfail_back = \"drain\"", Steering{FailBack: FailBackDrain, Drain: time.Hour}},
		{"gateway = \"internet\"\nfail_back = \"drain\"\ndrain = \"90s\"", Steering{FailBack: FailBackDrain, Drain: 90 * time.Second}},
	} {
		if got := parseText(t, group+tt.keys+"\n").Rule("r").Steering; got != tt.want {
			t.Errorf("%q: %+v, want %+v", tt.keys, got, tt.want)
		}
	}
}

func TestParseRouteKinds(t *testing.T) {
	c := parseText(t, lines+`
[alias.branches]
addresses = ["10.9.0.0/16", "branch.example.org"]
[[route]]
destination = "@branches"
gateway     = "fibre"
metric      = 5
[[route]]
destination = "default"
gateway     = "six"
[[route]]
destination = "default"
gateway     = "internet"
[[route]]
destination = "::/0"
kind        = "prohibit"
metric      = 9
[[route]]
destination = "10.0.0.0/8"
kind        = "blackhole"
[[route]]
destination = "@branches"
kind        = "unreachable"
metric      = 6
`)
	expect(t, "routes", []Route{
		{Alias: "branches", Gateway: "fibre", Metric: 5},
		{Destination: netip.MustParsePrefix("::/0"), Gateway: "six"},
		{Destination: netip.MustParsePrefix("0.0.0.0/0"), Gateway: "internet"},
		{Destination: netip.MustParsePrefix("::/0"), Kind: RouteProhibit, Metric: 9},
		{Destination: netip.MustParsePrefix("10.0.0.0/8"), Kind: RouteBlackhole},
		{Alias: "branches", Kind: RouteUnreachable, Metric: 6},
	}, c.Routes)
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct{ text, back string }{
		{"192.0.2.53", ""},
		{"2001:db8:0::1", "2001:db8::1"},
		{"tcp://192.0.2.7:443", ""},
		{"tcp://[2001:db8::1]:443", ""},
		{"dns://192.0.2.53/example.org", ""},
		{"dns://192.0.2.53:53/Example.ORG.", "dns://192.0.2.53/example.org"},
		{"dns://[2001:db8::53]/a.example.org", ""},
		{"dns://[2001:db8::53]:5353/a.example.org", ""},
	} {
		p, err := ParseProbe(tt.text)
		want := tt.back
		if want == "" {
			want = tt.text
		}
		if err != nil || p.String() != want {
			t.Errorf("ParseProbe(%q) = %v, %v, want %s", tt.text, p, err, want)
		}
		for n := range tt.text {
			again(t, tt.text[:n], ParseProbe, Probe.String, sameValue)
		}
	}
	if got := (Probe{Kind: ProbeICMP}).String(); got != "the gateway itself" {
		t.Errorf("without an address: %q", got)
	}
}

func TestWordsOfGateways(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{FailOverKeep.String(), "keep"}, {FailBackDrain.String(), "drain"}, {FailOver(0).String(), "(0)"},
		{LearnedNot.String(), ""}, {LearnedRA.String(), "ra"}, {ProbeDNS.String(), "dns"},
		{RouteUnicast.String(), "unicast"}, {RouteProhibit.String(), "prohibit"},
		{Triggers{}.String(), ""}, {Triggers{Loss: true, Jitter: true}.String(), "loss, jitter"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}
