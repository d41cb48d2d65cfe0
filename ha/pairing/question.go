package pairing

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
)

// Kinds of questions to the peer, over the link, for Answer.
const (
	// KindOffer offers a new key and half of a new root.
	KindOffer = "pairing-offer"
	// KindCommit says that this node holds a bond, and asks whether the peer does.
	KindCommit = "pairing-commit"
	// KindUnpair has the peer forget this node. Its body is empty, and so is the answer's.
	KindUnpair = "pairing-unpair"
)

// status is how a question was taken.
type status byte

const (
	ok       status = iota + 1
	unknown         // there is no such bond
	busy            // there is another that is not finished
	stranger        // the question is not for this node, or not from its peer
)

var (
	errStranger = errors.New("the peer takes this node for another one")
	errAnswer   = errors.New("the peer's answer has no such form")
	errVoucher  = errors.New("a new key is not vouched for by the key of the peer")
)

// offer is one side of a rotation: a new key, and half of a new root. Both keys vouch
// for it, so that nobody can offer another's.
type offer struct {
	id      []byte
	current ed25519.PublicKey
	fresh   ed25519.PublicKey
	half    []byte
	// next is the private key of fresh, which stays here.
	next ed25519.PrivateKey
}

func newOffer(id []byte, own ed25519.PrivateKey) (*offer, error) {
	fresh, next, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	o := &offer{id: id, current: publicOf(own), fresh: fresh, half: make([]byte, rootLen), next: next}
	rand.Read(o.half)
	return o, nil
}

func newID() []byte {
	b := make([]byte, idLen)
	rand.Read(b)
	return b
}

// text is what both keys sign. to is the offer that this one answers; nil: none.
func (o *offer) text(to *offer) []byte {
	b := appendLV(nil, []byte("rempart rotation 1"), o.id, o.current, o.fresh, o.half)
	if to != nil {
		b = appendLV(b, to.text(nil))
	}
	return b
}

// append adds the offer as it goes to the peer.
func (o *offer) append(b []byte, own ed25519.PrivateKey, to *offer) []byte {
	text := o.text(to)
	b = appendField(b, tagID, o.id)
	b = appendField(b, tagKey, o.current)
	b = appendField(b, tagFresh, o.fresh)
	b = appendField(b, tagHalf, o.half)
	b = appendField(b, tagSignature, ed25519.Sign(own, text))
	return appendField(b, tagVoucher, ed25519.Sign(o.next, text))
}

// parseOffer reads an offer that both of its keys vouch for.
func parseOffer(f fields, to *offer) (*offer, error) {
	id, errID := f.fixed(tagID, idLen)
	current, errCurrent := f.fixed(tagKey, ed25519.PublicKeySize)
	fresh, errFresh := f.fixed(tagFresh, ed25519.PublicKeySize)
	half, errHalf := f.fixed(tagHalf, rootLen)
	if errors.Join(errID, errCurrent, errFresh, errHalf) != nil {
		return nil, errFormat
	}
	o := &offer{id: slices.Clone(id), current: slices.Clone(current), fresh: slices.Clone(fresh), half: slices.Clone(half)}
	text := o.text(to)
	if !ed25519.Verify(o.current, text, f[tagSignature]) || !ed25519.Verify(o.fresh, text, f[tagVoucher]) {
		return nil, errVoucher
	}
	return o, nil
}

// rotated is the bond that two offers make of the one that both nodes use. mine is the one
// that was made here, first the one that was made first.
func rotated(from bond, mine, first, second *offer) (bond, error) {
	theirs := first
	if mine == first {
		theirs = second
	}
	secret := slices.Concat(from.root, first.half, second.half)
	key, err := hkdf.Extract(sha256.New, secret, first.id)
	if err != nil {
		return bond{}, err
	}
	info := "rempart rotation 1 root" + string(first.fresh) + string(second.fresh)
	root, err := hkdf.Expand(sha256.New, key, info, rootLen)
	return bond{
		id: hex.EncodeToString(first.id), node: from.node, since: from.since, place: from.place,
		key: theirs.fresh, root: root, stage: offered, rotates: true, next: mine.next,
	}, err
}

// commit says that its sender holds a bond.
type commit struct {
	id string
	// to is a key that the asked node has or had: another node has nothing to say about the bond.
	to ed25519.PublicKey
	// agreed says that its sender uses the bond already.
	agreed bool
}

func (c commit) append(b []byte) []byte {
	id, _ := hex.DecodeString(c.id) // it was encoded here
	b = appendField(b, tagID, id)
	b = appendField(b, tagTo, c.to)
	if c.agreed {
		b = appendField(b, tagAgreed, []byte{1})
	}
	return b
}

func parseCommit(b []byte) (commit, error) {
	f, err := parseFields(b)
	if err != nil {
		return commit{}, err
	}
	id, errID := f.fixed(tagID, idLen)
	to, errTo := f.fixed(tagTo, ed25519.PublicKeySize)
	if errID != nil || errTo != nil {
		return commit{}, errFormat
	}
	return commit{id: hex.EncodeToString(id), to: slices.Clone(to), agreed: len(f[tagAgreed]) > 0}, nil
}

func appendStatus(b []byte, s status) []byte { return appendField(b, tagStatus, []byte{byte(s)}) }

// parseAnswer reads how a question was taken, and what else the answer says.
func parseAnswer(b []byte) (status, fields, error) {
	f, err := parseFields(b)
	if err != nil {
		return 0, nil, errAnswer
	}
	s, err := f.fixed(tagStatus, 1)
	if err != nil {
		return 0, nil, errAnswer
	}
	return status(s[0]), f, nil
}
