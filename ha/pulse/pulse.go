// Package pulse is how two nodes know of each other that they live: authenticated
// heartbeats on every network that both are on, and a judge that weighs what is heard.
//
//	Beat --> Keyring.Seal --> frame ~~~ frame --> Keyring.Open --> Beat
//	Beats, answers to knocks, carrier, resets --> Judge --> alive, doubtful, dead and why
//
// Silence is weak evidence on a busy machine: the peer's program may be late while its kernel
// forwards as ever. So a judge in doubt knocks, which is to ask the peer's kernel
// with ARP or a neighbour solicitation: a kernel that answers is given much more time.
package pulse

import (
	"net/netip"
	"time"
)

// Beat is one heartbeat.
type Beat struct {
	// Session is the sender's, drawn when it started; Echo is the one of the peer that it
	// heard last, and zero when it heard none.
	Session, Echo uint64
	// Turn is how many sessions of its peer the sender has accepted so far, and EchoTurn the
	// one that it heard last of the session in Echo. Sessions says what they are for.
	Turn, EchoTurn uint32
	// Seq rises with each beat of a session, over all paths, from 1.
	Seq uint64
	// Node is the sender's name and Path that of the network that this beat goes over.
	Node, Path string
	// Version is the program's.
	Version string
	// Interval is the time between beats, and Hold for how long from now silence means nothing.
	Interval, Hold time.Duration
	// Groups are its roles.
	Groups []Group
	// Paths are what it hears itself.
	Paths []Path
	// Addresses are its own on this path, to knock at; they have no zone on the wire.
	Addresses []netip.Addr
	// Context is the digest of the keys and addresses that it sends with, and Accepts are those that it
	// understands.
	Context uint64
	Accepts []uint64
	// AdEpoch are the upper 32 bits of the counter of its advertisements.
	AdEpoch uint32
	// Revision is the hash of the policy that it enforces.
	Revision string
	// Leaving says that the sender stops: there is no need to wait for its silence.
	Leaving bool
	// Features are bits of what the sender can do, such as Flows.
	Features uint32
}

// Flows is the bit of a node that shares its flows.
const Flows uint32 = 1 << 0

// Role is a role as it is on the wire.
type Role uint8

// The roles.
const (
	Init Role = iota
	Syncing
	Backup
	Master
	Releasing
)

var roles = [...]string{"INIT", "SYNCING", "BACKUP", "MASTER", "RELEASING"}

// String is the role in capitals, as carp(4) writes it.
func (r Role) String() string {
	if int(r) < len(roles) {
		return roles[r]
	}
	return "UNKNOWN"
}

// Group is the role of a node in one group.
type Group struct {
	Name     string
	Role     Role
	Demotion uint16
	Skew     uint8
	// Want says that the node would like to be master and is ready to: it asks the
	// peer to release. Forced is by an operator's order, which needs no better priority.
	Want, Forced bool
}

// Path is what a node hears on one network.
type Path struct {
	Name string
	// Carrier is of its own device, Heard that it hears the peer there, and Others that it
	// heard another host there since the peer fell silent.
	Carrier, Heard, Others bool
}

// Verdict is what a Judge thinks of the peer.
type Verdict int

// The verdicts.
const (
	Unknown Verdict = iota // never heard
	Alive
	Doubtful // silent, not for long enough
	Stunned  // its program is silent and its kernel answers
	Dead
	Left // it said goodbye
)

var verdicts = [...]string{"unknown", "alive", "doubtful", "stunned", "dead", "left"}

// String is the verdict in one word.
func (v Verdict) String() string {
	if int(v) < len(verdicts) {
		return verdicts[v]
	}
	return "?"
}
