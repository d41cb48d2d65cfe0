package analysis

import (
	"math/rand/v2"
	"testing"

	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/space"
)

// seeds is how many policies a property is tried on, packets how many packets on each.
const (
	seeds   = 80
	packets = 800
)

// TestFindingsHold holds what is said of rules against the reference evaluator:
// what decides nothing never decides, and without what changes nothing the same happens.
func TestFindingsHold(t *testing.T) {
	told := map[Kind]int{}
	for seed := range uint64(seeds) {
		d := drawer{rand.New(rand.NewPCG(seed, 7))}
		policy := d.policy(2 + d.IntN(12))
		w := world(t, policy)
		dead := map[string]bool{}
		var needless []string
		for _, f := range Findings(w) {
			told[f.Kind]++
			switch f.Kind {
			case Impossible, Shadowed:
				dead[f.Name] = true
				needless = append(needless, f.Name)
			case Redundant:
				needless = append(needless, f.Name)
			case Undecided:
				t.Fatalf("seed %d: %s", seed, f.Message)
			}
		}
		for range 4 {
			d.learn(w)
			e, less := rules.NewEvaluator(w), rules.NewEvaluator(without(w, needless))
			for range packets / 4 {
				p := d.packet()
				got := e.Evaluate(p)
				if dead[got.Rule] {
					t.Fatalf("seed %d: %q decides %+v\n%s", seed, got.Rule, p, policy)
				}
				if after := less.Evaluate(p); after.Action != got.Action {
					t.Fatalf("seed %d: without %q %+v is decided by %+v instead of %+v\n%s", seed, needless, p, after, got, policy)
				}
			}
		}
	}
	for k := Impossible; k < Unused; k++ {
		if told[k] < seeds/20 {
			t.Errorf("%s was told only %d times: the policies that are drawn are too tame", k, told[k])
		}
	}
}

// TestWhatIsNotShadowedDecides asks for the witness of each rule of which nothing
// is said, and the reference evaluator for what decides it.
func TestWhatIsNotShadowedDecides(t *testing.T) {
	asked := 0
	for seed := range uint64(seeds) {
		d := drawer{rand.New(rand.NewPCG(seed, 8))}
		policy := d.policy(2 + d.IntN(12))
		w := world(t, policy)
		e := rules.NewEvaluator(w)
		r := newReader(w)
		for n := range r.entries {
			if r.entries[n].rule == nil || len(r.entries[n].region) == 0 {
				continue
			}
			region := r.entries[n].region
			before := r.meeting(region, 0, n)
			_, witness, a := r.covered(region, before)
			if a != no {
				continue
			}
			if witness = r.alone(witness, before); !r.real(&witness) {
				continue
			}
			asked++
			sent, at := r.sample(&witness)
			if at.IsZero() {
				at = monday
			}
			p := rules.Packet{
				In: sent.In, Protocol: sent.Protocol, Src: sent.Src, Dst: sent.Dst, SrcPort: sent.SrcPort, DstPort: sent.DstPort,
				ICMPType: sent.ICMPType, ICMPCode: sent.ICMPCode, TCPFlags: sent.TCPFlags, At: at,
			}
			if got := e.Evaluate(p); got.Rule != r.entries[n].name {
				t.Fatalf("seed %d: %s should be decided by %q and is by %+v\n%s", seed, sent, r.entries[n].name, got, policy)
			}
		}
	}
	if asked < seeds {
		t.Errorf("only %d rules were asked about", asked)
	}
}

// real says whether a cube has packets that the policy alone tells everything of:
// nothing learned is needed, gateways are up, and the destination has no unknown way out.
func (g *ground) real(c *space.Cube) bool {
	return g.usual(c) && c.Sets[space.Out].Contains(space.Num(uint64(len(g.interfaces))))
}
