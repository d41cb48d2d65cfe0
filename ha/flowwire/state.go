package flowwire

import (
	"encoding/binary"
	"strings"
)

// StateFlags are what a node is and has.
type StateFlags uint16

// The flags.
const (
	// Speaking: it sends its flows.
	Speaking StateFlags = 1 << iota
	// Whole: its own table was taken stock of, and misses nothing.
	Whole
	// SnapshotSent: each of its flows was sent once at least.
	SnapshotSent
	// Complete: as receiver, it has all that the other shares.
	Complete
	// Differs: as receiver, its digest is not that of the other.
	Differs
)

var stateFlags = [...]string{"speaking", "whole", "snapshot sent", "complete", "differs"}

// String names the flags, with commas between them.
func (f StateFlags) String() string { return join(uint(f), stateFlags[:]) }

// join joins the names of the bits that are set, the lowest first.
func join(bits uint, names []string) string {
	var set []string
	for i, name := range names {
		if bits&(1<<i) != 0 {
			set = append(set, name)
		}
	}
	return strings.Join(set, ", ")
}

// State is how a node stands.
type State struct {
	Flags StateFlags
	// Slots is the highest slot in use, plus one, and Count how many are in use.
	Slots uint32
	Count uint64
	// Digest is the XOR of Hash over all that was sent, this frame included.
	Digest uint64
	// Mirror is how many flows of the other it has, and Local how many its kernel has in all.
	Mirror, Local uint64
	// Max is how many flows its kernel takes.
	Max uint32
	// Features are bits of what it understands.
	Features uint32
	// Clock is its time, in milliseconds of Unix.
	Clock int64
	// Revision is the beginning of the hash of its policy.
	Revision [8]byte
}

func (s *State) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(s.Flags))
	b = binary.AppendUvarint(b, uint64(s.Slots))
	b = binary.AppendUvarint(b, s.Count)
	b = binary.BigEndian.AppendUint64(b, s.Digest)
	b = binary.AppendUvarint(b, s.Mirror)
	b = binary.AppendUvarint(b, s.Local)
	b = binary.AppendUvarint(b, uint64(s.Max))
	b = binary.AppendUvarint(b, uint64(s.Features))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Clock))
	return append(b, s.Revision[:]...)
}

// read takes a state off c, and what a newer version wrote behind it.
func (s *State) read(c *cursor) {
	*s = State{
		Flags:    StateFlags(c.uint16()),
		Slots:    c.uvarint32(),
		Count:    c.uvarint(),
		Digest:   c.uint64(),
		Mirror:   c.uvarint(),
		Local:    c.uvarint(),
		Max:      c.uvarint32(),
		Features: c.uvarint32(),
		Clock:    int64(c.uint64()),
	}
	copy(s.Revision[:], c.bytes(len(s.Revision)))
	c.rest()
}
