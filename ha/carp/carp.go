// Package carp speaks the Common Address Redundancy Protocol, version 2, as carp(4) of
// OpenBSD and FreeBSD and ucarp do.
//
//	bytes --> Context.Parse --> Ad --> Group.Receive(now, ...) --> []Action
//	           TTL, length, checksum, version, HMAC: one counter each
//
// A Group is some virtual hosts that move together: one state for all of them and for
// both families. It owns no socket and no clock; package ha is its loop.
package carp

import (
	"net/netip"
	"time"
)

// Key is the shared secret, up to KeyLen bytes; shorter ones are filled with zeros.
type Key [KeyLen]byte

// KeyLen is the size of a key (CARP_KEY_LEN); programs keep the last byte zero.
const KeyLen = 20

// Ad is one advertisement.
type Ad struct {
	VHID    uint8
	AdvBase uint8 // seconds
	AdvSkew uint8 // 1/256 seconds
	Demote  uint8 // OpenBSD's demotion counter; of others zero
	Counter uint64
	MD      [20]byte // the HMAC as it was on the wire
}

// BowOut is what AdvBase and AdvSkew of a master that goes are.
const BowOut = 255

// Context is what an advertisement of one virtual host is authenticated with: the key and
// the set of addresses. Two nodes that differ in it do not understand each other.
type Context struct {
	Key       Key
	VHID      uint8
	Addresses []netip.Addr
}

// State is a state of carp(4).
type State int

// The states.
const (
	Init State = iota
	Backup
	Master
)

// VHost is one virtual host of a Group.
type VHost struct {
	VHID uint8
	// Link names the network that it is on. A vhid is of one link: another link may have
	// the same.
	Link string
	// Send is the context that it speaks with, and Also are those that it understands beside.
	Send Context
	Also []Context
	// V4 and V6 say in which families it speaks.
	V4, V6 bool
}

// Config is what a Group is made of.
type Config struct {
	Preempt bool
	AdvBase uint8 // 1 to 254
	AdvSkew uint8 // 0 to 254
	VHosts  []VHost
}

// Heard is an advertisement that passed all checks.
type Heard struct {
	Link string
	Src  netip.Addr
	// Own are the addresses of this node by which it sends, to break ties.
	Own netip.Addr
	Ad  Ad
}

// Action is what a Group asks its loop to do.
type Action struct {
	// Become is the new state; zero value with Changed false: it stays.
	Changed bool
	Become  State
	Why     string // the reason of a change, a short clause
	// Send is to be sent now, by every family that its VHost speaks.
	Send []Sending
	// Announce is to tell neighbours again where the addresses are.
	Announce bool
}

// Sending is an advertisement to send.
type Sending struct {
	VHost int // index into Config.VHosts
	Ad    Ad  // Counter and MD are filled in when it is sent
}

// Machine is the contract of Group for its loop.
type Machine interface {
	// Start leaves Init, as when the first link of the group is there.
	Start(now time.Time) []Action
	// Receive takes an advertisement in.
	Receive(now time.Time, h Heard) []Action
	// Timeout does what Deadline said is due.
	Timeout(now time.Time) []Action
	// Demote sets the demotion counter.
	Demote(now time.Time, n int) []Action
	// Stop goes back to Init; a master bows out.
	Stop(now time.Time) []Action
	// Take makes it master and Yield backup, because more is known than CARP says. A
	// master that yields with bow says so with a last advertisement that makes others take over at once.
	Take(now time.Time, why string) []Action
	Yield(now time.Time, why string, bow bool) []Action
	// Elect says whether advertisements and their absence decide about the state. While they
	// do not, a master speaks all the same.
	Elect(now time.Time, on bool) []Action
	// Configure changes the settings and keeps the state.
	Configure(now time.Time, c Config) []Action
	State() State
	// Deadline is when Timeout is due; zero: never.
	Deadline() time.Time
}
