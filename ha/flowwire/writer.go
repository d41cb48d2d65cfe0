package flowwire

import (
	"encoding/binary"

	"github.com/rempart/rempart/ha/conntrack"
)

// Writer writes the body of a frame. What does not fit is not written: its methods then return false, and a
// section may still fit where a record did not. Reset comes first.
type Writer struct {
	b      []byte
	room   int
	last   section // kind of the last section
	length int     // where its length stands
	bucket uint32  // the last one in it
	full   bool    // a record did not fit
	memory memory
}

// Reset begins a body of room bytes at most, from MaxRecord to MaxBody.
func (w *Writer) Reset(room int) {
	room = min(room, MaxBody)
	if cap(w.b) < room+MaxRecord {
		w.b = make([]byte, 0, room+MaxRecord)
	}
	w.b, w.room, w.last, w.full = w.b[:0], room, 0, false
	w.memory.reset()
}

// Len is how many bytes are written.
func (w *Writer) Len() int { return len(w.b) }

// Bytes are what is written, until the next call.
func (w *Writer) Bytes() []byte { return w.b }

// Put writes a whole flow, and its Extra unless x is nil or zero. A Timeout of zero takes no
// room. After a record that did not fit, no other does until Reset.
func (w *Writer) Put(slot uint32, f *conntrack.Flow, x *conntrack.Extra) bool {
	return !w.full && w.record(slot, w.memory.put(w.begin(sectionRecords), slot, f, x))
}

// Change writes all that may have changed in the life of a flow that has no Extra.
func (w *Writer) Change(slot uint32, tag uint16, f *conntrack.Flow) bool {
	return w.ChangeSome(slot, tag, f, AllFields)
}

// ChangeSome writes some of what Change writes: for a receiver who has the others as they are.
func (w *Writer) ChangeSome(slot uint32, tag uint16, f *conntrack.Flow, what Fields) bool {
	return !w.full && w.record(slot, w.memory.putChange(w.begin(sectionRecords), slot, tag, f, what))
}

// End writes that a slot is empty.
func (w *Writer) End(slot uint32) bool {
	return !w.full && w.record(slot, w.memory.putEnd(w.begin(sectionRecords), slot))
}

// Ack writes an acknowledgment.
func (w *Writer) Ack(a *Ack) bool { return w.commit(sectionAck, a.append(w.open(sectionAck))) }

// State writes a state.
func (w *Writer) State(s *State) bool { return w.commit(sectionState, s.append(w.open(sectionState))) }

// Digest writes the digest of a bucket. It is best to write those of one frame one after the other.
func (w *Writer) Digest(d Digest) bool {
	b := w.begin(sectionDigests)
	return w.list(sectionDigests, d.Bucket, d.append(b, w.before(sectionDigests)))
}

// Want asks for a bucket.
func (w *Writer) Want(bucket uint32) bool {
	b := w.begin(sectionWants)
	return w.list(sectionWants, bucket, binary.AppendUvarint(b, uint64(zigzag(bucket-w.before(sectionWants)))))
}

// before is the bucket before the next one of a list.
func (w *Writer) before(kind section) uint32 {
	if w.last == kind {
		return w.bucket
	}
	return 0
}

func (w *Writer) list(kind section, bucket uint32, b []byte) bool {
	if !w.commit(kind, b) {
		return false
	}
	w.bucket = bucket
	return true
}

// record takes over a body with a record more. What the memory took in of one that does not fit is not in the
// frame, so it is the last.
func (w *Writer) record(slot uint32, b []byte) bool {
	w.full = !w.commit(sectionRecords, b)
	if !w.full {
		w.memory.slot = slot
	}
	return !w.full
}

// begin is the body, with the head of a section unless the last one is of that kind.
func (w *Writer) begin(kind section) []byte {
	if w.last == kind {
		return w.b
	}
	return w.open(kind)
}

// open is the body with the head of a section of its own.
func (w *Writer) open(kind section) []byte {
	w.last = 0
	return append(w.b, byte(kind), 0, 0)
}

// commit takes over a body with more content, if it is not too long.
func (w *Writer) commit(kind section, b []byte) bool {
	if len(b) > w.room {
		return false
	}
	if w.last != kind {
		w.last, w.length = kind, len(w.b)+1
	}
	w.b = b
	binary.BigEndian.PutUint16(b[w.length:], uint16(len(b)-w.length-2))
	return true
}
