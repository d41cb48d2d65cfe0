package firewall

import (
	"testing"

	"github.com/rempart/rempart/lab"
)

// TestRulesCostNoTime keeps the promise of the compiler, loosely: the first packet
// of a flow through 1,000 rules takes about as long as through 10, and a packet of
// an established flow does not know how many rules there are. A list takes 20 times
// as long for a new flow, so that even a busy machine tells one from the other.
func TestRulesCostNoTime(t *testing.T) {
	const (
		mostNew, mostEstablished = 4.0, 1.6
		turns                    = 31
	)
	n := lab.Test(t)
	few, many := newLane(t, n, "few"), newLane(t, n, "many")
	few.runs(t, Compile(benchWorld(t, benchBase+ruleList(10, onePort))))
	many.runs(t, Compile(benchWorld(t, benchBase+ruleList(1_000, onePort))))
	few.begins(t, flowsTo(9, 20_000), 1000)
	many.begins(t, flowsTo(999, 20_000), 1000)
	for range turns {
		takeTurns(t, few, many)
		if few.passed != few.each || many.passed != many.each {
			t.Fatalf("%d and %d of %d new flows passed", few.passed, many.passed, few.each)
		}
	}
	t.Logf("a new flow: %.0f ns through 10 rules, %.0f ns through 1,000, ratio %.2f", few.perPacket(), many.perPacket(), many.over(few))
	if ratio := many.over(few); ratio > mostNew {
		t.Errorf("a new flow takes %.2f times as long through 1,000 rules as through 10, %.1f are the most", ratio, mostNew)
	}

	few.took, many.took = nil, nil
	few.continues(t, syn(9, 0), 1000)
	many.continues(t, syn(999, 0), 1000)
	for range turns {
		takeTurns(t, few, many)
	}
	t.Logf("established: %.0f ns with 10 rules, %.0f ns with 1,000, ratio %.2f", few.perPacket(), many.perPacket(), many.over(few))
	if ratio := many.over(few); ratio > mostEstablished {
		t.Errorf("an established packet takes %.2f times as long with 1,000 rules as with 10, %.1f are the most", ratio, mostEstablished)
	}
}

// TestPairCostsNoTime: what the ruleset of a pair says of events is free for a packet of a flow that
// is assured, and little for the first of one.
func TestPairCostsNoTime(t *testing.T) {
	const (
		mostNew, mostEstablished = 1.6, 1.3
		turns                    = 31
	)
	n := lab.Test(t)
	alone, pair := newLane(t, n, "alone"), newLane(t, n, "pair")
	policy := benchBase + ruleList(10, onePort)
	alone.runs(t, Compile(benchWorld(t, policy)))
	pair.runs(t, Compile(NewWorld(pairConfig(t, policy+"\n[ha]\nsecret = \"file:carp.key\"\ninterface = \"dmz\"\n"), Learned{}, compileTime)))
	for _, l := range []*lane{alone, pair} {
		l.begins(t, flowsTo(9, 20_000), 1000)
	}
	for range turns {
		takeTurns(t, alone, pair)
		if alone.passed != alone.each || pair.passed != pair.each {
			t.Fatalf("%d and %d of %d new flows passed", alone.passed, pair.passed, alone.each)
		}
	}
	t.Logf("a new flow: %.0f ns alone, %.0f ns of a pair, ratio %.3f", alone.perPacket(), pair.perPacket(), pair.over(alone))
	if ratio := pair.over(alone); ratio > mostNew {
		t.Errorf("a new flow takes %.2f times as long on a node of a pair, %.1f are the most", ratio, mostNew)
	}

	for _, l := range []*lane{alone, pair} {
		l.took = nil
		l.continues(t, syn(9, 0), 1000)
	}
	for range turns {
		takeTurns(t, alone, pair)
	}
	t.Logf("established: %.0f ns alone, %.0f ns of a pair, ratio %.3f", alone.perPacket(), pair.perPacket(), pair.over(alone))
	if ratio := pair.over(alone); ratio > mostEstablished {
		t.Errorf("an established packet takes %.2f times as long on a node of a pair, %.1f are the most", ratio, mostEstablished)
	}
}
