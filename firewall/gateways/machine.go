package gateways

import (
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules/steer"
)

// sight is all that a gateway is judged by, as it is at one moment.
type sight struct {
	forced  bool
	address bool // its next hop is known
	carrier bool
	// watched says that it has targets. Otherwise address and carrier decide alone.
	watched bool
	// heard is when the target that completes the quorum last answered; zero: never.
	heard time.Time
	line  line
}

// line is how well a gateway answers: each value is that of the target which
// completes the quorum.
type line struct {
	loss          float64 // percent
	delay, jitter time.Duration
	timed         bool // delay and jitter are known
}

// gauges of a line.
const (
	gaugeLoss = iota
	gaugeDelay
	gaugeJitter
	gaugeCount
)

// machine is the state of one gateway. A new one believes that its gateway
// answers, until that was silent for as long as any other.
type machine struct {
	rules  config.Monitor
	health steer.Health
	since  time.Time // of health
	cause  cause     // of health
	// doubt is until when it was believed to answer without having answered.
	doubt time.Time
	// back is when carrier or address came back: answers from before say nothing.
	back    time.Time
	missing bool // carrier or address
	proven  bool // it was well once
	down    latch
	warned  [gaugeCount]latch
	alarm   cause // the last warning
	// over says which thresholds are passed: those to be down and those to warn.
	overDown, overWarning [gaugeCount]bool
}

func newMachine(now time.Time, rules config.Monitor) machine {
	return machine{rules: rules, since: now, doubt: now}
}

// trust has the machine believe again that its gateway answers, if it is up:
// those that it asks are new.
func (m *machine) trust(now time.Time) { m.doubt = now }

// distrust makes a new machine believe that its gateway is down until it answers.
func (m *machine) distrust() {
	m.down.on, m.health.State, m.cause = true, steer.Down, cause{kind: causeSilent}
}

// silence is for how long nothing is heard of one that is down. It holds two
// questions at least, or one would be down between them.
func (m *machine) silence() time.Duration {
	return max(m.rules.Down, 2*m.rules.Interval)
}

// see takes in how everything is now, and says whether the gateway's health is
// another by it.
func (m *machine) see(now time.Time, s sight) bool {
	missing := !s.address || !s.carrier
	if m.missing && !missing {
		m.back = now
	}
	m.missing = missing
	silent := !missing && m.silent(now, s)
	if !missing && !silent {
		m.measure(s.line)
	}
	trouble := m.trouble(s, silent)
	if trouble.kind == causeNone && (!s.watched || !s.heard.IsZero()) {
		m.prove()
	}
	m.down.see(now, trouble.kind != causeNone, m.rules.Up)
	for i := range m.warned {
		m.warned[i].see(now, m.overWarning[i], m.rules.Up)
	}
	return m.settle(now, s, trouble)
}

// prove ends what a gateway begins with: until it was well for the first time,
// nothing is known against it, and its first answer is enough.
func (m *machine) prove() {
	if !m.proven {
		m.proven = true
		m.down.hold, m.down.begun = 0, 0
	}
}

// silent says whether the quorum was silent for too long.
func (m *machine) silent(now time.Time, s sight) bool {
	if !s.watched {
		return false
	}
	if m.down.on {
		return !s.heard.After(m.back) || now.Sub(s.heard) >= m.silence()
	}
	return now.Sub(m.lastHeard(s)) >= m.silence()
}

// lastHeard is when it last answered or was believed to.
func (m *machine) lastHeard(s sight) time.Time {
	if m.doubt.After(s.heard) {
		return m.doubt
	}
	return s.heard
}

// measure holds a line against the thresholds. What is not known leaves things
// as they are.
func (m *machine) measure(l line) {
	r := m.rules
	m.gauge(gaugeLoss, l.loss, float64(r.LossWarning), float64(r.LossDown))
	if l.timed {
		m.gauge(gaugeDelay, float64(l.delay), float64(r.DelayWarning), float64(r.DelayDown))
		m.gauge(gaugeJitter, float64(l.jitter), float64(r.JitterWarning), float64(r.JitterDown))
	}
}

func (m *machine) gauge(i int, value, warning, down float64) {
	m.overWarning[i] = over(m.overWarning[i], value, warning)
	m.overDown[i] = over(m.overDown[i], value, down)
}

