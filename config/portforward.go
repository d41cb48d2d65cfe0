package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// noTarget is the target of a port forward that translates nothing, and the
// address of an [[outbound]] that does not.
const noTarget = "none"

// How often targets are asked, and what is refused.
const (
	defaultCheck  = 5 * time.Second
	shortestCheck = 100 * time.Millisecond
	longestCheck  = 10 * time.Minute
)

func (p *parser) parsePortForwards() {
	var all overlaps
	for _, e := range p.policy.Forward {
		before := len(p.list) + p.more
		f, arrives := p.parsePortForward(e)
		p.cfg.PortForwards = append(p.cfg.PortForwards, f)
		if len(p.list)+p.more == before && !f.Disabled && e.body.whole(e.node) {
			p.compareForward(&all, e, f, arrives)
		}
	}
}

// whole says whether the table n has lost nothing on the way to r: what has a
// fault is compared with no other.
func (r *rawPortForward) whole(n *node) bool {
	for _, l := range [...]struct {
		key string
		list
	}{{"source", r.Source}, {"destination", r.Destination}, {"protocol", r.Protocol}, {"port", r.Port}, {"target", r.Target}} {
		if c := n.child(l.key); c != nil && (!l.set() || c.kind == kindArray && len(c.children) != len(l.items)) {
			return false
		}
	}
	return true
}

// parsePortForward reads a forward, and says of what families it translates.
func (p *parser) parsePortForward(e *entry[rawPortForward]) (PortForward, families) {
	r := &e.body
	m := p.match(r.Source, r.Destination, r.Protocol, r.Port)
	f := PortForward{
		Name:        p.count(r.Name),
		Description: r.Description.s,
		Disabled:    r.Disabled.v,
		On:          r.On.s,
		Source:      m.source,
		Destination: m.destination,
		Protocols:   m.protocols,
		Ports:       p.portRanges(m.ports),
		TargetPort:  r.TargetPort.v,
		Spread:      SpreadSource,
		Reflection:  r.Reflection.or(p.cfg.NAT.Reflection),
		Pass:        r.Pass.v,
		Log:         r.Log.v,
		Pos:         e.node.keyPos(),
	}
	if p.refer(r.On, "interface", p.interfaces) && e.node.child("destination") == nil {
		m.families &= p.interfaceFamilies(r.On.s)
	}
	f.Exclude = p.excludesTarget(e)
	if f.Exclude {
		return f, protocolFamilies(m.families, m.protocols)
	}
	f.Target = p.addresses(r.Target, inTarget)
	p.forwardPorts(r, f)
	p.forwardTarget(r, f, m.families)
	p.forwardSpread(r, &f)
	f.Check = p.targetCheck(r, f)
	return f, protocolFamilies(m.families&p.families(f.Target), m.protocols)
}

// excludesTarget says whether the target is "none", and refuses what has no
// meaning beside it.
func (p *parser) excludesTarget(e *entry[rawPortForward]) bool {
	none := slices.IndexFunc(e.body.Target.items, func(n *node) bool { return n.text == noTarget })
	if none < 0 {
		return false
	}
	if len(e.body.Target.items) > 1 {
		p.at(e.body.Target.items[none], "%q stands beside other targets: alone it leaves what matches as it is", noTarget)
		return true
	}
	for _, key := range [...]string{"target_port", "spread", "weights", "check", "check_interval", "pass"} {
		if n := e.node.child(key); n != nil {
			p.atKey(n, "has no meaning with target = %q: nothing is translated", noTarget)
		}
	}
	return true
}

// forwardPorts checks that the outside ports have inside ones.
func (p *parser) forwardPorts(r *rawPortForward, f PortForward) {
	for _, proto := range f.Protocols {
		if proto.HasPorts() && !r.Port.set() {
			p.missing(r.Protocol.node.parent, "port", "is missing: %s has ports, and all of them would be the gateway's own too", proto)
			break
		}
	}
	if !r.TargetPort.set() {
		return
	}
	switch {
	case !r.Port.set():
		p.atKey(r.TargetPort.node, "needs port: the outside port that it stands for")
	case len(f.Ports) > 1:
		p.at(r.TargetPort.node, "stands for one port or one range, and port has %d: write a port_forward for each", len(f.Ports))
	case len(f.Ports) == 1 && f.TargetPort+int(f.Ports[0].To-f.Ports[0].From) > 65535:
		p.at(r.TargetPort.node, "%d is too high: the range %s would end above 65535", f.TargetPort, f.Ports[0])
	}
}

