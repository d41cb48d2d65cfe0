// Package configsync keeps the policies of two nodes one.
//
//	apply --> Stage here, Stage there --> Switch on both at once --> Keep here (decides), Keep there
//	round --> states compared --> in step | the one behind pulls | a conflict, which a person decides
//
// A revision descends from what it was edited from. A node takes a revision that descends from the one it
// runs, and no other, so nothing that anybody wrote is overwritten: two that descend from one are a
// conflict, and what decides it descends from both.
//
// Whoever switches goes back by himself unless he is told to keep, so a node that dies, or a cable that
// is cut, at any moment leaves each node with a whole policy; the next round makes them one again. No
// time of one clock is compared with another: what is sent are durations.
package configsync

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/config"
)

// Gateway is this node's firewall. Its methods may be called from any goroutine; while a revision is
// held or pending it refuses every other one.
type Gateway interface {
	// Stage checks a revision of the other node and holds it. learned is what that node knows of rule
	// numbers and lists. An error that is a *Refusal says what is wrong with it on this node.
	Stage(ctx context.Context, r config.Revision, learned []byte) (Staged, error)
	// Switch makes what is held run. It goes back by itself after hold.
	Switch(ctx context.Context, id string, hold time.Duration) (Switched, error)
	// Keep makes what is pending the current revision.
	Keep(ctx context.Context, id string) (Switched, error)
	// GoBack drops what is held, or takes back what is pending.
	GoBack(ctx context.Context, id string) (Switched, error)
	Standing(ctx context.Context) (Standing, error)

	// Add keeps revisions of the other node without running them.
	Add(ctx context.Context, all []config.Revision) error
	// Rename makes r the current revision in place of one with the same text and secrets.
	Rename(ctx context.Context, r config.Revision) error
	Find(id string) (config.Revision, error)
	History() (config.History, error)

	// Learned is what the other node needs to compile the same, and LearnedDigest changes with it.
	Learned(ctx context.Context) ([]byte, error)
	LearnedDigest() string
	Adopt(ctx context.Context, learned []byte) error
	// RulesetDigest is of what both nodes ought to have compiled.
	RulesetDigest(ctx context.Context) (string, error)
}

// Staged is a revision that is held.
type Staged struct {
	Revision config.Revision
	// Unchanged says that it runs already; nothing is held.
	Unchanged bool
	Warnings  []string
}

// Switched is what a step of an apply did.
type Switched struct {
	Number     int       // of the kept revision; 0: it is not kept yet
	Deadline   time.Time // when it goes back, by this node's clock
	FlowsEnded int
	Changes    []string
	Warnings   []string
}

// Standing is where a gateway stands.
type Standing struct {
	Running config.Revision // ID empty: none runs
	Held    string          // ID of what is staged
	Pending string          // ID of what runs and is not kept; Running is what is kept before it
	// Foreign says that what is held or pending came from the other node.
	Foreign  bool
	Deadline time.Time // of the pending one
}

// Refusal is why a node does not take a revision, with the faults of the policy if those are why.
type Refusal struct {
	Message string  `json:"message"`
	Faults  []Fault `json:"faults,omitempty"`
	// Busy says that another apply is under way: the same may be taken a moment later.
	Busy bool `json:"busy,omitempty"`
	// Conflict says that the node runs what the revision does not descend from.
	Conflict bool `json:"conflict,omitempty"`
}

// Fault is one fault of a policy, with its place.
type Fault struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Col     int    `json:"col,omitempty"`
	Key     string `json:"key,omitempty"`
	Message string `json:"message"`
}

// Error is the message, with the first fault.
func (r *Refusal) Error() string {
	if len(r.Faults) == 0 || r.Message != "" {
		return r.Message
	}
	f := r.Faults[0]
	return fmt.Sprintf("%s:%d:%d: %s: %s", f.File, f.Line, f.Col, f.Key, f.Message)
}

// Options are what a Sync is made of.
type Options struct {
	Gateway Gateway
	// Ask asks the peer over a link that both have proved themselves on. Its error is peer.ErrNotConnected,
	// a *peer.Refused, or that of ctx.
	Ask func(ctx context.Context, kind string, body []byte) ([]byte, error)
	// Paired says whether the nodes are paired, and Trusted whether a key is one of theirs, now or formerly.
	Paired  func() bool
	Trusted func(key []byte) bool
	// Seal signs a revision of this node.
	Seal func(r *config.Revision)
	// Node is this node's name, and Peer that of the other.
	Node, Peer func() string
	// Alive says that the other node's program answers: while it does not, though its kernel keeps the connection, nobody
	// waits for it.
	Alive func() bool
	// Behind is told after each comparison whether this node lacks what the other one runs: it should not take the
	// role from it. nil: nobody is told.
	Behind func(bool)
	// Leads says that what this node learned counts: it is master.
	Leads func() bool
	// Kept is told of each revision that was kept and nobody wrote at this node, for it is the peer's or a merge, with
	// what ran before.
	Kept    func(before, now config.Revision)
	Version string
	Log     hclog.Logger
}

const (
	// doubt is how long a node that switched waits for the decision of the other.
	doubt = 10 * time.Second
	// grace is how much longer than the one who asked the other node waits for a confirm.
	grace = 5 * time.Second
	// stageTime is how long checking a policy may take on the other node, and stepTime every other step.
	stageTime = time.Minute
	stepTime  = 15 * time.Second
	// switchTime is how long the other node's switch is waited for: a node that waited for longer than it is in doubt
	// would go back meanwhile.
	switchTime = doubt - 2*time.Second
	// roundEvery is how often the nodes compare their states, and refusedAgain how long a revision that
	// this node could not take is left alone.
	roundEvery   = 2 * time.Second
	refusedAgain = 30 * time.Second
	// longestHold is how long a confirm may take.
	longestHold = 24 * time.Hour
	// longestLine is how many ancestors of its revision a node names without being asked.
	longestLine = 256
)
