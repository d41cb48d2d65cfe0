package gateways

import (
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules/steer"
)

// markShift is the position of a gateway's number in a packet's mark.
const markShift = 16

// gateway is one that is watched.
type gateway struct {
	Watched
	machine machine
	targets []*target
	carrier bool
	seen    sight       // by the machine
	reason  string      // the machine's cause in words
	worst   steer.State // since it was last asked for
	tell    func(Transition)
}

// path is the way that its questions leave by.
func (g *gateway) path() Path {
	p := Path{Device: g.Device, Mark: uint32(g.Number) << markShift}
	if g.Source.IsValid() && !g.Source.IsUnspecified() {
		p.Source = g.Source
	}
	return p
}

// update makes it what w says. What stays the same is asked on with its
// statistics, and the rest anew.
func (g *gateway) update(now time.Time, w Watched, phase func(time.Duration) time.Duration) {
	m, before := w.Monitor, g.Monitor
	same := m.Interval == before.Interval && m.Window == before.Window && m.Timeout == before.Timeout
	old := g.targets
	g.Watched, g.targets = w, nil
	for _, p := range probes(w) {
		i := slices.IndexFunc(old, func(t *target) bool { return t.probe == p })
		if i >= 0 && same {
			g.targets = append(g.targets, old[i])
			continue
		}
		t := newTarget(p, m)
		t.due = now.Add(phase(t.interval))
		if i >= 0 {
			t.heard = old[i].heard
		} else {
			g.machine.trust(now)
		}
		g.targets = append(g.targets, t)
	}
	g.machine.rules = m
}

// probes are what a gateway is asked now. One that stands for its own address
// is none where that is the link itself.
func probes(w Watched) []config.Probe {
	var all []config.Probe
	for _, p := range w.Monitor.Targets {
		if !p.Address.IsValid() {
			p.Address = w.NextHop.WithZone("")
		}
		if p.Address.IsValid() && !p.Address.IsUnspecified() && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// quorum is how many of its targets have to answer.
func (g *gateway) quorum() int { return min(max(g.Monitor.Quorum, 1), len(g.targets)) }

// look is what the machine is shown.
func (g *gateway) look() sight {
	s := sight{
		forced: g.ForceDown, address: g.NextHop.IsValid(), carrier: g.carrier, watched: len(g.targets) > 0,
	}
	if s.watched {
		samples := make([]sample, 0, usual)
		for _, t := range g.targets {
			samples = append(samples, sample{t.heard, t.window.loss(), t.window.stats()})
		}
		s.heard, s.line = complete(g.quorum(), samples)
	}
	return s
}

// judge has the machine see, tells of a change of health, and says whether there is one.
func (g *gateway) judge(now time.Time) bool {
	before, kind := g.machine.health, g.machine.cause.kind
	g.seen = g.look()
	changed := g.machine.see(now, g.seen)
	if changed || g.machine.cause.kind != kind {
		g.reason = g.machine.cause.text(g.Interface, g.silent(now), g.machine.silence())
	}
	g.worst = max(g.worst, g.machine.health.State)
	if changed {
		g.tell(Transition{At: now, From: before, To: g.machine.health, Reason: g.reason})
	}
	return changed
}

func (g *gateway) silence() time.Duration { return g.machine.silence() }

// steady says that an answer can wait to be judged with the next question.
func (g *gateway) steady() bool { return g.machine.steady() }

// living is true: whoever refuses a connection answers, and so the line leads there.
func (g *gateway) living() bool { return true }

// askable are the targets that can be asked now: without a next hop nothing gets out.
func (g *gateway) askable() []*target {
	if !g.NextHop.IsValid() {
		return nil
	}
	return g.targets
}

// silent are the targets that do not answer.
func (g *gateway) silent(now time.Time) []string {
	var all []string
	for _, t := range g.targets {
		if g.isSilent(now, t) {
			all = append(all, probeText(t.probe))
		}
	}
	return all
}

func (g *gateway) isSilent(now time.Time, t *target) bool {
	heard := t.heard
	if !g.machine.down.on && g.machine.doubt.After(heard) {
		heard = g.machine.doubt
	}
	return now.Sub(heard) >= g.machine.silence()
}

// next is when something is to be done for the gateway; zero: never.
func (g *gateway) next(now time.Time) time.Time {
	at := g.machine.deadline(now, g.seen)
	for _, t := range g.askable() {
		at = earlier(at, t.next())
	}
	return at
}

func (g *gateway) shift(by time.Duration) {
	g.machine.shift(by)
	for _, t := range g.targets {
		t.shift(by)
	}
}

func (g *gateway) status(now time.Time) Status {
	l := g.look().line
	s := Status{
		Name: g.Name, Health: g.machine.health, Since: g.machine.since, Reason: g.reason, Up: g.machine.up(),
		Interface: g.Interface, Device: g.Device, NextHop: g.NextHop,
		Loss: l.loss, Delay: l.delay, Jitter: l.jitter,
	}
	for _, t := range g.targets {
		s.Targets = append(s.Targets, t.status(g.isSilent(now, t)))
	}
	return s
}

// hurry has its targets asked at once.
func (g *gateway) hurry(now time.Time) {
	for _, t := range g.targets {
		t.due = now
	}
}
