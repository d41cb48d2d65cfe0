package explain

import (
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/nat"
)

// outbound tells what becomes of the source, for each way that it may leave by
// as far as that differs.
func (x *Explainer) outbound(r *road) []report.Step {
	var out []report.Step
	for _, e := range r.exits {
		s := x.translated(r, e)
		if len(out) > 0 && s.Text == out[0].Text && s.Setting == out[0].Setting {
			continue
		}
		out = append(out, s)
	}
	if len(out) > 1 {
		out = out[:0]
		for _, e := range r.exits {
			s := x.translated(r, e)
			s.Text = "by " + e.gateway.Name + ": " + s.Text
			out = append(out, s)
		}
	}
	return out
}

// translated tells what becomes of the source by one way.
func (x *Explainer) translated(r *road, e exit) report.Step {
	s := report.Step{Name: report.StepOutbound, Result: report.ResultNone}
	d := e.departure
	if d.Kind == nat.None {
		s.Text = x.whyUntranslated(r, e.iface)
		return s
	}
	s = place(s, setting(d.Kind, d.Name), d.Pos)
	s.Before = sender(r.seen)
	if !d.Source.IsValid() {
		s.Result, s.After = report.ResultChanged, "the address that "+e.iface+" has then"
		s.Text = s.Before + " -> " + s.After
		return s
	}
	s.Result, s.After = report.ResultChanged, end(r.seen.Protocol, d.Source, r.seen.SrcPort)
	return changed(s)
}

func (x *Explainer) whyUntranslated(r *road, iface string) string {
	mode := x.w.Config.NAT.Outbound
	out := x.w.Config.Interface(iface)
	switch {
	case !r.tracked():
		return "only flows are translated"
	case out == nil || mode == config.NATOff || mode == config.NATManual:
		return "nothing translates the source"
	case !out.External:
		return "nothing translates the source: " + out.Name + " is not external"
	case r.seen.Src.Is6():
		return "nothing translates the source: IPv6 leaves as it is"
	}
	return "nothing translates the source: " + r.seen.Src.String() + " is not of an inside network"
}

// why is the reason of the verdict in one sentence, and the line that makes it so.
func (x *Explainer) why(r *road, steps []report.Step) (string, int) {
	last := steps[len(steps)-1]
	switch r.decision.Cause {
	case packetlog.CauseRule:
		if rule := x.w.Config.Rule(r.decision.Rule); rule != nil && r.refusal.cause == "" {
			return x.decides(report.Step{}, rule, r.seen).Text, rule.Pos.Line
		}
	case packetlog.CauseForward:
		if r.refusal.cause == "" {
			return "port forward " + r.decision.Rule + " passes it", r.arrival.Pos.Line
		}
	}
	return last.Text, last.Line
}
