package steer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rempart/rempart/config"
)

// worlds are how many random groups a property is tried on.
const worlds = 3000

// eachWorld tries a property on random groups with random lines.
func eachWorld(t *testing.T, try func(*testing.T, *rand.Rand, Group, map[string]Health)) {
	t.Helper()
	for seed := range uint64(worlds) {
		r := rand.New(rand.NewPCG(seed, 0))
		g := Group{Triggers: config.Triggers{Loss: r.IntN(2) == 0, Delay: r.IntN(2) == 0, Jitter: r.IntN(2) == 0}}
		lines := make(map[string]Health)
		bad := r.IntN(5) // in five: some worlds are well, and some in ruins
		for range 1 + r.IntN(3) {
			var tier []Member
			for range 1 + r.IntN(5) {
				m := Member{fmt.Sprintf("gw%d", len(lines)), 1 + r.IntN(20)*r.IntN(2)}
				tier = append(tier, m)
				lines[m.Gateway] = health(isOnline)
				if r.IntN(5) < bad {
					lines[m.Gateway] = health(r.IntN(healthCount))
				}
			}
			g.Tiers = append(g.Tiers, tier)
		}
		try(t, r, g, lines)
		if t.Failed() {
			t.Fatalf("seed %d: %+v\nlines %+v", seed, g, lines)
		}
	}
}

// isUsable and chosen say once more, in the words of the documentation, what
// Usable and Choose say.
func isUsable(g Group, h Health) bool {
	switch {
	case h.State == Down || h.State == Forced:
		return false
	case g.Triggers.Loss && h.Warned.Loss:
		return false
	case g.Triggers.Delay && h.Warned.Delay:
		return false
	case g.Triggers.Jitter && h.Warned.Jitter:
		return false
	}
	return true
}

func chosen(g Group, lines map[string]Health) Choice {
	usable := make([][]Member, len(g.Tiers))
	alive := make([][]Member, len(g.Tiers))
	for n, tier := range g.Tiers {
		for _, m := range tier {
			if h := lines[m.Gateway]; h.State != Down && h.State != Forced {
				alive[n] = append(alive[n], m)
				if isUsable(g, h) {
					usable[n] = append(usable[n], m)
				}
			}
		}
	}
	for n := range usable {
		if usable[n] != nil {
			return Choice{n, usable[n]}
		}
	}
	for n := range alive {
		if alive[n] != nil {
			return Choice{n, alive[n]}
		}
	}
	return Choice{}
}

func TestTheChosenAreThoseThatTheDocumentationSays(t *testing.T) {
	met := make(map[string]int)
	eachWorld(t, func(t *testing.T, _ *rand.Rand, g Group, lines map[string]Health) {
		want := chosen(g, lines)
		if diff := cmp.Diff(want, g.Choose(lines)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		switch {
		case want.Members == nil:
			met["down"]++
		case !isUsable(g, lines[want.Members[0].Gateway]):
			met["fallback"]++
		case want.Tier > 0:
			met["later tier"]++
		case len(want.Members) < len(g.Tiers[0]):
			met["part of the first tier"]++
		default:
			met["all of the first tier"]++
		}
	})
	for _, outcome := range []string{"down", "fallback", "later tier", "part of the first tier", "all of the first tier"} {
		if met[outcome] < worlds/200 {
			t.Errorf("outcome %q was met %d times in %d worlds: the test tries too little", outcome, met[outcome], worlds)
		}
	}
}

// TestSlotsAreInProportion: within one slot while all of the tier are usable,
// and within two when the slots of others are dealt out again.
func TestSlotsAreInProportion(t *testing.T) {
	eachWorld(t, func(t *testing.T, _ *rand.Rand, g Group, lines map[string]Health) {
		choice := chosen(g, lines)
		slots := g.Deal(lines)
		if choice.Members == nil {
			if slots != nil {
				t.Errorf("a group that is down deals %v", slots)
			}
			return
		}
		if len(slots) != Slots {
			t.Fatalf("%d slots", len(slots))
		}
		got, sum := make(map[string]int), 0
		for _, name := range slots {
			got[name]++
		}
		for _, m := range choice.Members {
			sum += m.Weight
		}
		within := 1.0
		if len(choice.Members) < len(g.Tiers[choice.Tier]) {
			within = 2
		}
		for _, m := range choice.Members {
			fair := float64(Slots*m.Weight) / float64(sum)
			if math.Abs(float64(got[m.Gateway])-fair) > within {
				t.Errorf("%s has %d slots, and %.2f are fair", m.Gateway, got[m.Gateway], fair)
			}
			delete(got, m.Gateway)
		}
		if len(got) > 0 {
			t.Errorf("slots of members that are not chosen: %v", got)
		}
	})
}

// TestSlotsStay: what a member has while all of its tier are usable it has as
// long as it is usable itself, and when one of them fails or returns, no slot
// moves between others.
func TestSlotsStay(t *testing.T) {
	eachWorld(t, func(t *testing.T, r *rand.Rand, g Group, lines map[string]Health) {
		tier := g.Tiers[chosen(g, lines).Tier]
		g.Tiers = [][]Member{tier} // which tier it is is the matter of Choose
		full := g.Deal(nil)
		for i, name := range g.Deal(lines) {
			if own := full[i]; name != own && isUsable(g, lines[own]) {
				t.Errorf("slot %d of %s, which is usable, has gone to %s", i, own, name)
			}
		}
		one := tier[r.IntN(len(tier))].Gateway
		without := g.Deal(map[string]Health{one: health(isDown)})
		for i, name := range without {
			if full[i] != one && name != full[i] {
				t.Errorf("slot %d went from %s to %s when %s failed", i, full[i], name, one)
			}
		}
		if len(tier) == 1 && without != nil || slices.Contains(without, one) {
			t.Errorf("%s is down and has slots", one)
		}
	})
}
