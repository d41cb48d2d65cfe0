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
// else at now. Dynamic aliases are taken to be empty: who is in them is no
// matter of the policy. A test whose outcome hangs on what is not known, such as
// a list that was never fetched, is undecided.
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
	q := newInquiry(withDynamic(withSchedulesAt(w, instants...), nil), between)
	out := make([]report.Test, len(tests))
	for i, t := range tests {
		if t.At.IsZero() {
			t.At = now
		}
		out[i] = runTest(q, t)
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
	case t.Source.IsValid() && e.Verdict == config.Pass.String() && !e.Source.Addr().IsValid():
		out.Result = report.TestUndecided
		out.Message = fmt.Sprintf("it leaves with whichever address %s has then, and the policy gives it none", e.Interface)
	}
	if out.Result != report.TestPassed {
		e = q.explain(t.Packet, t.At, false)
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
	var list []string
	differs := func(what string, want, got any) {
		list = append(list, fmt.Sprintf("expected %s %v, got %v", what, want, got))
	}
	if t.Source.IsValid() && e.Source.Addr() != t.Source {
		differs("source", t.Source, e.Source.Addr())
	}
	if t.Destination.IsValid() && e.Destination.Addr() != t.Destination && !slices.Contains(e.Targets, t.Destination) {
		differs("destination", t.Destination, e.Destination.Addr())
	}
	switch {
	case t.Gateway == "" || e.Gateway == t.Gateway:
	case e.Gateway == "":
		differs("gateway", t.Gateway, "none")
	default:
		differs("gateway", t.Gateway, e.Gateway)
	}
	return strings.Join(list, "; ")
}

// decided is a verdict and who brought it about.
func decided(verdict, rule string) string {
	if rule == "" {
		return verdict
	}
	return verdict + " by " + rule
}
