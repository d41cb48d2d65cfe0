// Package peer is the link between the daemons of two nodes: one TCP connection on the cable, that
// says by its end that the other program died, and carries questions to it.
//
//	TLS 1.3    <-->               each end shows its Ed25519 key, and proves it
//	hello      <--  -->           versions, session, features
//	proofs      -->  <--  choice  only of nodes that are not paired: both hold a secret
//	stand                         of the node with the smaller session: this connection is the one
//	ask         -->  <--  answer  in both directions, until the end
//
// The keys are pinned: of nodes that are paired each believes the keys of the other and nobody
// else's. Nodes that are not believe any key whose owner proves, bound to this TLS connection, that
// it holds a secret of theirs. Certificates are made for each connection and say nothing but the
// key, so that neither the clocks nor an authority matter.
//
// The kernel closes the connection of a program that is killed at once, which is far earlier than
// silence tells. The end of the TCP connection is such a death, whatever TLS says, unless a goodbye
// came before.
package peer

import (
	"context"
	"crypto/ed25519"
	"errors"

	"github.com/hashicorp/go-hclog"
)

// Port is the TCP port of the link on both nodes. IANA has assigned it to nobody; its last
// digits are CARP's protocol number.
const Port = 7112

// Question is what a node asks the other.
type Question struct {
	Kind string
	Body []byte
	// Paired says that who asks has proved a key that is believed, and not only a secret.
	Paired bool
}

// Options are what a Link is made of. Proved, Up and Down are called from one goroutine, one after
// the other and in the order of what happened, so they must not block; nil ones are not called.
type Options struct {
	// Trust is asked anew for each handshake, and for each question: none goes to, and none is answered of,
	// an end that is not believed any more. Drop has a change of it end what stands.
	Trust func() Trust
	// Former says whether a key was the peer's in an earlier pairing, for the
	// log to name that; nil: none was. It may be called from several goroutines.
	Former func(key ed25519.PublicKey) bool
	// Local is the number that this node drew when it started. The smaller of two decides which
	// connection stands.
	Local uint64
	// Answer answers a question of the peer, on a goroutine of its own. Its error
	// becomes a Refused at the peer. ctx ends with the connection.
	Answer func(ctx context.Context, q Question) ([]byte, error)
	// Proved says that the peer of the connection that came to stand has proved to own this key,
	// which is one of Trust.Peers. It comes before Up, and without one when the connection took the place
	// of another with the same session.
	Proved func(key ed25519.PublicKey)
	// Up says that a connection stands with a peer of this session.
	Up func(session uint64)
	// Down says that it ended. With reset the other program ended without a goodbye while the
	// network was fine; without, one of the two left on purpose or the network gave out.
	Down func(why string, reset bool)
	Log  hclog.Logger
	// Within runs what opens sockets, in another network namespace if it likes; nil: right away.
	Within func(open func() error) error
}

// ErrNotConnected says that no connection stands, or that it ended before the answer.
var ErrNotConnected = errors.New("not connected to the peer")

// Refused is the error that the peer answered with.
type Refused struct{ Text string }

// Error says that it was the peer, and what it said.
func (r *Refused) Error() string { return "the peer refuses: " + r.Text }
