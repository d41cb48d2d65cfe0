package main

import (
	"context"
	"errors"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/config/pieces"
	"github.com/rempart/rempart/firewall"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/configsync"
	"github.com/rempart/rempart/ha/view"
)

// pairedGateway is the gateway of a node, which changes its policy together with the other node once
// they are paired. Everything else is the firewall's own.
type pairedGateway struct {
	*firewall.Firewall
	sync   *configsync.Sync
	files  *policyFiles
	paired func() bool
}

// Check says what a draft would change, and whether the other node would take it.
func (g pairedGateway) Check(ctx context.Context, d report.Draft, by report.Caller) (report.Preview, error) {
	p, err := g.Firewall.Check(ctx, d, by)
	if err != nil || !g.paired() || p.Unchanged || len(p.Faults) > 0 || p.Lockout != nil {
		return p, err
	}
	staged, err := g.stage(ctx, firewall.Proposal{Draft: d, Force: true}, by)
	switch {
	case errors.Is(err, report.ErrConflict):
		return p, nil // an apply is under way: that is told to who applies
	case err != nil || staged.Unchanged:
		return p, err
	}
	_, fault := g.GoBack(context.WithoutCancel(ctx), staged.ID)
	answer, err := g.sync.Try(ctx, staged.Revision)
	peer, err := peerReport(g.sync.Peer(), answer, err)
	p.Peer = &peer
	return p, errors.Join(err, fault)
}

// Apply makes a draft run on both nodes.
func (g pairedGateway) Apply(ctx context.Context, r report.Request, by report.Caller) (report.Applied, error) {
	if g.paired() {
		return g.apply(ctx, configsync.Order{Confirm: time.Duration(r.Confirm) * time.Second, Alone: r.Alone},
			firewall.Proposal{Draft: r.Draft, Message: r.Message, Force: r.Force, Base: r.Base}, by)
	}
	if err := g.files.mayApply(r.Draft); err != nil {
		return report.Applied{}, err
	}
	a, err := g.Firewall.Apply(ctx, r, by)
	if err == nil {
		g.files.applied(r.Draft)
	}
	return a, err
}

// stage has this node check a proposal and hold it, if both nodes could go on with it.
func (g pairedGateway) stage(ctx context.Context, p firewall.Proposal, by report.Caller) (firewall.Staged, error) {
	s, err := g.Firewall.Stage(ctx, p, by)
	if err == nil && !s.Unchanged && !s.Pair {
		_, fault := g.GoBack(context.WithoutCancel(ctx), s.ID)
		return firewall.Staged{}, errors.Join(report.Requestf("%s", "this policy is not applied: "+partsThePair), fault)
	}
	return s, err
}

// apply makes a proposal run on both nodes. What it may not undo is looked at when nothing comes any more.
func (g pairedGateway) apply(ctx context.Context, o configsync.Order, p firewall.Proposal, by report.Caller) (report.Applied, error) {
	var hash string
	out, err := g.sync.Apply(ctx, o, func(ctx context.Context) (configsync.Staged, error) {
		if err := g.files.mayApply(p.Draft); err != nil {
			return configsync.Staged{}, err
		}
		s, err := g.stage(ctx, p, by)
		hash = s.Revision.Hash
		return stagedOf(s), err
	})
	if err != nil {
		return report.Applied{}, g.failure(err)
	}
	g.files.applied(p.Draft)
	a := g.applied(out)
	a.Hash, a.Unchanged = hash, out.Unchanged
	a.Warnings = append(out.Staged.Warnings, a.Warnings...)
	if out.Unchanged {
		a.Revision, a.Peer = out.Revision.Number, nil
	}
	return a, nil
}

// Confirm keeps what waits, on both nodes.
func (g pairedGateway) Confirm(ctx context.Context, by report.Caller) (report.Applied, error) {
	if !g.paired() {
		return g.Firewall.Confirm(ctx, by)
	}
	if err := g.Fresh(ctx, by); err != nil {
		return report.Applied{}, err
	}
	out, err := g.sync.Confirm(ctx)
	if err != nil {
		return report.Applied{}, g.failure(err)
	}
	return g.ended(ctx, out)
}

