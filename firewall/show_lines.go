package firewall

import (
	"context"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/gateways"
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
	watched := map[string]*gateways.Status{}
	for _, s := range f.Gateways.Status() {
		watched[s.Name] = &s
	}
	for _, g := range w.Config.Gateways {
		out.Gateways = append(out.Gateways, gatewayReport(w, g, watched[g.Name]))
	}
	for _, g := range w.Config.GatewayGroups {
		out.Groups = append(out.Groups, groupReport(w, g, watched))
	}
	return out
}

// gatewayReport is a gateway by what the policy, the world and its monitor say
// of it; nil: nobody watches it.
func gatewayReport(w *rules.World, g config.Gateway, s *gateways.Status) report.Gateway {
	number := int(w.Gateways[g.Name])
	out := report.Gateway{
		Name: g.Name, Description: g.Description, Interface: g.Interface, Address: w.NextHop(&g), Number: number,
		Weight: g.Weight, State: w.Lines[g.Name].State.String(),
	}
	if w.KeptBits() != 0 { // elsewhere no flow carries a gateway
		out.Table = gatewayTable + number
	}
	if g.Learned != config.LearnedNot {
		out.Learned = g.Learned.String()
	}
	for _, group := range w.Config.GatewayGroups {
		if slices.ContainsFunc(group.Tiers, func(tier []string) bool { return slices.Contains(tier, g.Name) }) {
			out.Groups = append(out.Groups, group.Name)
		}
	}
	if s == nil {
		return out
	}
	out.State, out.Since, out.Reason, out.Up = s.Health.State.String(), s.Since, s.Reason, s.Up
	out.Watched = len(s.Targets) > 0
	out.Loss, out.Delay, out.Jitter = s.Loss, report.Delay(s.Delay), report.Delay(s.Jitter)
	for _, t := range s.Targets {
		out.Targets = append(out.Targets, report.GatewayTarget{
			Target: t.Target, Alive: !t.Silent, Sent: t.Sent, Lost: t.Lost, Delay: report.Delay(t.Delay), LastAnswer: t.Answered, Error: t.Fault,
		})
	}
	return out
}

// groupReport is a group and what new flows take of it now. Nothing about that
// has changed since its members are as they are.
func groupReport(w *rules.World, g config.GatewayGroup, watched map[string]*gateways.Status) report.GatewayGroup {
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
			if s := watched[m.Gateway]; s != nil && s.Since.After(out.Since) {
				out.Since = s.Since
			}
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
		return historyReport(name, since, f.Gateways.History(name, since)), nil
	})
}

// longestSample is what a sample stands for at most: after a pause nothing is
// known of the time before it.
const longestSample = 5 * time.Minute

// historyReport is what is remembered of a gateway. A sample stands for the time since the one before.
func historyReport(name string, since time.Time, h gateways.History) report.GatewayHistory {
	out := report.GatewayHistory{Gateway: name, Since: since}
	for i, s := range h.Samples {
		span := longestSample
		if i > 0 {
			span = min(span, s.At.Sub(h.Samples[i-1].At))
		} else if len(h.Samples) > 1 {
			span = min(span, h.Samples[1].At.Sub(s.At))
		}
		out.Samples = append(out.Samples, report.GatewaySample{
			Time: s.At.Add(-span), Seconds: int(span / time.Second), State: s.State.String(),
			Loss: float64(s.Loss), Delay: report.Delay(s.Delay), Jitter: report.Delay(s.Jitter),
		})
	}
	for _, t := range h.Transitions {
		out.Transitions = append(out.Transitions, report.GatewayTransition{
			Time: t.At, From: t.From.State.String(), To: t.To.State.String(), Reason: t.Reason,
		})
	}
	return out
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
