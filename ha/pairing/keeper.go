package pairing

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/rempart/rempart/disk"
)

// Keeper keeps on disk whom this node believes and by what key it is believed.
// What it returns are copies, and what it took is on the disk when it returns.
type Keeper struct {
	dir  string
	disk disk.Disk
	// fault is why the directory cannot be used; nil: it can.
	fault error

	mu   sync.Mutex
	book book
	// offering is the rotation that this node offers and has no answer to; nil: none.
	offering *offer
	// asked is the bond to which the peer was last asked to commit: it may use that since, whether or not its
	// answer came.
	asked string
	// meeting is the bond that an exchange is making.
	meeting string
	// moved is closed and replaced when a bond was settled.
	moved   chan struct{}
	changed chan struct{}
}

// Open reads a directory, and makes it and the own key of this node if they are
// not there. A file that cannot be read is an error that says what to do.
func Open(dir string) (*Keeper, error) { return open(dir, disk.OS{}) }

func open(dir string, d disk.Disk) (*Keeper, error) {
	k := &Keeper{dir: dir, disk: d, moved: make(chan struct{}), changed: make(chan struct{}, 1)}
	if err := disk.MakeDir(d, dir); err != nil {
		return nil, fmt.Errorf("open pairing: %w", err)
	}
	if err := disk.Clear(d, dir); err != nil {
		return nil, fmt.Errorf("open pairing: %w", err)
	}
	if err := k.makeKey(); err != nil {
		return nil, fmt.Errorf("open pairing: %w", err)
	}
	b, err := k.load()
	if err != nil {
		return nil, fmt.Errorf("open pairing: %w", err)
	}
	k.book = b
	return k, nil
}

// Shut returns a Keeper in place of one that Open could not open because of fault, for a gateway that
// has to come up all the same: it is paired with nobody, has a key that lasts as long as it, leaves the
// directory as it is, and fails with fault whenever it is to pair, unpair or rotate.
func Shut(fault error) (*Keeper, error) {
	_, own, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return &Keeper{fault: fault, book: book{own: own}, moved: make(chan struct{}), changed: make(chan struct{}, 1)}, nil
}

// Fault is why this Keeper is shut; nil: it is not. What the own key of one that is shut signs, nobody
// will believe later.
func (k *Keeper) Fault() error { return k.fault }

func (k *Keeper) path(name string) string { return filepath.Join(k.dir, name) }

// makeKey makes an own key where there is none and nothing was paired yet.
func (k *Keeper) makeKey() error {
	path := k.path(keyFile)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Lstat(k.path(bookName)); err == nil {
		return fmt.Errorf("%s is missing: put a good copy in its place, or remove %s and pair again", path, k.path(bookName))
	}
	_, own, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	return k.writeKey(own)
}

// load reads both files.
func (k *Keeper) load() (book, error) {
	key, file := k.path(keyFile), k.path(bookName)
	b, err := disk.Read(key, maxFile)
	if err != nil {
		return book{}, err
	}
	own, err := decodeKey(b)
	if err != nil {
		return book{}, fmt.Errorf("%s: %w: put a good copy in its place, or remove it and %s and pair again", key, err, file)
	}
	b, err = disk.Read(file, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return book{own: own}, nil
	case err != nil:
		return book{}, err
	}
	all, err := decodeBook(b, own)
	if err != nil {
		return book{}, fmt.Errorf("%s: %w: put a good copy in its place, or remove it and pair again", file, err)
	}
	return all, nil
}

func (k *Keeper) writeKey(own ed25519.PrivateKey) error {
	b, err := encodeKey(own)
	if err != nil {
		return err
	}
	return disk.Replace(k.disk, k.path(keyFile), disk.Bytes(b))
}

// update replaces the book by what change makes of it, on the disk and then here.
// It is called with mu held.
func (k *Keeper) update(change func(book) (book, error)) error {
	if k.fault != nil {
		return k.fault
	}
	next, err := change(k.book)
	if err != nil {
		return err
	}
	if err := k.write(next); err != nil {
		// It may stand on the disk all the same. What stands there is what holds after a restart, and the next
		// change has to go on from it.
		if stands, fault := k.load(); fault == nil {
			k.replace(stands)
		}
		return err
	}
	k.replace(next)
	return nil
}

