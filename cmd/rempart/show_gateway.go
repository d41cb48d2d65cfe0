package main

import (
	"strings"
	"time"

	"github.com/rempart/rempart/firewall/report"
)

// shownTransitions is how many changes of a gateway are shown, the last ones.
const shownTransitions = 10

// showGateway shows one gateway, what its targets answer, and how it was.
func (p *program) showGateway(v gatewayView, past time.Duration) error {
	g := v.Gateway
	state := gatewayState(g.State)
	p.printf("%s  %s since %s\n", p.paint(strong, g.Name), p.paint(state.ink, state.text), p.when(g.Since))
	if g.Description != "" {
		p.printf("%s\n", p.paint(faint, g.Description))
	}
	if g.Reason != "" {
		p.hanging(text("reason     "), g.Reason)
	}
	if !g.Up.IsZero() {
		p.printf("back       %s, if it stays well\n", p.ago(g.Up))
	}
	p.printf("next hop   %s on %s%s\n", hop(g).text, g.Interface, learnedFrom(g))
	if g.Table != 0 {
		p.printf("flows      number %d, routing table %d\n", g.Number, g.Table)
	}
	if len(g.Groups) > 0 {
		p.printf("groups     %s\n", strings.Join(g.Groups, ", "))
	}
	if !g.Watched {
		p.printf("monitor    none: its link alone tells how it is\n")
	} else if err := p.showTargets(g); err != nil {
		return err
	}
	p.showGraphs(v.History, past)
	return p.showTransitions(v.History.Transitions)
}

func learnedFrom(g report.Gateway) string {
	if g.Learned == "" || !g.Address.IsValid() {
		return ""
	}
	return ", learned by " + g.Learned
}

func (p *program) showTargets(g report.Gateway) error {
	p.printf("\n")
	t := newTable(left("TARGET"), left("STATE"), right("ASKED"), right("LOST"), right("DELAY"), left("ANSWERED"), left("FAULT"))
	for _, target := range g.Targets {
		state := cell{"silent", bad}
		if target.Alive {
			state = cell{"answers", good}
		}
		delay := ""
		if target.Sent > target.Lost {
			delay = millis(target.Delay)
		}
		t.add(text(target.Target), state, text(count(target.Sent)), text(count(target.Lost)), text(delay), text(p.ago(target.LastAnswer)), cell{target.Error, bad})
	}
	return p.print(t, "")
}

func (p *program) showTransitions(transitions []report.GatewayTransition) error {
	if len(transitions) == 0 {
		return nil
	}
	p.printf("\n")
	t := newTable(left("WHEN"), left("BECAME"), left("REASON"))
	for _, change := range transitions[max(0, len(transitions)-shownTransitions):] {
		t.add(text(p.when(change.Time)), gatewayState(change.To), text(change.Reason))
	}
	return p.print(t, "")
}

// showGraphs draws loss and delay, a line each, oldest to the left.
func (p *program) showGraphs(h report.GatewayHistory, past time.Duration) {
	if len(h.Samples) == 0 {
		return
	}
	const label = len("delay  ")
	columns := graphColumns
	if p.width > 0 {
		columns = min(columns, max(leastWrap, p.width-label-len("  at most 9999ms")))
	}
	end := p.now()
	draw := func(name string, of func(report.GatewaySample) float64, most func(float64) string) {
		g := newGraph(h.Samples, end.Add(-past), end, columns, of)
		p.printf("%-7s%s  at most %s\n", name, g, most(g.most))
	}
	p.printf("\n")
	draw("delay", func(s report.GatewaySample) float64 { return float64(s.Delay) }, func(f float64) string { return millis(report.Delay(f)) })
	draw("loss", func(s report.GatewaySample) float64 { return s.Loss }, percent)
	from := p.clock(end.Add(-past))
	p.printf("%s%s%snow\n", strings.Repeat(" ", label), from, strings.Repeat(" ", max(1, columns-len(from)-len("now"))))
}
