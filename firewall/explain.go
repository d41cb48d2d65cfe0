package firewall

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/steer"
	"github.com/rempart/rempart/schedules"
)

// Explain says what becomes of a packet under the policy that runs, with what
// its aliases hold now.
func (f *Firewall) Explain(ctx context.Context, q report.Question) (report.Explanation, error) {
	now := time.Now()
	w, err := do(ctx, f, func(ctx context.Context) (*rules.World, error) {
		if f.running == nil {
			return nil, report.Conflictf("no policy runs: `rempart apply`")
		}
		w := f.running.world
		dynamic, err := f.dynamic(ctx, w)
		if err != nil {
			return nil, err
		}
		return withDynamic(w, dynamic), nil
	})
	if err != nil {
		return report.Explanation{}, err
	}
	return explainIn(w, q, now)
}

// ExplainPolicy says what becomes of a packet under a policy that does not have
// to run. Of what aliases learn from outside and of dynamic aliases nothing is
// known, and its gateways are up.
func ExplainPolicy(c *config.Config, q report.Question, now time.Time) (report.Explanation, error) {
	return explainIn(withLines(NewWorld(c, Learned{}, now), nil), q, now)
}

// explainIn answers a question in a world.
func explainIn(w *rules.World, q report.Question, now time.Time) (report.Explanation, error) {
	p, err := w.Config.Packet(q.Packet)
	if err != nil {
		return report.Explanation{}, report.Requestf("%w", err)
	}
	at := q.At
	switch {
	case at.IsZero():
		at = now
	case q.Wall:
		at = time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), 0, w.Config.System.Location)
	}
	for _, name := range q.Down {
		if w.Config.Gateway(name) == nil {
			return report.Explanation{}, report.Requestf("down: no gateway %q", name)
		}
	}
	i := newInquiry(withSchedulesAt(withDown(w, q.Down), at), []netip.Addr{p.Src, p.Dst})
	e := i.explain(p, at, q.Reply)
	e.Down = q.Down
	e.Unknown = i.hangsOn(p, at, q.Reply, func(other report.Explanation) bool { return sameFate(e, other) })
	return e, nil
}

// sameFate says whether the same becomes of a packet, and for the same reason.
func sameFate(a, b report.Explanation) bool {
	return a.Verdict == b.Verdict && a.Cause == b.Cause && a.Rule == b.Rule &&
		a.Interface == b.Interface && a.Gateway == b.Gateway && a.Source == b.Source && a.Destination == b.Destination &&
		slices.EqualFunc(a.Ways, b.Ways, func(v, w report.Way) bool {
			return v.Interface == w.Interface && v.Gateway == w.Gateway && v.Source == w.Source
		})
}

// withLines is the world in which every gateway is up but those that the policy
// forces down and some others, and has a next hop: the link itself where none is
// known. What a policy says of its lines is asked so, and not as they happen to be.
func withLines(w *rules.World, down []string) *rules.World {
	out := *w
	out.Lines, out.Silent = map[string]steer.Health{}, nil
	out.Hops = maps.Clone(w.Hops)
	if out.Hops == nil {
		out.Hops = map[string]netip.Addr{}
	}
	for _, g := range w.Config.Gateways {
		if g.ForceDown {
			out.Lines[g.Name] = steer.Health{State: steer.Forced}
		}
		if g.Learned != config.LearnedNot && !out.Hops[g.Name].IsValid() {
			out.Hops[g.Name] = netip.IPv4Unspecified()
			if g.Is6() {
				out.Hops[g.Name] = netip.IPv6Unspecified()
			}
		}
	}
	return withDown(&out, down)
}

// withDown is the world in which some gateways are down, whatever they are now.
func withDown(w *rules.World, down []string) *rules.World {
	if len(down) == 0 {
		return w
	}
	out := *w
	out.Lines = maps.Clone(w.Lines)
	if out.Lines == nil {
		out.Lines = map[string]steer.Health{}
	}
	for _, name := range down {
		out.Lines[name] = steer.Health{State: steer.Down}
	}
	return &out
}

// withSchedulesAt is the world that knows which schedules are on around some
// instants, far from now though they may be.
func withSchedulesAt(w *rules.World, instants ...time.Time) *rules.World {
	const around = 24 * time.Hour
	out := *w
	out.Schedules = maps.Clone(w.Schedules)
	for _, s := range w.Config.Schedules {
		on := slices.Clone(w.Schedules[s.Name])
		for _, at := range instants {
			on = append(on, schedules.Intervals(s, w.Config.System.Location, at.Add(-around), at.Add(around))...)
		}
		out.Schedules[s.Name] = on
	}
	return &out
}