// write puts a book on the disk. The key goes first: a book that still calls it the next one is
// caught up with it, and one that has forgotten it could not be.
func (k *Keeper) write(next book) error {
	b, err := encodeBook(next)
	if err != nil {
		return err
	}
	if !next.own.Equal(k.book.own) {
		if err := k.writeKey(next.own); err != nil {
			return err
		}
	}
	return disk.Replace(k.disk, k.path(bookName), disk.Bytes(b))
}

// replace tells those who wait for it that another book holds.
func (k *Keeper) replace(next book) {
	before := k.book
	k.book = next
	was, _ := before.settledBond()
	if is, ok := next.settledBond(); ok && is.id != was.id {
		close(k.moved)
		k.moved = make(chan struct{})
	}
	if next.own.Equal(before.own) && slices.EqualFunc(next.order(), before.order(), equalBonds) {
		return
	}
	select {
	case k.changed <- struct{}{}:
	default:
	}
}

// equalBonds says whether they are the same to those who use them.
func equalBonds(a, b bond) bool {
	return a.id == b.id && a.key.Equal(b.key) && (a.stage == offered) == (b.stage == offered)
}

// read is the book as it is.
func (k *Keeper) read() book {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.book
}

// Own is the private key that this node presents.
func (k *Keeper) Own() ed25519.PrivateKey { return slices.Clone(k.read().own) }

// Peers are the public keys that are the peer's, the one that it most probably presents
// first. There is more than one while it may present another, and none when nothing is paired.
func (k *Keeper) Peers() []ed25519.PublicKey { return k.read().peers() }

// Roots are the secrets of 32 bytes that the peer holds, or may hold. What is sent is to be made with the
// first, and what comes may be made with any: a newer one comes after an older one as long
// as the peer may lack it, and an older one stays as long as the peer may lack the newer.
func (k *Keeper) Roots() [][]byte { return k.read().roots() }

// Known are the public keys by which something of this pair may be signed: of both nodes and of those that
// were paired with them before, present and former ones.
func (k *Keeper) Known() []ed25519.PublicKey { return k.read().known() }

// Former says whether a key was once a peer's and is not believed any more.
func (k *Keeper) Former(key ed25519.PublicKey) bool { return has(k.read().former, key) }

// Changed tells that Own, Peers, Roots or State may be others than before. It holds one.
func (k *Keeper) Changed() <-chan struct{} { return k.changed }

// State is with whom this node is paired.
func (k *Keeper) State() State { return k.read().state() }

// state is what people see of a book: the bond that is in use.
func (b book) state() State {
	s := State{Own: Fingerprint(b.public()), Rotating: b.rotating()}
	all := b.order()
	if len(all) == 0 || all[0].stage == offered {
		return s
	}
	x := all[0]
	s.Paired, s.Node, s.Since, s.Peer = true, x.node, x.since, Fingerprint(x.key)
	s.Device, s.Local, s.Address = x.place.device, x.place.local, x.place.address
	return s
}

// Unpair forgets the peer and what was shared with it. The own key stays, and the
// peer's is a former one.
func (k *Keeper) Unpair() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.fault != nil:
		return fmt.Errorf("unpair: %w", k.fault)
	case len(k.book.bonds) == 0:
		return fmt.Errorf("unpair: %w", ErrUnpaired)
	}
	k.offering = nil
	if err := k.update(func(b book) (book, error) { return b.unpaired(), nil }); err != nil {
		return fmt.Errorf("unpair: %w", err)
	}
	return nil
}

// Proved takes it that the peer has shown a key on the link: what that makes obsolete
// is dropped.
func (k *Keeper) Proved(key ed25519.PublicKey) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.proved(key); err != nil {
		return fmt.Errorf("keep the peer's key: %w", err)
	}
	return nil
}

// proved is Proved with mu held.
func (k *Keeper) proved(key ed25519.PublicKey) error {
	if _, news := k.book.proved(key); !news {
		return nil
	}
	return k.update(func(b book) (book, error) {
		b, _ = b.proved(key)
		return b, nil
	})
}
