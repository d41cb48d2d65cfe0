package pairing

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// What stands in the directory: the own key, and all else. They are written one
// after the other; a key that came into use with a bond is known from it.
const (
	keyFile  = "own.key"
	bookName = "pairing.json"
	maxFile  = 256 << 10

	fileFormat = 1
	pemType    = "PRIVATE KEY"
)

// file is pairing.json. Sum is over Book without blanks, so that a damaged root or key is noticed.
type file struct {
	Format int             `json:"format"`
	Sum    string          `json:"sha256"`
	Book   json.RawMessage `json:"pairing"`
}

type fileBook struct {
	Own       []byte     `json:"own"` // the public key that belongs to it
	Bonds     []fileBond `json:"bonds,omitempty"`
	OwnFormer [][]byte   `json:"own_former,omitempty"`
	Former    [][]byte   `json:"former,omitempty"`
	Learned   [][]byte   `json:"learned,omitempty"`
}

type fileBond struct {
	ID      string     `json:"id"`
	Stage   string     `json:"stage"`
	Node    string     `json:"node"`
	Since   time.Time  `json:"since"`
	Key     []byte     `json:"key"`
	Root    []byte     `json:"root"`
	Rotates bool       `json:"rotates,omitempty"`
	Next    []byte     `json:"next,omitempty"` // the seed of the own key that comes into use
	Known   [][]byte   `json:"known,omitempty"`
	Device  string     `json:"device,omitempty"`
	Local   netip.Addr `json:"local,omitzero"`
	Address netip.Addr `json:"address,omitzero"`
}

// encodeBook is the content of pairing.json.
func encodeBook(b book) ([]byte, error) {
	f := fileBook{Own: b.public(), OwnFormer: raw(b.ownFormer), Former: raw(b.former), Learned: raw(b.learned)}
	for _, x := range b.bonds {
		w := fileBond{
			ID: x.id, Stage: x.stage.String(), Node: x.node, Since: x.since, Key: x.key, Root: x.root, Rotates: x.rotates,
			Known: raw(x.known), Device: x.place.device, Local: x.place.local, Address: x.place.address,
		}
		if x.next != nil {
			w.Next = x.next.Seed()
		}
		f.Bonds = append(f.Bonds, w)
	}
	text, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	out, err := json.MarshalIndent(file{Format: fileFormat, Sum: sum(text), Book: text}, "", "  ")
	return append(out, '\n'), err
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

var errSum = errors.New("it does not have the sum that it says")

// decodeBook reads pairing.json beside an own key.
func decodeBook(b []byte, own ed25519.PrivateKey) (book, error) {
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return book{}, err
	}
	if f.Format != fileFormat {
		return book{}, fmt.Errorf("it has format %d, and this version reads %d", f.Format, fileFormat)
	}
	var text bytes.Buffer
	if err := json.Compact(&text, f.Book); err != nil {
		return book{}, err
	}
	if sum(text.Bytes()) != f.Sum {
		return book{}, errSum
	}
	var w fileBook
	if err := json.Unmarshal(text.Bytes(), &w); err != nil {
		return book{}, err
	}
	return w.book(own)
}

// book is what a file says, when the own key is the one that it was written with, or the next one.
func (w fileBook) book(own ed25519.PrivateKey) (book, error) {
	b := book{own: own}
	var err error
	for _, list := range []struct {
		to   *[]ed25519.PublicKey
		from [][]byte
	}{{&b.ownFormer, w.OwnFormer}, {&b.former, w.Former}, {&b.learned, w.Learned}} {
		if *list.to, err = keysOf(list.from); err != nil {
			return book{}, err
		}
	}
	for _, x := range w.Bonds {
		y, err := x.bond()
		if err != nil {
			return book{}, err
		}
		b.bonds = append(b.bonds, y)
	}
	if !bytes.Equal(w.Own, b.public()) {
		if b, err = b.caughtUp(w.Own); err != nil {
			return book{}, err
		}
	}
	return b, b.check()
}

var errOwnKey = errors.New("it belongs to another key than the one in " + keyFile)

// caughtUp is a book whose own key was replaced just before the machine stopped.
func (b book) caughtUp(written ed25519.PublicKey) (book, error) {
	for _, x := range b.bonds {
		if x.next != nil && publicOf(x.next).Equal(b.public()) && len(written) == ed25519.PublicKeySize {
			own := b.own
			b = b.agree(x.id)
			b.own = own
			b.ownFormer = bounded(with(without(b.ownFormer, b.public()), written))
			return b, nil
		}
	}
	return book{}, errOwnKey
}

func (w fileBond) bond() (bond, error) {
	x := bond{
		id: w.ID, node: w.Node, since: w.Since, key: w.Key, root: w.Root, rotates: w.Rotates,
		place: place{device: w.Device, local: w.Local, address: w.Address},
	}
	for s, name := range stages() {
		if name == w.Stage {
			x.stage = s
		}
	}
	if x.stage == 0 || x.id == "" || len(x.key) != ed25519.PublicKeySize || len(x.root) != rootLen {
		return bond{}, errors.New("a pairing in it is incomplete")
	}
	if len(w.Next) > 0 {
		if len(w.Next) != ed25519.SeedSize || !w.Rotates || x.stage != offered {
			return bond{}, errors.New("a key in it is none")
		}
		x.next = ed25519.NewKeyFromSeed(w.Next)
	}
	var err error
	x.known, err = keysOf(w.Known)
	return x, err
}

func raw(keys []ed25519.PublicKey) [][]byte {
	var all [][]byte
	for _, k := range keys {
		all = append(all, k)
	}
	return all
}

func keysOf(all [][]byte) ([]ed25519.PublicKey, error) {
	var keys []ed25519.PublicKey
	for _, k := range all {
		if len(k) != ed25519.PublicKeySize {
			return nil, errors.New("a key in it is none")
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// encodeKey is a private key as PKCS #8 in PEM (RFC 5958, RFC 8410), which openssl(1) reads as well.
func encodeKey(key ed25519.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}), nil
}

func decodeKey(b []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != pemType {
		return nil, errors.New("it has no private key in PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	own, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("its key is not one of Ed25519")
	}
	return own, nil
}
