package firewall

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
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
		if err := f.fresh(by); err != nil {
			return report.Applied{}, err
		}
		return f.confirmed(ctx)
	})
}

// Fresh says why a confirm would be refused: nothing is pending, or the
// connection over which it comes proves nothing.
func (f *Firewall) Fresh(ctx context.Context, by report.Caller) error {
	_, err := do(ctx, f, func(context.Context) (struct{}, error) { return struct{}{}, f.fresh(by) })
	return err
}

// fresh says whether a confirm proves anything.
func (f *Firewall) fresh(by report.Caller) error {
	if f.pending == nil {
		return report.Conflictf("nothing waits for a confirm")
	}
	if !by.Connected.After(f.pending.applied) {
		return report.Requestf("this connection was opened before the apply: confirm over a new one")
	}
	if c, ok := f.Host.ComesBy(by.PID); ok && f.pending.connections[c] {
		return report.Requestf("your SSH connection from %s is older than the apply and proves nothing: log in anew and confirm there (until %s)",
			c.Remote, f.pending.journal.Deadline.Local().Format(time.TimeOnly))
	}
	return nil
}

// confirmed keeps the pending apply.
func (f *Firewall) confirmed(ctx context.Context) (report.Applied, error) {
	if f.running == nil || f.running.revision.ID != f.pending.journal.Candidate.ID { // the kernel did not take the way back yet
		return report.Applied{}, report.Conflictf("%s is being taken back: it cannot be kept any more", called(f.pending.journal.Candidate.ID))
	}
	if err := f.keep(ctx); err != nil {
		return report.Applied{}, err
	}
	f.log.Info("apply confirmed", "revision", f.running.revision.Number, "hash", f.running.revision.Hash)
	return f.applied(), nil
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
			revision = RevisionBefore
		}
		return f.stageAndApply(ctx, Proposal{Rollback: revision}, 0, by)
	})
}

// revisionBefore is the last revision before the current one that has another text: the same one may have been
// signed, named or given another password since.
func (f *Firewall) revisionBefore() (int, error) {
	if f.running == nil {
		return 0, errNothingBefore
	}
	r := f.running.revision
	for range mostAlike {
		if len(r.Parents) == 0 {
			break
		}
		before, err := f.State.Find(r.Parents[0]) // of a merge that of this node
		if errors.Is(err, config.ErrNoRevision) {
			break
		}
		if err != nil {
			return 0, err
		}
		if !f.runsText(draftOf(before)) {
			return before.Number, nil
		}
		r = before
	}
	return 0, errNothingBefore
}

// mostAlike bounds how many revisions of one text are looked through.
const mostAlike = 1000

var errNothingBefore = report.Requestf("there is no revision to go back to")

// revert takes the pending apply back.
func (f *Firewall) revert(ctx context.Context) (report.Applied, error) {
	p := f.pending
	forgotten := p.journal
	forgotten.Deadline = time.Time{} // what begins to go back goes on with that, whoever starts next
	f.at("back")
	if err := f.State.PutJournal(forgotten); err != nil {
		f.log.Warn("journal could not be changed; a start before the deadline would resume the apply", "cause", err)
	}
	if err := f.goBack(ctx, p.before); err != nil {
		return report.Applied{}, err
	}
	f.pending = nil
	f.at("returned")
	if err := f.State.DropJournal(); err != nil {
		f.log.Warn("journal could not be removed; the next start ignores it", "cause", err)
	}
	f.log.Info("apply taken back", "hash", p.journal.Candidate.Hash)
	out := f.applied()
	if f.running == nil {
		return out, nil
	}
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
