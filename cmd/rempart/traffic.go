package main

import "github.com/rempart/rempart/firewall/report"

// showTraffic prints what a change of the policy's text does to traffic.
func (p *program) showTraffic(diff string, changes []report.TrafficChange) {
	if diff == "" {
		return
	}
	if len(changes) == 0 {
		p.printf("\nAll traffic keeps its verdict.\n")
		return
	}
	p.printf("\n%s\n", p.paint(strong, "What becomes of traffic:"))
	for _, c := range changes {
		p.printf("  %s\n", c.Text)
		if c.Packet != "" {
			p.printf("      such as %s\n", c.Packet)
		}
	}
}

// showFlowsLost prints which flows would end.
func (p *program) showFlowsLost(lost []report.FlowsLost) {
	if len(lost) == 0 {
		return
	}
	p.printf("\n%s\n", p.paint(strong, "Flows that end, by the rule that let them in:"))
	for _, l := range lost {
		p.printf("  %6s  %s\n", count(l.Count), l.Rule)
	}
}
