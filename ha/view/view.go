// Package view is what a pair shows of itself and can be ordered to do: the shapes of
// `rempart ha`, of the API and of the metrics. They have no behaviour.
package view

import (
	"net/netip"
	"time"
)

// Status is the answer of `rempart ha status`.
type Status struct {
	Node string `json:"node"`
	// Configured is false on a single gateway, and where the secret of a pair cannot be read: then
	// Warnings says so, and what is of the pair is empty.
	Configured bool    `json:"configured"`
	Groups     []Group `json:"groups,omitempty"`
	Peer       Peer    `json:"peer,omitzero"`
	VIPs       []VIP   `json:"vips,omitempty"`
	Paths      []Path  `json:"paths,omitempty"`
	// Demotions are the reasons for which this node is not as good as it could be.
	Demotions []Demotion `json:"demotions,omitempty"`
	// Transitions are the last ones, newest first.
	Transitions []Transition `json:"transitions,omitempty"`
	Maintenance *Maintenance `json:"maintenance,omitempty"`
	Timing      Timing       `json:"timing,omitzero"`
	// Sync is the state of flow sync; nil: there is none.
	Sync *Sync `json:"sync,omitempty"`
	// Policy is how the policies of both nodes stand to each other, and Pairing with whom this one is paired; nil:
	// nobody said.
	Policy  *Policy  `json:"policy,omitempty"`
	Pairing *Pairing `json:"pairing,omitempty"`
	// Counters are events by name: frames refused and why, announcements, conflicts.
	Counters map[string]uint64 `json:"counters,omitempty"`
	// Warnings are what needs attention, with what to do about it.
	Warnings []string `json:"warnings,omitempty"`
}

// Group is the role of this node in a group.
type Group struct {
	Name      string    `json:"name"`
	Role      string    `json:"role"` // INIT, SYNCING, BACKUP, MASTER, RELEASING
	Since     time.Time `json:"since"`
	Why       string    `json:"why"`
	AdvBase   int       `json:"advbase"`
	AdvSkew   int       `json:"advskew"`
	Demotion  int       `json:"demotion"`
	Preempt   bool      `json:"preempt"`
	Preferred string    `json:"preferred,omitempty"` // the node that the policy prefers
}

// Peer is the other node.
type Peer struct {
	// State is unknown, alive, doubtful, stunned, dead or left; "foreign" is a CARP speaker that is
	// not rempart.
	State    string       `json:"state"`
	Node     string       `json:"node,omitempty"`
	Version  string       `json:"version,omitempty"`
	Since    time.Time    `json:"since,omitzero"`
	Heard    time.Time    `json:"heard,omitzero"`
	Revision string       `json:"revision,omitempty"`
	InStep   bool         `json:"in_step"` // it enforces the same policy
	Groups   []PeerGroup  `json:"groups,omitempty"`
	Foreign  []netip.Addr `json:"foreign,omitempty"` // CARP speakers that are not rempart
	// Connected says that the link between the daemons stands.
	Connected bool `json:"connected"`
	// Session is the number, in hexadecimal, that its program drew when it started.
	Session string `json:"session,omitempty"`
}

// PeerGroup is what the peer says of itself.
type PeerGroup struct {
	Name     string `json:"name"`
	Role     string `json:"role"`
	AdvSkew  int    `json:"advskew"`
	Demotion int    `json:"demotion"`
}

// VIP is a virtual address.
type VIP struct {
	Address   netip.Prefix `json:"address"`
	Interface string       `json:"interface"`
	Device    string       `json:"device,omitempty"`
	Group     string       `json:"group"`
	VHID      int          `json:"vhid,omitempty"` // zero: it follows the group and speaks no CARP
	Held      bool         `json:"held"`           // this node has it
	// Conflict is who else answers for it; empty: nobody.
	Conflict string `json:"conflict,omitempty"`
}

// Path is a network on which the nodes hear each other.
type Path struct {
	Interface string `json:"interface"`
	Device    string `json:"device,omitempty"`
	Cable     bool   `json:"cable"` // between the nodes alone
	Carrier   bool   `json:"carrier"`
	// Beat is when the peer's last heartbeat came, and Ad the last advertisement of another's.
	Beat time.Time `json:"beat,omitzero"`
	Ad   time.Time `json:"ad,omitzero"`
	// PeerHears says whether the peer hears us there.
	PeerHears bool `json:"peer_hears"`
	// Lost is in percent, of the heartbeats of the last minute.
	Lost float64 `json:"lost"`
}

// Demotion is one reason.
type Demotion struct {
	Reason string    `json:"reason"` // "link lan", "gateway isp", "service dns", "sync incomplete", "maintenance", ...
	Weight int       `json:"weight"`
	Since  time.Time `json:"since"`
	// Heals says what ends it.
	Heals string `json:"heals"`
}

// Transition is one change of role.
type Transition struct {
	At    time.Time     `json:"at"`
	Group string        `json:"group"`
	From  string        `json:"from"`
	To    string        `json:"to"`
	Why   string        `json:"why"`
	Took  time.Duration `json:"took_ns"` // from the decision until all addresses were announced or gone
}

// Maintenance is an order to leave the role to the peer.
type Maintenance struct {
	Since time.Time `json:"since"`
	By    string    `json:"by"`
}

// Timing is how fast the pair is.
type Timing struct {
	Interval  time.Duration `json:"interval_ns"`
	Multiple  int           `json:"multiple"`     // silent intervals until the peer is dead
	Dead      time.Duration `json:"dead_ns"`      // silence of all paths
	Confirmed time.Duration `json:"confirmed_ns"` // when the cable or the link says so
	Stunned   time.Duration `json:"stunned_ns"`   // when the peer's kernel still answers
	// Late is the worst delay of an own heartbeat in the last minute.
	Late time.Duration `json:"late_ns"`
}

// Finding is one thing that a doctor looked at.
type Finding struct {
	Check  string `json:"check"` // "multicast", "clocks", ...
	On     string `json:"on,omitempty"`
	Result Result `json:"result"`
	Text   string `json:"text"`
	Remedy string `json:"remedy,omitempty"`
}

// Result is how well something is.
type Result string

// The results.
const (
	Good    Result = "good"
	Doubt   Result = "doubtful"
	Bad     Result = "bad"
	Skipped Result = "skipped"
)

// Drill is a planned switch, there and back, with what it cost.
type Drill struct {
	From  string      `json:"from"`
	To    string      `json:"to"`
	Legs  []DrillLeg  `json:"legs"` // there, and back
	Hosts []DrillHost `json:"hosts"`
}

// DrillLeg is one switch.
type DrillLeg struct {
	Master string        `json:"master"` // who was to become it
	Took   time.Duration `json:"took_ns"`
	Failed string        `json:"failed,omitempty"` // why it did not come about
}

// DrillHost is a host that was asked all the while with the virtual address as source.
type DrillHost struct {
	Address   netip.Addr    `json:"address"`
	Interface string        `json:"interface"`
	VIP       netip.Addr    `json:"vip"`
	Sent      int           `json:"sent"`
	Lost      int           `json:"lost"`
	Gap       time.Duration `json:"gap_ns"` // longest time without an answer
}
