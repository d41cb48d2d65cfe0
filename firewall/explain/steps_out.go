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
	if d.Excluded {
		s.Result, s.Text = report.ResultPassed, "it is excluded from translation: "+sender(r.seen)+" stays as it is"
		return s
	}
	s.Before, s.After, s.Result = sender(r.seen), leavesAs(r, e), report.ResultChanged
	if len(d.Sources) > 1 {
		s.Details = append(s.Details, spread(d.Spread, join(d.Sources)))
	}
	if d.Static {
		s.Details = append(s.Details, "its port stays: where another flow has that, this one is dropped")
	}
	return changed(s)
}

// leavesAs is the sender of a packet as it leaves by one way.
func leavesAs(r *road, e exit) string {
	d := e.departure
	port, known := e.port(r)
	switch {
	case !d.Source.IsValid() && known:
		return "the address that " + e.iface + " has then"
	case !d.Source.IsValid():
		return "the address that " + e.iface + " has then, port " + d.Ports.String()
	case !known:
		return d.Source.String() + " port " + d.Ports.String()
	}
	return end(r.seen.Protocol, d.Source, port)
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
