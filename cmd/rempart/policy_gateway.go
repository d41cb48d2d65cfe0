package main

import (
	"context"
	"errors"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/configsync"
)

// policyGateway is the firewall of this node as config sync knows it.
type policyGateway struct {
	*firewall.Firewall
	state *firewall.State
	files *policyFiles
}

var _ configsync.Gateway = policyGateway{}

// Stage checks a revision of the other node and holds it.
func (g policyGateway) Stage(ctx context.Context, r config.Revision, learned []byte) (configsync.Staged, error) {
	s, err := g.Firewall.Stage(ctx, firewall.Proposal{Foreign: &r, Learned: learned, Force: true}, report.Caller{Name: r.Author})
	if err == nil && !s.Pair {
		_, err := g.Firewall.GoBack(context.WithoutCancel(ctx), s.ID)
		return configsync.Staged{}, errors.Join(&configsync.Refusal{Message: partsThePair}, err)
	}
	return stagedOf(s), refusalOf(err)
}

// partsThePair is why a policy is refused that paired nodes could not go on with as a pair: the one that switches first
// would not be heard any more.
const partsThePair = "it has no [ha], so the nodes would not find each other any more: `rempart ha unpair` first, and then each is changed by itself"

// Switch makes what is held run.
func (g policyGateway) Switch(ctx context.Context, id string, hold time.Duration) (configsync.Switched, error) {
	a, err := g.Firewall.Switch(ctx, id, hold)
	return switchedOf(a), refusalOf(err)
}

// Keep makes what is pending the current revision.
func (g policyGateway) Keep(ctx context.Context, id string) (configsync.Switched, error) {
	if s, err := g.Firewall.Standing(ctx); err == nil && s.Foreign && s.Pending == id {
		g.files.keeping(s.Running)
	}
	a, err := g.Firewall.Keep(ctx, id)
	if err != nil {
		g.files.settle() // the files are of what runs
	}
	return switchedOf(a), refusalOf(err)
}

// GoBack drops what is held, or takes back what is pending.
func (g policyGateway) GoBack(ctx context.Context, id string) (configsync.Switched, error) {
	a, err := g.Firewall.GoBack(ctx, id)
	return switchedOf(a), refusalOf(err)
}

// Standing is where the gateway stands.
func (g policyGateway) Standing(ctx context.Context) (configsync.Standing, error) {
	s, err := g.Firewall.Standing(ctx)
	return configsync.Standing(s), err
}

// Add keeps revisions of the other node.
func (g policyGateway) Add(ctx context.Context, all []config.Revision) error {
	for _, r := range all {
		if err := g.Firewall.KeepForeign(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// Find is a kept revision.
func (g policyGateway) Find(id string) (config.Revision, error) { return g.state.Find(id) }

// History is of all that is kept.
func (g policyGateway) History() (config.History, error) { return g.state.History() }

// RulesetDigest is of what both nodes ought to have compiled.
func (g policyGateway) RulesetDigest(ctx context.Context) (string, error) {
	return g.Firewall.SharedDigest(ctx)
}

func stagedOf(s firewall.Staged) configsync.Staged {
	return configsync.Staged{Revision: s.Revision, Unchanged: s.Unchanged, Warnings: s.Warnings}
}

func switchedOf(a report.Applied) configsync.Switched {
	return configsync.Switched{Number: a.Revision, Deadline: a.Deadline, FlowsEnded: a.FlowsEnded, Changes: a.Changes, Warnings: a.Warnings}
}

// refusalOf is what is wrong with a policy, as the other node is told of it. Errors of the machine are
// told as they are.
func refusalOf(err error) error {
	var faults config.Errors
	var failed report.TestsFailed
	switch {
	case err == nil:
		return nil
	case errors.As(err, &faults):
		return &configsync.Refusal{Faults: configsyncFaults(reportFaults(faults))}
	case errors.As(err, &failed):
		return &configsync.Refusal{Faults: configsyncFaults(failed)}
	}
	return &configsync.Refusal{Message: err.Error(), Busy: errors.Is(err, report.ErrConflict)}
}

func configsyncFaults(faults []report.Fault) []configsync.Fault {
	out := make([]configsync.Fault, len(faults))
	for i, f := range faults {
		out[i] = configsync.Fault{File: f.File, Line: f.Line, Col: f.Col, Key: f.Key, Message: f.Message}
	}
	return out
}
