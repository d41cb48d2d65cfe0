package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/explain"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/rules"
)

// RunTests says how the tests of a policy come out, each at its own time or
// else at now. Dynamic aliases are taken to be empty and gateways to be up, but
// those that a test names: who is in them, and how lines are, is no matter of the
// policy. A test whose outcome hangs on what is not known, such as a list that was
// never fetched, is undecided.
func RunTests(w *rules.World, now time.Time) []report.Test {
	tests := w.Config.Tests
	if len(tests) == 0 {
		return nil
	}
	var between []netip.Addr
	var instants []time.Time
	for _, t := range tests {
		between = append(between, t.Packet.Src, t.Packet.Dst)
		if !t.At.IsZero() {
			instants = append(instants, t.At)
		}
	}
	w = withDynamic(withSchedulesAt(w, instants...), nil)
	inquiries := map[string]*inquiry{} // by what is down
	out := make([]report.Test, len(tests))
	for i, t := range tests {
		down := strings.Join(slices.Sorted(slices.Values(t.Down)), " ")
		if inquiries[down] == nil {
			inquiries[down] = newInquiry(withLines(w, t.Down), between)
		}
		if t.At.IsZero() {
			t.At = now
		}
		out[i] = runTest(inquiries[down], t)
	}
	return out
}

func runTest(q *inquiry, t config.Test) report.Test {
	out := report.Test{
		Name: t.Name, Packet: t.Packet.String(), File: t.Pos.File, Line: t.Pos.Line, Col: t.Pos.Col, Result: report.TestPassed,
	}
	var e report.Explanation
	if !plainlyMet(t, q.known.Outcome(t.Packet, t.At)) {
		e = q.explain(t.Packet, t.At, false)
		if out.Message = amiss(t, e); out.Message != "" {
			out.Result = report.TestFailed
		}
	}
	as := func(other report.Explanation) bool { return (amiss(t, other) == "") == (out.Message == "") }
	switch open := q.hangsOn(t.Packet, t.At, false, as); {
	case open != "":
		out.Result, out.Message = report.TestUndecided, "it hangs on what is not known here: "+open
	case t.Source.IsValid() && e.Verdict == config.Pass.String():
		if i := slices.IndexFunc(waysOf(t, e), func(w report.Way) bool { return !w.Source.Addr().IsValid() }); i >= 0 {
			out.Result = report.TestUndecided
			out.Message = fmt.Sprintf("it leaves with whichever address %s has then, and the policy gives it none", waysOf(t, e)[i].Interface)
		}
	}
	if out.Result != report.TestPassed {
		e = q.explain(t.Packet, t.At, false)
		e.Down = t.Down
		out.Explanation = &e
	}
	return out
}

// plainlyMet says that what was expected came. To explain each packet of a long
// list of tests would take far longer; where it says no, amiss has the last word.
func plainlyMet(t config.Test, o explain.Outcome) bool {
	return o.Action == t.Expect && (t.Rule == "" || o.Rule == t.Rule) && (t.Gateway == "" || o.Gateway == t.Gateway) &&
		(!t.Source.IsValid() || o.Source.Addr() == t.Source) && (!t.Destination.IsValid() || o.Destination.Addr() == t.Destination)
}

// amiss says what was expected of a packet and what came instead; empty: what was expected.
func amiss(t config.Test, e report.Explanation) string {
	if e.Verdict != t.Expect.String() || t.Rule != "" && e.Rule != t.Rule {
		why := ": " + e.Why
		if e.Rule != "" {
			why = fmt.Sprintf(" (line %d)", e.Line)
		}
		return fmt.Sprintf("expected %s, got %s%s", decided(t.Expect.String(), t.Rule), decided(e.Verdict, e.Rule), why)
	}
	if e.Verdict != config.Pass.String() {
		return ""
	}
	ways := waysOf(t, e)
	if len(ways) == 0 {
		return fmt.Sprintf("expected gateway %s, got %s", t.Gateway, gatewaysOf(e))
	}
	var list []string
	if i := slices.IndexFunc(ways, func(w report.Way) bool {
		return t.Source.IsValid() && w.Source.Addr() != t.Source && !slices.Contains(w.Sources, t.Source)
	}); i >= 0 {
		said := fmt.Sprintf("expected source %v, got %v", t.Source, ways[i].Source.Addr())
		if len(ways) > 1 {
			said += " by gateway " + ways[i].Gateway
		}
		list = append(list, said)
	}
	if t.Destination.IsValid() && e.Destination.Addr() != t.Destination && !slices.Contains(e.Targets, t.Destination) {
		list = append(list, fmt.Sprintf("expected destination %v, got %v", t.Destination, e.Destination.Addr()))
	}
	return strings.Join(list, "; ")
}

// waysOf is the ways of a packet that a test is about: all that it may take, or
// those by the gateway that the test names.
func waysOf(t config.Test, e report.Explanation) []report.Way {
	ways := e.Ways
	if len(ways) == 0 {
		ways = []report.Way{{Interface: e.Interface, Gateway: e.Gateway, Via: e.Via, Source: e.Source, Sources: e.Sources}}
	}
	if t.Gateway == "" {
		return ways
	}
	return slices.DeleteFunc(slices.Clone(ways), func(w report.Way) bool { return w.Gateway != t.Gateway })
}

// gatewaysOf names the gateways by which a packet may leave.
func gatewaysOf(e report.Explanation) string {
	var names []string
	for _, w := range waysOf(config.Test{}, e) {
		if w.Gateway != "" && !slices.Contains(names, w.Gateway) {
			names = append(names, w.Gateway)
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, " or ")
}

// decided is a verdict and who brought it about.
func decided(verdict, rule string) string {
	if rule == "" {
		return verdict
	}
	return verdict + " by " + rule
}