// over says whether a value is over its threshold: at it or beyond, and until
// it is below three quarters of it. A threshold of zero is none.
func over(was bool, value, threshold float64) bool {
	if threshold <= 0 {
		return false
	}
	if was {
		return value >= threshold*3/4
	}
	return value >= threshold
}

// trouble is why the gateway cannot be up now, the graver reason first.
func (m *machine) trouble(s sight, silent bool) cause {
	switch {
	case !s.carrier:
		return cause{kind: causeCarrier}
	case !s.address:
		return cause{kind: causeAddress}
	case silent:
		return cause{kind: causeSilent}
	}
	for i, beyond := range m.overDown {
		if beyond {
			return gaugeCause(i, s.line, m.rules, true)
		}
	}
	return cause{}
}

// settle works out the health, and keeps why it is so.
func (m *machine) settle(now time.Time, s sight, trouble cause) bool {
	h := steer.Health{Warned: config.Triggers{
		Loss: m.warned[gaugeLoss].on, Delay: m.warned[gaugeDelay].on, Jitter: m.warned[gaugeJitter].on,
	}}
	var why cause
	switch {
	case s.forced:
		h.State, why = steer.Forced, cause{kind: causeForced}
	case m.down.on:
		h.State, why = steer.Down, trouble
	case h.Warned != config.Triggers{}:
		h.State, why = steer.Warning, m.warning(s)
	case !s.watched:
		why.kind = causeLink
	case !m.proven:
		why.kind = causeStart
	default:
		why.kind = causeWell
	}
	before := m.health
	m.health = h
	if h != before {
		m.since = now
	}
	// While a trouble holds on that is over, the reason stays what it was.
	if h != before || m.cause.kind == causeNone || why.kind != causeNone && why.kind != m.cause.kind {
		m.cause = why
	}
	return h != before
}

// warning is the warning that is passed now, or else was passed last.
func (m *machine) warning(s sight) cause {
	for i, beyond := range m.overWarning {
		if beyond {
			m.alarm = gaugeCause(i, s.line, m.rules, false)
			break
		}
	}
	return m.alarm
}

// deadline is when the machine has to see again, whatever happens; zero: never.
func (m *machine) deadline(now time.Time, s sight) time.Time {
	at := m.down.due()
	for i := range m.warned {
		at = earlier(at, m.warned[i].due())
	}
	if s.watched && !m.missing && !m.silent(now, s) {
		heard := s.heard
		if !m.down.on {
			heard = m.lastHeard(s)
		}
		at = earlier(at, heard.Add(m.silence()))
	}
	return at
}

// steady says that nothing is against the gateway, and nothing is waited for.
func (m *machine) steady() bool {
	return m.proven && m.health == steer.Health{}
}

// up is when a gateway that is down comes up if nothing happens; zero: no time is set.
func (m *machine) up() time.Time {
	if m.health.State != steer.Down {
		return time.Time{}
	}
	return m.down.due()
}

// shift moves what is waited for to a later time, by as long as nobody listened.
func (m *machine) shift(by time.Duration) {
	m.doubt = m.doubt.Add(by)
	m.down.shift(by)
	for i := range m.warned {
		m.warned[i].shift(by)
	}
}

// usual is how many targets a gateway has at most, but for few. That it is
// constant keeps what is reckoned with off the heap.
const usual = 8

// sample is what one target says.
type sample struct {
	heard time.Time
	loss  float64 // that it is judged by
	Stats
}

// complete is what targets say of a gateway: when the one that completes the quorum
// last answered, and how good the line is. quorum is at least 1 and at most
// the number of targets.
func complete(quorum int, samples []sample) (heard time.Time, l line) {
	answers := make([]time.Time, 0, usual)
	losses := make([]float64, 0, usual)
	delays, jitters := make([]time.Duration, 0, usual), make([]time.Duration, 0, usual)
	known := 0
	for _, s := range samples {
		answers = append(answers, s.heard)
		losses = append(losses, s.loss)
		if s.Answered > 0 {
			delays = append(delays, s.Delay)
			jitters = append(jitters, s.Jitter)
		}
		if s.Answered >= few {
			known++
		}
	}
	slices.SortFunc(answers, func(a, b time.Time) int { return b.Compare(a) })
	slices.Sort(losses)
	slices.Sort(delays)
	slices.Sort(jitters)
	l.loss = losses[quorum-1]
	if len(delays) >= quorum {
		l.delay, l.jitter = delays[quorum-1], jitters[quorum-1]
	}
	l.timed = known >= quorum
	return answers[quorum-1], l
}
