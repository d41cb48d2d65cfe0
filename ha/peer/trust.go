package peer

import (
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
)

// Trust is what a node proves itself by, and whom it believes.
type Trust struct {
	Own   ed25519.PrivateKey  // never nil
	Peers []ed25519.PublicKey // each is believed to be the peer's; none: the nodes are not paired
	// Keys are secrets of the pair, of which both nodes must hold one, and four at most: those that pairing gave them, so
	// that a key from before it proves nothing, or the password of nodes that are not paired. The first that
	// both have, in the order of the node that is called, is used.
	Keys [][]byte
}

func (t Trust) paired() bool { return len(t.Peers) > 0 }

// Why the key that the other end shows is not believed.
var (
	errSelf     = errors.New("it is this node itself, or a copy of it")
	errUnpaired = errors.New("it is not paired with this node")
	errPaired   = errors.New("it is paired, and this node is not")
	errFormer   = errors.New("it shows the key of an earlier pairing: pair the nodes anew")
	errRestored = errors.New("it has the key of the peer and not what they agreed on when they were paired, as a node has that was restored from before: pair the nodes anew")
	errUnknown  = errors.New("it shows a key that this node does not know")
	// errDisbelieved is what the other end says by its alert.
	errDisbelieved = errors.New("it does not believe the key of this node: pair the nodes anew")
)

// claim is what a certificate says of its owner beside the key, for the other to know
// what is wrong. Nobody is believed because of it.
type claim string

const (
	claimPaired   claim = "paired"
	claimUnpaired claim = "not paired"
)

func (t Trust) claim() claim {
	if t.paired() {
		return claimPaired
	}
	return claimUnpaired
}

// shown is what the other end shows of itself: its key, and what it claims.
type shown struct {
	key   ed25519.PublicKey
	claim claim
}

// shownBy reads what the other end of a TLS connection has shown.
func shownBy(s tls.ConnectionState) (shown, error) {
	// Without this the other end may have been asked for another protocol than ours.
	if s.NegotiatedProtocol != protocol {
		return shown{}, fmt.Errorf("%w: %q in TLS", errMagic, s.NegotiatedProtocol)
	}
	if len(s.PeerCertificates) != 1 {
		return shown{}, fmt.Errorf("%w: %d certificates", errMagic, len(s.PeerCertificates))
	}
	certificate := s.PeerCertificates[0]
	key, ok := certificate.PublicKey.(ed25519.PublicKey)
	if !ok {
		return shown{}, fmt.Errorf("%w: a key of %v", errMagic, certificate.PublicKeyAlgorithm)
	}
	c := claim(certificate.Subject.CommonName)
	if c != claimPaired && c != claimUnpaired {
		return shown{}, fmt.Errorf("%w: a certificate of %q", errMagic, c)
	}
	return shown{key, c}, nil
}

// judge says why the other end is not believed. Whoever is has to prove a secret yet.
func (t Trust) judge(other shown, former func(ed25519.PublicKey) bool) error {
	switch {
	case other.key.Equal(t.Own.Public()):
		return errSelf
	case t.paired() && other.claim != claimPaired:
		return errUnpaired
	case !t.paired() && other.claim == claimPaired:
		return errPaired
	case !t.paired() || t.knows(other.key):
		return nil
	case former != nil && former(other.key):
		return errFormer
	}
	return errUnknown
}

// believes says whether the other end of a connection, which showed this key when it was made, would be
// believed by now; nil: none of the two was paired then.
func (t Trust) believes(key ed25519.PublicKey) bool {
	if key == nil {
		return !t.paired()
	}
	return t.knows(key)
}

func (t Trust) knows(key ed25519.PublicKey) bool {
	for _, p := range t.Peers {
		if p.Equal(key) {
			return true
		}
	}
	return false
}
