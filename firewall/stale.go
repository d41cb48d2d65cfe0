package firewall

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/nat"
	"github.com/rempart/rempart/rules"
)

// endStale ends the flows that a rule once let in and that the policy does not
// let in now: its rule is gone, says otherwise, or is off by its schedule.
func (f *Firewall) endStale(ctx context.Context, w *rules.World, now time.Time) (int, error) {
	stale, err := f.stale(ctx, w, now)
	if err != nil || len(stale) == 0 {
		return 0, err
	}
	return f.FlowTable.End(ctx, stale)
}

// stale finds the flows that endStale ends. Flows without a rule number are
// not asked about: they are the gateway's own and the administrators'.
func (f *Firewall) stale(ctx context.Context, w *rules.World, now time.Time) ([]flows.Flow, error) {
	dynamic, err := f.dynamic(ctx, w)
	if err != nil {
		return nil, err
	}
	w = withDynamic(w, dynamic)
	w.Lines, w.Silent = nil, nil // flows on lines that are down, or to silent targets, are not the policy's to end
	policy := newReader(w)
	whole := policy
	if len(w.Lines) > 0 {
		whole = newReader(withLinesUp(w))
	}
	names := f.names()
	var stale []flows.Flow
	var related foreseen
	err = f.FlowTable.Walk(ctx, nil, func(fl flows.Flow) {
		switch {
		case names[fl.Rule()] == "":
		case fl.Status&flows.Expected != 0:
			related.all = append(related.all, fl)
		default:
			stays := policy.allows(fl, now) || whole.allows(fl, now)
			related.learn(fl, stays)
			if !stays {
				stale = append(stale, fl)
			}
		}
	})
	return append(stale, related.stale(w.Config, names)...), err
}

// withLinesUp is the world in which no line is down. What becomes of flows on
// those that are down is for fail_over to say, and it may be that they stay.
func withLinesUp(w *rules.World) *rules.World {
	out := *w
	out.Lines = nil
	return &out
}

// names is the rule numbers in use, turned round.
func (f *Firewall) names() map[uint16]string {
	out := make(map[uint16]string, len(f.memory.Numbers))
	for name, n := range f.memory.Numbers {
		out[n] = name
	}
	return out
}

// lost counts stale flows by the rule that let them in.
func (f *Firewall) lost(stale []flows.Flow) []report.FlowsLost {
	names := f.names()
	count := map[string]int{}
	for _, fl := range stale {
		count[names[fl.Rule()]]++
	}
	var out []report.FlowsLost
	for rule, n := range count {
		out = append(out, report.FlowsLost{Rule: rule, Count: n})
	}
	slices.SortFunc(out, func(a, b report.FlowsLost) int { return strings.Compare(a.Rule, b.Rule) })
	return out
}

// reader reads a policy as it is written.
type reader struct {
	w     *rules.World
	rules *rules.Evaluator
	nat   *nat.Evaluator
}

func newReader(w *rules.World) reader { return reader{w, rules.NewEvaluator(w), nat.NewEvaluator(w)} }

// allows asks the policy about a flow as if its first packet came now.
func (r reader) allows(fl flows.Flow, now time.Time) bool {
	return slices.ContainsFunc(cameBy(r.w, fl.Orig.Src.Addr()), func(in string) bool { return r.allowsBy(in, fl, now) })
}

// allowsBy asks about one interface. The original tuple is what came in; the
// source of the reply tuple is where an inbound translation sent it.
func (r reader) allowsBy(in string, fl flows.Flow, now time.Time) bool {
	p := rules.Packet{
		In:       in,
		Protocol: config.Protocol(fl.Orig.Proto),
		Src:      fl.Orig.Src.Addr(), Dst: fl.Orig.Dst.Addr(),
		SrcPort: fl.Orig.Src.Port(), DstPort: fl.Orig.Dst.Port(),
		ICMPType: fl.Orig.ICMP.Type, ICMPCode: fl.Orig.ICMP.Code,
		At: now,
	}
	to := r.nat.Inbound(p)
	if !to.Reaches(fl.Reply.Src) {
		return false // the policy would send it elsewhere today: that is another flow
	}
	p.Dst, p.DstPort = fl.Reply.Src.Addr(), fl.Reply.Src.Port()
	if to.Pass {
		p.Forward = to.Name
	}
	return r.rules.Evaluate(p).Action == config.Pass
}

// cameBy is the interfaces by which flows of a source may have come in: the one
// behind which it lives, or each that leads to the Internet, because answers
// may leave by another one than questions came by.
func cameBy(w *rules.World, src netip.Addr) []string {
	if i := w.Config.Interface(w.RouteTo(src)); i != nil && !i.External {
		return []string{i.Name}
	}
	var out []string
	for _, i := range w.Config.Interfaces {
		if i.External {
			out = append(out, i.Name)
		}
	}
	return out
}
