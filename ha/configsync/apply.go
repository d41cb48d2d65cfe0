package configsync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/ha/peer"
)

// Order is how a revision of this node is to be applied.
type Order struct {
	// Confirm is how long there is to confirm it; 0 keeps it at once.
	Confirm time.Duration
	// Alone applies it here although the peer refuses it or cannot be asked.
	Alone bool
}

// Outcome is what became of an apply.
type Outcome struct {
	Staged
	Switched
	Peer Report
}

// Report is what the peer made of a revision.
type Report struct {
	State ReportState
	// Why is more to say of every state but Ready and Follows.
	Why      string
	Warnings []string
}

// ReportState is in a word what the peer made of a revision.
type ReportState int

// What it may have made of it.
const (
	Ready   ReportState = iota + 1 // it would take it
	Follows                        // it switched as well
	Away                           // it cannot be asked
	Lags                           // it did not switch, or nobody knows, and catches up
)

// Refused is the error of an apply that the peer refuses. Nothing was changed.
type Refused struct {
	Node string
	*Refusal
}

// Error says that it was the peer, and what it said.
func (r *Refused) Error() string { return r.Node + " refuses: " + r.Refusal.Error() }

// Unwrap is what it said.
func (r *Refused) Unwrap() error { return r.Refusal }

// Apply makes a revision of this node run on both. stage has this node's firewall check and hold it; whatever
// fails before the switch leaves both as they were. Once it has begun it is brought to its end, whatever
// becomes of ctx.
func (s *Sync) Apply(ctx context.Context, o Order, stage func(context.Context) (Staged, error)) (Outcome, error) {
	done, err := s.takeSoon(ctx)
	if err != nil {
		return Outcome{}, err
	}
	s.applying.Store(true)
	defer func() {
		s.applying.Store(false)
		done()
		s.Ring()
	}()
	staged, err := stage(ctx)
	if err != nil || staged.Unchanged {
		return Outcome{Staged: staged}, err
	}
	out := Outcome{Staged: staged}
	out.Peer, err = s.offer(ctx, staged.Revision, o.Alone, false)
	ctx = context.WithoutCancel(ctx)
	if err != nil {
		_, fault := s.Gateway.GoBack(ctx, staged.Revision.ID)
		return Outcome{}, errors.Join(err, fault)
	}
	return s.both(ctx, o, out)
}

// noConnection is why a peer is away.
const noConnection = "there is no connection to it"

// Try asks the peer whether it would take a revision, and changes nothing.
func (s *Sync) Try(ctx context.Context, r config.Revision) (Report, error) {
	return s.offer(ctx, r, false, true)
}

// offer has the peer check a revision and, unless it is only tried, hold it. Its error is a *Refused.
func (s *Sync) offer(ctx context.Context, r config.Revision, alone, try bool) (Report, error) {
	if alone {
		return Report{State: Lags, Why: "only this node was to have it"}, nil
	}
	if err := s.away(); err != nil {
		return Report{State: Away, Why: err.Error()}, nil
	}
	report, err := s.stageThere(ctx, r, try)
	var refusal *Refusal
	switch {
	case err == nil:
		return report, nil
	case errors.As(err, &refusal):
		return Report{}, &Refused{Node: s.Peer(), Refusal: refusal}
	case errors.Is(err, peer.ErrNotConnected):
		return Report{State: Away, Why: "the connection to it broke off"}, nil
	case errors.Is(err, errSilent):
		return Report{State: Away, Why: err.Error()}, nil
	case ctx.Err() != nil:
		return Report{}, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return Report{}, &Refused{Node: s.Peer(), Refusal: &Refusal{Message: fmt.Sprintf("it did not answer within %v", stageTime)}}
	}
	return Report{}, &Refused{Node: s.Peer(), Refusal: &Refusal{Message: err.Error()}}
}

// stageThere sends a revision with all that leads to it.
func (s *Sync) stageThere(ctx context.Context, r config.Revision, try bool) (Report, error) {
	own, _, err := s.state(ctx)
	if err != nil {
		return Report{}, err
	}
	other, err := s.exchange(ctx, own)
	if err != nil {
		return Report{}, err
	}
	b, err := s.leading(r, other)
	if err != nil {
		return Report{}, err
	}
	if b.learned, err = s.Gateway.Learned(ctx); err != nil {
		return Report{}, err
	}
	body := appendBundle(appendJSON(nil, stageHead{Protocol: protocol, Try: try}), b)
	answer, err := s.request(ctx, askStage, body, stageTime)
	return Report{State: Ready, Warnings: answer.Warnings}, err
}

// leading is a revision, with those before it that the peer does not have.
func (s *Sync) leading(r config.Revision, other *state) (bundle, error) {
	h, err := s.Gateway.History()
	if err != nil {
		return bundle{}, err
	}
	var ids []string
	for _, parent := range r.Parents {
		ids = append(ids, h.Missing(append(slices.Clone(other.Line), ids...), parent)...)
	}
	b, err := s.collect(ids)
	if err == nil && len(b.revisions) < len(ids) {
		err = &Refusal{Message: "it lacks too many revisions to take this one at once: it catches up first"}
	}
	b.revisions = append(b.revisions, r)
	return b, err
}

