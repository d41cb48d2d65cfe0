package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// How often a node speaks that does not say it, and what is refused: less is not
// held by the timers of a busy machine, more leaves CARP's own second behind.
const (
	defaultBeat  = 100 * time.Millisecond
	shortestBeat = 10 * time.Millisecond
	longestBeat  = 10 * time.Second
)

// defaultAdvBase is what carp(4) has.
const defaultAdvBase = 1

var sectionWords = words{"rules", "nat", "aliases", "schedules", "routes", "vips", "shaper"}

func (p *parser) parseHA() {
	s := p.policy.HA
	if !s.set() {
		p.withoutHA()
		return
	}
	r := &s.body
	h := &HA{
		Preempt:    r.Preempt.or(true),
		Interval:   p.within(r.Interval, defaultBeat, shortestBeat, longestBeat),
		Secret:     read(p, r.Secret, parseSecret),
		Interface:  r.Interface.s,
		Sections:   slices.Clone(sectionWords),
		AdvBase:    r.AdvBase.or(defaultAdvBase),
		VirtualMAC: r.VirtualMAC.v,
		Services:   distinct(p, r.Services, parseUnit),
		Gateways:   p.lossOf(r.Gateways),
		Checks:     p.parseChecks(),
		FlowTable:  r.FlowTable.v,
		StrictTCP:  r.StrictTCP.v,
		Pos:        s.node.keyPos(),
	}
	if r.Sections.set() {
		h.Sections = distinct(p, r.Sections, parseSection)
	}
	p.cfg.HA = h
	p.unasked(r.Gateways)
	cable := p.refer(r.Interface, "interface", p.interfaces)
	p.haOfNode(cable)
	p.parsePeers()
	p.parseHAGroups()
}

// haOfNode reads what node.toml says of the pair. Without it, the two nodes have
// the same priority, and neither would know who is to be master.
func (p *parser) haOfNode(cable bool) {
	const why = "one node needs a lower advskew than the other, such as 0 and 100: with equal priorities neither knows who is to be master"
	h := p.cfg.HA
	switch {
	case p.own == nil:
		p.missing(p.policy.HA.node, "advskew", "there is no node.toml, where it belongs: %s", why)
	case !p.own.HA.set() && !wrongly(p.ownRoot, "ha"):
		p.missing(p.ownRoot, "ha.advskew", "is missing: %s", why)
	case p.own.HA.set():
		r := &p.own.HA.body
		h.AdvSkew = r.AdvSkew.v
		if h.Peer = read(p, r.Peer, parseHostAddr); cable && h.Peer.IsValid() {
			p.peerReachable(r.Peer.node, h.Peer, h.Interface)
		}
	}
}

// withoutHA refuses what has no meaning on a single gateway.
func (p *parser) withoutHA() {
	const need = "needs [ha] in the policy: a single gateway has no peer"
	for i, e := range p.policy.VIP {
		if p.cfg.VIPs[i].Kind == VIPCARP {
			p.atKey(e.node, "%s; an address that stays is of kind \"alias\"", need)
			break
		}
	}
	for _, e := range p.policy.HAGroup {
		p.atKey(e.node, need)
	}
	for _, e := range p.policy.HACheck {
		p.atKey(e.node, need)
	}
	if p.own == nil {
		return
	}
	if p.own.HA.set() {
		p.atKey(p.own.HA.node, need)
	}
	for _, e := range p.own.Interface {
		if e.body.Peer.set() {
			p.atKey(e.body.Peer.node, need)
		}
	}
}

// lossOf reads the gateways whose loss makes the node worse.
func (p *parser) lossOf(l list) []string {
	return distinct(p, l, func(s string) (string, error) {
		return s, lookUp(s, "gateway or gateway group", p.gateways, p.groups)
	})
}

// unasked warns of gateways that only the master can ask, because the other node has no
// address of its own there: it would be worse whenever it is backup.
func (p *parser) unasked(l list) {
	for _, n := range l.items {
		names := []string{n.text}
		if g := p.cfg.GatewayGroup(n.text); g != nil {
			names = g.members()
		}
		for _, name := range names {
			g := p.cfg.Gateway(name)
			if g == nil || len(g.Monitor.Targets) == 0 || g.Is6() || p.addressed[g.Interface] || !p.outside(g.Interface, inet4).IsValid() {
				continue
			}
			p.warn(n, "%q is asked from interface %q, where a node without the virtual address may have none to ask from: it takes the gateway for lost then; write addresses in node.toml, or monitor = []",
				name, g.Interface)
		}
	}
}

// distinct reads the items of a list, none of which may stand twice.
func distinct(p *parser, l list, f func(string) (string, error)) []string {
	var all []string
	for _, n := range l.items {
		switch v, err := f(n.text); {
		case err != nil:
			p.at(n, "%v", err)
		case slices.Contains(all, v):
			p.at(n, "%q stands twice", n.text)
		default:
			all = append(all, v)
		}
	}
	return all
}

func parseSection(s string) (string, error) {
	_, err := sectionWords.value(s)
	return s, err
}

// longestUnit is UNIT_NAME_MAX of systemd without its zero.
const longestUnit = 255

// unitKinds are the kinds of units that can be started and stopped.
var unitKinds = [...]string{".service", ".socket", ".target", ".timer", ".path", ".mount", ".automount", ".swap"}

func parseUnit(s string) (string, error) {
	if s == "" || len(s) > longestUnit || s[0] == '-' || s[0] == '.' || strings.IndexFunc(s, notInUnit) >= 0 {
		return "", fmt.Errorf("%q is no unit such as \"dnsmasq.service\": letters, digits and @ . _ : \\ - may stand in its name", s)
	}
	for _, kind := range unitKinds {
		if strings.HasSuffix(s, kind) {
			return s, nil
		}
	}
	return "", fmt.Errorf("%q lacks its kind: write it as the service manager does, such as \"%s.service\"", s, s)
}

func notInUnit(r rune) bool { return notInName(r) && !strings.ContainsRune(`@.:\`, r) }
