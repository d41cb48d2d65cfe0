package pairing

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// A rotation goes so. Each line is on the disk before the next begins:
//
//	asks: offer of A', and half a root   -->  makes B'; holds the bond (A', root')
//	holds the bond (B', root')           <--  offer of B', and the other half
//	asks: commit                         -->  presents B' from now on
//	presents A' from now on              <--  ok
//	sees B' on the link, forgets B and the old root; the other does so when it sees A'
//
// Nobody presents a new key before the other is known to believe it, and nobody forgets an old one
// before the other is known to present the new one. Either node may ask to commit, and may ask again;
// a bond that the other says it never held is dropped, unless its key is in use.

// Ask asks the peer a question over the link that stands, and returns its answer.
type Ask = func(ctx context.Context, kind string, body []byte) ([]byte, error)

// Rotate gives both nodes new keys and a new root, without any moment at which they would
// not believe each other. A rotation that was begun by either is finished in its place. When it
// returns, both have come to use the new keys; the old ones are believed until Proved says that the peer has shown its new one.
func (k *Keeper) Rotate(ctx context.Context, ask Ask) error {
	if err := k.rotate(ctx, ask); err != nil {
		return fmt.Errorf("rotate keys: %w", err)
	}
	return nil
}

func (k *Keeper) rotate(ctx context.Context, ask Ask) error {
	if k.fault != nil {
		return k.fault
	}
	before := k.read()
	if err := k.resume(ctx, ask); err != nil {
		return err
	}
	if now := k.read(); before.rotating() && (now.rotating() || !now.own.Equal(before.own)) {
		return nil
	}
	o, body, err := k.offer()
	if err != nil {
		return err
	}
	defer k.withdraw(o)
	b, err := ask(ctx, KindOffer, body)
	if err != nil {
		return err
	}
	s, f, err := parseAnswer(b)
	switch {
	case err != nil:
		return err
	case s == busy:
		return ErrBusy
	case s != ok:
		return errStranger
	}
	answer, err := parseOffer(f, o)
	if err != nil {
		return err
	}
	if err := k.accept(o, answer); err != nil {
		return err
	}
	return k.resume(ctx, ask)
}

// offer makes an offer of this node.
func (k *Keeper) offer() (*offer, []byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.book.bonds) == 0 {
		return nil, nil, ErrUnpaired
	}
	if _, is := k.book.settledBond(); !is || len(k.book.bonds) > 1 || k.offering != nil {
		return nil, nil, ErrBusy
	}
	o, err := newOffer(newID(), k.book.own)
	if err != nil {
		return nil, nil, err
	}
	k.offering = o
	return o, o.append(nil, k.book.own, nil), nil
}

// withdraw ends the waiting for an answer.
func (k *Keeper) withdraw(o *offer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.offering == o {
		k.offering = nil
	}
}

// accept holds the bond that an offer and its answer make, unless the peer's own offer went before.
func (k *Keeper) accept(o, answer *offer) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	from, is := k.book.settledBond()
	switch {
	case k.offering != o || !is || len(k.book.bonds) > 1:
		return ErrBusy
	case !bytes.Equal(answer.id, o.id) || !answer.current.Equal(from.key):
		return errVoucher
	}
	x, err := rotated(from, o, o, answer)
	if err != nil {
		return err
	}
	k.offering = nil
	return k.update(func(b book) (book, error) { return b.add(x) })
}

// Resume finishes or drops what was interrupted, of a pairing or a rotation. It is to be called
// whenever a link stands, and asks nothing when nothing was interrupted.
func (k *Keeper) Resume(ctx context.Context, ask Ask) error {
	if err := k.resume(ctx, ask); err != nil {
		return fmt.Errorf("resume pairing: %w", err)
	}
	return nil
}

func (k *Keeper) resume(ctx context.Context, ask Ask) error {
	b := k.read()
	for _, x := range slices.Backward(b.bonds) {
		if x.stage == settled {
			continue
		}
		c := commit{id: x.id, to: x.key, agreed: x.stage == agreed}
		if from, is := b.settledBond(); x.rotates && is {
			c.to = from.key
		}
		if !k.asks(x.id) {
			continue
		}
		answer, err := ask(ctx, KindCommit, c.append(nil))
		if err != nil {
			return err
		}
		s, _, err := parseAnswer(answer)
		if err != nil {
			return err
		}
		if over, err := k.committed(x, s); over || err != nil {
			return err
		}
	}
	return nil
}

