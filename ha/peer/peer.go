// Package peer is the link between the daemons of two nodes: one TCP connection on the cable, that
// says by its end that the other program died, and carries questions to it.
//
//	hello   -->  <-- hello      who speaks, and a challenge
//	proofs  -->  <-- proof      both hold the key
//	        stand               of the node with the smaller session: this connection is the one
//	ask     -->  <-- answer     in both directions, until the end
//
// Both ends prove that they hold the key, by a challenge each, and every message is
// authenticated and numbered; nothing is secret on it. The kernel closes the connection of a
// program that is killed at once, which is far earlier than silence tells.
package peer

import (
	"context"
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
}

// Options are what a Link is made of. Up and Down are called from one goroutine, one after the
// other and in the order of what happened, so they must not block; nil ones are not called.
type Options struct {
	// Keys are 32 bytes each, four of them at most. The first that both nodes have, in
	// the order of the node that is called, is used; all are accepted.
	Keys func() [][]byte
	// Local is the number that this node drew when it started. The smaller of two decides which
	// connection stands.
	Local uint64
	// Answer answers a question of the peer, on a goroutine of its own. Its error
	// becomes a Refused at the peer. ctx ends with the connection.
	Answer func(ctx context.Context, q Question) ([]byte, error)
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
