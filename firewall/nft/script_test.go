package nft

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Batches read as nft takes them: what they print makes the same table as what they send.
func TestBatchIsAnNftScript(t *testing.T) {
	namespace(t)
	rng := rand.New(rand.NewPCG(11, 12))
	k := Open("rempart")
	var have State
	for range 20 {
		want := randomRuleset(rng)
		// nft 1.0.6 cannot delete a wildcard from a set of devices; by netlink it works.
		withoutSet(&want, "ifw")
		for _, b := range Plan(have, want) {
			nftCommand(t, b.String(), "-f", "-")
		}
		sameText(t, "by nft -f", want.String(), nftCommand(t, "", "list", "table", "inet", "rempart"))
		if t.Failed() {
			t.FailNow()
		}
		have = readState(t, k)
	}
}

// withoutSet takes a set, and the rules that use it, out of a ruleset.
func withoutSet(r *Ruleset, name string) {
	r.Sets = slices.DeleteFunc(r.Sets, func(s Set) bool { return s.Name == name })
	for i := range r.Chains {
		r.Chains[i].Rules = slices.DeleteFunc(r.Chains[i].Rules, func(x Rule) bool {
			return slices.ContainsFunc(x.Exprs, func(e Expr) bool { return slices.Contains(usesOf(e), use{useSet, name}) })
		})
	}
}
