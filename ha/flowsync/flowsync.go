// Package flowsync makes the peer have the flows of the master, in its kernel, before it needs them.
//
//	kernel's events --> own table --> frames ~~~~ frames --> mirror --> peer's kernel
//	kernel's walks ---^    |  ^                     |           |
//	                       |  +--- acknowledgments -+           +-- digests of what was told compared
//
// The master gives each of its flows a slot, a small number, and keeps told what the peer does not know yet:
// state goes over, not a log of operations. The backup keeps the same slots and puts each change into
// its kernel at once, with a timeout so long that nothing there ends by itself; what it acknowledges is
// there. So a takeover has nothing to load, what is lost is told again as it is by then, and both can compare
// by digest what was said, under any load.
//
// Engine is all of it but sockets and clock. Loop is the thread that gives it both.
package flowsync

import (
	"net/netip"
)

// Target is with whom flows are shared, and what this node does. The zero one has no peer, and nothing is sent.
type Target struct {
	Device      string     // of the cable
	Local, Peer netip.Addr // of both nodes there
	MTU         int
	// Secrets are those that frames of the peer may be sealed with; the first one seals ours.
	Secrets [][32]byte
	// Own and Theirs are the proven sessions of the heartbeats.
	Own, Theirs uint64
	// Speak says that this node is master of a group and tells the peer of flows; Mute, that its addresses
	// go and that ends which follow from this are not told.
	Speak, Mute bool
	PeerSpeaks  bool // the peer is master of a group
	Strict      bool // TCP is tracked strictly again after a takeover
	Revision    string
}

// usable says whether there is somebody to speak to.
func (t *Target) usable() bool {
	return t.Device != "" && t.Local.IsValid() && t.Peer.IsValid() && len(t.Secrets) > 0 && t.Own != 0 && t.Theirs != 0
}
