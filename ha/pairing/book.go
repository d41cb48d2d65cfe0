package pairing

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// stage is how far a bond is known to have come on both nodes.
type stage int

const (
	// offered: this node holds it, and the other may.
	offered stage = iota + 1
	// agreed: both hold it, and this node uses it.
	agreed
	// settled: both use it, and what was before is over.
	settled
)

func stages() map[stage]string {
	return map[stage]string{offered: "offered", agreed: "agreed", settled: "settled"}
}

func (s stage) String() string { return stages()[s] }

// bond is one key of a peer and one root with it.
type bond struct {
	id    string
	node  string
	since time.Time
	key   ed25519.PublicKey
	root  []byte
	place place
	stage stage
	// rotates says that it was made by a rotation, and next is the own key that comes into use with it;
	// nil once it is in use.
	rotates bool
	next    ed25519.PrivateKey
	// known are keys of which the peer told.
	known []ed25519.PublicKey
}

// place is where the connection of a pairing ran.
type place struct {
	device         string
	local, address netip.Addr
}

// book is all that a node knows of its pairing. It is a value: what changes it returns another one.
type book struct {
	own   ed25519.PrivateKey
	bonds []bond // oldest first, at most one of them settled
	// ownFormer and former are keys that this node and its peers presented once; learned are others of
	// which a peer told. Oldest first.
	ownFormer, former, learned []ed25519.PublicKey
}

const maxBonds = 4

func (b book) public() ed25519.PublicKey { return publicOf(b.own) }

