package flowwire

import "encoding/binary"

// MaxRanges is how many ranges an Ack holds.
const MaxRanges = 16

// Range is a run of frames, both ends included.
type Range struct{ First, Last uint64 }

// Ack says which frames of the other were applied.
type Ack struct {
	// Epoch is that of the frames.
	Epoch uint32
	// Upto is the last of those that were all applied, or given up by their sender.
	Upto uint64
	// Ranges are N runs of further ones, in rising order, with a gap before each.
	Ranges [MaxRanges]Range
	N      int
	// Full says that the table of the one who acknowledges is full.
	Full bool
	// Floor is of the frames of the one who acknowledges: it has given up all those below that were not
	// acknowledged yet, and sent again what they said. Zero: it has given up none.
	Floor uint64
}

const ackFull = 1 << 0

// append appends an acknowledgment: epoch 4, flags 1, Upto, Floor, number of ranges, and of each the
// distance from the end of the one before and the length less one.
func (a *Ack) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, a.Epoch)
	var flags byte
	if a.Full {
		flags = ackFull
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, a.Upto)
	b = binary.AppendUvarint(b, a.Floor)
	b = append(b, byte(a.N))
	end := a.Upto
	for _, r := range a.Ranges[:a.N] {
		b = binary.AppendUvarint(b, r.First-end)
		b = binary.AppendUvarint(b, r.Last-r.First)
		end = r.Last
	}
	return b
}

// read takes an acknowledgment off c, and what a newer version wrote behind it.
func (a *Ack) read(c *cursor) {
	*a = Ack{Epoch: c.uint32()}
	a.Full = c.byte()&ackFull != 0
	a.Upto = c.uvarint()
	a.Floor = c.uvarint()
	a.N = int(c.byte())
	if a.N > MaxRanges {
		c.fail("%d ranges", a.N)
		return
	}
	end := a.Upto
	for i := range a.Ranges[:a.N] {
		r := &a.Ranges[i]
		r.First = end + c.uvarint()
		r.Last = r.First + c.uvarint()
		if r.First <= end || r.Last < r.First {
			c.fail("range %d does not rise", i)
		}
		end = r.Last
	}
	c.rest()
}