// Rollback takes back what waits, on both nodes, or has both run an older revision of this node.
func (g pairedGateway) Rollback(ctx context.Context, revision int, by report.Caller) (report.Applied, error) {
	if !g.paired() {
		return g.Firewall.Rollback(ctx, revision, by)
	}
	s, err := g.Standing(ctx)
	switch {
	case err != nil:
		return report.Applied{}, err
	case s.Pending == "":
		return g.apply(ctx, configsync.Order{}, firewall.Proposal{Rollback: rollbackTo(revision)}, by)
	case revision != 0:
		return report.Applied{}, report.Conflictf("an apply waits for its confirm: `rempart rollback` without a number takes it back")
	}
	out, err := g.sync.Back(ctx)
	if err != nil {
		return report.Applied{}, g.failure(err)
	}
	return g.ended(ctx, out)
}

// rollbackTo is the revision of a rollback for a proposal.
func rollbackTo(revision int) int {
	if revision == 0 {
		return firewall.RevisionBefore
	}
	return revision
}

// ended is what a confirm or a rollback did.
func (g pairedGateway) ended(ctx context.Context, out configsync.Outcome) (report.Applied, error) {
	a := g.applied(out)
	s, err := g.Standing(ctx)
	a.Revision, a.Hash = s.Running.Number, s.Running.Hash
	return a, err
}

// Resolve ends a conflict: both nodes run what was decided.
func (g pairedGateway) Resolve(ctx context.Context, r view.Resolution, by report.Caller) (report.Applied, error) {
	d, err := g.sync.Decide(ctx, r)
	if err != nil {
		return report.Applied{}, err
	}
	s, err := g.Standing(ctx)
	if err != nil {
		return report.Applied{}, err
	}
	policy, err := g.woven(s.Running, d.Text)
	if err != nil {
		return report.Applied{}, report.Requestf("%w", err)
	}
	return g.apply(ctx, configsync.Order{Confirm: time.Duration(r.Confirm) * time.Second}, firewall.Proposal{
		Draft:   report.Draft{PolicyName: "resolution", Policy: policy, NodeName: nodeFile, Node: s.Running.Node},
		Message: d.Message, Force: r.Force, Parents: d.Parents, Secrets: d.Secrets,
	}, by)
}

// woven is a text that both nodes share with what this node has of its own.
func (g pairedGateway) woven(running config.Revision, text []byte) ([]byte, error) {
	if running.Shared == nil {
		return text, nil
	}
	c, err := parse(report.Draft{PolicyName: "resolution", Policy: running.Policy, NodeName: nodeFile, Node: running.Node})
	if err != nil || c.HA == nil {
		return text, err
	}
	return pieces.Weave(running.Policy, text, c.HA.Sections)
}

// applied is an outcome as it is shown.
func (g pairedGateway) applied(out configsync.Outcome) report.Applied {
	peer, _ := peerReport(g.sync.Peer(), out.Peer, nil) // only a refusal is an error
	return report.Applied{
		Revision: out.Number, Deadline: out.Deadline, FlowsEnded: out.FlowsEnded, Changes: out.Changes, Warnings: out.Switched.Warnings, Peer: &peer,
	}
}

// failure is an error of config sync as whoever asked reads it.
func (g pairedGateway) failure(err error) error {
	var refused *configsync.Refused
	var refusal *configsync.Refusal
	switch {
	case errors.As(err, &refused):
		peer, _ := peerReport(refused.Node, configsync.Report{}, err)
		return &report.PeerRefused{PeerReport: peer}
	case errors.As(err, &refusal):
		return report.Conflictf("%w", err)
	}
	return err
}

// peerReport is what the other node made of a policy. A refusal is part of it, and every other error is not.
func peerReport(node string, r configsync.Report, err error) (report.PeerReport, error) {
	out := report.PeerReport{Node: node, Message: r.Why, Warnings: r.Warnings}
	var refused *configsync.Refused
	switch {
	case errors.As(err, &refused):
		if out.State, out.Message = report.PeerRefuses, refused.Message; refused.Conflict {
			out.State = report.PeerConflict
		}
		for _, f := range refused.Faults {
			out.Faults = append(out.Faults, report.Fault{File: f.File, Line: f.Line, Col: f.Col, Key: f.Key, Message: f.Message})
		}
		return out, nil
	case r.State == configsync.Ready:
		out.State = report.PeerReady
	case r.State == configsync.Follows:
		out.State = report.PeerSwitched
	case r.State == configsync.Away:
		out.State = report.PeerAway
	case r.State == configsync.Lags:
		out.State = report.PeerBehind
	}
	return out, err
}