// asks notes that the peer may come to use a bond, unless it is being made.
func (k *Keeper) asks(id string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.meeting == id {
		return false
	}
	k.asked = id
	return true
}

// committed takes the peer's answer to a commit. It is over when a bond stands: those before it need no question.
func (k *Keeper) committed(x bond, s status) (over bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, held := k.book.find(x.id); !held {
		return false, nil
	}
	switch s {
	case ok:
		return true, k.update(func(b book) (book, error) {
			if x.rotates {
				return b.agree(x.id), nil
			}
			return b.settle(x.id), nil
		})
	case unknown:
		return false, k.update(func(b book) (book, error) { return b.drop(x.id), nil })
	case busy:
		return true, ErrBusy
	case stranger:
		return false, nil
	}
	return false, errAnswer
}

var errKind = errors.New("no such question about a pairing")

// Answer answers a question of the peer, over the link, whose kind begins with "pairing-".
func (k *Keeper) Answer(ctx context.Context, kind string, body []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var b []byte
	var err error
	switch kind {
	case KindOffer:
		b, err = k.onOffer(body)
	case KindCommit:
		b, err = k.onCommit(body)
	case KindUnpair:
		k.offering = nil
		err = k.update(func(b book) (book, error) { return b.unpaired(), nil })
	default:
		err = errKind
	}
	if err != nil {
		return nil, fmt.Errorf("answer %s: %w", kind, err)
	}
	return b, nil
}

// onOffer answers the peer's offer with one of this node, and holds the bond of both.
func (k *Keeper) onOffer(body []byte) ([]byte, error) {
	f, err := parseFields(body)
	if err != nil {
		return nil, err
	}
	theirs, err := parseOffer(f, nil)
	if err != nil {
		return nil, err
	}
	if !has(k.book.peers(), theirs.current) {
		return appendStatus(nil, stranger), nil
	}
	// It presents this key when it signs with it.
	if err := k.proved(theirs.current); err != nil {
		return nil, err
	}
	from, free := k.free(theirs.current)
	if !free {
		return appendStatus(nil, busy), nil
	}
	mine, err := newOffer(theirs.id, k.book.own)
	if err != nil {
		return nil, err
	}
	x, err := rotated(from, mine, theirs, mine)
	if err != nil {
		return nil, err
	}
	k.offering = nil
	err = k.update(func(b book) (book, error) {
		// An earlier offer that the peer makes no more: it has no such bond, or it would finish it.
		for _, y := range b.bonds {
			b = b.drop(y.id)
		}
		return b.add(x)
	})
	if err != nil {
		return nil, err
	}
	return mine.append(appendStatus(nil, ok), k.book.own, theirs), nil
}

// free says whether an offer of a peer can be taken, and the bond that it goes on from. Of two offers at
// once, that of the smaller key goes first.
func (k *Keeper) free(peer ed25519.PublicKey) (bond, bool) {
	from, is := k.book.settledBond()
	if !is || !from.key.Equal(peer) {
		return bond{}, false
	}
	for _, x := range k.book.bonds {
		// A peer that offers holds none but the settled one, as far as this offer is not older than what came since.
		if x.stage != settled && (!x.rotates || x.stage == agreed || x.id == k.asked) {
			return bond{}, false
		}
	}
	return from, k.offering == nil || bytes.Compare(k.book.public(), peer) > 0
}

// onCommit uses a bond that the peer says it holds.
func (k *Keeper) onCommit(body []byte) ([]byte, error) {
	c, err := parseCommit(body)
	if err != nil {
		return nil, err
	}
	i, held := k.book.find(c.id)
	switch {
	case held && k.book.bonds[i].stage == settled:
		return appendStatus(nil, ok), nil
	case held:
		err := k.update(func(b book) (book, error) {
			if c.agreed && !b.bonds[i].rotates {
				return b.settle(c.id), nil
			}
			return b.agree(c.id), nil
		})
		if err != nil {
			return nil, err
		}
		return appendStatus(nil, ok), nil
	case !k.book.is(c.to):
		return appendStatus(nil, stranger), nil
	case k.offering != nil && hex.EncodeToString(k.offering.id) == c.id:
		return appendStatus(nil, busy), nil
	}
	return appendStatus(nil, unknown), nil
}
