package config

import (
	"slices"
	"time"
)

// How long flows stay on a later tier that is drained.
const (
	defaultDrain  = 10 * time.Minute
	shortestDrain = time.Second
	longestDrain  = day
)

func (p *parser) parseGroups() {
	for _, e := range p.policy.Group {
		g := p.parseGroup(e)
		p.cfg.GatewayGroups = append(p.cfg.GatewayGroups, g)
		p.oneFamily(e)
		p.triggered(e.body.Trigger, g)
	}
}

func (p *parser) parseGroup(e *entry[rawGatewayGroup]) GatewayGroup {
	r := &e.body
	g := GatewayGroup{
		Name:        e.name(),
		Description: r.Description.s,
		Triggers:    p.triggers(r.Trigger),
		Sticky:      r.Sticky.v,
		OnDown:      OnDownNext,
		FailOver:    FailOverMove,
		FailBack:    FailBackKeep,
		Pos:         e.node.keyPos(),
	}
	if v := p.word(r.OnDown, onDownWords); v != 0 {
		g.OnDown = OnDown(v)
	}
	if v := p.word(r.FailOver, moveWords); v != 0 {
		g.FailOver = FailOver(v)
	}
	if v := p.word(r.FailBack, backWords); v != 0 {
		g.FailBack = FailBack(v)
	}
	switch drain := p.within(r.Drain, defaultDrain, shortestDrain, longestDrain); {
	case g.FailBack == FailBackDrain:
		g.Drain = drain
	case r.Drain.set():
		p.atKey(r.Drain.node, "needs fail_back = \"drain\" beside it")
	}
	seen := make(map[string]bool)
	for _, row := range r.Tiers.rows {
		var tier []string
		for _, n := range row.items {
			if p.isMember(n, seen) {
				tier = append(tier, n.text)
			}
		}
		g.Tiers = append(g.Tiers, tier)
	}
	return g
}

func (p *parser) isMember(n *node, seen map[string]bool) bool {
	switch {
	case p.groups[n.text] != nil:
		p.at(n, "%q is a gateway group: groups hold gateways", n.text)
	case seen[n.text]:
		p.at(n, "%q stands twice in the group", n.text)
	case p.referName(n, n.text, "gateway", p.gateways):
		seen[n.text] = true
		return true
	}
	return false
}

// triggers reads the warnings by which a member is left alone.
func (p *parser) triggers(l list) Triggers {
	var t Triggers
	flags := [...]*bool{&t.Loss, &t.Delay, &t.Jitter}
	for _, n := range l.items {
		v, err := warnWords.value(n.text)
		switch {
		case err != nil:
			p.at(n, "%v", err)
		case *flags[v-1]:
			p.at(n, "%q stands twice", n.text)
		default:
			*flags[v-1] = true
		}
	}
	return t
}

// triggered refuses a trigger that no member can ever pull.
func (p *parser) triggered(l list, g GatewayGroup) {
	var can Triggers
	for _, tier := range g.Tiers {
		for _, name := range tier {
			m := &p.cfg.Gateway(name).Monitor
			if len(m.Targets) == 0 {
				continue
			}
			can.Loss = can.Loss || m.LossWarning > 0
			can.Delay = can.Delay || m.DelayWarning > 0
			can.Jitter = can.Jitter || m.JitterWarning > 0
		}
	}
	never := map[string]bool{"loss": !can.Loss, "delay": !can.Delay, "jitter": !can.Jitter}
	for _, n := range l.items {
		if never[n.text] && len(g.members()) > 0 {
			p.at(n, "%q never happens: none of the gateways is asked and has a %s_warning", n.text, n.text)
		}
	}
}

// members are the gateways of the group, in the order of its tiers.
func (g *GatewayGroup) members() []string { return slices.Concat(g.Tiers...) }

// oneFamily refuses a group whose members cannot stand in for one another, and
// notes the family of the group.
func (p *parser) oneFamily(e *entry[rawGatewayGroup]) {
	first := noFamily
	for _, row := range e.body.Tiers.rows {
		for _, n := range row.items {
			f := p.hops[n.text]
			if p.gateways[n.text] == nil {
				continue
			}
			if first == noFamily {
				first = f
				p.hops[e.name()] = f
			}
			if f != noFamily && f != first {
				p.at(n, "%q is %s, but the group began with %s: one family a group", n.text, f, first)
				return
			}
		}
	}
}
