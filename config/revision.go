package config

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Revision is a policy at a point of its history. Two nodes of a pair have the same history: what
// belongs to one node alone is Number, Policy and Node.
type Revision struct {
	Number int // counts from 1 on each node
	// ID is its identity, in hexadecimal digits: SHA-256 of what Sealed covers, the IDs of the parents
	// among it. So whoever signs an ID vouches for all that came before it.
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
