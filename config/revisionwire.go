package config

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// sharedMagic begins what goes to the other node. Behind it every piece has its length before it.
const sharedMagic = "rempart shared revision 1\n"

// AppendShared appends to b what of r goes to the other node: all but Number, Policy and Node, with
// Text for the policy. It holds the secrets, in the clear. r has to verify, or ParseShared refuses it.
func AppendShared(b []byte, r Revision) []byte {
	b = append(b, sharedMagic...)
	b = appendField(b, r.ID)
	b = appendFields(b, r.Parents)
	b = appendField(b, r.Author)
	b = appendField(b, r.Message)
	b = appendTime(b, r.Time)
	b = appendField(b, r.Origin)
	b = appendField(b, r.Key)
	b = appendField(b, r.Signature)
	b = appendField(b, r.Text())
	b = appendCount(b, len(r.Secrets))
	for _, name := range slices.Sorted(maps.Keys(r.Secrets)) {
		b = appendField(appendField(b, name), r.Secrets[name])
	}
	return b
}

// ParseShared reads what AppendShared wrote, all of b. The revision verifies, has its text in Shared
// and keeps nothing of b. There is one way to write it: AppendShared gives the same bytes again.
func ParseShared(b []byte) (Revision, error) {
	r, err := parseShared(b)
	if err == nil {
		err = r.Verify()
	}
	if err != nil {
		return Revision{}, fmt.Errorf("parse shared revision: %w", err)
	}
	return r, nil
}

func parseShared(b []byte) (Revision, error) {
	body, ok := bytes.CutPrefix(b, []byte(sharedMagic))
	if !ok {
		return Revision{}, errors.New("it is of another version of rempart")
	}
	c := &cutter{rest: body}
	r := Revision{ID: string(c.field(hex.EncodedLen(sha256.Size)))}
	for range c.count(mostParents) {
		r.Parents = append(r.Parents, string(c.field(hex.EncodedLen(sha256.Size))))
	}
	r.Author = string(c.field(largestAuthor))
	r.Message = string(c.field(largestMessage))
	r.Time = c.time()
	r.Origin = string(c.field(largestOrigin))
	if key := c.field(ed25519.PublicKeySize); len(key) > 0 {
		r.Key = bytes.Clone(key)
	}
	if signature := c.field(ed25519.SignatureSize); len(signature) > 0 {
		r.Signature = bytes.Clone(signature)
	}
	r.Shared = append([]byte{}, c.field(largestText)...)
	r.Hash = Hash(r.Shared)
	last := ""
	for range c.count(mostSecrets) {
		name := string(c.field(largestName))
		if name <= last {
			return Revision{}, errors.New("its secrets stand in another order than that of their names")
		}
		r.addSecret(name, append([]byte{}, c.field(largestSecret)...))
		last = name
	}
	if !c.done() {
		return Revision{}, errors.New("its pieces have not the lengths that it says")
	}
	return r, nil
}

// cutter takes pieces off the front of bytes. Once a piece was not there, or larger than it may be,
// it has failed, and all pieces are empty.
type cutter struct {
	rest   []byte
	failed bool
}

// take is the next n bytes.
func (c *cutter) take(n int) []byte {
	if c.failed || n < 0 || n > len(c.rest) {
		c.failed = true
		return nil
	}
	piece := c.rest[:n:n]
	c.rest = c.rest[n:]
	return piece
}

// text is the next n bytes, nil for -1.
func (c *cutter) text(n int) []byte {
	if n == -1 {
		return nil
	}
	return c.take(n)
}

// count is a number of at most so many.
func (c *cutter) count(most int) int {
	b := c.take(4)
	if c.failed {
		return 0
	}
	n := binary.BigEndian.Uint32(b)
	if n > uint32(most) {
		c.failed = true
		return 0
	}
	return int(n)
}

// field is a piece behind its length, of at most so many bytes.
func (c *cutter) field(most int) []byte { return c.take(c.count(most)) }

// time is what appendTime wrote.
func (c *cutter) time() time.Time {
	b := c.take(8)
	nanoseconds := c.count(int(time.Second) - 1)
	if c.failed {
		return time.Time{}
	}
	return time.Unix(int64(binary.BigEndian.Uint64(b)), int64(nanoseconds)).UTC()
}

// done says whether every piece was there and nothing is left.
func (c *cutter) done() bool { return !c.failed && len(c.rest) == 0 }
