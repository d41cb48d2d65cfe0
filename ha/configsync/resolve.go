package configsync

import (
	"context"
	"errors"
	"fmt"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/config/pieces"
	"github.com/rempart/rempart/ha/view"
)

// Diff is what differs between the policies of both nodes, by what is in them.
func (s *Sync) Diff(ctx context.Context) (view.PolicyDiff, error) {
	done, err := s.takeSoon(ctx)
	if err != nil {
		return view.PolicyDiff{}, err
	}
	defer done()
	return s.diff(ctx)
}

// diff is Diff for who has the turn.
func (s *Sync) diff(ctx context.Context) (view.PolicyDiff, error) {
	switch {
	case !s.Paired():
		return view.PolicyDiff{}, view.Statef("the nodes are not paired: `rempart ha pair`")
	case !s.connected():
		return view.PolicyDiff{}, view.Statef("the other node is away: nobody knows what it runs")
	}
	own, standing, err := s.state(ctx)
	if err != nil {
		return view.PolicyDiff{}, err
	}
	other, err := s.exchange(ctx, own)
	if err != nil {
		return view.PolicyDiff{}, s.plainly(err)
	}
	theirs, err := s.have(ctx, own, other)
	if err != nil {
		return view.PolicyDiff{}, err
	}
	h, err := s.Gateway.History()
	if err != nil {
		return view.PolicyDiff{}, err
	}
	var base config.Revision
	if id := h.Base(own.Current.ID, other.Current.ID); id != "" {
		if base, err = s.Gateway.Find(id); err != nil {
			return view.PolicyDiff{}, err
		}
	}
	out, err := compare(base, standing.Running, theirs)
	out.Conflict = judge(own, other, standing.Foreign, h) == apart
	return out, err
}

// have is the peer's revision, which is fetched when it is not here; of none it is none.
func (s *Sync) have(ctx context.Context, own, other *state) (config.Revision, error) {
	id := other.Current.ID
	if id == "" {
		return config.Revision{}, nil
	}
	if r, err := s.Gateway.Find(id); err == nil {
		return r, nil
	}
	b, err := s.fetch(ctx, own, id, false)
	if err != nil {
		return config.Revision{}, err
	}
	return b.revisions[len(b.revisions)-1], s.Gateway.Add(ctx, b.revisions)
}

// compare is what two revisions made of the one that both were edited from.
func compare(base, ours, theirs config.Revision) (view.PolicyDiff, error) {
	out := view.PolicyDiff{Own: viewOf(ours), Peer: viewOf(theirs), Base: viewOf(base)}
	c, err := pieces.Compare(base.Text(), ours.Text(), theirs.Text())
	if err != nil {
		return out, fmt.Errorf("compare policies: %w", err)
	}
	out.Merged, out.Draft, out.Notes = c.Merged, c.Draft, c.Notes
	for _, o := range c.Objects {
		out.Objects = append(out.Objects, view.ObjectChange{
			Object: o.Name, Ours: view.Change(o.Ours.String()), Theirs: view.Change(o.Theirs.String()),
			Base: o.Base, OursText: o.OursText, TheirsText: o.TheirsText, Conflict: o.Conflict,
		})
	}
	if digestSecrets(ours.Secrets) != digestSecrets(theirs.Secrets) {
		out.Notes = append(out.Notes, "the password of the pair differs as well: whoever resolves this gives both nodes that of this node, unless he takes theirs")
	}
	return out, nil
}

// Decision is how a conflict is to end: what both nodes are to run, and what it descends from.
type Decision struct {
	Parents []string
	Text    []byte
	Secrets map[string][]byte
	Message string
}

