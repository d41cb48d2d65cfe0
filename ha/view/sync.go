package view

import "time"

// Sync is the state of flow sync.
type Sync struct {
	State SyncState `json:"state"`
	// Why is what is in the way, of Incomplete, Sending and Off; empty: nothing.
	Why string `json:"why,omitempty"`
	// Flows are those that this node shares or has of the peer, and PeerFlows those that the peer says it has of
	// the same.
	Flows     uint64 `json:"flows"`
	PeerFlows uint64 `json:"peer_flows"`
	// InFlight are flows that changed here and are not in the peer's kernel yet, as far as is known.
	InFlight uint64 `json:"in_flight"`
	// Lag is how long the oldest of those has waited.
	Lag time.Duration `json:"lag_ns"`
	// Told says that the peer has all flows of this node but for those in flight.
	Told bool `json:"told,omitempty"`
	// Checked is when the digests of both nodes were last found equal.
	Checked time.Time `json:"checked,omitzero"`
	// Repaired is when something that differed was last put right, and Repair what it was.
	Repaired time.Time `json:"repaired,omitzero"`
	Repair   string    `json:"repair,omitempty"`
	Stats    SyncStats `json:"stats"`
}

// Whole says that all flows of the master are in both kernels, as this node knows it: as the master or as
// the other one.
func (s Sync) Whole() bool {
	return s.State == SyncComplete || (s.State == SyncSending || s.State == SyncBoth) && s.Why == ""
}

// SyncState is what a node does in flow sync.
type SyncState string

// What it may be doing.
const (
	SyncOff        SyncState = "off"        // no peer that understands it
	SyncIdle       SyncState = "idle"       // nobody is master
	SyncSending    SyncState = "sending"    // this node is master and tells the peer
	SyncComplete   SyncState = "complete"   // all flows of the master are in this node's kernel
	SyncIncomplete SyncState = "incomplete" // some are not, or nobody knows: SYNCING
	SyncBoth       SyncState = "both"       // each node is master of a group, and tells the other
)

// SyncStats are the counters of flow sync since the daemon started. Each is a Prometheus counter: its name is
// rempart_flowsync_ and the JSON name, and _total.
type SyncStats struct {
	Events       uint64 `json:"events"`        // of the kernel, read
	Echoes       uint64 `json:"echoes"`        // of these, caused by flow sync itself
	Overruns     uint64 `json:"overruns"`      // times that the kernel dropped events; each is repaired by a walk
	Walks        uint64 `json:"walks"`         // through the whole table
	Puts         uint64 `json:"puts"`          // whole flows sent
	Changes      uint64 `json:"changes"`       // changes of flows sent
	Ends         uint64 `json:"ends"`          // ends of flows sent
	Frames       uint64 `json:"frames"`        // sent
	Bytes        uint64 `json:"bytes"`         // sent, UDP payload
	Resent       uint64 `json:"resent"`        // flows that went again because a frame was lost
	FramesLost   uint64 `json:"frames_lost"`   // sent and not acknowledged in time
	FramesIn     uint64 `json:"frames_in"`     // received and authentic
	BytesIn      uint64 `json:"bytes_in"`      // of these
	Inserted     uint64 `json:"inserted"`      // flows put into this kernel
	Updated      uint64 `json:"updated"`       // flows changed in this kernel
	Ended        uint64 `json:"ended"`         // flows taken out of this kernel
	Kept         uint64 `json:"kept"`          // flows not ended at the peer's word, for they live here
	Clashes      uint64 `json:"clashes"`       // flows whose tuples were taken by another flow, which gave way
	Refused      uint64 `json:"refused"`       // flows that this kernel refused for good: they are missing here alone
	NoHelper     uint64 `json:"no_helper"`     // flows put in without their helper, which this kernel has not
	Full         uint64 `json:"full"`          // flows refused because the table is full; tried again
	Repairs      uint64 `json:"repairs"`       // flows that a comparison found different, and put right
	Mismatches   uint64 `json:"mismatches"`    // digests that differed
	Snapshots    uint64 `json:"snapshots"`     // begun to send
	Lowered      uint64 `json:"lowered"`       // timeouts lowered after a takeover
	Tightened    uint64 `json:"tightened"`     // TCP flows tracked strictly again after a takeover
	BadAuth      uint64 `json:"bad_auth"`      // frames refused: not authentic, or of another session
	BadReplay    uint64 `json:"bad_replay"`    // frames refused: seen before, or too old
	BadVersion   uint64 `json:"bad_version"`   // frames refused: a version that is not understood
	BadMalformed uint64 `json:"bad_malformed"` // authentic frames that cannot be read
}

// FlowsDiff is what differs between the tables of both nodes.
type FlowsDiff struct {
	// Here and There are how many shared flows each kernel has.
	Here  int `json:"here"`
	There int `json:"there"`
	// Flows are those that differ, no more than were asked for; More says that there are further ones.
	Flows []FlowDiff `json:"flows,omitempty"`
	More  bool       `json:"more,omitempty"`
}

// FlowDiff is one flow that differs.
type FlowDiff struct {
	// Flow names it: protocol and both ends.
	Flow string `json:"flow"`
	// Here and There are what each node has of it; empty: nothing.
	Here  string `json:"here,omitempty"`
	There string `json:"there,omitempty"`
}
