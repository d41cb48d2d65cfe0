package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/nat"
	"github.com/rempart/rempart/rules"
)

// Explain tells every step of a packet at an instant; with reply, of the answer
// to it once its flow stands.
func (x *Explainer) Explain(p config.Packet, at time.Time, reply bool) report.Explanation {
	at = at.In(x.w.Config.System.Location)
	r := x.walk(p, at)
	e := report.Explanation{Packet: p.String(), At: at}
	x.tell(&e, r)
	if reply {
		return x.reply(e, r)
	}
	return e
}

// tell fills an explanation with the road of a packet.
func (x *Explainer) tell(e *report.Explanation, r *road) {
	o := r.outcome
	e.Verdict, e.Cause, e.Rule = o.Action.String(), string(o.Cause), o.Rule
	e.Self, e.Destination = o.Self, o.Destination
	if r.passes() {
		e.Source = o.Source
		e.Established = r.tracking == rules.Begins
		if len(r.arrival.To) > 1 {
			e.Targets = r.arrival.To
		}
		x.tellWays(e, r)
	}
	for _, step := range []func(*road) (report.Step, bool){
		x.flow, x.inbound, x.route, x.automatic, x.source, x.forward, x.admin, x.rule, x.limits, x.gateway,
	} {
		s, last := step(r)
		if s.Name != "" {
			e.Steps = append(e.Steps, s)
		}
		if last {
			break
		}
	}
	if r.passes() && !r.local {
		e.Steps = append(e.Steps, x.outbound(r)...)
	}
	e.Why, e.Line = x.why(r, e.Steps)
}

// place writes into a step what makes it so and where that stands.
func place(s report.Step, setting string, pos config.Position) report.Step {
	s.Setting, s.File, s.Line = setting, pos.File, pos.Line
	return s
}

// flow tells what connection tracking makes of a packet of no flow.
func (x *Explainer) flow(r *road) (report.Step, bool) {
	s := report.Step{Name: report.StepFlow, Result: report.ResultPassed}
	what := kindOf(r.packet)
	switch r.tracking {
	case rules.Begins:
		s.Text = what + " begins a flow"
		return s, false
	case rules.Untracked:
		s.Text = what + " is never part of a flow: each is asked about"
		return s, false
	case rules.MidFlow:
		s.Text = what + " belongs to no flow, and only a SYN begins one"
	case rules.Invalid:
		s.Text = what + " belongs to no flow and cannot begin one"
	}
	// Routing comes before the drop of what is invalid, and discovery is taken before it.
	if r.refusal.cause != "" || r.decision.Cause == packetlog.CauseAutomatic {
		return s, false
	}
	s.Result = report.ResultStopped
	if r.packet.Protocol == config.TCP {
		s.Details = []string{"so looks a connection that went another way before, or that has ended here"}
	}
	return s, true
}

// kindOf names what a packet is for connection tracking.
func kindOf(p rules.Packet) string {
	switch {
	case p.Protocol == config.TCP && p.TCPFlags == 0:
		return "a SYN"
	case p.Protocol == config.TCP:
		f := config.TCPFlags{Mask: p.TCPFlags, Value: p.TCPFlags}
		return "tcp with " + strings.ReplaceAll(strings.ToUpper(f.String()), " ", "+")
	case p.Protocol == config.ICMP || p.Protocol == config.ICMPv6:
		t := config.ICMPType{Protocol: p.Protocol, Type: p.ICMPType, Code: -1}
		return p.Protocol.String() + " " + t.String()
	}
	return p.Protocol.String()
}

// inbound tells what becomes of the destination.
func (x *Explainer) inbound(r *road) (report.Step, bool) {
	s := report.Step{Name: report.StepInbound, Result: report.ResultNone, Text: "nothing translates the destination"}
	if !r.tracked() {
		s.Text = "only flows are translated"
	}
	for _, name := range r.arrival.Idle {
		s.Details = append(s.Details, "port forward "+name+" is for it too, and has no target now")
	}
	if r.arrival.Kind == nat.None {
		return s, false
	}
	s = place(s, setting(r.arrival.Kind, r.arrival.Name), r.arrival.Pos)
	if r.arrival.Excluded {
		s.Result, s.Text = report.ResultPassed, "it is excluded from translation: "+receiver(r.packet)+" stays as it is"
		return s, false
	}
	s.Before, s.After = receiver(r.packet), receiver(r.seen)
	s.Result, s.Text = report.ResultChanged, fmt.Sprintf("%s -> %s", s.Before, s.After)
	if !r.changed {
		s.Result, s.Text = report.ResultPassed, s.Before+" stays as it is"
	}
	if len(r.arrival.To) > 1 {
		s.Details = append(s.Details, spread(r.arrival.Spread, join(r.arrival.To)))
	}
	if silent := r.arrival.Silent; len(silent) > 0 {
		text := join(silent) + " does not answer and gets no new flows"
		if slices.Contains(r.arrival.To, silent[0]) {
			text = "none of its targets answers: all are kept, for it may be the check that is wrong"
		}
		s.Details = append(s.Details, text)
	}
	return s, false
}

// spread tells how flows are dealt out to one of several addresses.
func spread(s config.Spread, over string) string {
	switch s {
	case config.SpreadRoundRobin:
		return "one flow after the other over " + over + ": here stands the first"
	case config.SpreadRandom:
		return "at random over " + over + ": here stands the first"
	}
	return "spread by source over " + over
}
