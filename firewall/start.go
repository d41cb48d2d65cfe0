package firewall

import (
	"context"
	"errors"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/report"
)

// start makes the right policy run: the current revision, or the candidate of
// an apply that a restart of the daemon interrupted. A gateway that never had
// a revision takes the files of the configuration directory as its first. It
// fails only when the kernel refuses what it once took.
func (f *Firewall) start(ctx context.Context) error {
	f.memory = f.State.Memory()
	f.closeWithout = true
	j, err := f.State.Journal()
	if err != nil {
		f.log.Warn("journal is damaged and is dropped: the apply that wrote it was never finished", "cause", err)
		if err := f.State.DropJournal(); err != nil {
			return err
		}
	}
	current, err := f.State.Current()
	switch {
	case errors.Is(err, config.ErrNoRevision):
		f.closeWithout = false
	case err != nil:
		f.fault(aboutPolicy, "the current revision cannot be read, what the kernel had stays: %v: `rempart history`, `rempart apply`", err)
	default:
		if err := f.takeOver(ctx, current); err != nil {
			return err
		}
	}
	switch {
	case j != nil:
		return f.finish(ctx, *j, current)
	case err != nil && !f.closeWithout && f.State.Applied():
		f.fault(aboutPolicy, "no policy runs, for the first one was taken back: `rempart apply`")
	case err != nil && !f.closeWithout:
		f.first(ctx)
	}
	return nil
}

// takeOver makes a kept revision run over whatever the kernel has. Devices
// that are missing do not keep the rules from running: they are set up when they appear.
func (f *Firewall) takeOver(ctx context.Context, rev config.Revision) error {
	c, err := parse(draftOf(rev))
	if err != nil {
		f.fault(aboutPolicy, "revision %d cannot be read by this version, what the kernel had stays: %v", rev.Number, err)
		return nil
	}
	f.Feeds.Set(c)
	f.findDevices(c)
	f.look(c)
	w := NewWorld(c, f.learned(f.Feeds.Snapshot()), time.Now())
	f.memory.Numbers, f.memory.Gateways = w.Numbers, w.Gateways
	ruleset := f.compiler.compile(w)
	if err := f.put(ctx, ruleset); err != nil {
		return err
	}
	f.setRunning(&running{revision: rev, since: time.Now(), world: w, ruleset: ruleset})
	if _, err := f.Links.Apply(ctx, Network(w)); err != nil {
		f.log.Error("addresses and routes are not as they should be", "cause", err) // status asks links
	}
	f.watch()
	return nil
}

// finish ends an apply that was interrupted.
func (f *Firewall) finish(ctx context.Context, j Journal, current config.Revision) error {
	if j.Candidate.ID == "" { // a version that gave none wrote the journal
		f.seal(&j.Candidate)
	}
	kept := j.Candidate.Hash == current.Hash && j.Candidate.Time.Equal(current.Time)
	if kept || j.Fate(f.Host.BootID(), time.Now()) == FateForget {
		if !kept {
			f.log.Warn("an apply was interrupted and is taken back", "hash", j.Candidate.Hash, "author", j.Candidate.Author)
		}
		if !kept && f.running == nil { // the candidate may be in the kernel, and nothing has replaced it
			if err := f.goBack(ctx, nil); err != nil {
				return err
			}
		}
		return f.State.DropJournal()
	}
	connections, err := f.Host.Connections()
	if err != nil {
		return err
	}
	c, err := f.prepare(ctx, draftOf(j.Candidate), time.Now())
	if err == nil {
		before := f.running
		c.revision, c.foreign = j.Candidate, j.Foreign
		if err = f.switchTo(ctx, c); err == nil {
			now := time.Now()
			f.pending = &pending{journal: j, until: now.Add(j.remains(now)), before: before, applied: now, connections: connections}
			f.log.Info("an apply still waits for its confirm", "hash", j.Candidate.Hash, "deadline", j.Deadline)
			return nil
		}
		err = errors.Join(err, f.goBack(ctx, before))
	}
	if err != nil {
		f.log.Warn("an interrupted apply could not be resumed and is taken back", "cause", err)
	}
	return f.State.DropJournal()
}

// first applies the files of the configuration directory on a gateway that has
// no revision. When they are missing or wrong the kernel is left as it is: a
// fresh installation must not lock out who is just setting it up.
func (f *Firewall) first(ctx context.Context) {
	c, err := f.firstOf(ctx, time.Now())
	if err == nil {
		_, err = f.apply(ctx, c, 0)
	}
	if err != nil {
		f.fault(aboutPolicy, "no policy runs: %v", err)
		return
	}
	// A machine that comes up is better off with such a policy than with none.
	if failed := report.FailedTests(RunTests(c.world, time.Now())); failed != nil {
		f.fault(aboutPolicy, "the policy fails tests of its own: %v", failed)
	}
}

// firstOf is the files of the configuration directory as the first revision. A
// secret that cannot be read does not keep the rules from running.
func (f *Firewall) firstOf(ctx context.Context, now time.Time) (*candidate, error) {
	d, err := f.Files()
	if err != nil {
		return nil, err
	}
	c, err := f.prepare(ctx, d, now)
	if err != nil {
		return nil, err
	}
	if err := f.writable(); err != nil {
		return nil, err
	}
	secrets, err := f.ownSecrets(c.world.Config)
	if err != nil {
		f.log.Warn("the first revision has no secret", "cause", err)
	}
	if c.revision, err = f.newRevision(d, c.world.Config, secrets); err != nil {
		return nil, err
	}
	c.revision.Author, c.revision.Message, c.revision.Time = "rempart", "first start", now.UTC()
	f.seal(&c.revision)
	return c, nil
}

// Revision is a kept revision in full.
func (f *Firewall) Revision(ctx context.Context, number int) (report.Revision, error) {
	return do(ctx, f, func(context.Context) (report.Revision, error) {
		rev, err := f.State.Load(number)
		if err != nil {
			return report.Revision{}, report.Requestf("%w", err)
		}
		out := f.reportRevision(rev)
		out.Policy, out.Node = rev.Policy, rev.Node
		return out, nil
	})
}
