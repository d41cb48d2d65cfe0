package firewall

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/rempart/rempart/lab"
)

// learning is a policy on a gateway whose outside address comes from its provider.
const learning = `
[nat]
reflection = true
outbound = "hybrid"

[[rule]]
name = "out"
from = "inside"
to = "wan"
action = "pass"

[[outbound]]
name = "ports"
on = "wan"
source = ["10.1.2.10"]
protocol = ["tcp", "udp"]
translated_ports = "20000-20999"

[[port_forward]]
name = "www"
on = "wan"
protocol = ["tcp", "udp"]
port = [80]
target = ["10.1.3.10"]
pass = true
`

// TestTrafficLearnedAddress: translations follow the address of an interface, and
// no rule changes with it.
func TestTrafficLearnedAddress(t *testing.T) {
	t.Parallel()
	s := translatingSite(t)
	s.gw.AddAddr("wan0", prefixesOf("203.0.113.2/24")...)
	policy := strings.Replace(base, `addresses = ["203.0.113.2/24", "2001:db8:ff::2/64"]`+"\n", "", 1) + learning
	s.applyDraft(t, policy, 0)
	rulesNow := func() string {
		var out strings.Builder
		for _, chain := range []string{"translate_in", "translate_out", "input", "forward"} {
			text, err := s.gw.Run(t.Context(), "nft", "list", "chain", "inet", TableName, chain)
			if err != nil {
				t.Fatal(err)
			}
			out.WriteString(text)
		}
		return out.String()
	}
	before := rulesNow()
	for _, own := range []string{"203.0.113.2", "203.0.113.77"} {
		if own != "203.0.113.2" {
			s.gw.AddAddr("wan0", netip.MustParsePrefix(own+"/24"))
			s.gw.DelAddr("wan0", prefixesOf("203.0.113.2/24")...)
			s.gw.Default(addr("203.0.113.1"))
		}
		s.forget(t)
		await(t, "the forward at "+own, func() bool {
			return s.internet.TCP(t.Context(), addrPort(own+":80"), lab.Within(5*patience)).Outcome == lab.Open
		})
		for _, c := range []crossing{
			{"internet tcp " + own + ":80", "10.1.3.10:80", "", "auto_forwarded www"},
			{"internet udp " + own + ":80", "10.1.3.10:80", "", "auto_forwarded www"},
			{"office tcp " + own + ":80", "10.1.3.10:80", "", "auto_forwarded www"},
			{"office tcp 198.51.100.7:80", "198.51.100.7:80", own, "auto_outbound out"},
			{"office udp 198.51.100.7:53", "198.51.100.7:53", own, "auto_outbound out"},
			{"office 10.1.2.10:0 tcp 198.51.100.7:80", "198.51.100.7:80", own, "out ports"},
		} {
			s.cross(t, c)
		}
		for _, a := range s.sightings(t, "office 10.1.2.10:0 tcp 198.51.100.7:443", "office 10.1.2.10:0 udp 198.51.100.7:53") {
			if a.Addr() != addr(own) || a.Port() < 20000 || a.Port() > 20999 {
				t.Errorf("it left as %s", a)
			}
		}
	}
	if after := rulesNow(); after != before {
		t.Errorf("the rules changed:\n%s\nthey were:\n%s", after, before)
	}
}
