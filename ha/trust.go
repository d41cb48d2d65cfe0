package ha

import (
	"crypto/ed25519"
	"slices"
	"sync"

	"github.com/rempart/rempart/ha/peer"
)

// trusted is by what the daemons believe one another, and what was shown.
type trusted struct {
	// own is the key of a node without Keys. It proves nothing: for that the secret is there.
	own ed25519.PrivateKey

	mu     sync.Mutex
	paired bool
	shown  ed25519.PublicKey // by the peer, last
}

// begin notes whether the node is paired, and makes a key if it has none.
func (t *trusted) begin(k Keys) {
	if k == nil {
		_, t.own, _ = ed25519.GenerateKey(nil) // which never fails
		return
	}
	t.paired = len(k.Peers()) > 0
}

// trust is what the daemons believe one another by now.
func (n *Node) trust() peer.Trust {
	t := peer.Trust{Own: n.trusted.own, Keys: n.linkKeys()}
	if n.Keys == nil {
		return t
	}
	t.Own, t.Peers = n.Keys.Own(), n.Keys.Peers()
	if roots := n.roots(); len(roots) > 0 {
		t.Keys = roots
	}
	return t
}

// proved takes note of the key that the peer has shown on the link to hold.
func (n *Node) proved(key ed25519.PublicKey) {
	n.trusted.mu.Lock()
	n.trusted.shown = key
	n.trusted.mu.Unlock()
	if n.Keys != nil {
		n.Keys.Proved(key)
	}
}

// former says whether a key was the peer's, of a pairing that is over.
func (n *Node) former(key ed25519.PublicKey) bool { return n.Keys != nil && n.Keys.Former(key) }

// stale is why the connection must not stand any more with the keys as they are now; empty: it may.
func (t *trusted) stale(k Keys) string {
	if k == nil {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	peers := k.Peers()
	was := t.paired
	t.paired = len(peers) > 0
	switch {
	case t.paired && !was:
		return "the nodes were paired"
	case !t.paired && was:
		return "the pairing was ended"
	case t.paired && t.shown != nil && !slices.ContainsFunc(peers, func(p ed25519.PublicKey) bool { return p.Equal(t.shown) }):
		return "the key of the peer is another one"
	}
	return ""
}
