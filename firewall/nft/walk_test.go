package nft

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
)

// randomRuleset is a ruleset of parts of the cases that fit together.
func randomRuleset(rng *rand.Rand) Ruleset {
	r := Ruleset{Table: Table{Name: "rempart"}}
	chance := func(percent int) bool { return rng.IntN(100) < percent }
	for _, name := range []string{"cnt", "rule-x.y", "a", "b", "c"} {
		if chance(70) {
			r.Counters = append(r.Counters, name)
		}
	}
	for _, h := range caseHelpers() {
		if chance(50) {
			if h.Name == "sip_udp" && chance(50) {
				h.Type, h.Protocol = "tftp", protoUDP
			}
			r.Helpers = append(r.Helpers, h)
		}
	}
	r.Chains = append(r.Chains, Chain{Name: "c1"})
	for i := range 6 {
		if chance(50) {
			r.Chains = append(r.Chains, Chain{Name: fmt.Sprintf("x%d", i)})
		}
	}
	for _, c := range caseChains() {
		if c.Hook == nil || chance(20) {
			continue
		}
		if chance(15) && c.Hook.Type == "filter" {
			c.Hook.Priority += rng.IntN(5)
		}
		if chance(20) {
			c.Hook.Policy = drop
		}
		r.Chains = append(r.Chains, c)
	}
	r.Chains = append(r.Chains, Chain{Name: "anywhere"})
	for _, s := range caseSets() {
		if chance(75) {
			r.Sets = append(r.Sets, randomSet(rng, s))
		}
	}
	rng.Shuffle(len(r.Sets), func(i, j int) { r.Sets[i], r.Sets[j] = r.Sets[j], r.Sets[i] })
	addRandomRules(rng, &r)
	return r
}

// randomSet is a set with some of its elements, and now and then of another kind.
func randomSet(rng *rand.Rand, s Set) Set {
	all := s.Elements
	s.Elements = nil
	for _, e := range all {
		if rng.IntN(100) < 60 {
			s.Elements = append(s.Elements, e)
		}
	}
	if rng.IntN(100) >= 10 {
		return s
	}
	if s.Dynamic {
		s.Size = 100 + rng.IntN(3)
	} else if !s.HasTimeout {
		s.HasTimeout = true
	}
	return s
}

func addRandomRules(rng *rand.Rand, r *Ruleset) {
	have := map[use]bool{}
	for _, s := range r.Sets {
		have[use{useSet, s.Name}] = true
	}
	for _, h := range r.Helpers {
		have[use{useHelper, h.Name}] = true
	}
	for _, name := range r.Counters {
		have[use{useCounter, name}] = true
	}
	where := map[string]int{}
	for i, c := range r.Chains {
		where[c.Name] = i
		if c.Hook == nil {
			have[use{useChain, c.Name}] = true
		}
	}
	fits := func(x Rule) bool {
		for _, e := range x.Exprs {
			for _, u := range usesOf(e) {
				if !have[u] {
					return false
				}
			}
		}
		return true
	}
	cases := ruleCases()
	for range 40 {
		c := cases[rng.IntN(len(cases))]
		if c.chain == "" {
			c.chain = "anywhere"
		}
		if i, ok := where[c.chain]; ok && fits(c.rule) {
			r.Chains[i].Rules = append(r.Chains[i].Rules, c.rule)
		}
	}
	for i := range r.Chains {
		if to := fmt.Sprintf("x%d", rng.IntN(6)); r.Chains[i].Hook != nil && have[use{useChain, to}] {
			r.Chains[i].Rules = append(r.Chains[i].Rules, rule(jump(to)))
		}
	}
}

// Whatever was there, a plan makes what is wanted: in the fake and in the kernel.
func TestPlanWalksFake(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		fake := NewFake("rempart")
		var last State
		for step := range 25 {
			want := randomRuleset(rng)
			have := last
			if step%2 == 0 {
				have = readState(t, fake)
			}
			commitAll(t, fake, Plan(have, want))
			sameText(t, fmt.Sprintf("seed %d, step %d", seed, step), want.String(), fake.String())
			if t.Failed() {
				t.FailNow()
			}
			last = want.State()
		}
	}
}

func TestPlanWalksKernel(t *testing.T) {
	namespace(t)
	k, fake := Open("rempart"), NewFake("rempart")
	rng := rand.New(rand.NewPCG(7, 7))
	var last State
	for step := range 60 {
		want := randomRuleset(rng)
		have := last
		if step%3 == 0 {
			have = readState(t, k)
		}
		batches := Plan(have, want)
		for i, b := range batches {
			err := k.Commit(context.Background(), b, 0)
			if err != nil {
				t.Fatalf("step %d, batch %d of %d: %v", step, i+1, len(batches), err)
			}
			if err := fake.Commit(context.Background(), b, 0); err != nil {
				t.Fatalf("the kernel takes what the fake refuses: step %d: %v", step, err)
			}
		}
		listed := nftCommand(t, "", "list", "table", "inet", "rempart")
		sameText(t, fmt.Sprintf("step %d", step), want.String(), listed)
		sameText(t, fmt.Sprintf("step %d, fake", step), listed, fake.String())
		if t.Failed() {
			t.FailNow()
		}
		last = want.State()
	}
}
