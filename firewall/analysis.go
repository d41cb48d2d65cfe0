package firewall

import (
	"cmp"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/rules/analysis"
)

// Findings is what is wrong with a policy beyond its faults, in the order of its file.
func Findings(c *config.Config, now time.Time) []report.Finding {
	var out []report.Finding
	for _, w := range c.Warnings {
		out = append(out, report.Finding{
			Fault: report.Fault{File: w.File, Line: w.Line, Col: w.Col, Key: w.Key, Message: w.Msg}, Kind: "doubtful",
		})
	}
	for _, f := range analysis.Findings(NewWorld(c, Learned{}, now)) {
		out = append(out, report.Finding{
			Fault: report.Fault{File: f.Pos.File, Line: f.Pos.Line, Col: f.Pos.Col, Key: f.Key, Message: f.Message},
			Kind:  f.Kind.String(), Name: f.Name, Rules: f.Rules, Packet: f.Packet,
		})
	}
	slices.SortStableFunc(out, func(a, b report.Finding) int { return cmp.Compare(a.Line, b.Line) })
	return out
}

// TrafficChanges is what another policy does with traffic that the old one did
// not. Both are read at now, so that the passing of time alone is no difference.
func TrafficChanges(old, new *config.Config, now time.Time) []report.TrafficChange {
	var out []report.TrafficChange
	for _, c := range analysis.Changes(NewWorld(old, Learned{}, now), NewWorld(new, Learned{}, now)) {
		out = append(out, report.TrafficChange{What: c.What, Old: c.Old, New: c.New, Packet: c.Packet, Text: c.String()})
	}
	return out
}
