package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A revision's file is one line that names the format, one line of JSON, the
// two texts and one line with the SHA-256 of all that stands before it:
//
//	rempart revision 1
//	{"number":7,"hash":"…","policy":2044,"node":310}
//	(2044 bytes of rempart.toml)(310 bytes of node.toml)
//	sha256 …
//
// A file that was cut short, or written over, does not have the sum that it says.
const revisionMagic = "rempart revision 1\n"

const sumPrefix = "\nsha256 "

// revisionHead is the line of JSON. Node is -1 when there is no node.toml.
type revisionHead struct {
	Number  int       `json:"number"`
	Hash    string    `json:"hash"`
	Parents []string  `json:"parents,omitempty"`
	Author  string    `json:"author,omitempty"`
	Message string    `json:"message,omitempty"`
	Time    time.Time `json:"time"`
	Policy  int       `json:"policy"`
	Node    int       `json:"node"`
}

// appendRevision appends r's file to b.
func appendRevision(b []byte, r Revision) ([]byte, error) {
	head := revisionHead{
		Number: r.Number, Hash: r.Hash, Parents: r.Parents, Author: r.Author, Message: r.Message,
		Time: r.Time, Policy: len(r.Policy), Node: -1,
	}
	if r.Node != nil {
		head.Node = len(r.Node)
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
	sum := sha256.Sum256(b[start:])
	b = append(b, sumPrefix...)
	return append(hex.AppendEncode(b, sum[:]), '\n'), nil
}

var errDamaged = errors.New("the file is damaged: it does not have the sum that it says")

// parseRevision reads a revision's file.
func parseRevision(b []byte) (Revision, error) {
	end := len(b) - len(sumPrefix) - hex.EncodedLen(sha256.Size) - 1
	if end < len(revisionMagic) {
		return Revision{}, errDamaged
	}
	sum := sha256.Sum256(b[:end])
	if string(b[end:]) != sumPrefix+hex.EncodeToString(sum[:])+"\n" {
		return Revision{}, errDamaged
	}
	body, ok := bytes.CutPrefix(b[:end], []byte(revisionMagic))
	if !ok {
		return Revision{}, errors.New("the file is of another version of rempart")
	}
	line, texts, _ := bytes.Cut(body, []byte("\n"))
	var head revisionHead
	if err := json.Unmarshal(line, &head); err != nil {
		return Revision{}, fmt.Errorf("read its head: %w", err)
	}
	node := max(head.Node, 0)
	if head.Policy < 0 || head.Policy > len(texts) || len(texts)-head.Policy != node {
		return Revision{}, errors.New("the texts have not the length that the head says")
	}
	r := Revision{
		Number: head.Number, Hash: head.Hash, Parents: head.Parents, Author: head.Author, Message: head.Message,
		Time: head.Time, Policy: texts[:head.Policy:head.Policy],
	}
	if head.Node >= 0 {
		r.Node = texts[head.Policy:]
	}
	if r.Hash != Hash(r.Policy) {
		return Revision{}, errors.New("the policy has not the hash that the head says")
	}
	return r, nil
}
