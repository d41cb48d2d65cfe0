package trace

import (
	"fmt"
	"strings"
	"time"

	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/report"
)

// What becomes of a packet.
const (
	verdictPass    = "pass"
	verdictBlock   = "block"
	verdictReject  = "reject"
	verdictQueue   = "queue"
	verdictGone    = "gone"
	verdictUnknown = "unknown"
)

// trip is a packet and what was told of it so far.
type trip struct {
	began, last time.Time
	events      []nft.TraceEvent
	lost        bool // some of it was not told
}

// over says that nothing more will be told: the packet was dropped or got to its end.
func (t trip) over() bool {
	e := t.events[len(t.events)-1]
	return e.Verdict.Kind == nft.Drop || isEndOfRoad(e)
}

func isEndOfRoad(e nft.TraceEvent) bool {
	return Ours(e.Table) && (e.Chain == chainLeft || e.Chain == chainTaken)
}

// describe tells a trip in the words of the policy.
func describe(t trip, p Policy, rules index) report.LivePacket {
	w := walk{policy: p, rules: rules, out: report.LivePacket{Time: t.began, Lost: t.lost}}
	for _, e := range t.events {
		w.look(e)
		if !Ours(e.Table) {
			w.step(e)
		}
		w.ended = w.ended || isEndOfRoad(e)
	}
	w.conclude()
	return w.out
}

// walk is where describe stands on the road.
type walk struct {
	policy Policy
	rules  index
	out    report.LivePacket

	seen    packetlog.Packet // as it last was
	looked  bool
	fresh   int // steps before the last look cannot have translated what the next one finds
	hook    *nft.Hook
	subject *Origin // whom the steps in this base chain are about
	at      int     // its last step
	forward *Origin // that translated it
	queued  string  // who has it, when that is the last thing told
	inside  bool    // it got to input or forward
	ended   bool
}

// look takes in the headers, which come at the first step of each base chain.
func (w *walk) look(e nft.TraceEvent) {
	now, ok := header(e)
	if !ok {
		return
	}
	switch {
	case !w.looked:
		w.out.Packet, w.out.In = now.String(), e.In
		w.out.InName = w.policy.Interfaces[e.In]
	case !sameEnds(w.seen, now):
		w.translated(now.String())
	}
	w.seen, w.looked, w.fresh, w.subject = now, true, len(w.out.Steps), nil
	if isEndOfRoad(e) {
		w.out.Left, w.out.Out = now.String(), e.Out
		w.out.OutName = w.policy.Interfaces[e.Out]
	}
	w.hook = nil
	if w.isOurs(e) {
		w.hook = w.policy.base(e.Chain)
	}
}

func (w *walk) isOurs(e nft.TraceEvent) bool {
	return e.Family == "inet" && e.Table == w.policy.Ruleset.Table.Name
}

// translated finds the step that changed the packet. Packets of a flow that
// stands are translated as its first one was, without a rule.
func (w *walk) translated(now string) {
	for i := len(w.out.Steps) - 1; i >= w.fresh; i-- {
		s := &w.out.Steps[i]
		if at, ok := w.rules[s.Handle]; ok && !s.Foreign && at.has(isTranslation) {
			s.Packet = now
			return
		}
	}
	w.out.Steps = append(w.out.Steps, report.LiveStep{
		Table: "conntrack", Kind: "flow", Verdict: nft.Verdict{}.String(), Packet: now,
		Note: "its flow, or a table that is not ours, translates it",
	})
}

// step takes in one step outside of the tables that mark.
func (w *walk) step(e nft.TraceEvent) {
	s := report.LiveStep{
		Table: e.Family + " " + e.Table, Chain: e.Chain, Kind: e.Kind.String(), Handle: e.Handle, Verdict: e.Verdict.String(),
	}
	if !w.isOurs(e) {
		s.Foreign = true
		w.out.Steps = append(w.out.Steps, s)
		w.foreign(e)
		return
	}
	if w.hook != nil && (w.hook.Point == nft.Input || w.hook.Point == nft.Forward) {
		w.inside = true
	}
	at := w.rules[e.Handle]
	if s.Number = at.number; len(at.rule.Exprs) > 0 {
		s.Text = at.rule.String()
	}
	o, named := w.policy.origin(at)
	if named {
		s.Name, s.Line, s.Setting = o.Name, o.Line, o.Setting
	}
	if g := w.policy.gateway(at); g != "" {
		w.out.Gateway, s.Note = g, "its flow takes gateway "+g
	}
	w.out.Steps = append(w.out.Steps, s)
	if named {
		w.meet(o)
	}
	w.decide(e, at)
}

