package config

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Revision is a policy at a point of its history. Two nodes of a pair have the same history: what
// belongs to one node alone is Number, Policy and Node.
type Revision struct {
	Number int // counts from 1 on each node
	// ID is its identity, in hexadecimal digits: SHA-256 of what Seal covers, the IDs of the parents
	// among it. So whoever signs an ID vouches for all that came before it, as far back as revisions
	// have such IDs: one that was kept before nodes had keys has its Hash for an ID.
	ID string
	// Parents are the IDs of what it was edited from: none of the first, two of a merge.
	Parents []string
	// Hash is Hash(Text()): equal texts have equal ones, whoever wrote them.
	Hash    string
	Author  string
	Message string
	Time    time.Time
	// Origin is the name of the node that made it, Key that node's public key, and Signature is over
	// the ID. A revision that was made before nodes had keys has none of them.
	Origin    string
	Key       ed25519.PublicKey
	Signature []byte
	// Shared is what of the policy both nodes have; nil: all of it.
	Shared []byte
	// Secrets are the files that the policy names, by their bare names ("carp.key").
	Secrets map[string][]byte
	Policy  []byte // rempart.toml, whole, as this node runs it
	Node    []byte // node.toml; nil when there is none. It never leaves the node
}

// Text is what of the policy both nodes have.
func (r *Revision) Text() []byte {
	if r.Shared != nil {
		return r.Shared
	}
	return r.Policy
}

// Hash is SHA-256 of a text in hexadecimal digits.
func Hash(policy []byte) string {
	sum := sha256.Sum256(policy)
	return hex.EncodeToString(sum[:])
}

// What Verify finds wrong with a revision.
var (
	ErrBounds    = errors.New("the revision is not of the form that a node gives it")
	ErrHash      = errors.New("the text does not have the hash that the revision says")
	ErrID        = errors.New("the revision does not have the identity that it says")
	ErrSignature = errors.New("the revision is not signed by the node that it says")
)

// Seal gives r its Hash and its ID, and signs it with the key of a node; without one (nil) it is
// nobody's. Parents, Author, Message, Time, Origin, the texts and the secrets are the caller's. Time
// becomes UTC, and what is no UTF-8 in the words becomes U+FFFD: neither would come back from a file.
func (r *Revision) Seal(key ed25519.PrivateKey) {
	for _, words := range []*string{&r.Author, &r.Message, &r.Origin} {
		*words = strings.ToValidUTF8(*words, "\ufffd")
	}
	r.Time = r.Time.Round(0).UTC()
	r.Hash = Hash(r.Text())
	r.Key, r.Signature = nil, nil
	if key != nil {
		r.Key = key.Public().(ed25519.PublicKey)
	}
	r.ID = r.identity()
	if key != nil {
		r.Signature = ed25519.Sign(key, signed(r.ID))
	}
}

// Verify says whether r is what Seal made: of the sizes and forms that a node gives a revision
// (ErrBounds), with the hash of its text (ErrHash), with the ID of all that is shared of it (ErrID),
// and signed with its Key when it has one (ErrSignature). Whose key that is, it does not say.
//
// A revision of a time when they had no ID has its Hash for one. It verifies when it says nothing
// that did not exist then; its text is what its ID says, but nothing vouches for its parent, its
// author, its message and its time.
func (r Revision) Verify() error {
	if err := r.bounds(); err != nil {
		return fmt.Errorf("%w: %w", ErrBounds, err)
	}
	switch {
	case r.Hash != Hash(r.Text()):
		return ErrHash
	case r.ID == r.Hash:
		if len(r.Parents) > 1 || r.Origin != "" || len(r.Key)+len(r.Signature)+len(r.Secrets) > 0 {
			return ErrID
		}
		return nil
	case r.ID != r.identity():
		return ErrID
	case len(r.Key) == 0 && len(r.Signature) == 0:
		return nil
	case len(r.Key) != ed25519.PublicKeySize || !ed25519.Verify(r.Key, signed(r.ID), r.Signature):
		return ErrSignature
	}
	return nil
}

