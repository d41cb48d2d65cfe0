package ha

import (
	"context"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/rempart/rempart/ha/flowsync"
	"github.com/rempart/rempart/ha/pulse"
	"github.com/rempart/rempart/ha/role"
	"github.com/rempart/rempart/ha/view"
)

// Flows makes the peer have the flows of the master; flowsync.Loop is the real one. Its methods may be called
// from any goroutine.
type Flows interface {
	// Run works until ctx ends, and returns when its sockets are closed.
	Run(ctx context.Context) error
	// Set says with whom, and what of: the last one counts. What the kernel tells after it has returned is
	// judged by it.
	Set(flowsync.Target)
	// Resync makes both nodes forget what they have of each other and send everything anew.
	Resync()
	// Report is how it stands now.
	Report() view.Sync
	// Changed receives when Report says another state than before. It holds one.
	Changed() <-chan struct{}
}

// followFlows has the loop look whenever flow sync stands otherwise.
func (n *Node) followFlows(ctx context.Context) error {
	if n.Flows == nil {
		return nil
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.Flows.Changed():
			n.tell(func(time.Time) {}) // a turn looks at it
		}
	}
}

// tellFlows keeps flow sync told of the pair. Before addresses are taken away it is called as well: the kernel ends
// flows with them, and the peer must keep those.
func (n *Node) tellFlows() {
	if n.Flows == nil {
		return
	}
	if t := n.flowTarget(); !reflect.DeepEqual(t, n.aimed) {
		n.aimed = t
		n.Flows.Set(t)
	}
}

// handTime is how long a node that was one of two masters may take to hand its flows over.
const handTime = time.Minute

// handOver begins to tell a peer that stays master of the flows that began here while nobody knew of the other.
func (n *Node) handOver(now time.Time) {
	if n.Flows != nil && n.sharesFlows() && n.peerSpeaks() {
		n.handing = now
	}
}

// handedOver ends that.
func (n *Node) handedOver(now time.Time) {
	if n.handing.IsZero() {
		return
	}
	told := now.Sub(n.handing) > handLeast && n.Flows.Report().Told
	if told || now.Sub(n.handing) > handTime || !n.sharesFlows() || !n.peerSpeaks() || n.speaksFlows() {
		n.handing = time.Time{}
	}
}

// handLeast is how old a report may be.
const handLeast = time.Second

// lackFlows keeps this node told of what flow sync lacks.
func (n *Node) lackFlows(now time.Time) {
	if n.Flows == nil {
		return
	}
	lacking := n.sharesFlows() && n.peerSpeaks() && !n.speaksFlows() && n.Flows.Report().State != view.SyncComplete
	if !lacking && n.demotions.has(reasonSync) { // that they are here is proved, and does not bounce
		n.demotions.drop(reasonSync)
		n.demoted(now)
	}
	n.demote(now, reasonSync, weightSync, lacking, "the flows of the master are complete here", "")
}

// flowTarget is with whom flows are shared, and what this node does.
func (n *Node) flowTarget() (t flowsync.Target) {
	if n.settings == nil {
		return t
	}
	t.Speak, t.PeerSpeaks, t.Strict, t.Revision = n.speaksFlows() || !n.handing.IsZero(), n.peerSpeaks(), n.settings.strict, n.Hash()
	t.Mute = slices.ContainsFunc(n.groups, func(g *group) bool { return g.machine.State() == role.Releasing })
	if !n.sharesFlows() {
		return t
	}
	keys := n.keyring()
	t.Secrets = append(t.Secrets, keys.Send)
	for _, k := range keys.Accept {
		if k != keys.Send {
			t.Secrets = append(t.Secrets, k)
		}
	}
	t.Own, t.Theirs = n.session, n.peer.beat.Session
	t.Device, t.Local, t.Peer = n.cable.device, n.cable.local, n.cable.peer
	if p := n.ports[n.settings.cable]; p != nil {
		t.MTU = p.device.MTU
	}
	return t
}

// cable is where the peer is on the cable.
type cable struct {
	device      string
	local, peer netip.Addr
}

// sharesFlows says that there is a peer that understands flow sync, and a cable.
func (n *Node) sharesFlows() bool {
	return n.settings.cable != "" && n.peer.living() && n.peer.beat.Features&pulse.Flows != 0
}

// speaksFlows says that this node is master of a group.
func (n *Node) speaksFlows() bool {
	return slices.ContainsFunc(n.groups, func(g *group) bool { return g.machine.State().Holds() })
}

// peerSpeaks says that the peer is.
func (n *Node) peerSpeaks() bool {
	return n.peer.living() && slices.ContainsFunc(n.peer.beat.Groups, func(g pulse.Group) bool { return role.State(g.Role).Holds() })
}

// features are what this node can do.
func (n *Node) features() uint32 {
	if n.Flows == nil {
		return 0
	}
	return pulse.Flows
}

// viewSync is how flow sync stands.
func (n *Node) viewSync() *view.Sync {
	if n.Flows == nil || n.settings == nil {
		return nil
	}
	s := n.Flows.Report()
	switch {
	case s.State != view.SyncOff:
	case n.settings.cable == "":
		s.Why = "[ha] names no interface for it"
	case n.peer.unheard():
		s.Why = "no peer of ours was heard"
	case !n.peer.living():
		s.Why = "the peer is " + n.peer.verdict.String()
	case n.peer.beat.Features&pulse.Flows == 0:
		s.Why = "the peer is of a version without it"
	case !n.cable.peer.IsValid():
		s.Why = "the peer has no address on " + n.settings.cable
	default:
		s.Why = "the peer is not reached on " + n.settings.cable
	}
	return &s
}
