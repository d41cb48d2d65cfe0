// Package flowwire is what flow sync says on the cable: frames that are sealed and numbered, and in
// each a body of sections.
//
//	frame    version 1, hint of the key 2, epoch 4, sequence 6, sealed body, tag 16
//	body     sections: kind 1, length 2, content
//	section  records of slots, acknowledgment, state, digests, wants
//	record   a whole flow (Put), what changed of one (Change), or its end (End)
//
// Numbers are big endian or, where they are mostly small, uvarints of encoding/binary.
//
// # Records
//
// A record is small because it says only what its frame has not said yet: a slot is the distance from the one before;
// an address, a status, a mark or the options of TCP that occurred before are one byte, and none if they are those of
// the last flow of the same protocol; the reply tuple is what differs from the inverse of the original one. Nothing is
// remembered from one frame to the next, so each can be lost. Both ends keep the same memory: a record that
// was read leaves the reader's as it left the writer's.
//
// # Versions
//
// A newer version speaks to this one as follows. What this one may ignore goes into a section of a new kind, behind the
// fields of an acknowledgment or a state, into a new field of an Extra, into the extension of a Put, or into a record of
// the fourth kind: each has a length, and is skipped, and touches no memory. What it may not ignore, and all that
// takes part in Hash, waits until State.Features of the peer says that it is understood. Only what no feature can
// bridge changes the version byte, and with it the label of the key.
package flowwire

import (
	"errors"
	"fmt"

	"github.com/rempart/rempart/ha/conntrack"
)

// Port is the UDP port of flow sync.
const Port = 7113

// BucketSlots is how many slots a Digest is about.
const BucketSlots = 1024

// What a frame holds at most.
const (
	// MaxBody is the largest body.
	MaxBody = 1<<16 - 1 - Overhead - 8 - 40
	// MaxRecord is the room that the largest record needs in an empty body, and that any other section needs.
	MaxRecord = 400
)

// The reasons why a frame is refused, in the order in which they are looked for.
var (
	ErrShort   = errors.New("frame is too short")
	ErrVersion = errors.New("frame of another version")
	ErrAuth    = errors.New("frame of another key")
	// ErrHint is an ErrAuth that cost nothing: the frame does not even claim this key. Frames of an earlier run of
	// the peer are like that.
	ErrHint      = fmt.Errorf("%w, by its hint", ErrAuth)
	ErrReplay    = errors.New("frame was seen before")
	ErrOld       = errors.New("frame is too old")
	ErrMalformed = errors.New("malformed frame")
)

// section is the kind of a section.
type section uint8

// The sections. A number, once given, keeps its meaning; what is new gets a new one, and older programs
// skip it.
const (
	sectionRecords section = iota + 1
	sectionAck
	sectionState
	sectionDigests
	sectionWants
)

const sectionHead = 3 // kind and length

// Handler is what happens with the content of a frame, in its order. What a pointer points to is valid
// during the call alone.
type Handler interface {
	// Put is a whole flow; x is nil when it has no Extra.
	Put(slot uint32, f *conntrack.Flow, x *conntrack.Extra)
	// Change is what changed of the flow in a slot, if its Tag is still this one.
	Change(slot uint32, tag uint16, c *Change)
	// End says that a slot is empty.
	End(slot uint32)
	Ack(*Ack)
	State(*State)
	Digest(Digest)
	// Want asks for all slots of a bucket.
	Want(bucket uint32)
}
