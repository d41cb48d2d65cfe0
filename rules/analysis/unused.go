package analysis

import (
	"fmt"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
)

// unused is what a policy declares and nothing speaks of. What only a disabled
// rule names is used: switched on, the rule needs it.
func unused(w *rules.World) []Finding {
	u := &uses{w: w, seen: map[use]bool{}}
	u.policy(w.Config)
	anywhere := fromAnywhere(w.Config)
	u.answers(w.Config, anywhere)
	var out []Finding
	tell := func(kind, name string, pos config.Position, consequence string) {
		if !u.seen[use{kind, name}] {
			out = append(out, Finding{
				Kind: Unused, Pos: pos, Key: kind + "." + name, Name: name,
				Message: fmt.Sprintf("%s %q is not used%s", kind, name, consequence),
			})
		}
	}
	c := w.Config
	for _, i := range c.Interfaces {
		if !anywhere {
			tell("interface", i.Name, i.Pos, ": no rule, zone or translation names it")
		}
	}
	for _, z := range c.Zones {
		tell("zone", z.Name, z.Pos, "")
	}
	for _, a := range c.Aliases {
		tell("alias", a.Name, a.Pos, "")
	}
	for _, s := range c.Schedules {
		tell("schedule", s.Name, s.Pos, "")
	}
	for _, g := range c.Gateways {
		tell("gateway", g.Name, g.Pos, "")
	}
	for _, g := range c.GatewayGroups {
		tell("gateway_group", g.Name, g.Pos, "")
	}
	for _, q := range c.Queues {
		tell("queue", q.Name, q.Pos, "")
	}
	for _, l := range c.Limiters {
		tell("limiter", l.Name, l.Pos, "")
	}
	for _, a := range c.Applications {
		tell("application", a.Name, a.Pos, "")
	}
	return out
}

// fromAnywhere says whether a policy speaks of every interface: by rules for
// packets from anywhere, or because it has no rules and is only begun.
func fromAnywhere(c *config.Config) bool {
	return len(c.Rules) == 0 || slices.ContainsFunc(c.Rules, func(r config.Rule) bool {
		return r.From.Kind == config.PlaceAny && !r.Disabled
	})
}

// use is a thing of the policy that something speaks of.
type use struct{ kind, name string }

type uses struct {
	w    *rules.World
	seen map[use]bool
}

// name marks a thing, and through it what it speaks of itself.
func (u *uses) name(kind, name string) {
	k := use{kind, name}
	if name == "" || u.seen[k] {
		return
	}
	u.seen[k] = true
	switch kind {
	case "alias":
		if al := u.w.Config.Alias(name); al != nil {
			u.addresses(al.Addresses)
			u.ports(al.Ports)
		}
	case "zone":
		if z := u.w.Config.Zone(name); z != nil {
			for _, i := range z.Interfaces {
				u.name("interface", i)
			}
		}
	case "gateway":
		if g := u.w.Config.Gateway(name); g != nil {
			u.name("interface", g.Interface)
		}
	case "gateway_group":
		if g := u.w.Config.GatewayGroup(name); g != nil {
			for _, member := range slices.Concat(g.Tiers...) {
				u.name("gateway", member)
			}
		}
	}
}

func (u *uses) places(ps ...config.Place) {
	for _, p := range ps {
		switch p.Kind {
		case config.PlaceInterface:
			u.name("interface", p.Name)
		case config.PlaceZone:
			u.name("zone", p.Name)
		}
	}
}

func (u *uses) addresses(lists ...[]config.AddressTerm) {
	for _, l := range lists {
		for _, t := range l {
			if t.Kind == config.TermAlias {
				u.name("alias", t.Name)
			}
		}
	}
}

func (u *uses) ports(lists ...[]config.PortTerm) {
	for _, l := range lists {
		for _, t := range l {
			u.name("alias", t.Alias)
		}
	}
}

// gateway marks a gateway or a gateway group.
func (u *uses) gateway(name string) {
	if u.w.Config.GatewayGroup(name) != nil {
		u.name("gateway_group", name)
	} else {
		u.name("gateway", name)
	}
}

// policy marks everything that a policy speaks of.
func (u *uses) policy(c *config.Config) {
	u.addresses(c.System.Admin)
	for _, r := range c.Rules {
		u.places(r.From, r.To)
		u.addresses(r.Source, r.Destination)
		u.ports(r.SourcePorts, r.Ports)
		u.name("schedule", r.Schedule)
		u.gateway(r.Gateway)
		if r.Limits != nil {
			u.name("alias", r.Limits.Overload)
		}
	}
	u.translations(c)
	for _, r := range c.Routes {
		u.gateway(r.Gateway)
		u.name("alias", r.Alias)
	}
	for _, s := range c.Shapes {
		u.places(s.From, s.To)
		u.addresses(s.Source, s.Destination)
		u.ports(s.Ports)
		u.name("application", s.Application)
		u.name("queue", s.Queue)
		u.name("limiter", s.Limiter)
	}
	u.carriers(c)
}

func (u *uses) translations(c *config.Config) {
	for _, f := range c.PortForwards {
		u.name("interface", f.On)
		u.addresses(f.Source, f.Destination, f.Target)
		u.forwarded(f)
	}
	for _, o := range c.Outbound {
		u.name("interface", o.On)
		u.addresses(o.Source, o.Destination, o.Pool)
		u.ports(o.SourcePorts, o.Ports)
	}
	for _, o := range c.OneToOne {
		u.name("interface", o.On)
	}
	for _, t := range c.Prefixes {
		u.name("interface", t.On)
	}
}

// answers marks the gateways by which answers go back, for flows that come in by
// their external interface: nothing has to name those.
func (u *uses) answers(c *config.Config, anywhere bool) {
	for _, g := range c.Gateways {
		if i := c.Interface(g.Interface); i != nil && i.External && (anywhere || u.seen[use{"interface", i.Name}]) {
			u.name("gateway", g.Name)
		}
	}
}

// forwarded marks the port aliases that a port forward may have named: by now
// it only knows their ports.
func (u *uses) forwarded(f config.PortForward) {
	named := ports(f.Ports)
	for _, a := range u.w.Config.Aliases {
		if a.Kind == config.AliasPorts && named.Covers(ports(u.w.Ports(a.Ports))) {
			u.name("alias", a.Name)
		}
	}
}

// carriers marks the interfaces that are there for something else than rules.
func (u *uses) carriers(c *config.Config) {
	if c.HA != nil {
		u.name("interface", c.HA.Interface)
	}
	for _, v := range c.VIPs {
		u.name("interface", v.Interface)
	}
}
