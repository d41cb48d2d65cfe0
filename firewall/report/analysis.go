package report

// Finding is something that is wrong with a policy that has no fault: a rule
// that never decides, a thing that nobody uses.
type Finding struct {
	Fault
	Kind string `json:"kind"` // impossible, shadowed, redundant, overruled, unused, undecided or doubtful
	Name string `json:"name"` // of the rule, or of what is not used
	// Rules are the others that have a part in it.
	Rules  []string `json:"rules,omitempty"`
	Packet string   `json:"packet,omitempty"` // one that shows it
}

// FindingUndecided is the kind of what could not be examined to its end: it is
// no fault of the policy.
const FindingUndecided = "undecided"

// TrafficChange is packets that get another verdict, a translation that is
// another, or a remark about them.
type TrafficChange struct {
	What   string `json:"what"`             // "lan -> wan tcp 443 from 10.1.2.0/24"
	Old    string `json:"old,omitempty"`    // "pass (rule lan-out)"; absent: it was not there
	New    string `json:"new,omitempty"`    // absent: it is not there any more
	Packet string `json:"packet,omitempty"` // one of them, as explain takes it
	Text   string `json:"text"`             // all of it but the packet, in one line
}
