package ha

import (
	"crypto/ed25519"
	"net/netip"
	"slices"

	"github.com/rempart/rempart/ha/pulse"
)

// Keys are those of this node, and what pairing agreed on. They are read anew by Rekey; its methods may be
// called from any goroutine and wait for nothing but the disk.
type Keys interface {
	// Own is this node's, by which the other one knows it.
	Own() ed25519.PrivateKey
	// Peers are those by which this node knows the other one; none: it is not paired.
	Peers() []ed25519.PublicKey
	// Roots are the secrets of the pair, newest first: more than one while they are rotated. None: it is not paired.
	Roots() [][]byte
	// Former says whether a key was the peer's, of a pairing that is over.
	Former(ed25519.PublicKey) bool
	// Proved takes note that the other node has shown on the link that it holds a key.
	Proved(ed25519.PublicKey)
	// Rendezvous is where the nodes found each other when they were paired; an empty device: nowhere.
	Rendezvous() (device string, local, peer netip.Addr)
}

// roots are the secrets of the pair, newest first; none: it is not paired.
func (n *Node) roots() [][]byte {
	if n.Keys == nil {
		return nil
	}
	return n.Keys.Roots()
}

// paired says whether there are keys of a pairing.
func (n *Node) paired() bool { return len(n.roots()) > 0 }

// Rekey reads the keys of the pair anew, as after a pairing, a rotation or the end of a pairing. What was before is
// understood until the peer has what is new. The connection of the daemons stays unless its peer is not believed
// any more, or was believed for another reason than now.
func (n *Node) Rekey() {
	n.setting.Lock()
	n.hand(n.read(n.newest.config))
	n.setting.Unlock()
	if why := n.trusted.stale(n.Keys); why != "" {
		n.link.Drop(why)
	}
}

// Relink has the daemons make their connection anew, each by the keys that it presents now.
func (n *Node) Relink(why string) { n.link.Drop(why) }

// secretsOf are the keys of heartbeats, newest first: of the pair's roots, or else of its password.
func secretsOf(p policy) []pulse.Key {
	if len(p.roots) == 0 {
		return []pulse.Key{pulse.DeriveKey(p.secret)}
	}
	var all []pulse.Key
	for _, root := range p.roots {
		if k := pulse.DeriveKey(root); !slices.Contains(all, k) {
			all = append(all, k)
		}
	}
	return all
}

// metOn is where the peer was on a device when the nodes were paired; none: elsewhere.
func (n *Node) metOn(device string) []netip.Addr {
	if !n.paired() {
		return nil
	}
	if on, _, peer := n.Keys.Rendezvous(); on == device && peer.IsValid() {
		return []netip.Addr{peer}
	}
	return nil
}
