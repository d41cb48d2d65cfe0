package analysis

import (
	"fmt"
	"strings"

	"github.com/rempart/rempart/config"
)

// routed is the gateways, gateway groups and routes of a policy, in words.
func routed(c *config.Config) []translation {
	var out []translation
	add := func(what string, words ...string) {
		out = append(out, translation{what, joined(words)})
	}
	for _, g := range c.Gateways {
		address := g.Address.String()
		if g.Learned != config.LearnedNot {
			address = "as by " + g.Learned.String()
		}
		add(fmt.Sprintf("gateway %q", g.Name), "on", g.Interface, address, word(g.Weight > 1, fmt.Sprintf("weight %d", g.Weight)),
			word(g.OnDown != config.OnDownNext, "on_down "+g.OnDown.String()), word(g.FailOver != config.FailOverMove, "fail_over "+g.FailOver.String()),
			word(g.ForceDown, "forced down"))
	}
	for _, g := range c.GatewayGroups {
		tiers := make([]string, len(g.Tiers))
		for i, tier := range g.Tiers {
			tiers[i] = strings.Join(tier, ", ")
		}
		triggers := g.Triggers.String()
		add(fmt.Sprintf("gateway group %q", g.Name), strings.Join(tiers, " before "), word(triggers != "", "trigger "+triggers), word(g.Sticky, "sticky"),
			word(g.OnDown != config.OnDownNext, "on_down "+g.OnDown.String()), word(g.FailOver != config.FailOverMove, "fail_over "+g.FailOver.String()),
			word(g.FailBack != config.FailBackKeep, "fail_back "+g.FailBack.String()))
	}
	for _, r := range c.Routes {
		to := "@" + r.Alias
		switch {
		case r.Alias != "":
		case r.Destination.Bits() > 0:
			to = network(r.Destination)
		case r.Destination.Addr().Is6():
			to = "default of IPv6"
		default:
			to = "default"
		}
		by := "by " + r.Gateway
		if r.Kind != config.RouteUnicast {
			by = r.Kind.String()
		}
		add(strings.TrimSpace("route "+to+" "+word(r.Metric > 0, fmt.Sprintf("metric %d", r.Metric))), by)
	}
	return out
}
