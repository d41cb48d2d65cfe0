package firewall

import (
	"slices"
	"testing"

	"github.com/rempart/rempart/firewall/nft"
)

// TestDifferentialFindsFaults spoils compiled rulesets and expects the packets
// to show it: what finds nothing has to be able to find something. A ruleset is
// spoiled as a wrong compiler would: a rule that decides some packets looks at
// one thing less, and so takes packets that lie just outside.
func TestDifferentialFindsFaults(t *testing.T) {
	const policies = 60
	spoiled, found := 0, 0
	for seed := range uint64(policies) {
		c, err := randomPolicy(seed + 1).parse()
		if err != nil {
			t.Fatal(err)
		}
		w := drawnWorld(c, compileTime)
		r, ok := loosened(newOracle(w), newPacketGen(seed, w, compileTime, true))
		if !ok {
			continue
		}
		spoiled++
		if withRuleset(newOracle(w), r).showsIn(newPacketGen(seed, w, compileTime, true), perPolicy) {
			found++
		}
	}
	t.Logf("%d of %d spoiled rulesets were noticed", found, spoiled)
	if spoiled < policies/2 || found < spoiled*2/3 {
		t.Errorf("%d of %d spoiled rulesets were noticed", found, spoiled)
	}
}

func withRuleset(o *oracle, r nft.Ruleset) *oracle {
	o.ruleset, o.compiled = r, nft.NewEvaluator(r)
	return o
}

// showsIn says whether one of some packets shows a disagreement.
func (o *oracle) showsIn(g *packetGen, packets int) bool {
	for range packets {
		if o.disagreement(g.packet()) != "" {
			return true
		}
	}
	return false
}

// loosened is the ruleset with one match taken out of a rule that decides a packet.
func loosened(o *oracle, g *packetGen) (nft.Ruleset, bool) {
	for range 200 {
		q := g.packet()
		j := o.compiled.Walk(o.asKernelSees(q), o.route, nft.Options{})
		for c, chain := range o.ruleset.Chains {
			if chain.Name != j.Decided.Chain || j.Decided.Rule < 0 || j.Decided.Rule >= len(chain.Rules) {
				continue
			}
			exprs := chain.Rules[j.Decided.Rule].Exprs
			at := slices.IndexFunc(exprs, func(e nft.Expr) bool { _, is := e.(nft.Match); return is })
			if at < 0 || chain.Hook != nil {
				continue
			}
			out := o.ruleset
			out.Chains = slices.Clone(out.Chains)
			out.Chains[c].Rules = slices.Clone(chain.Rules)
			out.Chains[c].Rules[j.Decided.Rule].Exprs = slices.Delete(slices.Clone(exprs), at, at+1)
			return out, true
		}
	}
	return nft.Ruleset{}, false
}