// signed is what a node puts its signature to. The words keep a signature of a revision from being
// one of anything else.
func signed(id string) []byte { return []byte("rempart revision " + id) }

// identity is SHA-256 of what both nodes have of r, each piece behind its length.
func (r *Revision) identity() string {
	b := appendField(nil, "rempart identity of a revision")
	b = appendFields(b, r.Parents)
	b = appendField(b, r.Hash)
	b = appendField(b, r.Author)
	b = appendField(b, r.Message)
	b = appendTime(b, r.Time)
	b = appendField(b, r.Origin)
	b = appendField(b, r.Key)
	b = appendCount(b, len(r.Secrets))
	for _, name := range slices.Sorted(maps.Keys(r.Secrets)) {
		sum := sha256.Sum256(r.Secrets[name])
		b = appendField(appendField(b, name), sum[:])
	}
	return Hash(b)
}

func appendCount(b []byte, n int) []byte { return binary.BigEndian.AppendUint32(b, uint32(n)) }

func appendField[T string | []byte | ed25519.PublicKey](b []byte, field T) []byte {
	return append(appendCount(b, len(field)), field...)
}

func appendFields(b []byte, fields []string) []byte {
	b = appendCount(b, len(fields))
	for _, f := range fields {
		b = appendField(b, f)
	}
	return b
}

// appendTime appends t to the nanosecond, in whatever year it is and whichever zone it is told.
func appendTime(b []byte, t time.Time) []byte {
	return appendCount(binary.BigEndian.AppendUint64(b, uint64(t.Unix())), t.Nanosecond())
}

// What a revision may hold at most. It is far more than anyone needs, and less than hurts a node
// that is sent it.
const (
	mostParents    = 2
	mostSecrets    = 16
	largestAuthor  = 1 << 10
	largestMessage = 64 << 10
	largestOrigin  = 255 // a host name
	largestText    = 32 << 20
	largestName    = 255 // a file's
	largestSecret  = 64 << 10
)

// bounds says what of r no node makes.
func (r *Revision) bounds() error {
	for _, f := range []struct {
		name string
		size int
		most int
	}{
		{"the author", len(r.Author), largestAuthor},
		{"the message", len(r.Message), largestMessage},
		{"the origin", len(r.Origin), largestOrigin},
		{"rempart.toml", len(r.Policy), largestText},
		{"node.toml", len(r.Node), largestText},
		{"the shared text", len(r.Shared), largestText},
	} {
		if f.size > f.most {
			return fmt.Errorf("%s has %d bytes, at most %d", f.name, f.size, f.most)
		}
	}
	if !utf8.ValidString(r.Author + r.Message + r.Origin) {
		return errors.New("its words are no UTF-8")
	}
	// JSON has no years beyond.
	if y := r.Time.UTC(); y.Before(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)) || !y.Before(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)) {
		return errors.New("its time is in no year of four digits")
	}
	if err := parentBounds(r.Parents); err != nil {
		return err
	}
	return secretBounds(r.Secrets)
}

func parentBounds(parents []string) error {
	if len(parents) > mostParents {
		return fmt.Errorf("it has %d parents, at most %d", len(parents), mostParents)
	}
	for i, p := range parents {
		if len(p) != hex.EncodedLen(sha256.Size) || strings.Trim(p, "0123456789abcdef") != "" {
			return fmt.Errorf("the parent %q is no identity", p)
		}
		if slices.Contains(parents[:i], p) {
			return fmt.Errorf("it has the parent %s twice", p)
		}
	}
	return nil
}

func secretBounds(secrets map[string][]byte) error {
	if len(secrets) > mostSecrets {
		return fmt.Errorf("it has %d secrets, at most %d", len(secrets), mostSecrets)
	}
	for name, secret := range secrets {
		if name == "" || name == "." || name == ".." || len(name) > largestName || strings.ContainsAny(name, "/\x00") || !utf8.ValidString(name) {
			return fmt.Errorf("the secret %q has no bare name of a file", name)
		}
		if len(secret) > largestSecret {
			return fmt.Errorf("the secret %q has %d bytes, at most %d", name, len(secret), largestSecret)
		}
	}
	return nil
}
