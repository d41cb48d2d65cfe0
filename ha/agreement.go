package ha

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/ha/carp"
	"github.com/rempart/rempart/ha/pulse"
)

// What two nodes must agree on to understand each other is a key of heartbeats and the address sets of all virtual
// hosts. Neither changes on both at one moment, so a node understands what was before as well, and says which of all
// that it understands; both speak with the newest that the other has.

// changeWindow is how long what was agreed on before is understood beside the new when no
// peer of ours lives to say that it has the new.
const changeWindow = time.Minute

// agreements is the settings that frames may be of: the newest first, and during a
// change those before.
func (n *Node) agreements() []*settings {
	var all []*settings
	for _, s := range []*settings{n.settings, n.before} {
		if s != nil {
			all = append(all, s)
		}
	}
	return all
}

// agreed is what this node speaks with, settings and the number of their key: the newest that a peer that
// lives understands.
func (n *Node) agreed() (*settings, int) {
	if !n.peer.living() {
		return n.settings, 0
	}
	for _, s := range n.agreements() {
		for i, d := range s.digests {
			if slices.Contains(n.peer.beat.Accepts, d) {
				return s, i
			}
		}
	}
	if n.before != nil {
		return n.before, 0
	}
	return n.settings, 0
}

// speaks is the settings that advertisements are made with.
func (n *Node) speaks() *settings {
	s, _ := n.agreed()
	return s
}

// context is the digest of what this node speaks with.
func (n *Node) context() uint64 {
	s, i := n.agreed()
	return s.digests[i]
}

// accepts are the digests of all that this node understands, newest first.
func (n *Node) accepts() (all []uint64) {
	for _, s := range n.agreements() {
		for _, d := range s.digests {
			if !slices.Contains(all, d) {
				all = append(all, d)
			}
		}
	}
	return all
}

// changing notes that settings are replaced. They are understood for a while if the new ones are spoken with
// otherwise.
func (n *Node) changing(now time.Time, to *settings) {
	old := n.settings
	if old == nil || slices.Equal(old.digests, to.digests) {
		return
	}
	if n.before == nil || n.changeIsOver(now) { // else a peer that lives still has the one before that
		n.before = old
	}
	n.beforeEnd = now.Add(changeWindow)
}

// changeIsOver says that what was agreed on before is not needed any more. While a peer
// lives that has not changed, it is, however long that takes.
func (n *Node) changeIsOver(now time.Time) bool {
	if n.peer.living() {
		return n.peerHasNewest()
	}
	return !now.Before(n.beforeEnd)
}

// peerHasNewest says that the peer speaks with the newest that this node has.
func (n *Node) peerHasNewest() bool { return n.peer.beat.Context == n.settings.digest() }

// peerSettled says that the peer lives, and what it would like to speak with is what this node would.
func (n *Node) peerSettled() bool {
	return n.peer.living() && len(n.peer.beat.Accepts) > 0 && n.peer.beat.Accepts[0] == n.settings.digest()
}

// keyring is the keys of heartbeats and of flows.
func (n *Node) keyring() pulse.Keyring {
	var k pulse.Keyring
	for _, s := range n.agreements() {
		for _, secret := range s.secrets {
			if !slices.Contains(k.Accept, secret) {
				k.Accept = append(k.Accept, secret)
			}
		}
	}
	if n.settings != nil {
		s, i := n.agreed()
		k.Send = s.secrets[i]
	}
	return k
}

// rings is the keys to speak with: during a change all, since a peer that is not heard may have any of them, and
// one as soon as it speaks with the newest.
func (n *Node) rings() []pulse.Keyring {
	keys := n.keyring().Accept
	if n.peer.living() && n.peerHasNewest() {
		keys = keys[:1]
	}
	out := make([]pulse.Keyring, 0, len(keys))
	for _, k := range keys {
		out = append(out, pulse.Keyring{Send: k})
	}
	return out
}

// digest is that of the newest that a node with these settings speaks with.
func (s *settings) digest() uint64 { return s.digests[0] }

// agreement is the digest of a key, of the password and of the address sets of all virtual hosts.
func (s *settings) agreement(secret pulse.Key) uint64 {
	h := sha256.New()
	h.Write(secret[:])
	if s.paired {
		h.Write(s.password[:]) // of which CARP makes its key; that of heartbeats tells nothing of it
	}
	for _, g := range s.groups {
		for _, v := range g.carp.VHosts {
			digestHost(h, g.name, v)
		}
	}
	return binary.BigEndian.Uint64(h.Sum(nil))
}

func digestHost(h hash.Hash, group string, v carp.VHost) {
	fmt.Fprintf(h, "%q %q %d", group, v.Link, v.VHID)
	all := slices.Clone(v.Send.Addresses)
	slices.SortFunc(all, netip.Addr.Compare)
	for _, a := range slices.Compact(all) {
		fmt.Fprintf(h, " %v", a)
	}
	fmt.Fprintln(h)
}