// both has what is held switched to on both nodes at the same moment, and kept.
func (s *Sync) both(ctx context.Context, o Order, out Outcome) (Outcome, error) {
	id, with := out.Revision.ID, out.Peer.State == Ready
	hold, theirs := doubt, doubt
	if o.Confirm > 0 {
		hold, theirs = o.Confirm, o.Confirm+grace
	}
	there := make(chan error, 1)
	if with {
		go func() {
			_, err := s.request(ctx, askSwitch, marshal(step{ID: id, Hold: theirs}), switchTime)
			there <- err
		}()
	}
	switched, err := s.Gateway.Switch(ctx, id, hold)
	if with {
		var fault error
		if out.Peer, fault = s.followed(<-there, out.Peer.Warnings); fault != nil && err == nil {
			_, back := s.Gateway.GoBack(ctx, id)
			return Outcome{}, errors.Join(fault, back)
		}
	}
	if err != nil {
		if with {
			s.undo(ctx, id)
		}
		return Outcome{}, err
	}
	out.Switched = switched
	if o.Confirm > 0 {
		return out, nil
	}
	return s.decide(ctx, id, out, with)
}

// followed is what the peer's answer to a switch means. Its error is a *Refused: the peer went back.
func (s *Sync) followed(answer error, warnings []string) (Report, error) {
	var refusal *Refusal
	switch {
	case errors.As(answer, &refusal):
		return Report{}, &Refused{Node: s.Peer(), Refusal: refusal}
	case answer != nil:
		return Report{State: Lags, Why: "it was not heard of since the switch: " + answer.Error(), Warnings: warnings}, nil
	}
	return Report{State: Follows, Warnings: warnings}, nil
}

// decide keeps what is pending: here first, for that is the decision. with says that the peer may have it as well.
func (s *Sync) decide(ctx context.Context, id string, out Outcome, with bool) (Outcome, error) {
	kept, err := s.kept(ctx, id)
	if err != nil {
		if with {
			s.undo(ctx, id)
		}
		return Outcome{}, err
	}
	out.Switched = Switched{
		Number: kept.Number, FlowsEnded: out.Switched.FlowsEnded + kept.FlowsEnded,
		Changes: append(out.Switched.Changes, kept.Changes...), Warnings: append(out.Switched.Warnings, kept.Warnings...),
	}
	if !with {
		return out, nil
	}
	if err := s.untilHeard(ctx, askKeep, id); err != nil {
		out.Peer.State, out.Peer.Why = Lags, "it did not keep it: "+err.Error()
	} else {
		out.Peer.State, out.Peer.Why = Follows, ""
	}
	return out, nil
}

// undo has the peer go back, as well as that is possible: it does so by itself when it hears nothing.
func (s *Sync) undo(ctx context.Context, id string) {
	if err := s.untilHeard(ctx, askBack, id); err != nil {
		s.Log.Warn("the peer could not be told to go back: it does so by itself", "cause", err)
	}
}

const (
	// heardTime is for how long a decision is told again and again: a switch may have moved the link to
	// another device.
	heardTime  = 5 * time.Second
	heardPause = 50 * time.Millisecond
)

// untilHeard asks the peer for a step until it answers. A node that does not have the revision any more
// refuses it, and that is an answer.
func (s *Sync) untilHeard(ctx context.Context, kind, id string) error {
	ctx, cancel := context.WithTimeout(ctx, s.heardTime)
	defer cancel()
	for {
		_, err := s.request(ctx, kind, marshal(step{ID: id}), s.heardTime)
		if !errors.Is(err, peer.ErrNotConnected) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(heardPause):
		}
	}
}

// Confirm keeps what is pending on both nodes, wherever it was applied. That whoever asks may do so, he has
// proved.
func (s *Sync) Confirm(ctx context.Context) (Outcome, error) {
	done, err := s.takeSoon(ctx)
	if err != nil {
		return Outcome{}, err
	}
	defer s.Ring()
	defer done()
	ctx = context.WithoutCancel(ctx)
	standing, err := s.Gateway.Standing(ctx)
	if err != nil {
		return Outcome{}, err
	}
	return s.decide(ctx, standing.Pending, Outcome{Peer: Report{State: Away, Why: noConnection}}, s.connected())
}

// Back takes back what is pending on both nodes, wherever it was applied.
func (s *Sync) Back(ctx context.Context) (Outcome, error) {
	done, err := s.takeSoon(ctx)
	if err != nil {
		return Outcome{}, err
	}
	defer s.Ring()
	defer done()
	ctx = context.WithoutCancel(ctx)
	standing, err := s.Gateway.Standing(ctx)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Peer: Report{State: Follows}}
	if out.Switched, err = s.Gateway.GoBack(ctx, standing.Pending); err != nil {
		return Outcome{}, err
	}
	if !s.connected() {
		out.Peer = Report{State: Away, Why: noConnection}
	} else if err := s.untilHeard(ctx, askBack, standing.Pending); err != nil {
		out.Peer = Report{State: Lags, Why: err.Error()}
	}
	return out, nil
}
