package firewall

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/report"
)

// Connection is a TCP connection by both its ends, ours first.
type Connection struct{ Local, Remote netip.AddrPort }

// Confirm keeps the pending apply. It counts only over a connection that was
// opened after the apply, since only that proves that the way in still works.
func (f *Firewall) Confirm(ctx context.Context, by report.Caller) (report.Applied, error) {
	return do(ctx, f, func(ctx context.Context) (report.Applied, error) {
		if f.pending == nil {
			return report.Applied{}, report.Conflictf("nothing waits for a confirm")
		}
		if err := f.fresh(by); err != nil {
			return report.Applied{}, err
		}
		if err := f.keep(ctx); err != nil {
			return report.Applied{}, err
		}
		f.log.Info("apply confirmed", "revision", f.running.revision.Number, "by", by.Name)
		return report.Applied{Revision: f.running.revision.Number, Hash: f.running.revision.Hash}, nil
	})
}

// fresh says whether a confirm proves anything.
func (f *Firewall) fresh(by report.Caller) error {
	if !by.Connected.After(f.pending.applied) {
		return report.Requestf("this connection was opened before the apply: confirm over a new one")
	}
	if c, ok := f.Host.ComesBy(by.PID); ok && f.pending.connections[c] {
		return report.Requestf("your SSH connection from %s is older than the apply and proves nothing: log in anew and confirm there (until %s)",
			c.Remote, f.pending.journal.Deadline.Local().Format(time.TimeOnly))
	}
	return nil
}

// Rollback takes the pending apply back (revision 0), or applies an older
// revision for good, as a new revision.
func (f *Firewall) Rollback(ctx context.Context, revision int, by report.Caller) (report.Applied, error) {
	return do(ctx, f, func(ctx context.Context) (report.Applied, error) {
		if f.pending != nil {
			if revision != 0 {
				return report.Applied{}, report.Conflictf("an apply waits for its confirm: `rempart rollback` without a number takes it back")
			}
			return f.revert(ctx)
		}
		if revision == 0 {
			var err error
			if revision, err = f.revisionBefore(); err != nil {
				return report.Applied{}, err
			}
		}
		rev, err := f.State.Load(revision)
		if err != nil {
			return report.Applied{}, report.Requestf("%w", err)
		}
		c, err := f.prepare(ctx, draftOf(rev), time.Now())
		if err != nil {
			return report.Applied{}, err
		}
		c.revision.Author, c.revision.Time = by.Name, time.Now().UTC()
		c.revision.Message = fmt.Sprintf("rollback to revision %d", rev.Number)
		return f.apply(ctx, c, 0)
	})
}

// revisionBefore is the revision that ran before the current one.
func (f *Firewall) revisionBefore() (int, error) {
	if f.running == nil || f.running.revision.Number < 2 {
		return 0, report.Requestf("there is no revision to go back to")
	}
	revisions, err := f.revisions()
	if err != nil {
		return 0, err
	}
	before := 0
	for _, r := range revisions {
		// By its hash: a number alone may be of one that was never made current.
		if r.Number < f.running.revision.Number && r.Number > before && slices.Contains(f.running.revision.Parents, r.Hash) {
			before = r.Number
		}
	}
	if before == 0 {
		return 0, report.Requestf("there is no revision to go back to")
	}
	return before, nil
}

// revert takes the pending apply back.
func (f *Firewall) revert(ctx context.Context) (report.Applied, error) {
	p := f.pending
	if err := f.goBack(ctx, p.before); err != nil {
		// The journal stays: the next start forgets the candidate as well.
		return report.Applied{}, err
	}
	f.pending = nil
	if err := f.State.DropJournal(); err != nil {
		f.log.Warn("journal could not be removed; the next start ignores it", "cause", err)
	}
	f.log.Info("apply taken back", "hash", p.journal.Candidate.Hash)
	if f.running == nil {
		return report.Applied{}, nil
	}
	out := report.Applied{Revision: f.running.revision.Number, Hash: f.running.revision.Hash}
	var err error
	if out.FlowsEnded, err = f.endStale(ctx, f.running.world, time.Now()); err != nil {
		out.Warnings = append(out.Warnings, err.Error())
	}
	return out, nil
}

// draftOf is a revision as a draft.
func draftOf(r config.Revision) Draft {
	name := func(file string) string { return fmt.Sprintf("revision %d %s", r.Number, file) }
	return Draft{PolicyName: name("rempart.toml"), Policy: r.Policy, NodeName: name("node.toml"), Node: r.Node}
}
