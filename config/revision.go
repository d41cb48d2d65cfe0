package config

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Revision is a policy at a point of its history.
type Revision struct {
	Number  int    // counts from 1 on each node
	Hash    string // Hash(Policy): the same on both nodes
	Parent  string // the hash that it was edited from; empty for the first
	Author  string
	Message string
	Time    time.Time
	Policy  []byte // rempart.toml
	Node    []byte // node.toml; nil when there is none
}

// Hash is the identity of a policy: SHA-256 of its text in hexadecimal digits.
func Hash(policy []byte) string {
	sum := sha256.Sum256(policy)
	return hex.EncodeToString(sum[:])
}
