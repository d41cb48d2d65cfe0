package nft

import (
	"testing"
)

// caseRuleset holds the rules of all cases, each in a chain where it may stand.
func caseRuleset(cases []ruleCase) Ruleset {
	r := Ruleset{Table: Table{Name: "rempart"}, Sets: caseSets(), Counters: caseCounters(), Chains: caseChains()}
	r.Chains = append(r.Chains, Chain{Name: "anywhere"})
	for _, c := range cases {
		if c.chain == "" {
			c.chain = "anywhere"
		}
		for i := range r.Chains {
			if r.Chains[i].Name == c.chain {
				r.Chains[i].Rules = append(r.Chains[i].Rules, c.rule)
			}
		}
	}
	return r
}

func TestRuleText(t *testing.T) {
	for _, c := range ruleCases() {
		if got := c.rule.String(); got != c.text {
			t.Errorf("prints as\n\t%s\nwant\n\t%s", got, c.text)
		}
	}
}

// What is sent by netlink, what nft reads from our text, and our text are one.
func TestListsAsPrinted(t *testing.T) {
	namespace(t)
	want := caseRuleset(ruleCases())
	k := Open("rempart")
	apply(t, k, want)
	sent := nftCommand(t, "", "list", "table", "inet", "rempart")
	sameText(t, "sent by netlink", want.String(), sent)
	nftCommand(t, "", "flush", "ruleset")
	nftCommand(t, want.String(), "-f", "-")
	sameText(t, "read by nft -f", want.String(), nftCommand(t, "", "list", "table", "inet", "rempart"))
}
