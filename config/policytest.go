package config

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

func (p *parser) parseTests() {
	taken := make(names)
	for _, e := range p.policy.Test {
		r := &e.body
		t := Test{
			Name:        r.Name.s,
			Packet:      p.packet(r.Packet),
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
		for _, n := range r.Down.items {
			switch {
			case slices.Contains(t.Down, n.text):
				p.at(n, "%q stands twice", n.text)
			case n.text == t.Gateway:
				p.at(n, "%q is the gateway that the packet must leave by, and cannot be down", n.text)
			case p.referName(n, n.text, "gateway", p.gateways):
				t.Down = append(t.Down, n.text)
			}
		}
		p.checkTest(r, t)
		p.cfg.Tests = append(p.cfg.Tests, t)
	}
}

// packet reads what a test sends.
func (p *parser) packet(t text) Packet {
	packet := read(p, t, ParsePacket)
	if packet.In != "" {
		p.referName(t.node, packet.In, "interface", p.interfaces)
	}
	return packet
}

// checkTest refuses what no packet could come up to.
func (p *parser) checkTest(r *rawTest, t Test) {
	for _, end := range []struct {
		key text
		is  netip.Addr
	}{{r.Source, t.Source}, {r.Destination, t.Destination}} {
		if end.is.IsValid() && t.Packet.Src.IsValid() && end.is.Is4() != t.Packet.Src.Is4() {
			p.at(end.key.node, "%s is not of the family of the packet, which comes from %s", end.is, t.Packet.Src)
		}
	}
	if t.Expect != Block && t.Expect != Reject {
		return
	}
	for _, key := range []text{r.Source, r.Destination, r.Gateway} {
		if key.set() {
			p.atKey(key.node, "has no meaning for a packet that does not leave: remove it, or expect \"pass\"")
		}
	}
}

func parseInstant(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no instant such as \"2026-11-23T03:00:00+01:00\"", s)
	}
	return t, nil
}
