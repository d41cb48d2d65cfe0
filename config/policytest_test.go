package config

import "testing"

func TestParseTestDown(t *testing.T) {
	c := parseText(t, twoInterfaces+`
[gateway.fibre]
interface = "wan"
address   = "203.0.113.1"
[gateway.cable]
interface = "wan"
address   = "203.0.113.3"
[[test]]
name    = "fail-over"
packet  = "lan tcp 10.1.2.9 -> 198.51.100.7:443"
expect  = "pass"
gateway = "cable"
down    = ["fibre"]
`)
	if len(c.Tests) != 1 {
		t.Fatal(c.Tests)
	}
	expect(t, "gateway", "cable", c.Tests[0].Gateway)
	expect(t, "down", []string{"fibre"}, c.Tests[0].Down)
}
