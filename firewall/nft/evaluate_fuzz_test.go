package nft

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// FuzzEvaluate asks rulesets that no kernel would take, with chains in circles,
// sets and maps of the wrong kind and keys of the wrong length: every question
// has to come to an end.
func FuzzEvaluate(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, seed+1)
	}
	f.Fuzz(func(t *testing.T, a, b uint64) {
		rng := rand.New(rand.NewPCG(a, b))
		r := randomRuleset(rng)
		for i := range r.Chains {
			for range rng.IntN(4) {
				r.Chains[i].Rules = append(r.Chains[i].Rules, randomRule(rng, r))
			}
			rng.Shuffle(len(r.Chains[i].Rules), func(x, y int) {
				rules := r.Chains[i].Rules
				rules[x], rules[y] = rules[y], rules[x]
			})
		}
		e := NewEvaluator(r)
		for range 5 {
			p := randomPacket(rng)
			o := Options{Trace: rng.IntN(2) == 0}
			if rng.IntN(2) == 0 {
				o.Exceeded = func(Place, Expr) bool { return rng.IntN(2) == 0 }
				o.Full = func(string) bool { return rng.IntN(2) == 0 }
			}
			j := e.Walk(p, func(netip.Addr) (string, bool) { return "eth0", rng.IntN(2) == 0 }, o)
			if j.Verdict != Accept && j.Verdict != Drop {
				t.Fatalf("%v of %+v in\n%s", j.Verdict, p, r)
			}
		}
	})
}

// randomRule is a rule that need not make sense.
func randomRule(rng *rand.Rand, r Ruleset) Rule {
	cases := ruleCases()
	set := func() string {
		if len(r.Sets) == 0 || rng.IntN(10) == 0 {
			return "missing"
		}
		return r.Sets[rng.IntN(len(r.Sets))].Name
	}
	fields := func() []Field {
		list := make([]Field, rng.IntN(5))
		for i := range list {
			list[i] = Field(rng.IntN(len(fieldInfos) + 2))
		}
		return list
	}
	var x Rule
	for range 1 + rng.IntN(3) {
		switch rng.IntN(6) {
		case 0:
			x.Exprs = append(x.Exprs, Verdict{Kind: VerdictKind(rng.IntN(7)), Chain: r.Chains[rng.IntN(len(r.Chains))].Name})
		case 1:
			x.Exprs = append(x.Exprs, Lookup{Fields: fields(), Not: rng.IntN(2) == 0, Set: set()})
		case 2:
			x.Exprs = append(x.Exprs, VMap{Fields: fields(), Set: set()})
		case 3:
			x.Exprs = append(x.Exprs, DynSet{Fields: fields(), Set: set(), Stmt: Limit{Over: rng.IntN(2) == 0}})
		default:
			x.Exprs = append(x.Exprs, cases[rng.IntN(len(cases))].rule.Exprs...)
		}
	}
	return x
}

func randomPacket(rng *rand.Rand) Packet {
	var some []Packet
	for _, p := range travellers() {
		some = append(some, p)
	}
	p := some[rng.IntN(len(some))]
	p.State = StateBits(rng.IntN(2) << rng.IntN(8))
	p.Status = StatusBits(rng.IntN(64))
	switch rng.IntN(5) {
	case 0:
		p.Src, p.Dst = netip.Addr{}, netip.Addr{}
	case 1:
		p.Src = netip.MustParseAddr("::ffff:1.2.3.4")
	case 2:
		p.In = "a-name-that-is-longer-than-names-are"
	}
	return p
}
