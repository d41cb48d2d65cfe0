package main

import (
	"testing"

	"github.com/rempart/rempart/ha/view"
)

func TestFindingsOfPair(t *testing.T) {
	for _, c := range []struct {
		name string
		got  view.Finding
		want view.Result
		help bool // there is something to do
	}{
		{"paired", keysFinding(view.Pairing{Paired: true, Node: "fw2"}), view.Good, false},
		{"not paired", keysFinding(view.Pairing{}), view.Doubt, true},
		{"rotating", keysFinding(view.Pairing{Paired: true, Rotating: true}), view.Doubt, true},
		{"in step", policyFinding(view.Policy{State: view.PolicyInStep}), view.Good, false},
		{"in step, equal", policyFinding(view.Policy{State: view.PolicyInStep, Ruleset: view.RulesetEqual}), view.Good, false},
		{"in step, compiled apart", policyFinding(view.Policy{State: view.PolicyInStep, Ruleset: view.RulesetDiffers}), view.Doubt, true},
		{"conflict", policyFinding(view.Policy{State: view.PolicyConflict}), view.Bad, true},
		{"behind", policyFinding(view.Policy{State: view.PolicyBehind, Why: "no such device"}), view.Bad, false},
		{"changing", policyFinding(view.Policy{State: view.PolicyChanging}), view.Doubt, true},
		{"away", policyFinding(view.Policy{State: view.PolicyAway}), view.Doubt, false},
		{"not paired, each its own", policyFinding(view.Policy{State: view.PolicyUnpaired}), view.Skipped, false},
	} {
		if c.got.Result != c.want || (c.got.Remedy != "") != c.help || c.got.Text == "" {
			t.Errorf("%s: %+v", c.name, c.got)
		}
	}
}
