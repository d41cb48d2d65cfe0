package config

import "strings"

// match is what rules, translations and shapes have in common.
type match struct {
	source      []AddressTerm
	destination []AddressTerm
	protocols   []Protocol
	ports       []PortTerm
	families    families
}

// match reads what a packet has to be; lists that are absent mean any.
func (p *parser) match(source, destination, protocol, port list) match {
	m := match{
		source:      p.addresses(source, inRule),
		destination: p.addresses(destination, inRule),
		protocols:   p.protocols(protocol),
		ports:       p.ports(port),
	}
	p.needPorts(protocol, m.protocols, port)
	p.somePort(port, m.ports)
	p.someAddress(source, m.source)
	p.someAddress(destination, m.destination)
	m.families = p.meet(destination, protocol, m)
	return m
}

// needPorts refuses ports of protocols that have none.
func (p *parser) needPorts(protocol list, protocols []Protocol, port list) {
	if !port.set() {
		return
	}
	if !protocol.set() {
		p.atKey(port.node, "needs a protocol that has ports: write protocol = \"tcp\" or [\"tcp\", \"udp\"]")
		return
	}
	for _, proto := range protocols {
		if !proto.HasPorts() {
			p.atKey(port.node, "%s has no ports: write a rule of its own for it", proto)
		}
	}
}

func (p *parser) parseRules() {
	p.cfg.Rules = make([]Rule, 0, len(p.policy.Rule))
	for _, e := range p.policy.Rule {
		p.cfg.Rules = append(p.cfg.Rules, p.parseRule(e))
	}
}

func (p *parser) parseRule(e *entry[rawRule]) Rule {
	r := &e.body
	m := p.match(r.Source, r.Destination, r.Protocol, r.Port)
	p.needPorts(r.Protocol, m.protocols, r.SourcePort)
	rule := Rule{
		Name:        p.count(r.Name),
		Description: r.Description.s,
		Disabled:    r.Disabled.v,
		From:        p.from(r.From),
		To:          p.place(r.To),
		Source:      m.source,
		Destination: m.destination,
		Protocols:   m.protocols,
		SourcePorts: p.ports(r.SourcePort),
		Ports:       m.ports,
		ICMP:        p.icmp(r.ICMP, r.Protocol, m.protocols),
		TCPFlags:    p.tcpFlags(r.TCPFlags, r.Protocol, m.protocols),
		Action:      Action(p.word(r.Action, actionWords)),
		Log:         r.Log.v,
		Schedule:    r.Schedule.s,
		Gateway:     r.Gateway.s,
		Steering:    p.steering(r),
		Pos:         e.node.keyPos(),
	}
	p.somePort(r.SourcePort, rule.SourcePorts)
	p.refer(r.Schedule, "schedule", p.schedules)
	p.ruleGateway(r, rule, protocolFamilies(m.families, m.protocols))
	rule.Limits = p.limits(r.Limits, rule.Action)
	return rule
}

// from reads the place that packets come in by.
func (p *parser) from(t text) Place {
	if t.s == "self" {
		p.at(t.node, "the gateway's own traffic may always leave and is not filtered: write an interface or zone, or leave the key out")
		return Place{}
	}
	return p.place(t)
}

// icmp reads types of the ICMP protocols that the rule names.
func (p *parser) icmp(l, protocol list, protocols []Protocol) []ICMPType {
	if !l.set() {
		return nil
	}
	for _, proto := range protocols {
		if proto != ICMP && proto != ICMPv6 {
			p.atKey(l.node, "%s has no ICMP types: write a rule of its own for it", proto)
			return nil
		}
	}
	if !protocol.set() {
		p.atKey(l.node, "needs protocol = \"icmp\" (IPv4) or \"icmpv6\" (IPv6)")
		return nil
	}
	var types []ICMPType
	for _, n := range l.items {
		var found []ICMPType
		var fault error
		for _, proto := range protocols {
			t, err := ParseICMPType(proto, n.text)
			if err != nil {
				fault = err
				continue
			}
			found = append(found, t)
		}
		switch {
		case len(found) == 0 && fault != nil:
			p.at(n, "%v", fault)
		case len(found) > 1 && n.text[0] <= '9':
			p.at(n, "%s is another type in ICMP than in ICMPv6: write its name, or two rules", n.text)
		default:
			types = append(types, found...)
		}
	}
	return types
}

func (p *parser) tcpFlags(l, protocol list, protocols []Protocol) *TCPFlags {
	if !l.set() {
		return nil
	}
	if protocol.set() && len(protocols) == 0 {
		return nil // its fault has been told
	}
	if len(protocols) != 1 || protocols[0] != TCP {
		p.atKey(l.node, "needs protocol = \"tcp\" and no other")
		return nil
	}
	f := new(TCPFlags)
	for _, n := range l.items {
		if err := f.add(n.text); err != nil {
			p.at(n, "%v", err)
		}
	}
	return f
}

// limits reads [rule.limits] of a rule with the given action.
func (p *parser) limits(s section[rawLimits], action Action) *Limits {
	if !s.set() {
		return nil
	}
	r := s.body
	l := &Limits{
		Flows:          r.Flows.v,
		FlowsPerSource: r.FlowsPerSource.v,
		RatePerSource:  read(p, r.RatePerSource, parseRate),
		Overload:       p.overload(r.Overload),
	}
	switch {
	case action == Block || action == Reject:
		p.atKey(s.node, "only a rule that passes has limits: remove them")
	case len(s.node.children) == 0:
		p.at(s.node, "is empty: write flows, flows_per_source or rate_per_source")
	case r.Overload.set() && !r.FlowsPerSource.set() && !r.RatePerSource.set():
		p.atKey(r.Overload.node, "needs a limit of a source: flows_per_source or rate_per_source")
	}
	return l
}

// overload reads the dynamic alias that takes who is over a limit.
func (p *parser) overload(t text) string {
	if !t.set() {
		return ""
	}
	name, ok := strings.CutPrefix(t.s, "@")
	if !ok {
		p.at(t.node, "%q is no alias: write \"@%s\"", t.s, t.s)
		return ""
	}
	if p.referName(t.node, name, "alias", p.aliases) && p.aliasKinds[name] != AliasDynamic && p.aliasKinds[name] != 0 {
		p.at(t.node, "alias %q is not dynamic: rules cannot fill it", name)
	}
	return name
}
