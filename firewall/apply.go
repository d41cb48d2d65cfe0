package firewall

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/rules"
)

// Draft is a policy that somebody wants to run.
type Draft = report.Draft

// candidate is a draft that was parsed and compiled, but has not touched anything.
type candidate struct {
	draft    Draft
	revision config.Revision
	foreign  bool // the other node made it
	world    *rules.World
	ruleset  nft.Ruleset
	warnings []string // of what the machine does not do as the policy wants
}

// Apply makes a draft run. With a confirm time it is taken back by itself
// unless Confirm comes in time. Whatever fails, the policy before runs on.
func (f *Firewall) Apply(ctx context.Context, r report.Request, by report.Caller) (report.Applied, error) {
	p := Proposal{Draft: r.Draft, Message: r.Message, Force: r.Force, Base: r.Base}
	return do(ctx, f, func(ctx context.Context) (report.Applied, error) {
		return f.stageAndApply(ctx, p, time.Duration(r.Confirm)*time.Second, by)
	})
}

// stageAndApply is Stage and Switch in one turn of the loop, and Keep when no confirm is asked.
func (f *Firewall) stageAndApply(ctx context.Context, p Proposal, confirm time.Duration, by report.Caller) (report.Applied, error) {
	s, c, err := f.stage(ctx, p, by)
	if err != nil {
		return report.Applied{}, err
	}
	if s.Unchanged {
		a := f.applied()
		a.Unchanged = true
		return a, nil
	}
	a, err := f.apply(ctx, c, confirm)
	a.Warnings = slices.Concat(s.Warnings, a.Warnings)
	return a, err
}

// applied is what runs, as the answer to whoever made it run.
func (f *Firewall) applied() report.Applied {
	if f.running == nil {
		return report.Applied{}
	}
	return report.Applied{Revision: f.running.revision.Number, Hash: f.running.revision.Hash}
}

// mayRun refuses a candidate that fails a test of its own, or, unless that is
// forced, cuts off who asks for it. Nobody is asked on the way back to a policy
// that ran: what a test says may have changed with time, and it must run all the same.
// Who asked the other node is not here to be cut off: whoever is, is warned of.
func (f *Firewall) mayRun(ctx context.Context, c *candidate, p Proposal, by report.Caller, now time.Time) (warnings []string, err error) {
	if p.Rollback != 0 {
		return nil, nil
	}
	tests := RunTests(c.world, now)
	if failed := report.FailedTests(tests); failed != nil {
		return nil, failed
	}
	warnings = report.UndecidedTests(tests)
	if p.Foreign != nil {
		return append(append(warnings, f.cutOffs(ctx, c.world, now)...), f.givesUp(c)...), nil
	}
	l, err := f.lockout(ctx, c.world, by, now)
	if err != nil || l == nil {
		return warnings, err
	}
	if !p.Force {
		return nil, l
	}
	return append(warnings, l.Message), nil
}

// prepare parses and compiles a draft and asks whether this machine can do it. It touches nothing.
func (f *Firewall) prepare(ctx context.Context, d Draft, now time.Time) (*candidate, error) {
	c, err := parse(d)
	if err != nil {
		return nil, err
	}
	if f.features == nil { // the kernel does not change while the program runs
		if f.features, err = f.Kernel.Features(ctx); err != nil {
			return nil, err
		}
	}
	f.look(c)
	l := f.learned(f.Feeds.Peek(c))
	w := NewWorld(c, l, now)
	devices := f.Links.Check(ctx, Network(w))
	faults, err := machineFaults(c, devices, f.features)
	if err != nil {
		return nil, err
	}
	if len(faults) > 0 {
		return nil, report.Requestf("%w", faults)
	}
	if w.Devices, err = f.Links.Devices(Interfaces(c)); err != nil {
		return nil, err
	}
	return &candidate{draft: d, world: w, ruleset: f.compiler.compile(w), warnings: fixedSettings(devices)}, nil
}

// parse reads a draft. Its error is report.ErrRequest and config.Errors.
func parse(d Draft) (*config.Config, error) {
	var node *config.File
	if len(d.Node) > 0 {
		node = &config.File{Name: d.NodeName, Data: d.Node}
	}
	c, err := config.Parse(config.File{Name: d.PolicyName, Data: d.Policy}, node)
	if err != nil {
		return nil, report.Requestf("%w", err)
	}
	return c, nil
}

