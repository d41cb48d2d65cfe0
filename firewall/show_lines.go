package firewall

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/steer"
)

// Lines lists the gateways and gateway groups of the policy, and how each is.
func (f *Firewall) Lines(ctx context.Context) (report.Lines, error) {
	return do(ctx, f, func(context.Context) (report.Lines, error) { return f.lines(), nil })
}

func (f *Firewall) lines() report.Lines {
	var out report.Lines
	if f.running == nil {
		return out
	}
	w := f.running.world
	for _, g := range w.Config.Gateways {
		out.Gateways = append(out.Gateways, gatewayReport(w, g))
	}
	for _, g := range w.Config.GatewayGroups {
		out.Groups = append(out.Groups, groupReport(w, g))
	}
	return out
}

// gatewayReport is a gateway by what the policy and the world say of it.
func gatewayReport(w *rules.World, g config.Gateway) report.Gateway {
	out := report.Gateway{
		Name: g.Name, Description: g.Description, Interface: g.Interface, Address: hop(w, g), Learned: learnedWord(g.Learned),
		Number: int(w.Gateways[g.Name]), Weight: g.Weight, State: w.Lines[g.Name].State.String(), Watched: len(g.Monitor.Targets) > 0,
	}
	for _, group := range w.Config.GatewayGroups {
		if slices.ContainsFunc(group.Tiers, func(tier []string) bool { return slices.Contains(tier, g.Name) }) {
			out.Groups = append(out.Groups, group.Name)
		}
	}
	return out
}

// hop is the address of a gateway as it is used now; invalid: it has none.
func hop(w *rules.World, g config.Gateway) netip.Addr {
	if g.Learned == config.LearnedNot {
		return g.Address
	}
	return w.Hops[g.Name]
}

func learnedWord(l config.Learned) string {
	switch l {
	case config.LearnedDHCP:
		return "dhcp"
	case config.LearnedRA:
		return "ra"
	}
	return ""
}

// groupReport is a group and what new flows take of it now.
func groupReport(w *rules.World, g config.GatewayGroup) report.GatewayGroup {
	group, _ := steer.Find(w.Config, g.Name)
	out := report.GatewayGroup{Name: g.Name, Description: g.Description, Tiers: len(g.Tiers), OnDown: g.OnDown.String(), Sticky: g.Sticky}
	chosen := group.Choose(w.Lines)
	sum := 0
	for _, m := range chosen.Members {
		sum += m.Weight
	}
	if sum > 0 {
		out.Tier = chosen.Tier + 1
	}
	for n, tier := range group.Tiers {
		for _, m := range tier {
			member := report.GroupMember{Gateway: m.Gateway, Tier: n + 1, Weight: m.Weight, State: w.Lines[m.Gateway].State.String()}
			if slices.Contains(chosen.Members, m) {
				member.Share = 100 * float64(m.Weight) / float64(sum)
			}
			out.Members = append(out.Members, member)
		}
	}
	return out
}

// GatewayHistory is how a gateway was since an instant.
func (f *Firewall) GatewayHistory(ctx context.Context, name string, since time.Time) (report.GatewayHistory, error) {
	return do(ctx, f, func(context.Context) (report.GatewayHistory, error) {
		if f.running == nil || f.running.world.Config.Gateway(name) == nil {
			return report.GatewayHistory{}, report.Requestf("no gateway %q", name)
		}
		return report.GatewayHistory{Gateway: name, Since: since}, nil
	})
}

// vips is the virtual addresses that this gateway holds by itself.
func vips(c *config.Config) []report.VIP {
	var out []report.VIP
	for _, v := range c.VIPs {
		switch v.Kind {
		case config.VIPAlias:
			out = append(out, report.VIP{Interface: v.Interface, Kind: "alias", Address: v.Address})
		case config.VIPProxyARP:
			out = append(out, report.VIP{Interface: v.Interface, Kind: "proxy_arp", Address: v.Address})
		}
	}
	return out
}
