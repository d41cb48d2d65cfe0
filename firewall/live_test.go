package firewall

import (
	"strings"
	"testing"

	"github.com/rempart/rempart/firewall/nft"
)

// ofLines says whether a comment is of what gives flows their line, keeps a pair out of
// connection tracking, or has flows reported to it. It decides nothing about flows, and its
// comments have blanks, which no name has.
func ofLines(comment string) bool {
	switch comment {
	case "passed before it was routed", "tells ends of flows that they ended", "goes to the inside", "has a line already",
		"its reset would not know its line", "of the link alone", "nothing of the pair", "not the other node",
		"told of already", "for the other node", "nothing for the other node":
		return true
	}
	return strings.HasPrefix(comment, "gateway ")
}

// TestOriginsNameEveryRule finds what of the policy each counter and comment of a
// compiled ruleset comes from: none may be told by its handle alone.
func TestOriginsNameEveryRule(t *testing.T) {
	policies(t, func(t *testing.T, path string) {
		w := goldenWorld(t, path)
		comments, counters := origins(w.Config)
		for _, chain := range Compile(w).Chains {
			for _, rule := range chain.Rules {
				counted := false
				for _, x := range rule.Exprs {
					c, ok := x.(nft.Count)
					if !ok {
						continue
					}
					if _, counted = counters[c.Counter]; !counted {
						t.Errorf("chain %s counts on %q, of which nobody knows what it is", chain.Name, c.Counter)
					}
				}
				_, named := comments[rule.Comment]
				if named = named || ofLines(rule.Comment); rule.Comment != "" && !named && !counted && rule.Comment != "the gateway itself" {
					t.Errorf("chain %s has a rule %q, of which nobody knows what it is", chain.Name, rule.Comment)
				}
			}
		}
		for name, o := range comments {
			if o.Line == 0 || o.Name != name {
				t.Errorf("%q is %+v", name, o)
			}
		}
	})
}
