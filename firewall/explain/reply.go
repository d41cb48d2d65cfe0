package explain

import (
	"net/netip"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/nat"
	"github.com/rempart/rempart/rules"
)

// reply tells what becomes of the answer to the packet that e explains.
func (x *Explainer) reply(e report.Explanation, r *road) report.Explanation {
	out := report.Explanation{Packet: e.Packet, At: e.At, Reply: true}
	s := report.Step{Name: report.StepFlow, Result: report.ResultPassed}
	switch {
	case !r.passes():
		out.Verdict, out.Cause = config.Block.String(), string(CauseNoFlow)
		s.Result, s.Text = report.ResultStopped, "there is no flow that it could belong to: "+e.Why
		s.Setting, s.Line, s.File = lastOf(e).Setting, lastOf(e).Line, lastOf(e).File
		out.Steps, out.Why, out.Line = []report.Step{s}, s.Text, s.Line
		return out
	case r.local && (r.tracking != rules.Begins || !x.answers(r.seen.Dst)):
		out.Cause, s.Text = string(CauseOwn), "what the gateway itself sends may leave"
	case r.tracking != rules.Begins:
		out.Verdict, out.Cause = config.Block.String(), string(CauseNoFlow)
		s.Result, s.Text = report.ResultStopped, "such packets begin no flow: what answers them is asked about by itself"
		out.Steps, out.Why = []report.Step{s}, s.Text
		return out
	default:
		out.Cause, s.Text = string(CauseEstablished), "it belongs to the flow of that packet: no rule is asked"
	}
	out.Verdict, out.Why, out.Established = config.Pass.String(), s.Text, out.Cause == string(CauseEstablished)
	out.Steps = []report.Step{s}
	x.back(&out, r)
	return out
}

func lastOf(e report.Explanation) report.Step { return e.Steps[len(e.Steps)-1] }

// answers says whether what is sent from an address can answer what was sent
// to it: nobody sends from a group.
func (x *Explainer) answers(dst netip.Addr) bool {
	for _, i := range x.w.Config.Interfaces {
		if dst.Is4() && isBroadcast(x.w.Networks(i.Name), dst) {
			return false
		}
	}
	return !dst.IsMulticast() && dst != limitedBroadcast
}

func isBroadcast(networks []netip.Prefix, a netip.Addr) bool {
	for _, p := range networks {
		if p.Bits() < 31 && p.Contains(a) && !p.Contains(a.Next()) {
			return true
		}
	}
	return false
}

// back tells the way of an answer that passes: its ends are turned, and what
// was translated is translated back.
func (x *Explainer) back(e *report.Explanation, r *road) {
	if s, ok := x.untranslated(r); ok {
		e.Steps = append(e.Steps, s)
	}
	back := &road{seen: rules.Packet{In: r.outcome.Interface, Src: r.seen.Dst, Dst: r.packet.Src}, way: x.rules.Way(r.packet.Src)}
	back.local = x.own[r.packet.Src] // who sent as the gateway asked for the gateway to be answered
	unknown := back.way.Interface == "" && len(x.open) == 0 && !back.seen.Dst.IsLinkLocalUnicast()
	switch {
	case back.local:
	case x.answersBy(r, back):
	case back.way.Refused:
		back.refusal = x.refusedBy(back, back.way)
	case unknown:
		back.refusal = refusal{cause: CauseNoRoute, action: config.Reject, text: "no route leads back to " + r.packet.Src.String()}
	}
	x.home(e, r, back)
	if e.Verdict == config.Pass.String() && r.changed {
		s := place(report.Step{Name: report.StepOutbound, Result: report.ResultChanged}, setting(r.arrival.Kind, r.arrival.Name), r.arrival.Pos)
		s.Before, s.After = receiver(r.seen), receiver(r.packet)
		e.Steps = append(e.Steps, changed(s))
	}
}

// leftWith is the sender as it left, where that is not known beforehand.
const leftWith = "the address that it left with"

// untranslated tells what of the outbound translation is undone.
func (x *Explainer) untranslated(r *road) (report.Step, bool) {
	var s report.Step
	for _, e := range r.exits {
		d := e.departure
		if d.Kind == nat.None {
			continue
		}
		before := "the address that " + e.iface + " had"
		switch {
		case d.Free():
			before = leftWith
		case d.Source.IsValid():
			before = leavesAs(r, e)
		}
		switch {
		case s.Name == "":
			s = place(report.Step{Name: report.StepInbound, Result: report.ResultChanged}, setting(d.Kind, d.Name), d.Pos)
			s.Before, s.After = before, sender(r.packet)
		case s.Before != before:
			s.Before = leftWith
		}
	}
	return changed(s), s.Name != ""
}

// answersBy puts an answer on the line that its flow came in by, if that is one
// and the flow did not get another.
func (x *Explainer) answersBy(r, back *road) bool {
	family := rules.V4
	if r.packet.Src.Is6() {
		family = rules.V6
	}
	line, ok := x.w.LineOf(r.packet.In, family)
	for _, e := range r.exits {
		if _, out := x.w.LineOf(e.iface, family); out {
			ok = false
		}
	}
	if ok {
		back.way, back.answers = rules.Way{Interface: line.Interface, Gateway: line.Gateway}, true
	}
	return ok
}

// home tells by which way an answer goes back to who asked.
func (x *Explainer) home(e *report.Explanation, r, back *road) {
	if back.seen.Dst.IsLinkLocalUnicast() {
		back.way = rules.Way{Interface: r.packet.In, Network: linkLocal}
	}
	step := x.route
	if back.answers {
		step = x.byLine
	}
	s, _ := step(back)
	if out := back.way.Interface; !back.local && out != "" && out != r.packet.In {
		s.Details = append(s.Details, "its question came in by "+r.packet.In)
	}
	e.Steps = append(e.Steps, s)
	if back.refusal.cause != "" {
		e.Verdict, e.Cause, e.Why, e.Established = back.refusal.action.String(), string(back.refusal.cause), back.refusal.text, false
		return
	}
	e.Self = back.local
	if !e.Self {
		e.Interface = back.way.Interface
	}
	if g := back.way.Gateway; !e.Self && named(g) {
		e.Gateway, e.Via = g.Name, x.via(g)
	}
	e.Source = netip.AddrPortFrom(r.packet.Dst, r.packet.DstPort)
	e.Destination = netip.AddrPortFrom(r.packet.Src, r.packet.SrcPort)
	if !x.answers(r.packet.Dst) {
		e.Source = netip.AddrPort{}
	}
}

// byLine tells of an answer that goes back by the line that its flow came in by.
func (x *Explainer) byLine(back *road) (report.Step, bool) {
	g := back.way.Gateway
	s := report.Step{Name: report.StepRoute, Result: report.ResultPassed, Text: "by " + g.Interface + " to gateway " + x.hop(g) + ": the line that its question came in by answers it"}
	return place(s, "gateway."+g.Name, g.Pos), false
}

// linkLocal is the network that every link has (RFC 4291, 2.5.6).
var linkLocal = netip.MustParsePrefix("fe80::/64")
