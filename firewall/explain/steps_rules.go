package explain

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/rules"
)

// forward tells of a port forward that lets in what it translates.
func (x *Explainer) forward(r *road) (report.Step, bool) {
	if r.decision.Cause != packetlog.CauseForward {
		return report.Step{}, false
	}
	s := report.Step{Name: report.StepRules, Result: report.ResultPassed, Text: "port forward " + r.decision.Rule + " lets in what it translates: no rule is asked"}
	return place(s, "port_forward "+r.decision.Rule+" pass", r.arrival.Pos), false
}

// rule tells which rule decided, and which ones came close.
func (x *Explainer) rule(r *road) (report.Step, bool) {
	s := report.Step{Name: report.StepRules, Result: report.ResultStopped}
	switch {
	case r.decision.Cause == packetlog.CauseForward:
		return report.Step{}, false
	case x.w.Config.Interface(r.seen.In) == nil:
		s.Text = r.seen.In + " is no interface of the policy: no rule is asked"
		return s, true
	}
	trials := x.rules.Trials(r.seen)
	if n := len(trials); r.decision.Rule != "" {
		rule := trials[n-1].Rule
		trials = trials[:n-1]
		s = x.decides(s, rule, r.seen)
	} else {
		s.Text = "no rule matches"
		if n == 0 {
			s.Text = "there are no rules"
		}
	}
	s.Tried, s.Misses = len(trials), x.closest(trials, r)
	return s, s.Result == report.ResultStopped
}

// decides tells what a rule does that matched.
func (x *Explainer) decides(s report.Step, rule *config.Rule, p rules.Packet) report.Step {
	s.Text = "rule " + rule.Name + " blocks it"
	switch rule.Action {
	case config.Pass:
		s.Result, s.Text = report.ResultPassed, "rule "+rule.Name+" passes it"
	case config.Reject:
		s.Text = "rule " + rule.Name + " rejects it"
	}
	if rule.Schedule != "" {
		s.Details = append(s.Details, "schedule "+rule.Schedule+" is on "+x.w.Until(rule.Schedule, p.At))
	}
	if rule.Log {
		s.Details = append(s.Details, "it is logged")
	}
	return place(s, "rule "+rule.Name, rule.Pos)
}

// mostMisses is how many rules that came close are named.
const mostMisses = 5

// farthest is how far a rule may be from matching to be named.
const farthest = 2

// closest is the rules that came closest to matching, in their order.
func (x *Explainer) closest(trials []rules.Trial, r *road) []report.Miss {
	far := func(i int) int { return distance(trials[i], r.decision.Action) }
	var near []int
	for i := range trials {
		if far(i) <= farthest {
			near = append(near, i)
		}
	}
	slices.SortStableFunc(near, func(a, b int) int { return cmp.Compare(far(a), far(b)) })
	near = near[:min(len(near), mostMisses)]
	slices.Sort(near)
	var out []report.Miss
	for _, i := range near {
		rule := trials[i].Rule
		out = append(out, report.Miss{Rule: rule.Name, Line: rule.Pos.Line, Why: x.rules.Why(trials[i], r.seen)})
	}
	return out
}

// distance is how many conditions a rule missed. The interface counts twice:
// rules of other interfaces are seldom what somebody had in mind. So does a rule
// that would have done what was done all the same.
func distance(t rules.Trial, done config.Action) int {
	d := t.Misses.Count()
	if t.Misses.Has(rules.MissFrom) {
		d++
	}
	if (t.Rule.Action == config.Pass) == (done == config.Pass) {
		d++
	}
	return d
}

// limits tells what the rule that passes bounds.
func (x *Explainer) limits(r *road) (report.Step, bool) {
	rule := x.w.Config.Rule(r.decision.Rule)
	if r.decision.Cause != packetlog.CauseRule || rule == nil || rule.Limits == nil {
		return report.Step{}, false
	}
	l := rule.Limits
	s := report.Step{Name: report.StepLimits, Result: report.ResultPassed, Text: "it passes while no limit of rule " + rule.Name + " is reached"}
	if l.RatePerSource.Count > 0 {
		s.Details = append(s.Details, fmt.Sprintf("%s in %s from one source", count(l.RatePerSource.Count, "new flow"), config.FormatDuration(l.RatePerSource.Per)))
	}
	if l.FlowsPerSource > 0 {
		s.Details = append(s.Details, count(l.FlowsPerSource, "flow")+" at once from one source")
	}
	if l.Flows > 0 {
		s.Details = append(s.Details, count(l.Flows, "flow")+" at once in all")
	}
	if l.Overload != "" {
		s.Details = append(s.Details, x.overload(l.Overload))
	}
	return place(s, "rule "+rule.Name+" limits", rule.Pos), false
}

func (x *Explainer) overload(alias string) string {
	text := "a source over a limit of its own goes to @" + alias
	if a := x.w.Config.Alias(alias); a != nil && a.Timeout > 0 {
		text += " for " + config.FormatDuration(a.Timeout)
	}
	return text
}
