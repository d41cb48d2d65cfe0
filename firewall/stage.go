package firewall

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/report"
)

// StageTime is how long a staged policy is held for its Switch.
const StageTime = time.Minute

// Proposal is a policy that somebody wants to run, and where it comes from.
type Proposal struct {
	report.Draft // what this node is to run; not asked of a Foreign one and of a Rollback
	Message      string
	// Force lets it run although it cuts off who asks.
	Force bool
	// Base is the hash of the policy that it was made from; when it is given and another one runs, it is refused.
	Base string
	// Parents are the IDs of the revisions that it was made from, what runs among them; nil: what runs.
	Parents []string
	// Rollback is the number of a kept revision that is to run again, or RevisionBefore; 0: none is. Neither
	// its tests nor who asks keep it from it.
	Rollback int
	// Secrets are those of the revision, by their bare names; nil: as they stand in their files.
	Secrets map[string][]byte
	// Foreign is a revision of the other node, whose signature the caller has verified; nil: this node makes one.
	Foreign *config.Revision
	// Learned is what the other node learned (Firewall.Learned), so that both compile the same; nil: what this one did.
	Learned []byte
}

// RevisionBefore stands for the number of the revision that ran before the current one.
const RevisionBefore = -1

// Staged is a policy that may run on this node.
type Staged struct {
	ID       string // of Revision, for the steps that follow
	Revision config.Revision
	// Unchanged says that it runs already. Nothing is held.
	Unchanged bool
	// Pair says that it is the policy of a pair: it has [ha].
	Pair     bool
	Warnings []string
}

// staged is a policy that is held.
type staged struct {
	candidate *candidate
	until     time.Time
	outdated  bool // something was learned since
}

// Stage checks all for which a policy may be refused, and holds it for its
// Switch. Nothing of the machine changes, but that it has Learned what the other
// node did, which counts whatever becomes of the policy. While one is held or pending
// every other is report.ErrConflict. After StageTime it is dropped.
func (f *Firewall) Stage(ctx context.Context, p Proposal, by report.Caller) (Staged, error) {
	var t taken
	if p.Learned != nil {
		var err error
		if t, err = f.take(p.Learned); err != nil {
			return Staged{}, err
		}
	}
	return do(ctx, f, func(ctx context.Context) (Staged, error) {
		if p.Learned != nil {
			if err := f.agree(ctx, t); err != nil {
				return Staged{}, err
			}
		}
		s, c, err := f.stage(ctx, p, by)
		if err != nil || s.Unchanged {
			return s, err
		}
		f.held = &staged{candidate: c, until: time.Now().Add(StageTime)}
		f.at("held")
		return s, nil
	})
}

// Switch makes a staged policy run. It is pending then, and goes back by itself
// after hold unless Keep comes first. When it fails, what ran before runs, and
// nothing is pending.
func (f *Firewall) Switch(ctx context.Context, id string, hold time.Duration) (report.Applied, error) {
	return do(ctx, f, func(ctx context.Context) (report.Applied, error) {
		h := f.held
		if h == nil || h.candidate.revision.ID != id {
			return report.Applied{}, report.Conflictf("%s is not staged here, or was for more than %s", called(id), StageTime)
		}
		if hold <= 0 {
			return report.Applied{}, report.Requestf("a staged policy has to wait for its confirm: say how long")
		}
		f.held = nil
		c := h.candidate
		if h.outdated {
			var err error
			if c, err = f.prepare(ctx, c.draft, time.Now()); err != nil {
				return report.Applied{}, err
			}
			c.revision, c.foreign = h.candidate.revision, h.candidate.foreign
		}
		return f.apply(ctx, c, hold)
	})
}

// Keep makes a pending policy a kept revision and the current one. Unlike
// Confirm it asks nobody for a proof: Fresh does. Of one that is kept already it
// says so again. When it fails, what ran before runs.
func (f *Firewall) Keep(ctx context.Context, id string) (report.Applied, error) {
	return do(ctx, f, func(ctx context.Context) (report.Applied, error) {
		switch {
		case f.pending != nil && f.pending.journal.Candidate.ID == id:
			return f.confirmed(ctx)
		case f.pending == nil && f.running != nil && f.running.revision.ID == id:
			return f.applied(), nil
		}
		return report.Applied{}, report.Conflictf("%s does not wait for a confirm here: it went back, or was never switched to", called(id))
	})
}

// GoBack drops a policy that is held, or takes back one that is pending.
func (f *Firewall) GoBack(ctx context.Context, id string) (report.Applied, error) {
	return do(ctx, f, func(ctx context.Context) (report.Applied, error) {
		switch {
		case f.held != nil && f.held.candidate.revision.ID == id:
			f.held = nil
			f.at("dropped")
			return f.applied(), nil
		case f.pending != nil && f.pending.journal.Candidate.ID == id:
			return f.revert(ctx)
		}
		return report.Applied{}, report.Conflictf("%s is neither staged nor pending here", called(id))
	})
}

