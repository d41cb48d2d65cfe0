package explain

import (
	"fmt"
	"strings"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/rules/steer"
)

// gateway tells by which gateway the rule that matched sends the packet.
func (x *Explainer) gateway(r *road) (report.Step, bool) {
	rule := x.w.Config.Rule(r.decision.Rule)
	if rule == nil || rule.Gateway == "" || r.local {
		return report.Step{}, false
	}
	s := place(report.Step{Name: report.StepGateway, Result: report.ResultPassed}, "rule "+rule.Name+" gateway", rule.Pos)
	group, _ := steer.Find(x.w.Config, rule.Gateway)
	steering := r.decision.Steering
	switch {
	case steering.Group == "":
		s.Result = report.ResultNone
		s.Text = fmt.Sprintf("%s is not used: the routing table sends %s to the inside (%s)", naming(x.w.Config, rule.Gateway), r.seen.Dst, r.way.Interface)
	case steering.Blocks():
		s.Result, s.Text = report.ResultStopped, naming(x.w.Config, rule.Gateway)+" is down: what it would take is blocked (on_down = block)"
		return s, true
	case len(steering.Gateways) == 0:
		s.Result, s.Text = report.ResultNone, naming(x.w.Config, rule.Gateway)+" is down: the routing table decides (on_down = default-route)"
	default:
		s.Text = x.choice(group, steering.Gateways)
	}
	return s, false
}

// naming names a gateway or a gateway group.
func naming(c *config.Config, name string) string {
	if c.GatewayGroup(name) != nil {
		return "gateway group " + name
	}
	return "gateway " + name
}

// choice tells which of a group's gateways the packet takes, or may take.
func (x *Explainer) choice(g steer.Group, gateways []*config.Gateway) string {
	if x.w.Config.GatewayGroup(g.Name) == nil {
		return "by gateway " + x.hop(gateways[0])
	}
	chosen := g.Choose(x.w.Lines)
	text := "by gateway group " + g.Name
	if len(g.Tiers) > 1 {
		text += fmt.Sprintf(", tier %d", chosen.Tier+1)
	}
	if len(gateways) == 1 {
		text += ": " + x.hop(gateways[0])
		if len(chosen.Members) > 1 {
			text += ", by the hash of its source"
		}
		return text
	}
	var members []string
	for _, m := range chosen.Members {
		members = append(members, fmt.Sprintf("%s (weight %d)", m.Gateway, m.Weight))
	}
	return text + ": " + strings.Join(members, " or ") + ", one flow after the other"
}
