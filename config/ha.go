package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// How often the master speaks, and what is refused: less is not held by timers
// of a busy machine, more leaves CARP's own second behind.
const (
	defaultInterval  = 100 * time.Millisecond
	shortestInterval = 5 * time.Millisecond
	longestInterval  = 10 * time.Second
)

var sectionWords = words{"rules", "nat", "aliases", "schedules", "routes", "vips", "shaper"}

func (p *parser) parseHA() {
	s := p.policy.HA
	if !s.set() {
		p.withoutHA()
		return
	}
	r := &s.body
	h := &HA{
		Preempt:   r.Preempt.or(true),
		Interval:  defaultInterval,
		Secret:    read(p, r.Secret, parseSecret),
		Interface: r.Interface.s,
		Sections:  slices.Clone(sectionWords),
		AdvSkew:   r.AdvSkew.v,
		Pos:       s.node.keyPos(),
	}
	peer := r.Peer
	if p.own != nil && p.own.HA.set() {
		if p.own.HA.body.AdvSkew.set() {
			h.AdvSkew = p.own.HA.body.AdvSkew.v
		}
		if p.own.HA.body.Peer.set() {
			peer = p.own.HA.body.Peer
		}
	}
	if r.Interval.set() {
		h.Interval = read(p, r.Interval, parseInterval)
	}
	if r.Sections.set() {
		h.Sections = p.sections(r.Sections)
	}
	known := p.refer(r.Interface, "interface", p.interfaces)
	h.Peer = read(p, peer, parseHostAddr)
	if known && h.Peer.IsValid() {
		p.peerReachable(peer, h.Peer, h.Interface)
	}
	p.cfg.HA = h
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
	if p.own != nil && p.own.HA.set() {
		p.atKey(p.own.HA.node, need)
	}
}

func (p *parser) sections(l list) []string {
	var all []string
	for _, n := range l.items {
		switch _, err := sectionWords.value(n.text); {
		case err != nil:
			p.at(n, "%v", err)
		case slices.Contains(all, n.text):
			p.at(n, "%q stands twice", n.text)
		default:
			all = append(all, n.text)
		}
	}
	return all
}

func (p *parser) peerReachable(t text, peer netip.Addr, iface string) {
	var networks []netip.Prefix
	for _, n := range p.networks {
		switch {
		case n.prefix.Addr() == peer:
			p.at(t.node, "%s is this node's own address on %s: write that of the other node", peer, n.iface)
			return
		case n.iface == iface:
			networks = append(networks, n.prefix.Masked())
		}
	}
	for _, n := range networks {
		if n.Contains(peer) {
			return
		}
	}
	if len(networks) > 0 && !peer.IsLinkLocalUnicast() {
		p.at(t.node, "%s is in no network of interface %s (%s)", peer, iface, join(networks))
	}
}

func join(networks []netip.Prefix) string {
	texts := make([]string, len(networks))
	for i, n := range networks {
		texts[i] = n.String()
	}
	return strings.Join(texts, ", ")
}

func parseInterval(s string) (time.Duration, error) {
	d, err := ParseDuration(s)
	if err == nil && (d < shortestInterval || d > longestInterval) {
		err = fmt.Errorf("%s is out of range: %s to %s", s, FormatDuration(shortestInterval), FormatDuration(longestInterval))
	}
	return d, err
}

func parseSecret(s string) (string, error) {
	name, ok := strings.CutPrefix(s, "file:")
	if !ok {
		return "", fmt.Errorf("a secret does not stand in the policy: write \"file:carp.key\" and put it into that file")
	}
	if name == "" || strings.ContainsAny(name, "/\x00") || name == "." || name == ".." {
		return "", fmt.Errorf("%q is no file beside the policy: write its bare name, such as \"file:carp.key\"", s)
	}
	return s, nil
}
