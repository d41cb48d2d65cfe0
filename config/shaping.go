package config

import (
	"fmt"
	"strings"
)

// defaultPriority is the middle of 1 to 7.
const defaultPriority = 4

func (p *parser) parseShaping() {
	for _, e := range p.policy.Shaper {
		p.referName(e.node, e.name(), "interface", p.interfaces)
		s := Shaper{Interface: e.name(), Pos: e.node.keyPos()}
		s.Upload, s.Download = p.rates(e.node, e.body.Upload, e.body.Download)
		p.cfg.Shapers = append(p.cfg.Shapers, s)
	}
	for _, e := range p.policy.Queue {
		p.cfg.Queues = append(p.cfg.Queues, p.parseQueue(e))
	}
	for _, e := range p.policy.Limiter {
		l := Limiter{Name: e.name(), Pos: e.node.keyPos()}
		l.PerSource = perWords.word(p.word(e.body.Per, perWords)) == "source"
		l.Upload, l.Download = p.rates(e.node, e.body.Upload, e.body.Download)
		p.cfg.Limiters = append(p.cfg.Limiters, l)
	}
	for _, e := range p.policy.App {
		p.cfg.Applications = append(p.cfg.Applications, Application{
			Name:    e.name(),
			Domains: readAll(p, e.body.Domains, parsePattern),
			Pos:     e.node.keyPos(),
		})
	}
	taken := make(names)
	for _, e := range p.policy.Shape {
		p.cfg.Shapes = append(p.cfg.Shapes, p.parseShape(e, taken))
	}
}

// rates reads two rates of which at least one has to stand in the table n.
func (p *parser) rates(n *node, upload, download text) (up, down uint64) {
	if n.child("upload") == nil && n.child("download") == nil {
		p.atKey(n, "says nothing: write upload, download or both")
	}
	return read(p, upload, ParseBits), read(p, download, ParseBits)
}

func (p *parser) parseQueue(e *entry[rawQueue]) Queue {
	r := &e.body
	q := Queue{
		Name:       e.name(),
		On:         r.On.s,
		Guaranteed: read(p, r.Guaranteed, ParseBits),
		Priority:   defaultPriority,
		Pos:        e.node.keyPos(),
	}
	if r.Priority.set() {
		q.Priority = r.Priority.v
	}
	if !p.refer(r.On, "interface", p.interfaces) {
		return q
	}
	if p.shapers[q.On] == nil {
		p.at(r.On.node, "interface %q has no [shaper.%s]: its rate has to be known before it is shared", q.On, q.On)
	}
	for _, s := range p.cfg.Shapers {
		if s.Interface == q.On && s.Upload > 0 && q.Guaranteed > s.Upload {
			p.at(r.Guaranteed.node, "%s is more than interface %q can send (%s)", r.Guaranteed.s, q.On, FormatBits(s.Upload))
		}
	}
	return q
}

// parsePattern reads a domain name, perhaps with a leading "*.".
func parsePattern(s string) (string, error) {
	if !isDomain(strings.TrimPrefix(s, "*.")) {
		return "", fmt.Errorf("%q is no name such as \"video.example\" or \"*.video.example\"", s)
	}
	return strings.ToLower(strings.TrimSuffix(s, ".")), nil
}

func (p *parser) parseShape(e *entry[rawShape], taken names) Shape {
	r := &e.body
	m := p.match(r.Source, r.Destination, r.Protocol, r.Port)
	s := Shape{
		Name:        r.Name.s,
		From:        p.from(r.From),
		To:          p.place(r.To),
		Source:      m.source,
		Destination: m.destination,
		Protocols:   m.protocols,
		Ports:       m.ports,
		Application: r.Application.s,
		Queue:       r.Queue.s,
		Limiter:     r.Limiter.s,
		Pos:         e.node.keyPos(),
	}
	if r.Name.set() {
		if err := checkName(r.Name.s); err != nil {
			p.at(r.Name.node, "%v", err)
		} else {
			p.unique(taken, r.Name, "a shape has a name of its own")
		}
	}
	p.refer(r.Application, "application", p.applications)
	p.refer(r.Queue, "queue", p.queues)
	p.refer(r.Limiter, "limiter", p.limiters)
	switch {
	case r.Queue.set() && r.Limiter.set():
		p.atKey(r.Limiter.node, "stands beside queue: traffic goes into one of the two")
	case e.node.child("queue") == nil && e.node.child("limiter") == nil:
		p.atKey(e.node, "does nothing: write queue or limiter")
	}
	return s
}
