package firewall

import (
	"time"

	"github.com/rempart/rempart/firewall/nft"
)

// From when a change of the ruleset is told before it is made, and what it is
// reckoned to take: three times what was measured on a machine with nothing else to do
// (docs/benchmarks.md), since others wait for it who must not take its silence for death.
const (
	heavyRules    = 1_000
	heavyElements = 50_000
	timePerRule   = 60 * time.Microsecond
	timePerElem   = 18 * time.Microsecond
)

// tell says how long a change may take that takes long.
func (t *table) tell(plan ...nft.Batch) {
	if t.hold == nil {
		return
	}
	if d := t.takes(plan); d > 0 {
		t.hold(d)
	}
}

// takes is how long a change may take; zero: not long.
func (t *table) takes(plan []nft.Batch) time.Duration {
	rules, elements := 0, 0
	for _, b := range plan {
		for _, op := range b {
			switch op := op.(type) {
			case nft.AddRule:
				rules++
			case nft.FlushTable:
				rules += t.rules
			case nft.AddElements:
				elements += len(op.Elements)
			case nft.DeleteElements:
				elements += len(op.Elements)
			case nft.DeleteSet:
				elements += t.size(op.Name)
			}
		}
	}
	if rules <= heavyRules && elements <= heavyElements {
		return 0
	}
	return time.Duration(rules)*timePerRule + time.Duration(elements)*timePerElem
}

// size is how many elements the set of that name has.
func (t *table) size(set string) int {
	for _, s := range t.have.Sets {
		if s.Name == set {
			return len(s.Elements)
		}
	}
	return 0
}

// rulesOf is how many rules a ruleset has.
func rulesOf(r nft.Ruleset) int {
	n := 0
	for _, c := range r.Chains {
		n += len(c.Rules)
	}
	return n
}
