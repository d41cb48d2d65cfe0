package firewall

import (
	"bytes"
	"context"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/report"
)

// Standing is where a node stands between the policies of a pair.
type Standing struct {
	// Running is the kept revision, with its texts: what runs, and while one is
	// pending what ran before. Its ID is empty when there is none.
	Running config.Revision
	// Held and Pending are the IDs of what was staged, and of what runs and is not kept; empty: nothing.
	Held    string
	Pending string
	// Foreign says that the other node made what is held or pending.
	Foreign  bool
	Deadline time.Time // when the pending one goes back
}

// Standing says where this node stands now.
func (f *Firewall) Standing(ctx context.Context) (Standing, error) {
	return do(ctx, f, func(context.Context) (Standing, error) {
		var s Standing
		kept := f.running
		if p := f.pending; p != nil {
			kept = p.before
			s.Pending, s.Foreign, s.Deadline = p.journal.Candidate.ID, p.journal.Foreign, p.journal.Deadline
		}
		if kept != nil {
			s.Running = kept.revision
		}
		if f.held != nil {
			s.Held, s.Foreign = f.held.candidate.revision.ID, f.held.candidate.foreign
		}
		return s, nil
	})
}

// KeepForeign writes down a revision of the other node without running it, so
// that what descends from it has a history. One that is kept already stays as it is.
func (f *Firewall) KeepForeign(_ context.Context, r config.Revision) error {
	// No turn of the loop is needed: what runs is read as it is now, and the store takes one revision at a time.
	if _, err := f.State.Find(r.ID); err == nil {
		return nil
	}
	own, err := f.localized(r)
	if err != nil {
		f.log.Warn("a revision of the other node is kept with its part of the policy alone", "id", r.ID, "cause", err)
		own.Policy = r.Text()
	}
	_, err = f.State.Add(own)
	return err
}

// Rename makes r the current revision in place of one with the same text and
// the same secrets, to which another way led. Nothing of the machine changes.
func (f *Firewall) Rename(ctx context.Context, r config.Revision) error {
	_, err := do(ctx, f, func(context.Context) (struct{}, error) {
		var none struct{}
		if err := f.free(Proposal{}); err != nil {
			return none, err
		}
		if f.running == nil || !bytes.Equal(f.running.revision.Text(), r.Text()) || !equalSecrets(f.running.revision.Secrets, r.Secrets) {
			return none, report.Conflictf("%s is not what runs under another name", called(r.ID))
		}
		r.Number, r.Policy, r.Node = 0, f.running.revision.Policy, f.running.revision.Node
		rev, err := f.record(r, f.running)
		if err != nil {
			return none, err
		}
		f.log.Info("what runs has another revision now", "id", rev.ID, "revision", rev.Number)
		f.rename(rev)
		return none, nil
	})
	return err
}
