package firewall

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/firewall/trace"
	"github.com/rempart/rempart/nat"
	"github.com/rempart/rempart/rules"
)

// What a live explanation does when it is not told, and at most. Each has a
// table of its own on the way of every packet, so there are few at once.
const (
	liveTime     = 30 * time.Second
	liveMaxTime  = 10 * time.Minute
	liveMaxCount = 1000
	livesAtOnce  = 8
)

// lives counts the live explanations that run, and those that there ever were.
type lives struct {
	running atomic.Int32
	ever    atomic.Uint64
}

// Live follows real packets through the kernel and tells each of them in the
// words of the running policy, until there were enough, the time is up or ctx ends.
func (f *Firewall) Live(ctx context.Context, q report.LiveQuestion, tell func(report.LiveLine) error) error {
	o, err := liveOptions(q)
	if err != nil {
		return err
	}
	running := f.lives.running.Add(1)
	defer f.lives.running.Add(-1)
	if running > livesAtOnce {
		return report.Conflictf("%d live explanations run already: wait for one to end", livesAtOnce)
	}
	o.Table = trace.TablePrefix + strconv.FormatUint(f.lives.ever.Add(1), 10)
	o.Policy = func(ctx context.Context) (trace.Policy, error) { return f.livePolicy(ctx, o.Flow) }
	return trace.Run(ctx, f.Traces, o, tell)
}

func liveOptions(q report.LiveQuestion) (trace.Options, error) {
	o := trace.Options{Reply: q.Reply, For: liveTime, Count: 1}
	var err error
	if o.Flow, err = trace.ParseFlow(q.Flow); err != nil {
		return o, report.Requestf("flow: %w", err)
	}
	if q.Seconds != 0 {
		o.For = time.Duration(q.Seconds) * time.Second
	}
	if q.Count != 0 {
		o.Count = q.Count
	}
	switch {
	case q.Seconds < 0 || o.For > liveMaxTime:
		return o, report.Requestf("time: want 1s to %s", liveMaxTime)
	case o.Count < 1 || o.Count > liveMaxCount:
		return o, report.Requestf("count: want a number from 1 to %d", liveMaxCount)
	}
	return o, nil
}

// livePolicy is what runs, for a flow that must come in by an interface of it.
func (f *Firewall) livePolicy(ctx context.Context, flow trace.Flow) (trace.Policy, error) {
	return do(ctx, f, func(context.Context) (trace.Policy, error) {
		if f.running == nil {
			return trace.Policy{}, report.Conflictf("no policy runs: `rempart apply`")
		}
		c := f.running.world.Config
		if flow.In != "" && flow.In != trace.Self && c.Interface(flow.In) == nil {
			return trace.Policy{}, report.Requestf("flow: no interface %q", flow.In)
		}
		out := trace.Policy{Ruleset: f.running.ruleset, Interfaces: map[string]string{}, Gateways: map[uint32]string{}}
		for name, n := range f.running.world.Gateways {
			out.Gateways[rules.Line{Number: n}.Mark()] = name
		}
		out.Comments, out.Counters = origins(c)
		for _, i := range c.Interfaces {
			out.Interfaces[f.running.world.Device(i.Name)] = i.Name
		}
		return out, nil
	})
}

// origins names what a policy is compiled to: rules of the ruleset by their
// comment, and by the counter that they count on.
func origins(c *config.Config) (comments, counters map[string]trace.Origin) {
	comments, counters = map[string]trace.Origin{}, automaticOrigins()
	add := func(kind trace.Kind, name string, pos config.Position, cause packetlog.Cause) {
		o := trace.Origin{Kind: kind, Name: name, Line: pos.Line, Cause: cause.String()}
		comments[name], counters[rules.RuleCounter(name)] = o, o
	}
	for _, r := range c.Rules {
		add(trace.Rule, r.Name, r.Pos, packetlog.CauseRule)
		counters[rules.LimitCounter(r.Name)] = trace.Origin{
			Kind: trace.Limit, Name: r.Name, Line: r.Pos.Line, Cause: packetlog.CauseLimit.String(),
		}
	}
	for _, p := range c.PortForwards {
		add(trace.PortForward, p.Name, p.Pos, packetlog.CauseForward)
	}
	for _, o := range c.OneToOne {
		add(trace.OneToOne, o.Name, o.Pos, packetlog.CauseAutomatic)
	}
	for _, p := range c.Prefixes {
		add(trace.Prefix, p.Name, p.Pos, packetlog.CauseAutomatic)
	}
	for _, o := range c.Outbound {
		add(trace.Outbound, o.Name, o.Pos, packetlog.CauseAutomatic)
	}
	return comments, counters
}

// automaticOrigins are what the gateway decides by itself, by counter.
func automaticOrigins() map[string]trace.Origin {
	passes := func(cause packetlog.Cause, setting, text string) trace.Origin {
		return trace.Origin{Cause: cause.String(), Setting: setting, Text: text}
	}
	out := map[string]trace.Origin{
		rules.CounterAdmin:     passes(packetlog.CauseAdmin, "system.admin", "admin access"),
		rules.CounterForwarded: passes(packetlog.CauseForward, "port_forward.pass", "a port forward that needs no rule"),
		rules.CounterNeighbour: passes(packetlog.CauseAutomatic, "always", "IPv6 neighbours, routers and multicast listeners"),
		rules.CounterPair:      passes(packetlog.CauseAutomatic, "ha", "what the nodes of a pair say to each other"),
		nat.CounterOutbound:    passes(packetlog.CauseAutomatic, "nat.outbound", "automatic outbound NAT"),
		nat.CounterReflected:   passes(packetlog.CauseAutomatic, "nat.reflection", "reflection"),
	}
	for _, d := range rules.Drops {
		out[d.Counter] = trace.Origin{Kind: trace.Drop, Setting: d.Setting, Cause: d.Cause.String(), Text: d.Text}
	}
	return out
}
