package firewall

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/firewall/trace"
)

// Status is the gateway at a glance.
func (f *Firewall) Status(ctx context.Context) (report.Status, error) {
	return do(ctx, f, func(ctx context.Context) (report.Status, error) {
		out := report.Status{Version: f.Version, Started: f.started, Warnings: slices.Sorted(maps.Values(f.faults))}
		if n, err := f.FlowTable.Count(ctx); err == nil {
			out.Flows, out.FlowsMax = int(n.Flows), int(n.Max)
		}
		if f.running == nil {
			out.Warnings = append(out.Warnings, "no policy runs: `rempart apply`")
			return out, nil
		}
		c := f.running.world.Config
		out.Name, out.Hash, out.Since = c.Name, f.hash(), f.running.since
		out.Revision = f.running.revision.Number
		if p := f.pending; p != nil {
			r := p.journal.Candidate
			out.Pending = &report.Pending{Hash: r.Hash, Author: r.Author, Message: r.Message, Deadline: p.journal.Deadline}
		}
		if d, err := f.Files(); err == nil {
			out.FileDiffers = !f.runsText(d) || len(f.running.revision.Secrets) > 0 && !f.runsSecrets()
		}
		out.Interfaces, out.VIPs, out.Lines = f.interfaces(), vips(c), f.lines()
		out.Warnings = append(out.Warnings, lineWarnings(f.running.world)...)
		if trouble := f.Links.Trouble(); trouble != "" {
			out.Warnings = append(out.Warnings, "addresses and routes: "+trouble)
		}
		foreign, err := f.Kernel.Foreign(ctx)
		if err != nil {
			return out, err
		}
		for _, ch := range foreign {
			if trace.Ours(ch.Table) {
				continue // it decides nothing
			}
			out.Warnings = append(out.Warnings, fmt.Sprintf("table %s has a chain %s on the %s hook: it decides about packets as well", ch.Table, ch.Chain, ch.Hook))
		}
		return out, nil
	})
}

// Check says what a draft would change. Faults of the policy are part of the answer, not an error.
func (f *Firewall) Check(ctx context.Context, d Draft, by report.Caller) (report.Preview, error) {
	now := time.Now()
	var before, after *config.Config
	out, err := do(ctx, f, func(ctx context.Context) (report.Preview, error) {
		out := report.Preview{Hash: config.Hash(d.Policy), Unchanged: f.runsText(d) && f.runsSecrets(), Diff: f.difference(d)}
		c, err := f.prepare(ctx, d, now)
		if err == nil {
			_, err = f.ownSecrets(c.world.Config)
		}
		if out.Faults = Faults(err); out.Faults != nil {
			return out, nil
		}
		if err != nil {
			return report.Preview{}, err
		}
		out.Tests = RunTests(c.world, now)
		if out.Faults = report.FailedTests(out.Tests); out.Faults != nil {
			return out, nil
		}
		out.Warnings = report.UndecidedTests(out.Tests)
		out.Ruleset = c.ruleset.String()
		ops, err := f.Links.Plan(ctx, Network(c.world))
		if err != nil {
			return report.Preview{}, err
		}
		for _, op := range ops {
			out.Changes = append(out.Changes, op.String())
		}
		if f.running != nil && c.world.Config.HA != nil && f.running.world.Config.HA != nil && !f.runsSecrets() {
			out.Changes = append(out.Changes, "the password of the pair, "+c.world.Config.HA.Secret)
		}
		stale, err := f.stale(ctx, c.world, now)
		if err != nil {
			return report.Preview{}, err
		}
		out.FlowsLost = f.lost(stale)
		if !out.Unchanged {
			out.Lockout, err = f.lockout(ctx, c.world, by, now)
		}
		if !out.Unchanged && f.running != nil {
			before, after = f.running.world.Config, c.world.Config
		}
		return out, err
	})
	if err == nil && before != nil {
		// Here and not in the loop, which has a gateway to run meanwhile.
		out.Traffic = TrafficChanges(before, after, now)
	}
	return out, err
}

// difference is what a draft changes in the text of what runs.
func (f *Firewall) difference(d Draft) string {
	if f.running == nil {
		return ""
	}
	titled := func(old, name, diff string) string {
		if diff == "" {
			return ""
		}
		return "--- " + old + " as it runs\n+++ " + name + "\n" + diff
	}
	r := f.running.revision
	return titled("rempart.toml", d.PolicyName, config.Diff(r.Policy, d.Policy)) + titled("node.toml", d.NodeName, config.Diff(r.Node, d.Node))
}