// last is the step that was just taken in.
func (w *walk) last() *report.LiveStep { return &w.out.Steps[len(w.out.Steps)-1] }

// meet notes whom the steps are about from here on. Of several steps in a row
// that are about the same one, the last is told.
func (w *walk) meet(o Origin) {
	if w.subject != nil && *w.subject == o {
		w.out.Steps[w.at].Note = ""
	}
	w.subject, w.at = &o, len(w.out.Steps)-1
	w.last().Note = o.does("matches")
}

// decide takes in a verdict that ends the base chain.
func (w *walk) decide(e nft.TraceEvent, at place) {
	if e.Kind == nft.TracePolicy && e.Verdict.Kind == nft.Accept {
		return
	}
	verb := ""
	switch {
	case e.Verdict.Kind == nft.Accept && at.has(isTranslation):
		verb = "translates it"
	case e.Verdict.Kind == nft.Accept:
		verb = "passes it"
	case e.Verdict.Kind == nft.Drop && at.has(isReject):
		w.out.Verdict, verb = verdictReject, "rejects it"
	case e.Verdict.Kind == nft.Drop:
		w.out.Verdict, verb = verdictBlock, "blocks it"
	default:
		return
	}
	if w.subject == nil {
		if e.Verdict.Kind == nft.Drop {
			w.last().Note, w.out.Why = "chain "+e.Chain+" "+verb, "chain "+e.Chain+" "+verb
		}
		return
	}
	o := *w.subject
	if o.Kind == PortForward {
		w.forward = &o
	}
	if o.Kind == Automatic && o.Cause == packetlog.CauseForward.String() && w.forward != nil {
		o, verb = *w.forward, "passes it, no rule is needed"
	}
	s := &w.out.Steps[w.at]
	s.Note = o.does(verb)
	if e.Verdict.Kind == nft.Drop || w.hook != nil && w.hook.Type == "filter" {
		w.because(o, s.Note)
	}
}

// because notes what decided.
func (w *walk) because(o Origin, why string) {
	w.out.Cause, w.out.Rule, w.out.Line, w.out.Why = o.Cause, o.Name, o.Line, why
}

// foreign takes in what another table does: what it lets go on is of no interest.
func (w *walk) foreign(e nft.TraceEvent) {
	verb := ""
	switch e.Verdict.Kind {
	case nft.Drop:
		verb = "dropped by"
	case nft.Queue:
		verb = "handed to a program by"
	case nft.Stolen:
		verb = "held back by"
	default:
		return
	}
	what := "rule handle " + fmt.Sprint(e.Handle)
	if e.Kind == nft.TracePolicy {
		what = "its policy"
	}
	note := fmt.Sprintf("%s table %s %s chain %s (not ours), %s: see `nft -a list chain %s %s %s`",
		verb, e.Family, e.Table, e.Chain, what, e.Family, e.Table, e.Chain)
	w.last().Note = note
	if e.Verdict.Kind != nft.Drop {
		w.queued = note
		return
	}
	w.out.Verdict = verdictBlock
	w.because(Origin{Cause: causeForeign}, note)
}

// conclude says what became of the packet.
func (w *walk) conclude() {
	o := &w.out
	switch {
	case o.Verdict == verdictBlock || o.Verdict == verdictReject:
		o.Left, o.Out, o.OutName, o.Gateway = "", "", "", ""
	case w.ended:
		if o.Verdict = verdictPass; o.Why == "" && o.In == "" {
			w.because(Origin{Cause: causeOwn}, "what the gateway itself sends may leave")
		}
	case w.queued != "":
		o.Verdict = verdictQueue
		w.because(Origin{Cause: causeForeign}, w.queued)
	case o.Lost:
		o.Verdict, o.Why = verdictUnknown, "part of its road was not told: the kernel had more to tell than was read in time"
	default:
		o.Verdict = verdictGone
		w.because(Origin{}, w.gone())
	}
}

// gone says where a packet was lost that no nftables rule dropped.
func (w *walk) gone() string {
	if !w.inside && w.out.In != "" {
		return strings.Join([]string{
			"the kernel dropped it before input and forward: it has no route for it or, by the reverse path filter, none back,",
			"the packet's TTL is used up, or forwarding is off",
		}, " ")
	}
	return "the kernel dropped it behind the last chain above: by its routing, or by something that is not nftables"
}
