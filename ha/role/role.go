// Package role decides what a node is in a group of virtual addresses that move together.
//
//	peer's heartbeats, judge's verdict --+
//	CARP of others (when no peer lives) -+--> Machine(now) --> []Action
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

// String is the role in capitals.
func (s State) String() string {
	if int(s) < len(states) {
		return states[s]
	}
	return "?"
}

// Holds says that the node has the addresses in this role.
func (s State) Holds() bool { return s == Master || s == Releasing }

// Peer is what the other node says of itself in this group.
type Peer struct {
	// Alive says that its word counts: it is heard, or has not been silent for long enough.
	Alive    bool
	State    State
	Demotion int
	Skew     uint8
	ID       uint64 // its session, to break ties
	// Want says that it asks this node to release, Forced that an operator does.
	Want, Forced bool
}

// Transition is one change of the state.
type Transition struct {
	At       time.Time
	From, To State
	Why      string
}
