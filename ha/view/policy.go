package view

import (
	"net/netip"
	"time"
)

// Policy is how the policies of both nodes stand to each other.
type Policy struct {
	State PolicyState `json:"state"`
	// Why says more of every state but InStep: who is behind and what is in the way.
	Why string `json:"why,omitempty"`
	// Own is what runs here, and Peer what ran there when it last told; their IDs are empty when nothing runs
	// or nothing was told.
	Own  Revision `json:"own"`
	Peer Revision `json:"peer"`
	// Told is when the peer last said what it runs.
	Told time.Time `json:"told,omitzero"`
	// Pending is when both go back unless it is confirmed; zero: nothing waits.
	Pending time.Time `json:"pending,omitzero"`
	// Sections are what of the policy both nodes have, and Kept what each has of its own.
	Sections []string `json:"sections,omitempty"`
	Kept     []string `json:"kept,omitempty"`
	// Ruleset compares what both nodes compiled, without what is each one's own.
	Ruleset RulesetState `json:"ruleset"`
	// Draft says why rempart.toml of this node is not what runs, when a revision of the peer came while it was being
	// edited; empty: it is, or nobody but its editor changed anything.
	Draft string `json:"draft,omitempty"`
}

// PolicyState is how they stand.
type PolicyState string

// How they may stand.
const (
	PolicyUnpaired PolicyState = "not paired" // each node has its own
	PolicyAway     PolicyState = "peer away"  // nobody knows what it runs
	PolicyInStep   PolicyState = "in step"    // both run the same
	PolicyAhead    PolicyState = "peer behind"
	PolicyBehind   PolicyState = "behind"
	PolicyConflict PolicyState = "conflict" // both were edited, and a person has to decide
	PolicyChanging PolicyState = "changing" // an apply is under way, or waits for its confirm
)

// RulesetState is how two compiled rulesets compare.
type RulesetState string

// How they may compare.
const (
	RulesetUnknown RulesetState = ""
	RulesetEqual   RulesetState = "equal"
	RulesetDiffers RulesetState = "different" // another version of the program, or lists that were learned apart
)

// Revision is a revision as the pair speaks of it.
type Revision struct {
	ID      string    `json:"id,omitempty"`
	Number  int       `json:"number,omitempty"` // of the node that runs it
	Hash    string    `json:"hash,omitempty"`
	Parents []string  `json:"parents,omitempty"`
	Author  string    `json:"author,omitempty"`
	Origin  string    `json:"origin,omitempty"` // the node that made it
	Time    time.Time `json:"time,omitzero"`
	Message string    `json:"message,omitempty"`
}

// PolicyDiff is what differs between the policies of both nodes, object by object.
type PolicyDiff struct {
	Own  Revision `json:"own"`
	Peer Revision `json:"peer"`
	// Base is what both were edited from; its ID is empty when they have nothing in common.
	Base Revision `json:"base"`
	// Conflict says that both were edited; else one of them merely has what the other lacks yet.
	Conflict bool           `json:"conflict"`
	Objects  []ObjectChange `json:"objects"`
	// Merged is the policy with the changes of both, when no object was changed by both; else empty.
	Merged []byte `json:"merged,omitempty"`
	// Draft is the same with marks where a person has to choose, in the manner of diff3(1), when Merged is empty.
	Draft []byte `json:"draft,omitempty"`
	// Notes are what to look at in Merged: rules that both added at one place, an order that both changed.
	Notes []string `json:"notes,omitempty"`
}

// ObjectChange is what became of one object of a policy: a rule, an alias, a table.
type ObjectChange struct {
	Object string `json:"object"` // such as "rule lan-out", "alias servers", "[ha]"
	Ours   Change `json:"ours"`
	Theirs Change `json:"theirs"`
	// The texts; empty: it was not there.
	Base       string `json:"base,omitempty"`
	OursText   string `json:"ours_text,omitempty"`
	TheirsText string `json:"theirs_text,omitempty"`
	Conflict   bool   `json:"conflict"`
}

// Change is what one node did to an object.
type Change string

// What it may have done.
const (
	Unchanged Change = ""
	Added     Change = "added"
	Removed   Change = "removed"
	Changed   Change = "changed"
	Moved     Change = "moved" // to another place in a list whose order decides
)

// Resolution decides a conflict.
type Resolution struct {
	// Take is "ours", "theirs" or "merged"; empty: Policy is the text that both are to run.
	Take    string `json:"take,omitempty"`
	Policy  []byte `json:"policy,omitempty"`
	Message string `json:"message,omitempty"`
	// Confirm is how many seconds there are to confirm; 0 resolves for good at once.
	Confirm int  `json:"confirm"`
	Force   bool `json:"force,omitempty"` // although it cuts off the connection over which it is asked for
	// Expect are the IDs of both sides as they were looked at, ours first; another state is refused.
	Expect [2]string `json:"expect,omitzero"`
}

// Carried is what `rempart ha pull` or `ha push` did.
type Carried struct {
	Revision Revision `json:"revision"` // that runs on both now
	// Revisions is how many went over.
	Revisions int `json:"revisions"`
	// File says what was done with rempart.toml of this node; empty: nothing was to be done.
	File     string   `json:"file,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// Invitation is a code by which another node may be paired with this one.
type Invitation struct {
	Code    string    `json:"code"`
	Expires time.Time `json:"expires"`
	Tries   int       `json:"tries"` // that are left
	// Addresses are where the other node finds this one, the best first.
	Addresses []netip.Addr `json:"addresses"`
}

// Join is the answer to an invitation, on the other node.
type Join struct {
	Code    string     `json:"code"`
	Address netip.Addr `json:"address"` // a link-local one with its zone
}

// Pairing is with whom a node is paired.
type Pairing struct {
	Paired bool      `json:"paired"`
	Node   string    `json:"node,omitempty"` // the peer's name when it was paired
	Since  time.Time `json:"since,omitzero"`
	// Own and Peer are fingerprints of the public keys: the same two, the other way round, stand on the other node.
	Own  string `json:"own"`
	Peer string `json:"peer,omitempty"`
	// Rotating says that new keys were agreed on and are not yet in use on both nodes.
	Rotating bool `json:"rotating,omitempty"`
}
