package main

import (
	"context"
	"fmt"

	"github.com/rempart/rempart/ha/view"
)

// checkPolicy is the doctor's name of whether both nodes run one policy.
const checkPolicy = "policy"

// Doctor examines the pair, its keys and its policies.
func (b pairBackend) Doctor(ctx context.Context, tell func(view.Finding) error) error {
	known := b.keys.State().Paired
	err := b.Node.Doctor(ctx, func(f view.Finding) error {
		if known && f.Check == checkPolicy {
			return nil // what paired nodes know of each other's says more than a hash in a heartbeat
		}
		return tell(f)
	})
	if err != nil {
		return err
	}
	s, err := b.HAStatus(ctx)
	if err != nil || s.Pairing == nil {
		return err
	}
	if err := tell(keysFinding(*s.Pairing)); err != nil || s.Policy == nil {
		return err
	}
	return tell(policyFinding(*s.Policy))
}

// keysFinding is what the nodes know each other by.
func keysFinding(p view.Pairing) view.Finding {
	f := view.Finding{Check: "keys", Result: view.Good, Text: fmt.Sprintf("paired with %s (%s)", p.Node, p.Peer)}
	switch {
	case !p.Paired:
		f.Result, f.Text = view.Doubt, "the nodes are not paired: whoever learns the CARP password, from its advertisements too, can speak for either"
		f.Remedy = "`rempart ha pair`"
	case p.Rotating:
		f.Result, f.Text = view.Doubt, "new keys were agreed on, and are not in use on both nodes yet"
		f.Remedy = "they come into use when the nodes are connected; `rempart ha status` says when"
	}
	return f
}

// policyFinding is whether both nodes run one policy.
func policyFinding(p view.Policy) view.Finding {
	f := view.Finding{Check: checkPolicy, Result: view.Bad, Text: string(p.State) + remark(p.Why)}
	switch {
	case p.State == view.PolicyUnpaired:
		f.Result, f.Text = view.Skipped, "each node has its own until they are paired"
	case p.State == view.PolicyInStep && p.Ruleset == view.RulesetDiffers:
		f.Result, f.Text = view.Doubt, "both nodes run one policy, and compiled it to different rulesets"
		f.Remedy = "install the same version of rempart on both nodes, and look whether `rempart show aliases` tells the same of both"
	case p.State == view.PolicyInStep:
		f.Result, f.Text = view.Good, "both nodes run one policy"
		if p.Ruleset == view.RulesetEqual {
			f.Text += ", and compiled it to the same ruleset"
		}
	case p.State == view.PolicyConflict:
		f.Text, f.Remedy = "both nodes were edited", "`rempart ha diff` shows how, `rempart ha resolve` decides"
	case p.State == view.PolicyChanging:
		f.Result, f.Remedy = view.Doubt, "`rempart confirm` or `rempart rollback`"
	case p.State == view.PolicyAway:
		f.Result = view.Doubt
	}
	return f
}
