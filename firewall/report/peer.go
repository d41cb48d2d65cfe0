package report

// PeerReport is what the other node of a pair says of a policy, or did with it.
type PeerReport struct {
	Node    string    `json:"node"`
	State   PeerState `json:"state"`
	Message string    `json:"message,omitempty"` // why, of every state but Ready and Switched
	Faults  []Fault   `json:"faults,omitempty"`  // in its files, of Refuses
	// Warnings are those that only the peer has: a device that it lacks, an address that it cannot place.
	Warnings []string `json:"warnings,omitempty"`
}

// PeerState is how the other node stands to a policy.
type PeerState string

// How it may stand.
const (
	PeerReady    PeerState = "ready"    // it checked the policy and takes it
	PeerSwitched PeerState = "switched" // it runs the policy
	PeerAway     PeerState = "away"     // it cannot be asked, and catches up when it returns
	PeerBehind   PeerState = "behind"   // it runs what came before, and catches up
	PeerRefuses  PeerState = "refuses"  // the policy is wrong there
	PeerConflict PeerState = "conflict" // it runs a revision that this node does not know of
)

// PeerRefused is a policy that the other node does not take. It is ErrRequest.
type PeerRefused struct{ PeerReport }

// Error says who refuses it, and why when that is no fault in a file.
func (e *PeerRefused) Error() string {
	if e.Message == "" {
		return e.Node + " refuses this policy"
	}
	return e.Node + " refuses this policy: " + e.Message
}

// Unwrap says that it is the policy that is wrong.
func (e *PeerRefused) Unwrap() error { return ErrRequest }

// Placed are the faults of the peer, each at its place there: "fw2: rempart.toml".
func (r PeerReport) Placed() []Fault {
	placed := make([]Fault, len(r.Faults))
	for i, f := range r.Faults {
		f.File = r.Node + ": " + f.File
		placed[i] = f
	}
	return placed
}
