package flowwire

import "encoding/binary"

// The first byte of an End has the lowest bits of the slot, and whether there are more.
const (
	endMore  = 1 << 2
	endShift = 3
	endBits  = 5
)

func (m *memory) putEnd(b []byte, slot uint32) []byte {
	d := zigzag(slot - m.slot)
	head := byte(opEnd | d<<endShift)
	if d >>= endBits; d == 0 {
		return append(b, head)
	}
	return binary.AppendUvarint(append(b, head|endMore), uint64(d))
}

func (r *Reader) readEnd() {
	head := r.byte()
	d := uint32(head >> endShift)
	if head&endMore != 0 {
		more := r.uvarint32()
		if more == 0 || more >= 1<<(32-endBits) {
			r.fail("slot ends with %d", more)
		}
		d |= more << endBits
	}
	r.slot += unzigzag(d)
}
