package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// A revision's file is one line that names the format, one line of JSON, the
// texts, the secrets by their names, and one line with the SHA-256 of all that
// stands before it:
//
//	rempart revision 2
//	{"number":7,"id":"…","hash":"…","policy":2044,"node":310,"shared":-1,"secrets":[{"name":"carp.key","size":20}]}
//	(2044 bytes of rempart.toml)(310 bytes of node.toml)(20 bytes of carp.key)
//	sha256 …
//
// A file that was cut short, or written over, does not have the sum that it says.
// Format 1 is of a time when there was one node: it is read, and no longer written.
const (
	revisionMagic    = "rempart revision 2\n"
	oldRevisionMagic = "rempart revision 1\n"
)

const sumPrefix = "\nsha256 "

// revisionHead is the line of JSON. Node is -1 when there is no node.toml, Shared when the whole
// policy is, and Policy when nobody knows yet what this node makes of what is shared.
type revisionHead struct {
	Number    int          `json:"number"`
	ID        string       `json:"id"`
	Parents   []string     `json:"parents,omitempty"`
	Hash      string       `json:"hash"`
	Author    string       `json:"author,omitempty"`
	Message   string       `json:"message,omitempty"`
	Time      time.Time    `json:"time"`
	Origin    string       `json:"origin,omitempty"`
	Key       []byte       `json:"key,omitempty"`
	Signature []byte       `json:"signature,omitempty"`
	Policy    int          `json:"policy"`
	Node      int          `json:"node"`
	Shared    int          `json:"shared"`
	Secrets   []secretHead `json:"secrets,omitempty"`
}

// secretHead is a secret's place in the line of JSON.
type secretHead struct {
	Name string `json:"name"`
	Size int    `json:"size"`
}

// oldRevisionHead is the line of JSON in format 1. Its parent is a hash.
type oldRevisionHead struct {
	Number  int       `json:"number"`
	Hash    string    `json:"hash"`
	Parent  string    `json:"parent"`
	Author  string    `json:"author"`
	Message string    `json:"message"`
	Time    time.Time `json:"time"`
	Policy  int       `json:"policy"`
	Node    int       `json:"node"`
}

// size is the length of a text, -1 when there is none.
func size(text []byte) int {
	if text == nil {
		return -1
	}
	return len(text)
}

// appendRevision appends r's file to b.
func appendRevision(b []byte, r Revision) ([]byte, error) {
	head := revisionHead{
		Number: r.Number, ID: r.ID, Parents: r.Parents, Hash: r.Hash, Author: r.Author, Message: r.Message, Time: r.Time,
		Origin: r.Origin, Key: r.Key, Signature: r.Signature,
		Policy: size(r.Policy), Node: size(r.Node), Shared: size(r.Shared),
	}
	names := slices.Sorted(maps.Keys(r.Secrets))
	for _, name := range names {
		head.Secrets = append(head.Secrets, secretHead{name, len(r.Secrets[name])})
	}
	line, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	start := len(b)
	b = append(b, revisionMagic...)
	b = append(b, line...)
	b = append(b, '\n')
	b = append(b, r.Policy...)
	b = append(b, r.Node...)
	b = append(b, r.Shared...)
	for _, name := range names {
		b = append(b, r.Secrets[name]...)
	}
	return appendSum(b, start), nil
}

// appendSum ends the file that begins at start.
func appendSum(b []byte, start int) []byte {
	sum := sha256.Sum256(b[start:])
	b = append(b, sumPrefix...)
	return append(hex.AppendEncode(b, sum[:]), '\n')
}

var (
	errDamaged = errors.New("the file is damaged: it does not have the sum that it says")
	errLengths = errors.New("the texts have not the length that the head says")
)

// parseRevision reads a revision's file of either format. What it returns verifies, unless it is of
// format 1 and of a size that was not bounded then.
func parseRevision(b []byte) (Revision, error) {
	end := len(b) - len(sumPrefix) - hex.EncodedLen(sha256.Size) - 1
	if end < len(revisionMagic) {
		return Revision{}, errDamaged
	}
	sum := sha256.Sum256(b[:end])
	if string(b[end:]) != sumPrefix+hex.EncodeToString(sum[:])+"\n" {
		return Revision{}, errDamaged
	}
	line, texts, _ := bytes.Cut(b[len(revisionMagic):end], []byte("\n"))
	switch string(b[:len(revisionMagic)]) {
	case revisionMagic:
		return parseNewRevision(line, &cutter{rest: texts})
	case oldRevisionMagic:
		return parseOldRevision(line, &cutter{rest: texts})
	}
	return Revision{}, errors.New("the file is of another version of rempart")
}

func parseNewRevision(line []byte, texts *cutter) (Revision, error) {
	var head revisionHead
	if err := json.Unmarshal(line, &head); err != nil {
		return Revision{}, fmt.Errorf("read its head: %w", err)
	}
	r := Revision{
		Number: head.Number, ID: head.ID, Parents: head.Parents, Hash: head.Hash, Author: head.Author, Message: head.Message,
		Time: head.Time, Origin: head.Origin, Key: head.Key, Signature: head.Signature,
		Policy: texts.text(head.Policy), Node: texts.text(head.Node), Shared: texts.text(head.Shared),
	}
	for _, s := range head.Secrets {
		r.addSecret(s.Name, texts.take(s.Size))
	}
	if !texts.done() {
		return Revision{}, errLengths
	}
	if err := r.Verify(); err != nil {
		return Revision{}, err
	}
	return r, nil
}

// parseOldRevision reads what one node alone kept: the hash of a policy was the identity of a
// revision, and its parent was named by it.
func parseOldRevision(line []byte, texts *cutter) (Revision, error) {
	var head oldRevisionHead
	if err := json.Unmarshal(line, &head); err != nil {
		return Revision{}, fmt.Errorf("read its head: %w", err)
	}
	r := Revision{
		Number: head.Number, ID: head.Hash, Hash: head.Hash, Author: head.Author, Message: head.Message, Time: head.Time,
		Policy: texts.take(head.Policy), Node: texts.text(head.Node),
	}
	if head.Parent != "" {
		r.Parents = []string{head.Parent}
	}
	if !texts.done() {
		return Revision{}, errLengths
	}
	if r.Hash != Hash(r.Policy) {
		return Revision{}, ErrHash
	}
	return r, nil
}

func (r *Revision) addSecret(name string, secret []byte) {
	if r.Secrets == nil {
		r.Secrets = make(map[string][]byte)
	}
	r.Secrets[name] = secret
}
