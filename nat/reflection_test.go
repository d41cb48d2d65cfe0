package nat

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// TestReflectionByForward: each translation says for itself whether the inside
// reaches it by its outside address.
func TestReflectionByForward(t *testing.T) {
	w := world(t, office[:strings.Index(office, "[nat]")]+`
[[port_forward]]
name = "here"
on = "wan"
protocol = "tcp"
port = [80]
target = ["10.1.3.10"]

[[port_forward]]
name = "everywhere"
on = "wan"
protocol = "tcp"
port = [443]
target = ["10.1.3.10"]
reflection = true

[[port_forward]]
name = "not-this"
on = "wan"
protocol = "tcp"
port = [22]
target = ["none"]

[[one_to_one]]
name = "one"
on = "wan"
external = "203.0.113.4"
internal = "10.1.3.29"
reflection = true

[[one_to_one]]
name = "two"
on = "wan"
external = "203.0.113.5"
internal = "10.1.3.30"
`)
	e := NewEvaluator(w)
	for _, tt := range []struct{ in, src, dst, want string }{
		{"lan", "10.1.2.9", "203.0.113.2:80", ": 203.0.113.2 80"},
		{"lan", "10.1.2.9", "203.0.113.2:443", "everywhere: 10.1.3.10 443"},
		{"lan", "10.1.2.9", "203.0.113.4:25", "one: 10.1.3.29 25"},
		{"lan", "10.1.2.9", "203.0.113.5:25", ": 203.0.113.5 25"},
		{"ppp", "192.0.2.7", "203.0.113.4:25", ": 203.0.113.4 25"},
	} {
		if got := describe(e.Inbound(syn(tt.in, tt.src, tt.dst))); got != tt.want {
			t.Errorf("%s to %s: %q, want %q", tt.in, tt.dst, got, tt.want)
		}
	}
	// Back into the segment that it came from it leaves as the gateway, and 1:1 does not take it.
	p := Outgoing{Packet: syn("dmz", "10.1.3.30", "10.1.3.29:25"), Out: "dmz", Translated: true}
	if d := e.Outbound(p); d.Kind != Reflection || d.Source != netip.MustParseAddr("10.1.3.1") {
		t.Errorf("back into its segment: %+v", d)
	}
	if got := mirrors(w); !slices.Equal(got, []string{"lan", "dmz"}) {
		t.Errorf("mirrors %v", got)
	}
}
