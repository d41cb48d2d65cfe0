package rules

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"go4.org/netipx"
)

// scattered is n addresses and networks of a family.
func scattered(r *rand.Rand, f Family, n int) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for range n {
		if f == V4 {
			b.AddPrefix(netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(r.IntN(40)), byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256))}), 24+r.IntN(9)).Masked())
		} else {
			a := netip.MustParseAddr("2001:db8::").As16()
			a[4], a[5], a[15] = byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256))
			b.AddPrefix(netip.PrefixFrom(netip.AddrFrom16(a), 40+r.IntN(89)).Masked())
		}
	}
	b.AddRange(netipx.MustParseIPRange("9.255.255.0-10.0.3.255")) // across where sets are cut
	return mustSet(&b)
}

func TestShardsAreTheWhole(t *testing.T) {
	for _, f := range families {
		set := scattered(rand.New(rand.NewPCG(1, 1)), f, 5000)
		s := &Sets{by: map[*netipx.IPSet][]netipx.IPRange{}}
		ranges := s.ranges(set, f)
		var b, all netipx.IPSetBuilder
		parts := shards(f, ranges, 100)
		for i, part := range parts {
			if len(part.ranges) > 100 {
				t.Errorf("%v holds %d ranges", part.part, len(part.ranges))
			}
			if all.AddPrefix(part.part); i > 0 && parts[i-1].part.Overlaps(part.part) {
				t.Errorf("%v overlaps the part before", part.part)
			}
			for _, r := range part.ranges {
				if b.AddRange(r); !part.part.Contains(r.From()) || !part.part.Contains(r.To()) {
					t.Errorf("%v is not in %v", r, part.part)
				}
			}
		}
		if whole := mustSet(&all).Ranges(); len(whole) != 1 {
			t.Errorf("%v: the parts leave addresses out: %v", f, whole)
		}
		if !slices.Equal(s.ranges(mustSet(&b), f), ranges) {
			t.Errorf("%v: the parts hold something else", f)
		}
	}
}

// TestOneMoreChangesOneShard is why a refreshed list costs what has changed in it.
func TestOneMoreChangesOneShard(t *testing.T) {
	w := world(t, `
[[rule]]
name = "block-listed"
from = "wan"
source = "@listed"
action = "block"
`)
	compile := func(set *netipx.IPSet, before *Sets) *Sets {
		w.Lists = map[string]*netipx.IPSet{"listed": set}
		s := NewSets(w, before)
		Compile(w, s)
		s.Done()
		return s
	}
	set := scattered(rand.New(rand.NewPCG(2, 2)), V4, 60_000)
	var b netipx.IPSetBuilder
	b.AddSet(set)
	b.Add(netip.MustParseAddr("77.1.2.3"))
	first := compile(set, nil)
	second := compile(mustSet(&b), first)
	changed := 0
	for name, s := range second.sets {
		old, ok := first.sets[name]
		if !ok {
			t.Errorf("%s is new", name)
		}
		if len(s.Elements) != len(old.Elements) {
			changed++
		} else if len(s.Elements) > 0 && s.Data == 0 && &s.Elements[0] != &old.Elements[0] {
			t.Errorf("%s was made anew although it is the same", name)
		}
	}
	if changed != 1 || len(first.sets) < 8 {
		t.Errorf("%d of %d sets have other elements, want one of several", changed, len(first.sets))
	}
}

// TestLargeListsMeanWhatTheySay holds rules over sets in several parts against the policy.
func TestLargeListsMeanWhatTheySay(t *testing.T) {
	w := world(t, `
[[rule]]
name = "block-listed"
from = "wan"
source = ["@listed", "50.0.0.0/9"]
destination = "10.1.2.0/25"
action = "block"

[[rule]]
name = "to-others"
from = "lan"
destination = ["any", "!@listed"]
action = "pass"
`)
	r := rand.New(rand.NewPCG(3, 3))
	set := scattered(r, V4, 60_000)
	w.Lists = map[string]*netipx.IPSet{"listed": set}
	sets := NewSets(w, nil)
	part := Compile(w, sets)
	e := nft.NewEvaluator(nft.Ruleset{Sets: sets.List(), Counters: part.Counters, Chains: part.Chains})
	reference := NewEvaluator(w)
	ranges := set.Ranges()
	hits := map[string]int{}
	for range 20_000 {
		a := netip.AddrFrom4([4]byte{byte(r.IntN(60)), byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256))})
		switch near := ranges[r.IntN(len(ranges))]; r.IntN(4) {
		case 0:
			a = near.From()
		case 1:
			a = near.To().Next()
		}
		p := Packet{In: "wan", Protocol: config.UDP, Src: a, Dst: netip.MustParseAddr("10.1.2.9"), SrcPort: 1, DstPort: 2}
		q := nft.Packet{In: "eth0", Out: "eth1", Protocol: 17, SrcPort: 1, DstPort: 2, Src: p.Src, Dst: p.Dst, State: nft.StateNew}
		if r.IntN(2) == 0 {
			p.In, p.Src, p.Dst = "lan", p.Dst, p.Src
			q.In, q.Out, q.Src, q.Dst = "eth1", "eth0", p.Src, p.Dst
		}
		want := reference.Evaluate(p)
		got := e.Run("forward", q, nft.Options{})
		if want.Rule != "" {
			hits[want.Rule]++
		}
		if (got.Verdict == nft.Accept) != (want.Action == config.Pass) || want.Rule != "" && !slices.Contains(got.Counters, RuleCounter(want.Rule)) {
			t.Fatalf("%+v: policy %+v, ruleset %v by %v", p, want, got.Verdict, got.Counters)
		}
	}
	if hits["block-listed"] < 1000 || hits["to-others"] < 1000 {
		t.Errorf("the packets hardly try the rules: %v", hits)
	}
}

// TestLargeOnBothSides keeps a rule with a large alias on either side from
// becoming its parts times its parts.
func TestLargeOnBothSides(t *testing.T) {
	w := world(t, `
[[rule]]
name = "among-listed"
source = "@listed"
destination = "@listed"
action = "block"
`)
	w.Lists = map[string]*netipx.IPSet{"listed": scattered(rand.New(rand.NewPCG(4, 4)), V4, 100_000)}
	ways := NewSets(w, nil).Alternatives(Selector{Name: "r", Source: w.Config.Rules[0].Source, Destination: w.Config.Rules[0].Destination})
	if n := len(ways); n < 8 || n > 64 {
		t.Errorf("the rule has %d alternatives, want one for each part of its source", n)
	}
}
