// Package carp speaks the Common Address Redundancy Protocol, version 2, as carp(4) of
// OpenBSD and FreeBSD and ucarp do.
//
//	bytes --> Context.Parse --> Ad --> Group.Receive(now, ...) --> []Action
//	           TTL, length, checksum, vhid, version, HMAC: one Check each
//	[]Action --> Counter.Next --> Context.Append --> bytes
//
// A Group is some virtual hosts that move together: one state for all of them and for
// both families. It owns no socket and no clock; package ha is its loop.
//
// The HMAC of version 2 covers neither priority nor time. Whoever hears an advertisement
// may send it again, with another priority, and peers of other makes cannot tell.
// Counter.Echo knows what this node said itself, and a Guard holds a peer that proved to
// be one of ours to a counter that rises.
package carp

import (
	"net/netip"
	"slices"
	"strconv"
)

// State is a state of carp(4).
type State int

// The states.
const (
	Init State = iota
	Backup
	Master
)

// String is the state in capitals, as carp(4) writes it.
func (s State) String() string {
	switch s {
	case Init:
		return "INIT"
	case Backup:
		return "BACKUP"
	case Master:
		return "MASTER"
	}
	return "state " + strconv.Itoa(int(s))
}

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

// Parse takes an advertisement off the wire that came in with this TTL or hop limit, by
// IPv6 or not: the first context that proves it wins. A family in which the host does not
// speak is UnknownVHID, as for FreeBSD.
func (v *VHost) Parse(b []byte, ttl uint8, v6 bool) (Ad, error) {
	a, err := v.Send.Parse(b, ttl)
	for i := 0; err == BadAuth && i < len(v.Also); i++ {
		a, err = v.Also[i].Parse(b, ttl)
	}
	if err == nil && !v.speaks(v6) {
		return Ad{}, UnknownVHID
	}
	return a, err
}

func (v *VHost) speaks(v6 bool) bool {
	if v6 {
		return v.V6
	}
	return v.V4
}

// equal says that both hosts speak and understand the same.
func (v VHost) equal(o VHost) bool {
	return v.VHID == o.VHID && v.Link == o.Link && v.V4 == o.V4 && v.V6 == o.V6 &&
		v.Send.Equal(o.Send) && slices.EqualFunc(v.Also, o.Also, Context.Equal)
}

// Config is what a Group is made of.
type Config struct {
	// Preempt says that a backup takes over from a master that is worse.
	Preempt bool
	AdvBase uint8 // 1 to 254
	AdvSkew uint8 // 0 to 254
	// VHosts are in the same order on both nodes: when both are equally good, the addresses
	// on the link of the first one that is heard decide.
	VHosts []VHost
}

func (c Config) equal(o Config) bool {
	return c.Preempt == o.Preempt && c.AdvBase == o.AdvBase && c.AdvSkew == o.AdvSkew &&
		slices.EqualFunc(c.VHosts, o.VHosts, VHost.equal)
}

// Heard is an advertisement that passed all checks.
type Heard struct {
	Link string
	Src  netip.Addr
	// Own is the address of this node by which it sends to whom it heard, to break ties.
	Own netip.Addr
	Ad  Ad
}

// v6 says in which family the advertisement came.
func (h Heard) v6() bool { return h.Src.Is6() && !h.Src.Is4In6() }

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
