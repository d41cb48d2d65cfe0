package config

import (
	"fmt"
	"strings"
	"time"
)

func (p *parser) parseTests() {
	taken := make(names)
	for _, e := range p.policy.Test {
		r := &e.body
		t := Test{
			Name:        r.Name.s,
			Packet:      r.Packet.s,
			At:          read(p, r.At, parseInstant),
			Expect:      Action(p.word(r.Expect, actionWords)),
			Rule:        r.Rule.s,
			Source:      read(p, r.Source, parseHostAddr),
			Destination: read(p, r.Destination, parseHostAddr),
			Gateway:     r.Gateway.s,
			Pos:         e.node.keyPos(),
		}
		if r.Name.set() {
			p.unique(taken, r.Name, "a test has a name of its own")
		}
		p.refer(r.Rule, "rule", p.counters)
		p.refer(r.Gateway, "gateway", p.gateways)
		p.packet(r.Packet)
		p.cfg.Tests = append(p.cfg.Tests, t)
	}
}

// packet checks that a packet comes in by an interface and goes somewhere; who
// sends it through the rules reads the rest.
func (p *parser) packet(t text) {
	if !t.set() {
		return
	}
	fields := strings.Fields(t.s)
	if len(fields) < 5 || fields[3] != "->" {
		p.at(t.node, "%q is no packet such as \"lan tcp 10.1.2.9:40000 -> 198.51.100.7:443\"", t.s)
		return
	}
	p.referName(t.node, fields[0], "interface", p.interfaces)
}

func parseInstant(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no instant such as \"2026-11-23T03:00:00+01:00\"", s)
	}
	return t, nil
}
