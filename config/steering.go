package config

import (
	"slices"
	"strings"
)

// ruleGateway refuses a choice of route where none is made or none fits.
func (p *parser) ruleGateway(r *rawRule, rule Rule, f families) {
	if !p.refer(r.Gateway, "gateway or gateway group", p.gateways, p.groups) {
		return
	}
	hop := p.hops[r.Gateway.s]
	switch {
	case rule.Action == Block || rule.Action == Reject:
		p.at(r.Gateway.node, "a rule that does not pass sends nothing to a gateway: remove it")
	case rule.To.Kind == PlaceSelf:
		p.at(r.Gateway.node, "what goes to the gateway itself is not sent on: remove it")
	case f != noFamily && hop != noFamily && hop&f == noFamily:
		p.at(r.Gateway.node, "%q is %s, but the rule is only for %s", r.Gateway.s, hop, f)
	default:
		p.onTheWay(r, rule)
	}
}

// protocolFamilies is what families the protocols of a rule leave of f.
func protocolFamilies(f families, protocols []Protocol) families {
	if len(protocols) == 0 {
		return f
	}
	carried := noFamily
	for _, proto := range protocols {
		carried |= proto.families()
	}
	return f & carried
}

// onTheWay refuses gateways that are behind another interface than the rule's
// packets leave by: where packets go is judged first, their gateway is chosen then.
func (p *parser) onTheWay(r *rawRule, rule Rule) {
	leaves := p.cfg.InterfacesOf(rule.To)
	if len(leaves) == 0 {
		return
	}
	names := []string{rule.Gateway}
	if g := p.cfg.GatewayGroup(rule.Gateway); g != nil {
		names = g.members()
	}
	for _, name := range names {
		g := p.cfg.Gateway(name)
		if p.interfaces[g.Interface] == nil || slices.Contains(leaves, g.Interface) {
			continue
		}
		p.at(r.Gateway.node, "gateway %q is on interface %s, but the rule is for what leaves by %s: correct one of them, or leave out to",
			name, g.Interface, strings.Join(leaves, ", "))
	}
}

// steering reads what a rule says about the gateway that it names.
func (p *parser) steering(r *rawRule) Steering {
	var s Steering
	if v := p.word(r.FailOver, moveWords); v != 0 {
		s.FailOver = FailOver(v)
	}
	if v := p.word(r.FailBack, backWords); v != 0 {
		s.FailBack = FailBack(v)
	}
	drain := p.within(r.Drain, defaultDrain, shortestDrain, longestDrain)
	group := p.cfg.GatewayGroup(r.Gateway.s)
	for _, t := range [...]text{r.FailOver, r.FailBack, r.Drain} {
		switch {
		case !t.set():
		case !r.Gateway.set():
			p.atKey(t.node, "needs gateway: it is about the flows that a gateway carries")
		case group == nil && t.node != r.FailOver.node && p.gateways[r.Gateway.s] != nil:
			p.atKey(t.node, "needs a gateway group: %q is a gateway and has no tiers to go back to", r.Gateway.s)
		case t.node == r.Drain.node && s.FailBack != FailBackDrain:
			p.atKey(t.node, "needs fail_back = \"drain\" in this rule: that of the group does not count here")
		}
	}
	if s.FailBack == FailBackDrain {
		s.Drain = drain
		if !r.Drain.set() && group != nil && group.Drain > 0 {
			s.Drain = group.Drain
		}
	}
	return s
}
