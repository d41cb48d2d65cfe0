// Package pairing makes two nodes a pair: with a short code that one shows and
// a person types at the other, each learns the public key of the other and both
// get a secret that nobody else has, and later they agree on new ones.
//
//	dialler, which was given the code          host, which shows it
//	hello: a share of the key         -->
//	                                  <--  reply: a share of the key
//	proof: confirmation, identity     -->  keeps the pairing as offered
//	keeps the pairing                 <--  answer: confirmation, identity
//	done: confirmation                -->  the pairing is settled
//
// The shares are CPace (draft-irtf-cfrg-cpace): who listens learns nothing, not
// even later with the code in hand, and who takes part has one guess an exchange.
// Confirmations are compared before anything is decrypted, and an identity is a
// public key with a signature that shows the private one.
//
// A Keeper has on disk whom this node believes. At every moment each of two nodes
// believes every key that the other may present, and both hold a root in common,
// whichever message was lost and whichever of them died: a bond is offered, then
// agreed when the other is known to hold it, then settled when the other is known
// to use it, and only what is settled makes an earlier one obsolete.
package pairing

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"net/netip"
	"strings"
	"time"
)

// Port is the TCP port at which a node that shows a code is called.
const Port = 7114

// What may come of a pairing or of a rotation.
var (
	// ErrCode is what was typed and is no code.
	ErrCode = errors.New("a code has eight digits, such as 4829-6135")
	// ErrWrong is a code that is not the one that the other node shows.
	ErrWrong = errors.New("the code is wrong")
	// ErrExpired is a code that was shown for as long as it may be.
	ErrExpired = errors.New("the code has expired: ask for another code")
	// ErrTries is a code with which too many exchanges were begun.
	ErrTries = errors.New("too many wrong tries: ask for another code")
	// ErrClosed is what the other node says of a code that it takes no more.
	ErrClosed = errors.New("the code has expired or was tried too often: ask for another code")
	// ErrItself is a node that was given its own code.
	ErrItself = errors.New("this is the node itself")
	// ErrNobody is an address at which no code is shown.
	ErrNobody = errors.New("no code is shown there")
	// ErrUnpaired is a node that has no peer.
	ErrUnpaired = errors.New("this node is not paired")
	// ErrBusy is a peer that has keys under way already.
	ErrBusy = errors.New("the peer is changing keys at this moment")
	// ErrRotating is a node that would lose its peer by a pairing now.
	ErrRotating = errors.New("new keys were agreed on and are not yet in use on both nodes: wait for the peer, or unpair first")
)

// State is with whom a node is paired.
type State struct {
	Paired bool
	Node   string    // the peer's name when it was paired
	Since  time.Time // by the clock of this node
	// Own and Peer are fingerprints; Peer is empty when there is none.
	Own, Peer string
	// Rotating says that new keys were agreed on and are not yet known to be in use on both nodes.
	Rotating bool
	// Device, Local and Address are where the connection of the pairing ran, so that the nodes find
	// each other before any policy runs. They are empty when something between them translated addresses.
	Device         string
	Local, Address netip.Addr // a link-local one has no zone: it is the device
}

// Fingerprint is a public key for people: 80 bits of its SHA-256 in base32, such as "K5QX-77AB-MZ2C-D4EY".
func Fingerprint(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	digits := base32.StdEncoding.EncodeToString(sum[:10])
	return strings.Join([]string{digits[:4], digits[4:8], digits[8:12], digits[12:]}, "-")
}
