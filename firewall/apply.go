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
	revision config.Revision
	world    *rules.World
	ruleset  nft.Ruleset
	warnings []string // of what the machine does not do as the policy wants
}

// Apply makes a draft run. With a confirm time it is taken back by itself
// unless Confirm comes in time. Whatever fails, the policy before runs on.
func (f *Firewall) Apply(ctx context.Context, r report.Request, by report.Caller) (report.Applied, error) {
	return do(ctx, f, func(ctx context.Context) (report.Applied, error) {
		if f.pending != nil {
			return report.Applied{}, report.Conflictf("an apply waits for its confirm until %s: `rempart confirm` or `rempart rollback` first",
				f.pending.journal.Deadline.Format(time.TimeOnly))
		}
		if r.Base != "" && (f.running == nil || r.Base != f.running.revision.Hash) {
			return report.Applied{}, report.Conflictf("another policy was applied since this one was read: look at `rempart diff`")
		}
		if f.runs(r.Draft) {
			f.told = nil // the secret of a pair, which stands in a file of its own, may be another one
			f.tellPolicy()
			return report.Applied{Revision: f.running.revision.Number, Hash: f.running.revision.Hash, Unchanged: true}, nil
		}
		now := time.Now()
		c, err := f.prepare(ctx, r.Draft, now)
		if err == nil {
			err = f.unspoken(c.world.Config)
		}
		if err != nil {
			return report.Applied{}, err
		}
		warnings, err := f.mayRun(ctx, c, r.Force, by, now)
		if err != nil {
			return report.Applied{}, err
		}
		c.revision.Author, c.revision.Message, c.revision.Time = by.Name, r.Message, now.UTC()
		a, err := f.apply(ctx, c, time.Duration(r.Confirm)*time.Second)
		a.Warnings = slices.Concat(warnings, c.warnings, a.Warnings)
		return a, err
	})
}

// mayRun refuses a candidate that fails a test of its own, or, unless that is
// forced, cuts off who asks for it. Nobody is asked on the way back to a policy
// that ran: what a test says may have changed with time, and it must run all the same.
func (f *Firewall) mayRun(ctx context.Context, c *candidate, force bool, by report.Caller, now time.Time) (warnings []string, err error) {
	tests := RunTests(c.world, now)
	if failed := report.FailedTests(tests); failed != nil {
		return nil, failed
	}
	warnings = report.UndecidedTests(tests)
	l, err := f.lockout(ctx, c.world, by, now)
	if err != nil || l == nil {
		return warnings, err
	}
	if !force {
		return nil, l
	}
	return append(warnings, l.Message), nil
}

// runs says whether a draft is what the kernel enforces.
func (f *Firewall) runs(d Draft) bool {
	return f.running != nil && string(f.running.revision.Policy) == string(d.Policy) && string(f.running.revision.Node) == string(d.Node)
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
	rev := config.Revision{Hash: config.Hash(d.Policy), Policy: d.Policy, Node: d.Node}
	if f.running != nil {
		rev.Parents = []string{f.running.revision.Hash}
	}
	return &candidate{revision: rev, world: w, ruleset: f.compiler.compile(w), warnings: fixedSettings(devices)}, nil
}

// unspoken refuses a policy whose pair could not speak: its node would give the role away. On the
// way back, and at the start, such a policy runs all the same.
func (f *Firewall) unspoken(c *config.Config) error {
	if c.HA == nil || f.Secret == nil {
		return nil
	}
	if err := f.Secret(c.HA.Secret); err != nil {
		return report.Requestf("%w", config.Errors{{Position: c.HA.Pos, Key: "ha.secret", Msg: err.Error()}})
	}
	return nil
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
// be refused is refused first, then the journal, then the kernel, and the
// revision last.
func (f *Firewall) apply(ctx context.Context, c *candidate, confirm time.Duration) (report.Applied, error) {
	if err := f.State.Writable(); err != nil {
		return report.Applied{}, fmt.Errorf("state directory takes no files, nothing was changed: %w", err)
	}
	connections, err := f.Host.Connections()
	if err != nil {
		return report.Applied{}, err
	}
	j := Journal{Candidate: c.revision, Boot: f.Host.BootID()}
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
	out := report.Applied{Hash: c.revision.Hash, Deadline: j.Deadline}
	f.pending = &pending{journal: j, before: before, applied: time.Now(), connections: connections}
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
	f.at("revision")
	rev, err := f.State.Add(p.journal.Candidate)
	if err == nil {
		f.at("current")
		err = f.State.SetCurrent(rev.Number)
	}
	if err != nil {
		f.pending = nil
		if p.before != nil { // the name may be on the disk although its folder could not be synced
			err = errors.Join(err, f.State.SetCurrent(p.before.revision.Number))
		}
		return errors.Join(fmt.Errorf("keep revision, the policy before runs again: %w", err), f.goBack(ctx, p.before), f.State.DropJournal())
	}
	f.running.revision = rev
	f.pending = nil
	f.at("clean")
	if err := f.State.DropJournal(); err != nil {
		f.log.Warn("journal could not be removed; it names what runs and does no harm", "cause", err)
	}
	return nil
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