func publicOf(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

func (b book) find(id string) (int, bool) {
	i := slices.IndexFunc(b.bonds, func(x bond) bool { return x.id == id })
	return i, i >= 0
}

// settledBond is the pairing that both nodes use.
func (b book) settledBond() (bond, bool) {
	i := slices.IndexFunc(b.bonds, func(x bond) bool { return x.stage == settled })
	if i < 0 {
		return bond{}, false
	}
	return b.bonds[i], true
}

// rotating says whether a rotation is under way.
func (b book) rotating() bool {
	return slices.ContainsFunc(b.bonds, func(x bond) bool { return x.rotates && x.stage != settled })
}

// order is the bonds by what to speak with first: what both use or are known to hold, newest first, and then
// what the other may not have.
func (b book) order() []bond {
	all := slices.Clone(b.bonds)
	slices.Reverse(all)
	sure := func(x bond) int {
		if x.stage == offered {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(all, func(x, y bond) int { return sure(x) - sure(y) })
	return all
}

func (b book) peers() []ed25519.PublicKey {
	var keys []ed25519.PublicKey
	for _, x := range b.order() {
		keys = with(keys, x.key)
	}
	return keys
}

func (b book) roots() [][]byte {
	var roots [][]byte
	for _, x := range b.order() {
		roots = append(roots, slices.Clone(x.root))
	}
	return roots
}

// known is every key by which something of this pair may be signed.
func (b book) known() []ed25519.PublicKey {
	all := with(nil, b.learned...)
	for _, x := range b.bonds {
		all = with(all, x.known...)
	}
	all = with(all, b.former...)
	all = with(all, b.ownFormer...)
	for _, x := range b.bonds {
		all = with(all, x.key)
		if x.next != nil {
			all = with(all, publicOf(x.next))
		}
	}
	return with(all, b.public())
}

// is says whether this node has or had a key.
func (b book) is(key ed25519.PublicKey) bool {
	return key.Equal(b.public()) || has(b.ownFormer, key)
}

var errUnfinished = errors.New("too many pairings were begun and not finished: unpair first")

// add holds a bond. Where there is no room, the oldest that nobody is known to use makes some.
func (b book) add(x bond) (book, error) {
	bonds := slices.Clone(b.bonds)
	if len(bonds) >= maxBonds {
		i := slices.IndexFunc(bonds, func(x bond) bool { return x.stage == offered })
		if i < 0 {
			return b, errUnfinished
		}
		bonds = slices.Delete(bonds, i, i+1)
	}
	b.bonds = append(bonds, x)
	b.former = without(b.former, x.key)
	return b, nil
}

// pair holds what an exchange made, unless a rotation is under way: who was offered a
// new key may present it, and would not be believed any more.
func (b book) pair(x bond) (book, error) {
	if b.rotating() {
		return b, ErrRotating
	}
	b, err := b.add(x)
	if err == nil && x.stage == agreed && !b.shares(x) {
		b = b.settle(x.id)
	}
	return b, err
}

// shares says whether another bond is with the same key: until the peer says which of them
// it uses, it may use either.
func (b book) shares(x bond) bool {
	return slices.ContainsFunc(b.bonds, func(y bond) bool { return y.id != x.id && y.key.Equal(x.key) })
}

// agree uses a bond that the other holds as well, with the own key that belongs to it.
func (b book) agree(id string) book {
	i, ok := b.find(id)
	if !ok || b.bonds[i].stage != offered {
		return b
	}
	b.bonds = slices.Clone(b.bonds)
	x := &b.bonds[i]
	x.stage = agreed
	if x.next != nil {
		b.ownFormer = bounded(with(b.ownFormer, b.public()))
		b.own, x.next = x.next, nil
	}
	return b
}

// settle makes a bond the only one: both use it.
func (b book) settle(id string) book {
	b = b.agree(id)
	i, ok := b.find(id)
	if !ok {
		return b
	}
	x := b.bonds[i]
	for _, y := range b.bonds {
		if y.id != id && y.stage != offered && !y.key.Equal(x.key) {
			b.former = bounded(with(b.former, y.key))
		}
	}
	b.former = without(b.former, x.key)
	b.learned = bounded(with(b.learned, x.known...))
	x.stage, x.rotates, x.known = settled, false, nil
	b.bonds = []bond{x}
	return b
}

// drop forgets a bond that the other does not hold. One whose own key is in use stays.
func (b book) drop(id string) book {
	i, ok := b.find(id)
	if !ok || b.bonds[i].stage == settled || b.bonds[i].rotates && b.bonds[i].stage == agreed {
		return b
	}
	b.bonds = slices.Delete(slices.Clone(b.bonds), i, i+1)
	return b
}

// proved takes it that the peer presents a key. One that was made for a rotation comes into use when both
// hold the bond, so that the rotation is over. The key of a pairing may be older than it, and says nothing.
func (b book) proved(key ed25519.PublicKey) (book, bool) {
	i := slices.IndexFunc(b.bonds, func(x bond) bool { return x.key.Equal(key) && x.rotates })
	if i < 0 {
		return b, false
	}
	return b.settle(b.bonds[i].id), true
}

// unpaired forgets the peer. An own key that was never presented goes with it.
func (b book) unpaired() book {
	for _, x := range b.bonds {
		b.former = with(b.former, x.key)
		b.learned = with(b.learned, x.known...)
	}
	b.former, b.learned, b.bonds = bounded(b.former), bounded(b.learned), nil
	return b
}

var errTwoSettled = errors.New("two pairings are settled")

// check says what a book that was read contradicts itself in.
func (b book) check() error {
	count := 0
	for i, x := range b.bonds {
		if x.stage == settled {
			count++
		}
		if j, _ := b.find(x.id); j != i {
			return fmt.Errorf("two pairings have the id %s", x.id)
		}
		if x.key.Equal(b.public()) {
			return ErrItself
		}
	}
	if count > 1 || len(b.bonds) > maxBonds {
		return errTwoSettled
	}
	return nil
}

func has(keys []ed25519.PublicKey, key ed25519.PublicKey) bool {
	return slices.ContainsFunc(keys, func(k ed25519.PublicKey) bool { return k.Equal(key) })
}

// with is keys and those of more that are not among them, in a slice of its own.
func with(keys []ed25519.PublicKey, more ...ed25519.PublicKey) []ed25519.PublicKey {
	keys = slices.Clone(keys)
	for _, k := range more {
		if !has(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

func without(keys []ed25519.PublicKey, key ed25519.PublicKey) []ed25519.PublicKey {
	return slices.DeleteFunc(slices.Clone(keys), func(k ed25519.PublicKey) bool { return k.Equal(key) })
}

// bounded is the newest of keys.
func bounded(keys []ed25519.PublicKey) []ed25519.PublicKey {
	return keys[max(0, len(keys)-maxKnown):]
}
