package firewall

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rempart/rempart/config"
	"go4.org/netipx"
)

// perGolden is how many packets each golden policy is asked about: 20,000, and
// fewer under the race detector.
const perGolden = max(5000, differentialPackets/50)

// unmet names the counters of rules and translations in golden policies that no
// first packet of a flow can count on.
var unmet = map[string][]string{
	"03-rule-keys.toml": {"rule_icmp-code"},   // ICMP errors begin no flow
	"04-aliases.toml":   {"rule_alias-alone"}, // the policy has no route there
	"10-nat.toml": { // the policy passes nothing that would leave
		"rule_mail-source", "rule_six", "rule_all-of-wan", "rule_partners-by-lte",
	},
}

// TestGoldenPoliciesAgree holds what golden policies compile to against what they
// say: verdict, deciding rule or cause, translation, mark and counters of packets
// that lie at the edges of their values. Every rule and translation has to be met,
// or the packets did not come near enough.
func TestGoldenPoliciesAgree(t *testing.T) {
	policies(t, func(t *testing.T, path string) {
		t.Parallel()
		w := goldenWorld(t, path)
		w = withDynamic(w, dynamicOf(w.Config))
		asked := newOracle(w)
		g := newPacketGen(1, w, compileTime, true)
		met := map[string]bool{}
		for n := range perGolden {
			p := g.packet()
			if n%50 == 0 {
				p.In = "stranger" // no interface of the policy
			}
			if says := asked.disagreement(p); says != "" {
				t.Fatalf("packet %s\n%s", describe(p), says)
			}
			for _, c := range asked.byRuleset(p).counters {
				met[c] = true
			}
		}
		var missed []string
		for _, c := range asked.ruleset.Counters {
			if strings.HasPrefix(c, "rule_") && !met[c] {
				missed = append(missed, c)
			}
		}
		if want := unmet[filepath.Base(path)]; !slices.Equal(missed, want) {
			t.Errorf("no packet met %v, want %v", missed, want)
		}
	})
}

// dynamicOf puts hosts and a network of its own into every dynamic alias.
func dynamicOf(c *config.Config) Dynamic {
	out := Dynamic{}
	for i, a := range c.Aliases {
		if a.Kind != config.AliasDynamic {
			continue
		}
		var b netipx.IPSetBuilder
		for _, s := range []string{"198.51.100.%d/32", "203.0.%d.0/28", "2001:db8:66:%d::/64"} {
			b.AddPrefix(netip.MustParsePrefix(fmt.Sprintf(s, 100+i)))
		}
		out[a.Name] = finished(&b)
	}
	return out
}
