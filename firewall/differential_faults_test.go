package firewall

import (
	"slices"
	"testing"

	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules"
)

// TestDifferentialFindsFaults spoils compiled rulesets in the ways in which a
// compiler is wrong, and expects the packets of a policy to show it: what finds
// nothing has to be able to find something. Not every spoiled ruleset means
// something else: what is changed may be what no packet comes to.
func TestDifferentialFindsFaults(t *testing.T) {
	if spoiledRulesets == 0 {
		t.Skip("takes too long under the race detector")
	}
	for _, tt := range []struct {
		name  string
		spoil func(*oracle, *packetGen) (nft.Ruleset, bool)
		least int // percent that are noticed
	}{
		{"a rule that looks at one thing less", loosened, 60},
		{"a rule that is counted as another", miscounted, 100},
		{"a map whose parts meet one further on", shifted, 40},
		{"a map that leads one part elsewhere", misled, 40},
		{"a translation that leads to a neighbour", misdealt, 25},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const policies = 300
			spoiled, found := 0, 0
			for seed := uint64(1); seed <= policies && spoiled < spoiledRulesets; seed++ {
				c, err := randomPolicy(seed).parse()
				if err != nil {
					t.Fatal(err)
				}
				w := drawnWorld(c, compileTime)
				o := newOracle(w)
				r, ok := tt.spoil(o, newPacketGen(seed, w, compileTime, true))
				if !ok {
					continue
				}
				spoiled++
				o.compiled = holding(nft.NewEvaluator(r), w)
				if o.showsIn(newPacketGen(seed, w, compileTime, true), perPolicy+perRule*len(c.Rules)) {
					found++
				}
			}
			t.Logf("%d of %d were noticed", found, spoiled)
			if spoiled < 10 || found*100 < spoiled*tt.least {
				t.Errorf("%d of %d were noticed, want %d %% of 10 or more", found, spoiled, tt.least)
			}
		})
	}
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

// deciding calls fn with the chain and rule that decide about packets, until it is content.
func deciding(o *oracle, g *packetGen, fn func(chain, rule int) bool) bool {
	for range 200 {
		j := o.compiled.Walk(o.asKernelSees(g.packet()), o.route, nft.Options{})
		c := slices.IndexFunc(o.ruleset.Chains, func(c nft.Chain) bool { return c.Name == j.Decided.Chain })
		if c < 0 || j.Decided.Rule < 0 || o.ruleset.Chains[c].Hook != nil {
			continue
		}
		if fn(c, j.Decided.Rule) {
			return true
		}
	}
	return false
}

// withRule is a ruleset with other expressions in one rule.
func withRule(r nft.Ruleset, chain, rule int, exprs []nft.Expr) nft.Ruleset {
	r.Chains = slices.Clone(r.Chains)
	r.Chains[chain].Rules = slices.Clone(r.Chains[chain].Rules)
	r.Chains[chain].Rules[rule].Exprs = exprs
	return r
}

// loosened is the ruleset with one match taken out of a rule that decides a packet.
func loosened(o *oracle, g *packetGen) (out nft.Ruleset, _ bool) {
	ok := deciding(o, g, func(chain, rule int) bool {
		exprs := o.ruleset.Chains[chain].Rules[rule].Exprs
		at := slices.IndexFunc(exprs, func(e nft.Expr) bool { _, is := e.(nft.Match); return is })
		if at >= 0 {
			out = withRule(o.ruleset, chain, rule, slices.Delete(slices.Clone(exprs), at, at+1))
		}
		return at >= 0
	})
	return out, ok
}

// miscounted is the ruleset with another counter in a rule that decides a packet.
func miscounted(o *oracle, g *packetGen) (out nft.Ruleset, _ bool) {
	ok := deciding(o, g, func(chain, rule int) bool {
		exprs := slices.Clone(o.ruleset.Chains[chain].Rules[rule].Exprs)
		at := slices.IndexFunc(exprs, func(e nft.Expr) bool { _, is := e.(nft.Count); return is })
		if at >= 0 {
			exprs[at] = nft.Count{Counter: rules.CounterNeighbour}
			out = withRule(o.ruleset, chain, rule, exprs)
		}
		return at >= 0
	})
	return out, ok
}

// verdictMaps is the named verdict maps of a ruleset that have more than one part.
func verdictMaps(r nft.Ruleset) []int {
	var out []int
	for i, s := range r.Sets {
		if s.Data == nft.TypeVerdict && len(s.Elements) > 1 {
			out = append(out, i)
		}
	}
	return out
}

// withElements is a ruleset with other elements in one set.
func withElements(r nft.Ruleset, set int, elements []nft.Element) nft.Ruleset {
	r.Sets = slices.Clone(r.Sets)
	r.Sets[set].Elements = elements
	return r
}

// shifted is the ruleset with the border between two neighbours in a verdict map moved by one.
func shifted(o *oracle, g *packetGen) (nft.Ruleset, bool) {
	for _, i := range verdictMaps(o.ruleset) {
		s := o.ruleset.Sets[i]
		if !s.Interval || len(s.Key) != 1 {
			continue
		}
		at := g.IntN(len(s.Elements) - 1)
		left, right := s.Elements[at].Key[0], s.Elements[at+1].Key[0]
		if right.From.IsValid() && right.From != right.To {
			left.To, right.From = right.From, right.From.Next()
		} else if right.Lo < right.Hi {
			left.Hi, right.Lo = right.Lo, right.Lo+1
		} else {
			continue
		}
		elements := slices.Clone(s.Elements)
		elements[at].Key, elements[at+1].Key = []nft.Value{left}, []nft.Value{right}
		return withElements(o.ruleset, i, elements), true
	}
	return nft.Ruleset{}, false
}

// misled is the ruleset with two parts of a verdict map exchanged.
func misled(o *oracle, g *packetGen) (nft.Ruleset, bool) {
	for _, i := range verdictMaps(o.ruleset) {
		elements := slices.Clone(o.ruleset.Sets[i].Elements)
		at := g.IntN(len(elements) - 1)
		if elements[at].Verdict != elements[at+1].Verdict {
			elements[at].Verdict, elements[at+1].Verdict = elements[at+1].Verdict, elements[at].Verdict
			return withElements(o.ruleset, i, elements), true
		}
	}
	return nft.Ruleset{}, false
}

// misdealt is the ruleset with all addresses of a translation's map one further on.
func misdealt(o *oracle, _ *packetGen) (nft.Ruleset, bool) {
	for i, s := range o.ruleset.Sets {
		if s.Data != nft.TypeIPv4 && s.Data != nft.TypeIPv6 || len(s.Elements) == 0 {
			continue
		}
		elements := slices.Clone(s.Elements)
		for n := range elements {
			elements[n].Data = nft.Address(elements[n].Data.From.Next())
		}
		return withElements(o.ruleset, i, elements), true
	}
	return nft.Ruleset{}, false
}
