package ha

import (
	"crypto/ed25519"
	"crypto/rand"

	"github.com/rempart/rempart/ha/peer"
)

// trust is what the daemons believe one another by.
func (n *Node) trust() peer.Trust { return peer.Trust{Own: n.identity(), Keys: n.linkKeys()} }

// identity is a key for one connection: of nodes that are not paired it proves nothing, for that the
// secret is there.
func (n *Node) identity() ed25519.PrivateKey {
	_, key, _ := ed25519.GenerateKey(rand.Reader) // which never fails
	return key
}
