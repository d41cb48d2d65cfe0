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

// What may be wrong with a revision that comes from the peer, though it is what its ID says.
var (
	errStranger = errors.New("it is signed by a key that is not of this pair")
	errUnsigned = errors.New("it is not signed")
)

// trust says whether a revision was made by a node of this pair. Its ancestors are what its ID vouches for.
func (s *Sync) trust(r config.Revision) error {
	switch {
	case r.Key == nil:
		return fmt.Errorf("trust revision %.7s: %w", r.ID, errUnsigned)
	case !s.Trusted(r.Key):
		return fmt.Errorf("trust revision %.7s of %s: %w", r.ID, r.Origin, errStranger)
	}
	return nil
}

// fetch gets from the peer what leads to a revision, itself as the last.
func (s *Sync) fetch(ctx context.Context, own *state, head string, learned bool) (bundle, error) {
	ctx, cancel := context.WithTimeout(ctx, stageTime)
	defer cancel()
	var all bundle
	have := own.Line
	for {
		answer, err := s.ask(ctx, askFetch, marshal(fetch{Head: head, Have: have, Learned: learned}))
		if err != nil {
			return bundle{}, err
		}
		part, err := parseBundle(answer)
		if err != nil {
			return bundle{}, fmt.Errorf("read revisions of the peer: %w", err)
		}
		if len(part.revisions) == 0 {
			return bundle{}, fmt.Errorf("fetch revision %.7s: the peer does not have it", head)
		}
		all.revisions = append(all.revisions, part.revisions...)
		if part.learned != nil {
			all.learned = part.learned
		}
		last := part.revisions[len(part.revisions)-1]
		if last.ID == head {
			if err := s.trust(last); err != nil {
				return bundle{}, err
			}
			return all, s.connects(last, all.revisions[:len(all.revisions)-1])
		}
		switch {
		case slices.Contains(have, last.ID):
			return bundle{}, fmt.Errorf("fetch revision %.7s: the peer sends %.7s again and again", head, last.ID)
		case len(all.revisions) > mostRevisions:
			return bundle{}, errMany
		}
		have = append(have, last.ID)
	}
}

// catchUp makes the peer's revision run here.
func (s *Sync) catchUp(ctx context.Context, own, other *state, again bool) error {
	s.mu.Lock()
	tired := s.refused.id == other.Current.ID && time.Since(s.refused.at) < refusedAgain && !again
	s.mu.Unlock()
	if tired {
		return nil
	}
	err := s.adopt(ctx, own, other.Current.ID)
	if err != nil && passes(err) {
		return err
	}
	s.mu.Lock()
	s.refused = refused{}
	if err != nil {
		s.refused = refused{id: other.Current.ID, why: err.Error(), at: time.Now()}
	}
	s.mu.Unlock()
	if err != nil {
		s.Log.Warn("revision of the peer is not taken", "id", other.Current.ID, "cause", err)
		return err
	}
	s.Log.Info("caught up with the peer", "id", other.Current.ID, "author", other.Current.Author)
	return nil
}

// passes says that an error is of the moment, and nothing that the revision is left alone for.
func passes(err error) bool {
	var refusal *Refusal
	return errors.As(err, &refusal) && refusal.Busy || errors.Is(err, peer.ErrNotConnected) || errors.Is(err, context.Canceled)
}

// adopt fetches a revision of the peer that descends from what runs here, and makes it run for good.
func (s *Sync) adopt(ctx context.Context, own *state, id string) error {
	b, err := s.fetch(ctx, own, id, true)
	if err != nil {
		return err
	}
	last := len(b.revisions) - 1
	if err := s.Gateway.Add(ctx, b.revisions[:last]); err != nil {
		return err
	}
	if _, err := s.Gateway.Stage(ctx, b.revisions[last], b.learned); err != nil {
		return err
	}
	if _, err := s.Gateway.Switch(ctx, id, doubt); err != nil {
		return err
	}
	return s.keep(ctx, id)
}

// keep keeps what is pending here, and is the peer's.
func (s *Sync) keep(ctx context.Context, id string) error {
	_, err := s.kept(ctx, id)
	return err
}

// kept keeps what is pending, and tells of it when nobody wrote it at this node: it is the peer's, or a merge.
func (s *Sync) kept(ctx context.Context, id string) (Switched, error) {
	before, err := s.Gateway.Standing(ctx)
	if err != nil {
		return Switched{}, err
	}
	out, err := s.Gateway.Keep(ctx, id)
	if err != nil {
		return out, err
	}
	now, err := s.Gateway.Standing(ctx)
	switch {
	case err != nil: // it is kept all the same
		s.Log.Warn("a revision was kept, and nobody could be told", "id", id, "cause", err)
	case before.Foreign || len(now.Running.Parents) > 1:
		s.Kept(before.Running, now.Running)
	}
	return out, nil
}
