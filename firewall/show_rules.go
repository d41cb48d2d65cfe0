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
		l.add(report.Rule{Name: p.Name, Kind: "port_forward", Action: actionTranslate, Text: forwardText(p), Description: p.Description, Line: p.Pos.Line, Disabled: p.Disabled})
	}
	for _, o := range c.OneToOne {
		l.add(report.Rule{Name: o.Name, Kind: "one_to_one", Action: actionTranslate, Text: both(o.On, o.External, o.Internal), Description: o.Description, Line: o.Pos.Line, Disabled: o.Disabled})
	}
	for _, p := range c.Prefixes {
		l.add(report.Rule{Name: p.Name, Kind: "prefix", Action: actionTranslate, Text: both(p.On, p.External, p.Internal), Description: p.Description, Line: p.Pos.Line, Disabled: p.Disabled})
	}
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
	if len(c.System.Admin) > 0 {
		l.add(report.Rule{Name: rules.CounterAdmin, Kind: "automatic", Setting: "system.admin", Action: "pass",
			Text: fmt.Sprintf("from %s to self tcp port %s", join(c.System.Admin), join(c.System.AdminPorts))})
	}
	if slices.ContainsFunc(c.PortForwards, func(p config.PortForward) bool { return p.Pass && !p.Disabled }) {
		l.add(report.Rule{Name: rules.CounterForwarded, Kind: "automatic", Setting: "port_forward.pass", Action: "pass", Text: "what a port forward translated"})
	}
}

func (l *lister) drop(d rules.DropReason) {
	l.add(report.Rule{Name: d.Counter, Kind: "automatic", Setting: d.Setting, Action: config.Block.String(), Text: d.Text})
}

func ruleText(r config.Rule) string {
	var b words
	b.place("from", r.From)
	b.place("to", r.To)
	b.list("protocol", join(r.Protocols))
	b.list("source", join(r.Source))
	b.list("source_port", join(r.SourcePorts))
	b.list("destination", join(r.Destination))
	b.list("port", join(r.Ports))
	b.list("icmp", join(r.ICMP))
	if r.TCPFlags != nil {
		b.list("tcp_flags", r.TCPFlags.String())
	}
	b.list("gateway", r.Gateway)
	return b.String()
}

func forwardText(p config.PortForward) string {
	var b words
	b.list("on", p.On)
	b.list("source", join(p.Source))
	b.list("destination", join(p.Destination))
	b.list("protocol", join(p.Protocols))
	b.list("port", join(p.Ports))
	b.list("->", join(p.Target))
	if p.TargetPort != 0 {
		b.list("port", fmt.Sprint(p.TargetPort))
	}
	return b.String()
}

func outboundText(o config.Outbound) string {
	var b words
	b.list("on", o.On)
	b.list("source", join(o.Source))
	b.list("destination", join(o.Destination))
	b.list("protocol", join(o.Protocols))
	b.list("port", join(o.Ports))
	if o.Address.IsValid() {
		b.list("as", o.Address.String())
	}
	return b.String()
}

func limitsText(l config.Limits) string {
	var b words
	number := func(key string, n int) {
		if n > 0 {
			b.list(key, fmt.Sprint(n))
		}
	}
	number("flows", l.Flows)
	number("flows_per_source", l.FlowsPerSource)
	if l.RatePerSource.Count > 0 {
		b.list("rate_per_source", l.RatePerSource.String())
	}
	b.list("overload", l.Overload)
	return b.String()
}

// words builds a line of keys and values.
type words []string

func (w *words) list(key, value string) {
	if value != "" {
		*w = append(*w, key, value)
	}
}

func (w *words) place(key string, p config.Place) {
	if p.Kind != config.PlaceAny {
		w.list(key, p.String())
	}
}

func (w words) String() string { return strings.Join(w, " ") }

// join writes a list as the policy does, without blanks: it is one word of a line.
func join[T fmt.Stringer](list []T) string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = v.String()
	}
	return strings.Join(out, ",")
}
