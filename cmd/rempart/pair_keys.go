package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/ha"
	"github.com/rempart/rempart/ha/configsync"
	"github.com/rempart/rempart/ha/pairing"
)

// pairKeys is what the pairing keeps, as the node knows it.
type pairKeys struct {
	*pairing.Keeper
	log hclog.Logger
}

var _ ha.Keys = pairKeys{}

// openKeys opens what the pairing keeps. A gateway whose pairing is damaged is still a gateway: it comes up as
// one that is not paired, and says what is wrong.
func openKeys(dir string, log hclog.Logger) (*pairing.Keeper, error) {
	keys, err := pairing.Open(dir)
	if err == nil {
		return keys, nil
	}
	log.Error("this node is not paired until its pairing is repaired and the daemon restarted", "cause", err)
	return pairing.Shut(err)
}

// Proved takes note that the other node has shown a key.
func (k pairKeys) Proved(key ed25519.PublicKey) {
	if err := k.Keeper.Proved(key); err != nil {
		k.log.Warn("that the other node has its new key cannot be kept: the old one is believed as well", "cause", err)
	}
}

// Rendezvous is where the nodes were when they were paired.
func (k pairKeys) Rendezvous() (device string, local, peer netip.Addr) {
	s := k.State()
	return s.Device, s.Local, s.Address
}

// peerLine carries what the daemons of the pair ask each other beside their roles: about keys and policies.
type peerLine struct {
	keys   *pairing.Keeper
	sync   func() *configsync.Sync
	linked chan struct{} // the link has come to stand
}

// Answer answers a question of the other node.
func (l peerLine) Answer(ctx context.Context, kind string, body []byte) ([]byte, error) {
	if strings.HasPrefix(kind, "pairing-") {
		return l.keys.Answer(ctx, kind, body)
	}
	return l.sync().Answer(ctx, kind, body)
}

// Linked follows the link.
func (l peerLine) Linked(up bool) {
	l.sync().Linked(up)
	if !up {
		return
	}
	select {
	case l.linked <- struct{}{}:
	default:
	}
}

// resume finishes a rotation that was interrupted. A peer that stands still keeps nobody from newer keys.
func (l peerLine) resume(ctx context.Context, node rekeyed) error {
	ctx, cancel := context.WithTimeout(ctx, resumeTime)
	defer cancel()
	return l.keys.Resume(ctx, node.AskPeer)
}

const resumeTime = 5 * time.Second

// answerTime is how long the answer that changed the keys may be under way: the connection may end with them.
const answerTime = 100 * time.Millisecond

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// rekeyed is the node as far as its keys matter.
type rekeyed interface {
	Rekey()
	Relink(why string)
	AskPeer(ctx context.Context, kind string, body []byte) ([]byte, error)
}

// For how long a rotation may be unfinished while the link stands, at first and at most.
const (
	unfinished     = 5 * time.Second
	mostUnfinished = 10 * time.Minute
)

// keepKeys has the node use the keys that there are, and finishes rotations that were interrupted, until ctx ends.
func (l peerLine) keepKeys(ctx context.Context, node rekeyed, log hclog.Logger) error {
	wait := unfinished
	late := time.NewTimer(wait)
	defer late.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.keys.Changed():
			pause(ctx, answerTime)
			node.Rekey()
			l.sync().Ring()
			wait = unfinished
			late.Reset(wait)
		case <-l.linked:
			if err := l.resume(ctx, node); err != nil && !errors.Is(err, pairing.ErrUnpaired) {
				log.Debug("a rotation of keys is not finished yet", "cause", err)
			}
			late.Reset(wait)
		case <-late.C:
			if l.keys.State().Rotating {
				// The other node may have come to use its key since this connection was made: it shows it on the next.
				node.Relink("new keys are agreed on, and were not shown")
				wait = min(2*wait, mostUnfinished)
			}
		}
	}
}