// apply is the sequence that must be safe to break off at any step: what can
// be refused was refused by stage, then comes the journal, then the kernel, and
// the revision last.
func (f *Firewall) apply(ctx context.Context, c *candidate, confirm time.Duration) (report.Applied, error) {
	connections, err := f.Host.Connections()
	if err != nil {
		return report.Applied{}, err
	}
	j := Journal{Candidate: c.revision, Foreign: c.foreign, Hold: confirm, Boot: f.Host.BootID()}
	if confirm > 0 {
		j.Deadline = time.Now().Add(confirm).UTC()
	}
	f.at("journal")
	if err := f.State.PutJournal(j); err != nil {
		return report.Applied{}, errors.Join(err, f.State.DropJournal())
	}
	memory := Memory{Numbers: c.world.Numbers, Gateways: c.world.Gateways, Devices: c.world.Devices, Down: downLines(c.world)}
	f.at("memory")
	if err := f.State.PutMemory(memory); err != nil {
		return report.Applied{}, errors.Join(err, f.State.DropJournal())
	}
	f.memory = memory
	before := f.running
	f.at("kernel")
	if err := f.switchTo(ctx, c); err != nil {
		return report.Applied{}, errors.Join(err, f.goBack(ctx, before), f.State.DropJournal())
	}
	f.at("enforced")
	clear(f.faults)
	until := time.Now().Add(confirm) // counted from here: a million addresses take longer than some have to confirm
	if confirm > 0 {
		j.Deadline = until.UTC()
	}
	out := report.Applied{Hash: c.revision.Hash, Deadline: j.Deadline}
	f.pending = &pending{journal: j, until: until, before: before, applied: time.Now(), connections: connections}
	if confirm == 0 {
		if err := f.keep(ctx); err != nil {
			return report.Applied{}, err
		}
		out.Revision = f.running.revision.Number
	}
	f.at("kept")
	f.poll(ctx) // new counters are known from zero, so that their first hit has a time
	if out.FlowsEnded, err = f.endStale(ctx, c.world, time.Now()); err != nil {
		out.Warnings = append(out.Warnings, fmt.Sprintf("flows that the policy no longer allows could not be ended: %v", err))
	}
	f.log.Info("policy applied", "hash", c.revision.Hash, "revision", out.Revision, "author", c.revision.Author, "flows_ended", out.FlowsEnded)
	return out, nil
}

// keep makes the pending apply a revision and the current one. When the disk
// refuses, the policy before runs again.
func (f *Firewall) keep(ctx context.Context) error {
	p := f.pending
	rev, err := f.record(p.journal.Candidate, p.before)
	f.pending = nil
	if err != nil {
		return errors.Join(fmt.Errorf("keep revision, the policy before runs again: %w", err), f.goBack(ctx, p.before), f.State.DropJournal())
	}
	f.rename(rev)
	f.at("clean")
	if err := f.State.DropJournal(); err != nil {
		f.log.Warn("journal could not be removed; it names what runs and does no harm", "cause", err)
	}
	return nil
}

// record writes a revision down and makes it the current one. On an error the
// current one is that of before.
func (f *Firewall) record(r config.Revision, before *running) (config.Revision, error) {
	f.at("revision")
	rev, err := f.State.Add(r)
	if err == nil {
		f.at("current")
		err = f.State.SetCurrent(rev.Number)
	}
	if err != nil && before != nil { // the name may be on the disk although its folder could not be synced
		err = errors.Join(err, f.State.SetCurrent(before.revision.Number))
	}
	return rev, err
}

// rename gives what runs its revision. Others may be reading the one before.
func (f *Firewall) rename(r config.Revision) {
	now := *f.running
	now.revision = r
	f.running = &now
	f.now.Store(&now)
}

// switchTo makes the kernel enforce a candidate: rules first, so that an
// address or a route never stands without them.
func (f *Firewall) switchTo(ctx context.Context, c *candidate) error {
	if err := f.put(ctx, c.ruleset); err != nil {
		return err
	}
	f.setRunning(&running{revision: c.revision, since: time.Now(), world: c.world, ruleset: c.ruleset})
	f.Feeds.Set(c.world.Config)
	f.at("rules")
	// Flows are tied to their lines, and those on gateways that are gone are ended,
	// before routes that they would follow change.
	f.settled.adopt = true
	f.settle(ctx, time.Now())
	_, err := f.Links.Apply(ctx, Network(c.world))
	f.watch()
	f.linesAt = time.Now() // flows on gateways that are gone, and what changed meanwhile
	return errors.Join(slices.DeleteFunc(slices.Clone(joined(err)), fixed)...)
}

// goBack makes what ran before run again; nil is a machine without a policy.
// What the kernel refuses is tried again until it is done.
func (f *Firewall) goBack(ctx context.Context, before *running) error {
	var err error
	if before == nil {
		f.setRunning(nil)
		f.Feeds.Set(&config.Config{})
		err = errors.Join(f.enforce(ctx), f.Links.Release(ctx))
	} else {
		err = f.switchTo(ctx, &candidate{revision: before.revision, world: before.world, ruleset: before.ruleset})
		f.setRunning(before) // it is what has to run, even when the kernel did not take it yet
	}
	if err != nil {
		f.fault(aboutTable, "go back to the policy before, tried again soon: %v", err)
		f.mendAt = time.Now().Add(retryEvery)
	}
	return err
}

// at marks a step of an apply.
func (f *Firewall) at(step string) {
	if f.step != nil {
		f.step(step)
	}
}
