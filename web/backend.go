// Package web serves the gateway's API, to the commands over a unix socket, over the
// interfaces Backend and Pair. It can speak to nothing else.
package web

import (
	"context"
	"time"

	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
)

// Backend is what the gateway can be asked. Errors wrap report.ErrRequest when the
// request is wrong, report.ErrConflict when another change was quicker or is in the
// way; every other error says that the daemon or the kernel refused. Their contexts
// end when whoever asked went away: what waits is dropped then, and what has begun
// to change the gateway is brought to its end.
type Backend interface {
	Status(ctx context.Context) (report.Status, error)

	Check(ctx context.Context, d report.Draft, by report.Caller) (report.Preview, error)
	Apply(ctx context.Context, r report.Request, by report.Caller) (report.Applied, error)
	Confirm(ctx context.Context, by report.Caller) (report.Applied, error)
	// Rollback ends a pending apply (revision 0), or applies an older revision for good.
	Rollback(ctx context.Context, revision int, by report.Caller) (report.Applied, error)
	// History lists newest first, without texts; Revision has them.
	History(ctx context.Context) ([]report.Revision, error)
	Revision(ctx context.Context, number int) (report.Revision, error)

	Ruleset(ctx context.Context) (string, error) // as nft would list it, with the kernel's counters
	Rules(ctx context.Context, all bool) ([]report.Rule, error)
	Aliases(ctx context.Context) ([]report.Alias, error)
	Alias(ctx context.Context, name string) (report.Alias, error)
	RefreshAlias(ctx context.Context, name string, force bool) error
	// Routes are those of the main table; all adds those of the gateways' own tables.
	Routes(ctx context.Context, all bool) ([]report.Route, error)
	Lines(ctx context.Context) (report.Lines, error)
	// GatewayHistory is how a gateway was since an instant; the zero one is as long ago as is known.
	GatewayHistory(ctx context.Context, name string, since time.Time) (report.GatewayHistory, error)
	Schedules(ctx context.Context) ([]report.Schedule, error)

	// Explain says what becomes of a packet under the policy that runs, with what its aliases hold now.
	Explain(ctx context.Context, q report.Question) (report.Explanation, error)
	// Live follows real packets through the kernel and tells of each, until there
	// were enough, the time is up or ctx ends. An error of tell ends it.
	Live(ctx context.Context, q report.LiveQuestion, tell func(report.LiveLine) error) error

	// Flows lists the flows that the words select (flows.ParseFilter); EndFlows ends them and says how many.
	Flows(ctx context.Context, words []string) ([]flows.Flow, error)
	EndFlows(ctx context.Context, words []string, by report.Caller) (int, error)

	// Log is the newest entries, oldest first; Follow sends the coming ones until ctx ends.
	Log(ctx context.Context, words []string, max int) ([]packetlog.Entry, error)
	Follow(ctx context.Context, words []string) (<-chan packetlog.Entry, error)
}

// Pair is what the two nodes of a pair can be asked and ordered. Errors wrap view.ErrOrder when
// the order is wrong, view.ErrState when it does not fit how the pair stands, view.ErrNotConfigured
// when there is no pair; every other error says that the daemon or the kernel could not. Contexts are as of Backend:
// a switch that has begun is brought to its end though nobody waits for it.
type Pair interface {
	// HAStatus answers on a single gateway too, with Configured false.
	HAStatus(ctx context.Context) (view.Status, error)
	// Release gives the role to the peer and Takeover gets it. They return when the addresses have moved.
	Release(ctx context.Context, o view.Order) (view.Done, error)
	Takeover(ctx context.Context, o view.Order) (view.Done, error)
	// Maintenance leaves the role to the peer until it is switched off, over restarts of the machine.
	Maintenance(ctx context.Context, on bool, by string) (view.Status, error)
	// Resync makes the master send all its flows again. It returns at once, with the state before they are sent.
	Resync(ctx context.Context, by string) (view.Sync, error)
	// FlowsDiff names what differs between the flows of both kernels, limit of them at most.
	FlowsDiff(ctx context.Context, limit int) (view.FlowsDiff, error)
	// Doctor tells of each finding as it comes. An error of tell ends it.
	Doctor(ctx context.Context, tell func(view.Finding) error) error
	// Drill tells of each switch as it is done and returns all of them, with what they cost. An error of
	// tell does not: the addresses go back first.
	Drill(ctx context.Context, o view.DrillOrder, tell func(view.DrillLeg) error) (view.Drill, error)
	// PeerMaintenance is Maintenance of the other node.
	PeerMaintenance(ctx context.Context, on bool, by string) error
	Pairing
	PairPolicy
}

// Pairing is how two nodes come to trust each other. Its errors are those of Pair. It answers without a policy too,
// and under one that has no [ha].
type Pairing interface {
	// Invite makes a code by which another node may be paired with this one, and tells of it, and again whenever
	// something of it changed. It returns when they are paired; when ctx ends, the code is withdrawn.
	Invite(ctx context.Context, by string, tell func(view.Invitation) error) (view.Pairing, error)
	// Join is paired with the node that made a code.
	Join(ctx context.Context, j view.Join, by string) (view.Pairing, error)
	Pairing(ctx context.Context) (view.Pairing, error)
	// Unpair forgets the peer here and there; force does so although it cannot be told.
	Unpair(ctx context.Context, force bool, by string) (view.Pairing, error)
	// RotateKeys gives both nodes new keys, without an outage.
	RotateKeys(ctx context.Context, by string) (view.Pairing, error)
}

// PairPolicy is the policy that two paired nodes share. Its errors are those of Pair, and of Backend where a
// policy comes to run.
type PairPolicy interface {
	PolicyDiff(ctx context.Context) (view.PolicyDiff, error)
	// Resolve decides a conflict: what it makes is a revision with two parents, which both nodes run.
	Resolve(ctx context.Context, r view.Resolution, by report.Caller) (report.Applied, error)
	// Pull gets from the peer what it is ahead, and Push gives it what this node is. Neither decides a conflict.
	Pull(ctx context.Context, by report.Caller) (view.Carried, error)
	Push(ctx context.Context, by report.Caller) (view.Carried, error)
}
