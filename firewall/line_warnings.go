package firewall

import (
	"fmt"
	"strings"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/steer"
)

// lineWarnings says what does not do what the policy says because lines are down
// or hosts are silent, and what happens instead.
func lineWarnings(w *rules.World) []string {
	var out []string
	c := w.Config
	for _, g := range c.Gateways {
		if g.Learned != config.LearnedNot && !w.NextHop(&g).IsValid() {
			from := "no DHCP or PPP client has a default route on"
			if g.Learned == config.LearnedRA {
				from = "no router advertises itself on"
			}
			out = append(out, fmt.Sprintf("gateway %s has no address: %s %s", g.Name, from, g.Interface))
		}
		out = append(out, downWarning(w, "gateway", g.Name)...)
	}
	for _, g := range c.GatewayGroups {
		out = append(out, downWarning(w, "gateway group", g.Name)...)
	}
	for _, f := range c.PortForwards {
		if !f.Disabled && !f.Exclude {
			out = append(out, targetWarning(w, f)...)
		}
	}
	for _, o := range c.Outbound {
		if !o.Disabled && len(o.Pool) > 0 && len(w.Resolve(o.Pool).Set.Ranges()) == 0 {
			out = append(out, fmt.Sprintf("outbound %s translates nothing: its pool %s has no address", o.Name, join(o.Pool)))
		}
	}
	return out
}

// downWarning says what happens where rules and routes name a gateway or a
// group that is down; nothing where none does.
func downWarning(w *rules.World, kind, name string) []string {
	g, ok := steer.Find(w.Config, name)
	if !ok || len(g.Choose(w.Lines).Members) > 0 {
		return nil
	}
	var effects []string
	for _, r := range w.Config.Rules {
		if r.Gateway == name && !r.Disabled {
			effects = append(effects, "rule "+r.Name+" "+map[config.OnDown]string{
				config.OnDownNext: "is passed over", config.OnDownBlock: "blocks new flows", config.OnDownDefaultRoute: "leaves them to the routing table",
			}[g.OnDown])
		}
	}
	for _, r := range w.Config.Routes {
		if r.Gateway != name {
			continue
		}
		effect := "is withdrawn"
		switch {
		case kind == "gateway":
			effect = "stays, and leads nowhere"
		case g.OnDown == config.OnDownBlock:
			effect = "refuses what it takes"
		}
		effects = append(effects, "route "+routeName(r)+" "+effect)
	}
	if len(effects) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s %s is down: %s", kind, name, strings.Join(effects, ", "))}
}

// routeName is where a route leads, as the policy has it.
func routeName(r config.Route) string {
	switch {
	case r.Alias != "":
		return "@" + r.Alias
	case r.Destination.Bits() == 0:
		return "default"
	}
	return r.Destination.String()
}

// targetWarning says what becomes of a port forward without a living target.
func targetWarning(w *rules.World, f config.PortForward) []string {
	targets, silent := targetsOf(w, f), 0
	for _, t := range targets {
		if t.Silent {
			silent++
		}
	}
	switch {
	case len(w.Resolve(f.Target).Set.Ranges()) == 0:
		return []string{fmt.Sprintf("port forward %s translates nothing: its target %s has no address", f.Name, join(f.Target))}
	case silent > 0 && silent == len(targets):
		return []string{fmt.Sprintf("port forward %s: none of its targets answers (%s); all are kept, for it may be the check that is wrong", f.Name, checkText(*f.Check))}
	}
	return nil
}
