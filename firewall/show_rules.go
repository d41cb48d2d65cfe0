package firewall

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/nat"
	"github.com/rempart/rempart/rules"
)

// Rules lists the rules and translations of the policy in their order, with
// what they decided; all adds the automatic rules with the setting that makes each.
func (f *Firewall) Rules(ctx context.Context, all bool) ([]report.Rule, error) {
	return do(ctx, f, func(ctx context.Context) ([]report.Rule, error) {
		if f.running == nil {
			return nil, nil
		}
		f.poll(ctx)
		l := lister{f: f, w: f.running.world, now: time.Now()}
		c := l.w.Config
		l.inbound(c)
		if all {
			l.automatic(c)
		}
		for _, r := range c.Rules {
			l.rule(r)
		}
		if all {
			l.drop(rules.Drops[0])
		}
		l.outbound(c, all)
		return l.out, nil
	})
}

// lister collects rules with their counters.
type lister struct {
	f   *Firewall
	w   *rules.World
	now time.Time
	out []report.Rule
}

// add appends a rule of the policy, or an automatic one whose name is its counter.
func (l *lister) add(r report.Rule) {
	counter := r.Name
	if r.Kind != "automatic" {
		counter = rules.RuleCounter(r.Name)
		r.Number = int(l.w.Numbers[r.Name])
	}
	if r.Kind == "limit" {
		counter = rules.LimitCounter(r.Name)
	}
	h := l.f.hits[counter]
	r.Packets, r.Bytes, r.LastHit = h.counter.Packets, h.counter.Bytes, h.last
	if r.Schedule == "" {
		r.Active = !r.Disabled
	}
	l.out = append(l.out, r)
}

// inbound lists the translations of what comes in; those that work both ways are among them.
func (l *lister) inbound(c *config.Config) {
	both := func(on string, external, internal netip.Prefix) string {
		return fmt.Sprintf("on %s %s <-> %s", on, block(external), block(internal))
	}
	for _, p := range c.PortForwards {
		l.add(report.Rule{
			Name: p.Name, Kind: "port_forward", Action: actionTranslate, Text: forwardText(p), Description: p.Description, Line: p.Pos.Line,
			Disabled: p.Disabled, Targets: targetsOf(l.w, p),
		})
	}
	for _, o := range c.OneToOne {
		l.add(report.Rule{Name: o.Name, Kind: "one_to_one", Action: actionTranslate, Text: both(o.On, o.External, o.Internal), Description: o.Description, Line: o.Pos.Line, Disabled: o.Disabled})
	}
	for _, p := range c.Prefixes {
		l.add(report.Rule{Name: p.Name, Kind: "prefix", Action: actionTranslate, Text: both(p.On, p.External, p.Internal), Description: p.Description, Line: p.Pos.Line, Disabled: p.Disabled})
	}
}

// targetsOf is the inside hosts of a port forward that has them asked whether they live.
func targetsOf(w *rules.World, p config.PortForward) []report.Target {
	if p.Check == nil || p.Disabled {
		return nil
	}
	var out []report.Target
	for _, r := range w.Resolve(p.Target).Set.Ranges() {
		for a := r.From(); a.IsValid() && a.Compare(r.To()) <= 0 && len(out) < config.MaxPool; a = a.Next() {
			out = append(out, report.Target{Address: a, Silent: slices.Contains(w.Silent[p.Name], a)})
		}
	}
	return out
}

// outbound lists the translations of what leaves.
func (l *lister) outbound(c *config.Config, all bool) {
	automatic := func(counter, setting, text string) {
		if all && slices.Contains(l.f.running.ruleset.Counters, counter) {
			l.add(report.Rule{Name: counter, Kind: "automatic", Setting: setting, Action: actionTranslate, Text: text})
		}
	}
	automatic(nat.CounterReflected, "nat.reflection, port_forward.on", "what a port forward sends back to its own segment leaves as the gateway")
	if c.NAT.Outbound == config.NATHybrid || c.NAT.Outbound == config.NATManual {
		for _, o := range c.Outbound {
			l.add(report.Rule{Name: o.Name, Kind: "outbound", Action: actionTranslate, Text: outboundText(o), Description: o.Description, Line: o.Pos.Line, Disabled: o.Disabled})
		}
	}
	automatic(nat.CounterOutbound, "nat.outbound", "inside networks leave as the outside address")
}

// actionTranslate is what translations say they do.
const actionTranslate = "translate"

// block writes a network, and one address without its length.
func block(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

func (l *lister) rule(r config.Rule) {
	l.add(report.Rule{
		Name: r.Name, Kind: "rule", Action: r.Action.String(), Text: ruleText(r), Description: r.Description, Line: r.Pos.Line,
		Disabled: r.Disabled, Schedule: r.Schedule, Active: !r.Disabled && l.w.Active(r.Schedule, l.now),
	})
	if r.Limits != nil {
		l.add(report.Rule{Name: r.Name, Kind: "limit", Action: config.Block.String(), Text: limitsText(*r.Limits), Line: r.Pos.Line})
	}
}

// automatic lists what comes before the rules.
func (l *lister) automatic(c *config.Config) {
	for _, d := range l.w.Drops()[1:] {
		l.drop(d)
	}
	l.add(report.Rule{Name: rules.CounterNeighbour, Kind: "automatic", Setting: "always", Action: "pass", Text: "IPv6 neighbours, routers and multicast listeners"})
	if p := l.w.Pair(); p != nil {
		l.add(report.Rule{Name: rules.CounterPair, Kind: "automatic", Setting: "ha", Action: "pass", Text: pairText(p)})
	}
	if len(c.System.Admin) > 0 {
		l.add(report.Rule{Name: rules.CounterAdmin, Kind: "automatic", Setting: "system.admin", Action: "pass",
			Text: fmt.Sprintf("from %s to self tcp port %s", join(c.System.Admin), join(c.System.AdminPorts))})
	}
	if slices.ContainsFunc(c.PortForwards, func(p config.PortForward) bool { return p.Pass && !p.Disabled }) {
		l.add(report.Rule{Name: rules.CounterForwarded, Kind: "automatic", Setting: "port_forward.pass", Action: "pass", Text: "what a port forward translated"})
	}
}

// pairText says what is heard of the other node of a pair.
func pairText(p *rules.Pair) string {
	peers := "whoever is on it"
	if len(p.Peers) > 0 {
		peers = join(p.Peers)
	}
	return fmt.Sprintf("CARP and heartbeats (udp port %d) from the links of %s; flows (udp port %d) from the link of %s; the link and pairing (tcp ports %d and %d) on %s from %s",
		rules.BeatPort, strings.Join(p.Segments, ", "), rules.FlowPort, p.Cable, rules.BeatPort, rules.PairPort, p.Cable, peers)
}

func (l *lister) drop(d rules.DropReason) {
	l.add(report.Rule{Name: d.Counter, Kind: "automatic", Setting: d.Setting, Action: config.Block.String(), Text: d.Text})
}
