package configsync

import (
	"context"
	"errors"
	"time"

	"github.com/rempart/rempart/ha/peer"
	"github.com/rempart/rempart/ha/view"
)

// View is how the policies of both nodes stand, as far as this node knows.
func (s *Sync) View(ctx context.Context) (view.Policy, error) {
	own, standing, err := s.state(ctx)
	if err != nil {
		return view.Policy{}, err
	}
	out := view.Policy{Own: own.Current}
	if own.Pending != "" {
		out.Pending = standing.Deadline
	}
	s.mu.Lock()
	other, linked, fresh, silent := s.peer, s.linked, s.fresh, s.silent
	out.Told = s.told
	s.mu.Unlock()
	switch {
	case !s.Paired():
		out.State, out.Told = view.PolicyUnpaired, time.Time{}
		return out, nil
	case !fresh:
		out.State, out.Why = view.PolicyAway, noConnection
		if other != nil {
			out.Peer = other.Current
		}
		switch {
		case silent:
			out.Why = errSilent.Error()
		case linked:
			out.Why = "it has not said yet what it runs"
		}
		return out, nil
	}
	out.Peer = other.Current
	if !other.fits() {
		out.State, out.Why = view.PolicyAway, tooFarApart
		return out, nil
	}
	h, err := s.Gateway.History()
	if err != nil {
		return view.Policy{}, err
	}
	out.State, out.Why = describe(judge(own, other, standing.Foreign, h), own, other)
	out.Ruleset = rulesets(own, other)
	return out, nil
}

// describe is a verdict as people read it.
func describe(v verdict, own, other *state) (view.PolicyState, string) {
	switch v {
	case inStep, rename, renamed:
		return view.PolicyInStep, ""
	case catchUp, unknown:
		if own.Refused == other.Current.ID && own.Refused != "" {
			return view.PolicyBehind, "this node cannot take it: " + own.Why
		}
		return view.PolicyBehind, "this node is catching up"
	case awaits:
		if other.Refused == own.Current.ID && other.Refused != "" {
			return view.PolicyAhead, other.Node + " cannot take it: " + other.Why
		}
		return view.PolicyAhead, other.Node + " is catching up"
	case apart:
		return view.PolicyConflict, ""
	}
	return view.PolicyChanging, ""
}

// rulesets compares what both compiled.
func rulesets(own, other *state) view.RulesetState {
	switch {
	case own.Current.ID != other.Current.ID, own.Ruleset == "", other.Ruleset == "":
		return view.RulesetUnknown
	case own.Ruleset == other.Ruleset:
		return view.RulesetEqual
	}
	return view.RulesetDiffers
}

// plainly is an error of the link or of the peer as whoever ordered something reads it.
func (s *Sync) plainly(err error) error {
	var refusal *Refusal
	var refused *peer.Refused
	switch {
	case errors.Is(err, peer.ErrNotConnected):
		return view.Statef("%s is away: %s", s.Peer(), noConnection)
	case errors.Is(err, errSilent):
		return view.Statef("%s is away: %w", s.Peer(), err)
	case errors.As(err, &refusal) && refusal != errTurn:
		return &Refused{Node: s.Peer(), Refusal: refusal}
	case errors.As(err, &refused):
		return view.Statef("%s refuses: %s", s.Peer(), refused.Text)
	}
	return err
}