// Decide is the decision that a resolution means. It refuses when either side has changed since it was looked at.
func (s *Sync) Decide(ctx context.Context, r view.Resolution) (Decision, error) {
	done, err := s.takeSoon(ctx)
	if err != nil {
		return Decision{}, err
	}
	defer done()
	diff, err := s.diff(ctx)
	switch {
	case err != nil:
		return Decision{}, err
	case !diff.Conflict:
		return Decision{}, view.Statef("there is no conflict: `rempart ha status` says how both nodes stand")
	case r.Expect != [2]string{} && r.Expect != [2]string{diff.Own.ID, diff.Peer.ID}:
		return Decision{}, view.Statef("another revision came since this was looked at: `rempart ha diff` shows what is to be decided now")
	}
	ours, err := s.Gateway.Find(diff.Own.ID)
	if err != nil {
		return Decision{}, err
	}
	theirs, err := s.Gateway.Find(diff.Peer.ID)
	if err != nil {
		return Decision{}, err
	}
	d := Decision{Parents: []string{ours.ID, theirs.ID}, Secrets: ours.Secrets, Message: r.Message}
	switch r.Take {
	case "ours":
		d.Text = ours.Text()
	case "theirs":
		d.Text, d.Secrets = theirs.Text(), theirs.Secrets
	case "merged":
		if d.Text = diff.Merged; d.Text == nil {
			return Decision{}, view.Statef("both nodes changed the same objects, so nothing is merged by itself: `rempart ha diff --merged` prints a text to edit")
		}
	case "":
		d.Text = r.Policy
	default:
		return Decision{}, view.Orderf("take: %q, want \"ours\", \"theirs\" or \"merged\"", r.Take)
	}
	if d.Message == "" {
		d.Message = fmt.Sprintf("resolve %.7s and %.7s of %s: %s", ours.ID, theirs.ID, diff.Peer.Origin, taken(r.Take))
	}
	return d, nil
}

// taken is in a word what a resolution takes.
func taken(take string) string {
	if take == "" {
		return "edited"
	}
	return take
}

// Pull makes what the peer runs run here, if it descends from what does. It returns how many revisions came.
func (s *Sync) Pull(ctx context.Context) (int, error) {
	done, err := s.takeSoon(ctx)
	if err != nil {
		return 0, err
	}
	defer s.Ring()
	defer done()
	before, err := s.Gateway.Standing(ctx)
	if err != nil {
		return 0, err
	}
	v, err := s.meet(context.WithoutCancel(ctx), true)
	var refusal *Refusal
	switch {
	case v == catchUp && errors.As(err, &refusal):
		return 0, &Refused{Node: s.Node(), Refusal: refusal}
	case err != nil:
		return 0, s.plainly(err)
	}
	switch v {
	case apart:
		return 0, errApart
	case awaits, renamed:
		return 0, view.Statef("this node has what the other lacks, and nothing to pull: `rempart ha push`")
	case waits:
		return 0, view.Statef("an apply is under way or waits for its confirm: `rempart confirm` or `rempart rollback` first")
	}
	after, err := s.Gateway.Standing(ctx)
	if err != nil {
		return 0, err
	}
	h, err := s.Gateway.History()
	return len(h.Missing([]string{before.Running.ID}, after.Running.ID)), err
}

var errApart = view.Statef("both nodes were edited: `rempart ha diff` shows what differs, `rempart ha resolve` decides")

// Push has the peer take what runs here, if that descends from what it runs. It returns how many revisions went.
func (s *Sync) Push(ctx context.Context) (int, error) {
	done, err := s.takeSoon(ctx)
	if err != nil {
		return 0, err
	}
	own, other, v, err := s.compared(ctx)
	done()
	switch {
	case err != nil:
		return 0, s.plainly(err)
	case v == inStep:
		return 0, nil
	case v == apart, v == unknown:
		return 0, errApart
	case v == waits, v == decided, v == undone:
		return 0, view.Statef("an apply is under way or waits for its confirm: `rempart confirm` or `rempart rollback` first")
	case v == catchUp, v == rename:
		return 0, view.Statef("the other node has what this one lacks, and takes nothing: `rempart ha pull`")
	}
	if _, err := s.request(ctx, askCatchUp, nil, stageTime); err != nil {
		return 0, s.plainly(err)
	}
	h, err := s.Gateway.History()
	if err != nil {
		return 0, err
	}
	s.Ring()
	return len(h.Missing(other.Line, own.Current.ID)), nil
}

// compared is the states of both nodes, and how they stand.
func (s *Sync) compared(ctx context.Context) (own, other *state, v verdict, err error) {
	if !s.connected() {
		return nil, nil, 0, view.Statef("the other node is away")
	}
	var standing Standing
	if own, standing, err = s.state(ctx); err != nil {
		return nil, nil, 0, err
	}
	if other, err = s.exchange(ctx, own); err != nil {
		return nil, nil, 0, err
	}
	h, err := s.Gateway.History()
	if err != nil {
		return nil, nil, 0, err
	}
	return own, other, judge(own, other, standing.Foreign, h), nil
}