// called is what a message calls a revision that may have no number here.
func called(id string) string {
	const enough = 12 // as short hashes are shown
	return "revision " + id[:min(len(id), enough)]
}

// stage makes a candidate of a proposal, and refuses it for whatever it may be
// refused for. It touches nothing.
func (f *Firewall) stage(ctx context.Context, p Proposal, by report.Caller) (Staged, *candidate, error) {
	if err := f.free(p); err != nil {
		return Staged{}, nil, err
	}
	s, err := f.sourceOf(p)
	if err != nil {
		return Staged{}, nil, err
	}
	if f.unchanged(p, s) {
		return Staged{ID: f.running.revision.ID, Revision: f.running.revision, Unchanged: true}, nil, nil
	}
	now := time.Now()
	c, err := f.prepareSource(ctx, &s, now)
	if err != nil {
		return Staged{}, nil, err
	}
	if err := f.author(c, p, s, by, now); err != nil {
		return Staged{}, nil, err
	}
	warnings, err := f.mayRun(ctx, c, p, by, now)
	if err != nil {
		return Staged{}, nil, err
	}
	if err := f.writable(); err != nil {
		return Staged{}, nil, err
	}
	return Staged{ID: c.revision.ID, Revision: c.revision, Pair: c.world.Config.HA != nil, Warnings: slices.Concat(warnings, c.warnings)}, c, nil
}

// free says why a proposal cannot be applied now: another apply is under way, or what
// it was made from runs no more.
func (f *Firewall) free(p Proposal) error {
	switch {
	case f.pending != nil:
		return report.Conflictf("an apply waits for its confirm until %s: `rempart confirm` or `rempart rollback` first",
			f.pending.journal.Deadline.Format(time.TimeOnly))
	case f.held != nil:
		return report.Conflictf("another apply, by %s, is under way: try again in a moment", f.held.candidate.revision.Author)
	case p.Base != "" && p.Base != f.hash():
		return report.Conflictf("another policy was applied since this one was read: look at `rempart diff`")
	case p.Parents != nil && f.running != nil && !slices.Contains(p.Parents, f.running.revision.ID):
		return report.Conflictf("another revision came since this was decided: `rempart ha diff` shows what is to be decided now")
	}
	return nil
}

// hash is that of the policy that runs, with what this node has of its own in it.
func (f *Firewall) hash() string {
	if f.running == nil {
		return ""
	}
	return config.Hash(f.running.revision.Policy)
}

// writable says whether what is applied can be kept.
func (f *Firewall) writable() error {
	if err := f.State.Writable(); err != nil {
		return fmt.Errorf("state directory takes no files, nothing was changed: %w", err)
	}
	return nil
}

// unchanged says whether a proposal is nothing but what runs. Going back to a
// revision, and a decision between several, are revisions of their own even
// when their text runs already.
func (f *Firewall) unchanged(p Proposal, s source) bool {
	if f.running == nil || p.Rollback != 0 {
		return false
	}
	id := f.running.revision.ID
	if p.Foreign != nil {
		return p.Foreign.ID == id
	}
	if p.Secrets != nil && !equalSecrets(p.Secrets, f.running.revision.Secrets) {
		return false
	}
	decides := slices.ContainsFunc(p.Parents, func(parent string) bool { return parent != id })
	return !decides && f.runsText(s.draft) && (p.Secrets != nil || f.runsSecrets())
}

// author makes the revision of a candidate.
func (f *Firewall) author(c *candidate, p Proposal, s source, by report.Caller, now time.Time) error {
	if s.foreign != nil {
		c.foreign, c.revision = true, *s.foreign
		return f.fitForeign(s.foreign, c.world.Config)
	}
	secrets, err := f.secretsFor(p, s, c.world.Config)
	if err != nil {
		return err
	}
	c.revision, err = f.newRevision(s.draft, c.world.Config, secrets)
	if err != nil {
		return err
	}
	if p.Parents != nil {
		c.revision.Parents = p.Parents
	}
	c.revision.Author, c.revision.Message, c.revision.Time = by.Name, p.Message, now.UTC()
	if s.kept != nil {
		c.revision.Message = fmt.Sprintf("rollback to revision %d", s.kept.Number)
	}
	f.seal(&c.revision)
	return nil
}

// newRevision is a revision of this node that has no author yet, and no seal.
func (f *Firewall) newRevision(d Draft, c *config.Config, secrets map[string][]byte) (config.Revision, error) {
	r := config.Revision{Secrets: secrets, Policy: d.Policy, Node: d.Node}
	if f.running != nil {
		r.Parents = []string{f.running.revision.ID}
	}
	var err error
	if r.Shared, err = sharedText(d.Policy, c); err != nil {
		return config.Revision{}, report.Requestf("%w", err)
	}
	r.Hash = config.Hash(r.Text())
	return r, nil
}

// seal gives a revision of this node its identity.
func (f *Firewall) seal(r *config.Revision) {
	if f.Seal != nil {
		f.Seal(r)
		return
	}
	r.Seal(nil)
}
