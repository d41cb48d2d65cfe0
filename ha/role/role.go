// Package role decides what a node is in a group of virtual addresses that move together.
//
//	peer's heartbeats, judge's verdict --+
//	CARP of others (when no peer lives) -+--> Machine.Step(now, Facts) --> Transition
//	links, demotions, orders ------------+
//
// Between two rempart nodes the heartbeats decide; CARP's own election does when nobody
// of ours lives. A switch that is planned, or by preemption, is a request: the better node
// says that it wants to be master, the master says that it releases and keeps the addresses,
// the new one takes them, and only then the old one lets go.
package role

import (
	"time"
)

// State is a role.
type State uint8

// The roles. Their numbers are those of the heartbeat's.
const (
	Init State = iota
	Syncing
	Backup
	Master
	Releasing
)

var states = [...]string{"INIT", "SYNCING", "BACKUP", "MASTER", "RELEASING"}

// String is the role in capitals, as carp(4) writes it.
func (s State) String() string {
	if int(s) < len(states) {
		return states[s]
	}
	return "?"
}

// Holds says that a node has the addresses in this role.
func (s State) Holds() bool { return s == Master || s == Releasing }

// Rank is what an election compares; the smaller one is the better node.
type Rank struct {
	Demotion int
	Skew     uint8
	ID       uint64 // of the session, so that no two are equal
}

// better says that r is the better one, and by more than the tie break.
func (r Rank) better(of Rank) bool {
	if r.Demotion != of.Demotion {
		return r.Demotion < of.Demotion
	}
	if r.Skew != of.Skew {
		return r.Skew < of.Skew
	}
	return r.ID < of.ID
}

// healthier says that r is better whatever anybody prefers.
func (r Rank) healthier(of Rank) bool { return r.Demotion < of.Demotion }

// Life is what is known of the peer's life.
type Life uint8

// What may be known of it.
const (
	Unheard Life = iota // no node of ours was ever heard
	Living              // it is, or has not been silent for long enough
	Gone                // it was, and is dead or has said goodbye
)

// Peer is the other node in this group.
type Peer struct {
	Life  Life
	Why   string // of Gone: how that is known
	State State
	Rank  Rank
	// Want says that it asks this node to release, Forced that an operator does.
	Want, Forced bool
}

// Sleep is for how long a node was stopped, by a hypervisor or a machine that had no time for it.
type Sleep uint8

// How long it may have been.
const (
	Awake Sleep = iota // for no longer than the peer waits
	Nap                // a peer whose kernel asked in vain has taken over
	Coma               // any peer has, and the leases of the addresses may have run out
)

// Facts is all that a Machine decides by.
type Facts struct {
	// Links says that at least one of the group's networks has carrier here.
	Links bool
	// Syncing says that this node does not have all flows yet.
	Syncing bool
	Rank    Rank
	Peer    Peer
	// Elected is what CARP alone makes of this node, Backup or Master, and Why how. It
	// counts while no peer lives.
	Elected State
	Why     string
	// Claimed says that a CARP speaker that is not ours has advertised since this node began to
	// release.
	Claimed bool
	// Slept says that this node was stopped of late, and Deaf that it has not heard the peer
	// since: what the peer is known to have said is from before.
	Slept Sleep
	Deaf  bool
}

// Transition is one change of the state.
type Transition struct {
	At       time.Time
	From, To State
	Why      string
}

// Config is what the policy says of a group.
type Config struct {
	Preempt bool
	// Steady is how long a node is the better one before it preempts, and Patience how long a
	// master that releases waits for the other to take over.
	Steady, Patience time.Duration
}