// forwardTarget checks that packets can reach a target of their own family.
func (p *parser) forwardTarget(r *rawPortForward, f PortForward, outside families) {
	if len(f.Target) == 0 || outside == noFamily {
		return
	}
	if !slices.ContainsFunc(f.Target, func(t AddressTerm) bool { return !t.Exclude }) {
		p.at(r.Target.node, "only exclusions: write which host is the target")
		return
	}
	if inside := p.families(f.Target); inside != noFamily && inside&outside == noFamily {
		p.at(r.Target.node, "is %s, but what arrives is %s: translation does not cross families", inside, outside)
	}
	if p.extent(f.Target).size(MaxPool) > MaxPool {
		p.at(r.Target.node, "holds more than %d addresses, which is the most that flows are dealt out to", MaxPool)
	}
}

// forwardSpread reads how flows are dealt out to the targets.
func (p *parser) forwardSpread(r *rawPortForward, f *PortForward) {
	if v := p.word(r.Spread, spreadWords); v != 0 {
		f.Spread = Spread(v)
	}
	if len(f.Target) != len(r.Target.items) {
		return // their fault has been told
	}
	targets := p.extent(f.Target)
	one := targets.known && targets.size(1) == 1
	for _, n := range [...]*node{r.Spread.node, r.Weights.node} {
		if n != nil && one {
			p.atKey(n, "needs several targets: there is one")
		}
	}
	if r.Weights.set() && !one {
		f.Weights = p.weights(r, f.Target)
	}
}

// weights reads the share of each target.
func (p *parser) weights(r *rawPortForward, targets []AddressTerm) []int {
	for i, t := range targets {
		if t.Kind != TermRange || t.Exclude || t.Range.From != t.Range.To {
			p.at(r.Target.items[i], "%s is no single address, and weights are counted out to addresses, one each", t)
			return nil
		}
	}
	count := 1
	if r.Weights.node.kind == kindArray {
		count = len(r.Weights.node.children)
	}
	if count != len(targets) && count > 0 {
		p.at(r.Weights.node, "are %d for %d targets: write one for each", count, len(targets))
	}
	all := make([]int, 0, len(r.Weights.items))
	for _, w := range r.Weights.items {
		all = append(all, w.v)
	}
	return all
}

// targetCheck reads how the targets are asked.
func (p *parser) targetCheck(r *rawPortForward, f PortForward) *TargetCheck {
	interval := p.within(r.Interval, defaultCheck, shortestCheck, longestCheck)
	if !r.Check.set() {
		if r.Interval.set() {
			p.atKey(r.Interval.node, "needs check: how the targets are asked")
		}
		return nil
	}
	c := &TargetCheck{Kind: ProbeICMP, Interval: interval}
	kind, port, hasPort := strings.Cut(r.Check.s, ":")
	switch {
	case kind == ProbeICMP.String() && !hasPort:
	case kind == ProbeTCP.String() && hasPort:
		c.Kind, c.Port = ProbeTCP, read(p, text{r.Check.node, port}, parseOnePort)
	case kind == ProbeTCP.String():
		c.Kind, c.Port = ProbeTCP, p.targetPort(r.Check, f)
	default:
		p.at(r.Check.node, "%q is no way to ask: write \"icmp\", \"tcp\" or a port such as \"tcp:8080\"", r.Check.s)
		return nil
	}
	return c
}

// targetPort is where targets of a TCP forward listen, or the first of those ports.
func (p *parser) targetPort(t text, f PortForward) uint16 {
	switch {
	case !slices.Contains(f.Protocols, TCP) && len(f.Protocols) > 0:
		p.at(t.node, "needs the port that is asked, such as \"tcp:8080\": the port_forward is not for TCP")
	case f.TargetPort > 0:
		return uint16(f.TargetPort)
	case len(f.Ports) > 0:
		return f.Ports[0].From
	}
	return 0 // the port that is missing has been told
}

// parseOnePort reads a port by its number or its service.
func parseOnePort(s string) (uint16, error) {
	r, err := parsePortRange(s)
	if err == nil && r.From != r.To {
		err = fmt.Errorf("%s is a range: write one port", r)
	}
	return r.From, err
}
