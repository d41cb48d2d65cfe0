package role

import (
	"fmt"
	"time"
)

// Machine is the role of one node in one group. It owns no clock: now never goes back.
type Machine struct {
	config Config
	state  State
	since  time.Time

	order    order
	released bool      // an operator gave the role away: preference does not take it back
	betterAt time.Time // since when this node is the better one; zero: it is not
	wants    bool      // it asks the peer to release
	due      time.Time // when Step has something to do though no fact changes
}

// order is what an operator wants.
type order struct {
	kind  orderKind
	by    string
	until time.Time
}

type orderKind uint8

const (
	noOrder orderKind = iota
	orderRelease
	orderTakeover
)

// New returns a machine in Init.
func New(c Config) *Machine { return &Machine{config: c} }

// State is the role now, and Since when it began; zero before the first change.
func (m *Machine) State() State     { return m.state }
func (m *Machine) Since() time.Time { return m.since }

// Wants says that this node asks its peer to release, and whether by an order.
func (m *Machine) Wants() (wants, forced bool) {
	return m.wants, m.wants && m.order.kind == orderTakeover
}

// Released says that the role was given away by an order. It is taken back when the peer is
// worse off or gone, or by another order.
func (m *Machine) Released() bool { return m.released }

// Deadline is when Step is due although nothing changes; zero: never.
func (m *Machine) Deadline() time.Time { return m.due }

// Configure changes the settings and keeps the state.
func (m *Machine) Configure(c Config) { m.config = c }

// Release orders to give the role to the peer, and Takeover to get it. The order is
// dropped when it is not carried out until the deadline.
func (m *Machine) Release(by string, until time.Time)  { m.order = order{orderRelease, by, until} }
func (m *Machine) Takeover(by string, until time.Time) { m.order = order{orderTakeover, by, until} }

// Step looks at the facts and returns what changed, in order. It is to be called when a fact
// changed and at Deadline.
func (m *Machine) Step(now time.Time, f Facts) []Transition {
	var all []Transition
	m.due = time.Time{}
	if m.order.kind != noOrder && !now.Before(m.order.until) {
		m.order = order{}
	}
	// Every state leads on at most once, so that there is an end to it.
	for range len(states) {
		to, why := m.next(now, f)
		if to == m.state {
			break
		}
		from := m.state
		all = append(all, Transition{At: now, From: from, To: to, Why: why})
		m.enter(now, to)
		if from == Releasing && to == Master {
			break // that CARP elects another is from its bow-out
		}
	}
	m.wish(now, f)
	m.wake(m.order.until)
	return all
}

// enter makes to the state.
func (m *Machine) enter(now time.Time, to State) {
	switch {
	case to == Releasing && m.order.kind == orderRelease:
		m.order, m.released = order{}, true
	case to == Master:
		if m.order.kind == orderTakeover {
			m.order = order{}
		}
		m.released = false
	}
	m.state, m.since = to, now
}

// idle is what a node is that is not master.
func idle(f Facts) State {
	if f.Syncing {
		return Syncing
	}
	return Backup
}

// next is the state that the facts ask for, and why.
func (m *Machine) next(now time.Time, f Facts) (State, string) {
	if !f.Links {
		return Init, "no network of the group has carrier"
	}
	switch m.state {
	case Init:
		return idle(f), "a network of the group has carrier"
	case Syncing, Backup:
		if to, why := m.rise(now, f); to == Master {
			return to, why
		}
		if to := idle(f); to != m.state {
			if f.Syncing {
				return to, "the flows of the master are not complete here"
			}
			return to, "the flows of the master are complete"
		}
	case Master:
		return m.fall(f)
	case Releasing:
		return m.release(now, f)
	}
	return m.state, ""
}

// rise says whether a node that is not master becomes it.
func (m *Machine) rise(now time.Time, f Facts) (State, string) {
	switch p := f.Peer; p.Life {
	case Gone:
		return Master, "peer: " + p.Why
	case Unheard:
		if f.Elected == Master {
			return Master, f.Why
		}
	case Living:
		switch {
		case f.Slept != Awake && f.Deaf:
		case p.State == Releasing:
			return Master, "the peer releases"
		case p.State == Master:
		case f.Rank.better(p.Rank) && !m.yields(f):
			return Master, fmt.Sprintf("nobody is master, and the peer is %s", p.State)
		case p.State == Init:
			return Master, "the peer has no network of the group"
		}
	}
	return m.state, ""
}

// yields says that this node leaves the role to the peer though it would be preferred.
func (m *Machine) yields(f Facts) bool {
	return m.released && !f.Rank.healthier(f.Peer.Rank)
}

// fall says whether a master stays one.
func (m *Machine) fall(f Facts) (State, string) {
	p := f.Peer
	if f.Slept == Coma && f.Deaf && p.Life == Living {
		return idle(f), "this node was stopped for longer than its peer waits"
	}
	if p.Life != Living {
		if p.Life == Unheard && m.order.kind == orderRelease {
			return Releasing, "ordered by " + m.order.by
		}
		if f.Elected != Master && p.Life == Unheard {
			return idle(f), f.Why
		}
		return Master, ""
	}
	switch {
	case p.State == Master && p.Rank.better(f.Rank):
		return idle(f), "two masters, and the peer is the better one"
	case p.State == Master && f.Slept != Awake && !f.Deaf:
		return idle(f), "two masters, and the peer took over while this node was stopped"
	case m.order.kind == orderRelease && p.State != Init:
		return Releasing, "ordered by " + m.order.by
	case p.Want && p.Forced:
		m.released = true
		return Releasing, "the peer was ordered to take over"
	case p.Want && p.Rank.healthier(f.Rank):
		return Releasing, fmt.Sprintf("the peer is better: demotion %d, here %d", p.Rank.Demotion, f.Rank.Demotion)
	case p.Want && p.Rank.better(f.Rank) && m.config.Preempt:
		return Releasing, fmt.Sprintf("the peer preempts: advskew %d, here %d", p.Rank.Skew, f.Rank.Skew)
	}
	return Master, ""
}

// release waits until the peer has taken over.
func (m *Machine) release(now time.Time, f Facts) (State, string) {
	p := f.Peer
	switch {
	case p.Life == Gone:
		return Master, "the peer went away before it took over"
	case p.Life == Unheard && f.Claimed:
		return idle(f), "another CARP node has taken over"
	case p.Life == Living && p.State == Master:
		return idle(f), "the peer has taken over"
	case !now.Before(m.since.Add(m.config.Patience)):
		return Master, "nobody took over"
	}
	m.wake(m.since.Add(m.config.Patience))
	return Releasing, ""
}

// wish settles whether this node asks its peer to release.
func (m *Machine) wish(now time.Time, f Facts) {
	p := f.Peer
	asks := (m.state == Backup || m.state == Syncing) && p.Life == Living && p.State == Master
	preferred := asks && m.state == Backup && m.config.Preempt && !m.released && f.Rank.better(p.Rank)
	if !preferred {
		m.betterAt = time.Time{}
	} else if m.betterAt.IsZero() {
		m.betterAt = now
	}
	switch steady := m.betterAt.Add(m.config.Steady); {
	case asks && (m.order.kind == orderTakeover || m.state == Backup && f.Rank.healthier(p.Rank)):
		m.wants = true
	case preferred && !now.Before(steady):
		m.wants = true
	default:
		m.wants = false
		if preferred {
			m.wake(steady)
		}
	}
}

// wake makes Deadline no later than at; zero is never.
func (m *Machine) wake(at time.Time) {
	if !at.IsZero() && (m.due.IsZero() || at.Before(m.due)) {
		m.due = at
	}
}
