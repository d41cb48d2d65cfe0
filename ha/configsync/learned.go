package configsync

import (
	"context"
	"time"
)

// spread has the peer know what this node learned, when that counts, and digests what both compiled.
func (s *Sync) spread(ctx context.Context, other *state) error {
	learned := s.Gateway.LearnedDigest()
	s.mu.Lock()
	due := s.sent.digest != learned || time.Since(s.sent.at) > refusedAgain
	s.mu.Unlock()
	if s.Leads() && learned != other.Learned && due {
		if err := s.tellLearned(ctx); err != nil {
			return err
		}
		s.mu.Lock()
		s.sent = spread{learned, time.Now()}
		s.mu.Unlock()
	}
	return s.digest(ctx)
}

// tellLearned has the peer adopt what this node learned.
func (s *Sync) tellLearned(ctx context.Context) error {
	b, err := s.Gateway.Learned(ctx)
	if err != nil {
		return err
	}
	_, err = s.request(ctx, askLearned, b, stageTime)
	return err
}

// digest digests the ruleset that runs, unless that was done.
func (s *Sync) digest(ctx context.Context) error {
	standing, err := s.Gateway.Standing(ctx)
	if err != nil || standing.Running.ID == "" {
		return err
	}
	d := digested{id: standing.Running.ID, learned: s.Gateway.LearnedDigest()}
	s.mu.Lock()
	known := s.ruleset.id == d.id && s.ruleset.learned == d.learned
	s.mu.Unlock()
	if known {
		return nil
	}
	if d.digest, err = s.Gateway.RulesetDigest(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	s.ruleset = d
	s.mu.Unlock()
	return nil
}
