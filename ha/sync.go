package ha

import (
	"context"
	"net/netip"

	"github.com/rempart/rempart/ha/view"
)

// Flows makes the peer have the flows of the master. Its methods may be called from any goroutine.
type Flows interface {
	// Run works until ctx ends, and returns when its sockets are closed.
	Run(ctx context.Context) error
	// Set says with whom, and what of: the last one counts.
	Set(flows FlowTarget)
	// Resync makes both nodes forget what they have of each other and send everything anew.
	Resync()
	// Report is how it stands now.
	Report() view.Sync
	// Changed receives when Report says something else than before of completeness. It holds one.
	Changed() <-chan struct{}
}

// FlowTarget is what flow sync is about. The zero one has no peer, and nothing is sent.
type FlowTarget struct {
	Device      string     // of the cable
	Local, Peer netip.Addr // of both nodes there
	MTU         int
	// Secrets are those that frames of the peer may be sealed with; the first one seals ours.
	Secrets [][32]byte
	// Own and Theirs are the proven sessions of the heartbeats.
	Own, Theirs uint64
	// Speak says that this node is master of a group and tells the peer of flows; Mute, that it has the addresses
	// no more and that ends which follow from this are not told.
	Speak, Mute bool
	PeerSpeaks  bool // the peer is master of a group
	Strict      bool // TCP is tracked strictly again after a takeover
	Revision    string
}