// History lists the kept revisions, newest first.
func (f *Firewall) History(ctx context.Context) ([]report.Revision, error) {
	return do(ctx, f, func(context.Context) ([]report.Revision, error) {
		list, err := f.revisions()
		if err != nil {
			return nil, err
		}
		out := make([]report.Revision, 0, len(list))
		for _, r := range slices.Backward(list) {
			out = append(out, f.reportRevision(r))
		}
		return out, nil
	})
}

// revisions are those that can be read, oldest first. A damaged one is no
// reason to hide the others from who needs one to go back to.
func (f *Firewall) revisions() ([]config.Revision, error) {
	list, err := f.State.List()
	if len(list) == 0 {
		return nil, err
	}
	if err != nil {
		f.log.Warn("some revisions cannot be read", "cause", err)
	}
	return list, nil
}

func (f *Firewall) reportRevision(r config.Revision) report.Revision {
	return report.Revision{
		Number: r.Number, ID: r.ID, Origin: r.Origin, Hash: r.Hash, Parents: r.Parents, Author: r.Author, Time: r.Time, Message: r.Message,
		Current: f.running != nil && f.running.revision.Number == r.Number,
	}
}

// Ruleset is what the kernel enforces, as nft would list it.
func (f *Firewall) Ruleset(ctx context.Context) (string, error) {
	return do(ctx, f, func(ctx context.Context) (string, error) {
		if f.running == nil {
			return "", nil
		}
		return f.live(ctx)
	})
}

// live is the ruleset that runs as nft would list it, with what the kernel has
// counted and what rules have put into dynamic sets.
func (f *Firewall) live(ctx context.Context) (string, error) {
	counters, err := f.Kernel.Counters(ctx)
	if err != nil {
		return "", err
	}
	r := f.running.ruleset
	r.Sets = slices.Clone(r.Sets)
	for i, s := range r.Sets {
		if s.Dynamic {
			if r.Sets[i].Elements, err = f.Kernel.Elements(ctx, s.Name); err != nil {
				return "", err
			}
		}
	}
	var figures []string
	for name, c := range counters {
		block := "counter " + name + " {\n\t\tpackets "
		figures = append(figures, block+"0 bytes 0", fmt.Sprintf("%s%d bytes %d", block, c.Packets, c.Bytes))
	}
	return strings.NewReplacer(figures...).Replace(r.String()), nil
}

// Flows lists the flows that the words select, with the names of their rules and gateways.
func (f *Firewall) Flows(ctx context.Context, words []string) ([]flows.Flow, error) {
	numbers, err := do(ctx, f, func(context.Context) (flows.Numbers, error) { return f.flowNumbers(), nil })
	if err != nil {
		return nil, err
	}
	filter, err := flows.ParseFilter(words, numbers)
	if err != nil {
		return nil, report.Requestf("%w", err)
	}
	list, err := f.FlowTable.List(ctx, filter)
	numbers.Name(list)
	return list, err
}

// EndFlows ends the flows that the words select, and says how many.
func (f *Firewall) EndFlows(ctx context.Context, words []string, by report.Caller) (int, error) {
	if len(words) == 0 {
		return 0, report.Requestf("say which flows: `host 10.1.2.9`, `rule lan-out`")
	}
	list, err := f.Flows(ctx, words)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	// Begun, it is not left half done because its asker went away.
	n, err := f.FlowTable.End(context.WithoutCancel(ctx), list)
	f.log.Info("flows ended by hand", "flows", n, "by", by.Name, "filter", words)
	return n, err
}

// flowNumbers is what the names in words about flows stand for. Its maps are of
// a policy, which is replaced and never changed.
func (f *Firewall) flowNumbers() flows.Numbers {
	numbers := flows.Numbers{Rules: f.memory.Numbers}
	if f.running != nil {
		numbers.Gateways = f.running.world.Gateways
	}
	return numbers
}

// Log is the newest entries of the packet log, oldest first.
func (f *Firewall) Log(_ context.Context, words []string, most int) ([]packetlog.Entry, error) {
	filter, err := packetlog.ParseFilter(words)
	if err != nil {
		return nil, report.Requestf("%w", err)
	}
	return f.PacketLog.Tail(most, filter), nil
}

// Follow sends the coming entries of the packet log until ctx ends.
func (f *Firewall) Follow(ctx context.Context, words []string) (<-chan packetlog.Entry, error) {
	filter, err := packetlog.ParseFilter(words)
	if err != nil {
		return nil, report.Requestf("%w", err)
	}
	return f.PacketLog.Subscribe(ctx, filter), nil
}
