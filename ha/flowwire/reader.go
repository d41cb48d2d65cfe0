package flowwire

import (
	"encoding/binary"

	"github.com/rempart/rempart/ha/conntrack"
)

// Reader reads bodies. It is room that is used again: the zero value is ready.
type Reader struct {
	cursor
	memory
	flow  conntrack.Flow
	room  conntrack.Extra
	extra *conntrack.Extra // room, or nil
	delta Change
	ack   Ack
	state State
}

// Read reads a body with room of its own.
func Read(body []byte, h Handler) error { return new(Reader).Read(body, h) }

// Read gives h what a body says. A body that is not whole gives it nothing, and is ErrMalformed with what is
// wrong and where: all of it is read before h is called.
func (r *Reader) Read(body []byte, h Handler) error {
	if err := r.read(body, nobody{}); err != nil {
		return err
	}
	return r.read(body, h)
}

func (r *Reader) read(body []byte, h Handler) error {
	r.memory.reset()
	for at := 0; at < len(body); {
		r.cursor = cursor{b: body[at:], whole: len(body)}
		if len(body)-at < sectionHead {
			r.short()
			return r.err
		}
		kind, n := section(body[at]), int(binary.BigEndian.Uint16(body[at+1:]))
		at += sectionHead
		if n > len(body)-at {
			r.fail("section %d of %d bytes has %d", kind, n, len(body)-at)
			return r.err
		}
		r.cursor = cursor{b: body[at : at+n], whole: len(body), end: len(body) - at - n}
		at += n
		r.section(kind, h)
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

func (r *Reader) section(kind section, h Handler) {
	switch kind {
	case sectionRecords:
		for len(r.b) > 0 {
			r.record(h)
		}
	case sectionAck:
		if r.ack.read(&r.cursor); r.err == nil {
			h.Ack(&r.ack)
		}
	case sectionState:
		if r.state.read(&r.cursor); r.err == nil {
			h.State(&r.state)
		}
	case sectionDigests:
		for d := (Digest{}); len(r.b) > 0; {
			if d.read(&r.cursor, d.Bucket); r.err == nil {
				h.Digest(d)
			}
		}
	case sectionWants:
		for bucket := uint32(0); len(r.b) > 0; {
			if bucket += unzigzag(r.uvarint32()); r.err == nil {
				h.Want(bucket)
			}
		}
	}
}

func (r *Reader) record(h Handler) {
	head := r.byte()
	switch head & opMask {
	case opPut:
		if r.readPut(head); r.err == nil {
			h.Put(r.slot, &r.flow, r.extra)
		}
	case opChange:
		if tag := r.readChange(head); r.err == nil {
			h.Change(r.slot, tag, &r.delta)
		}
	case opEnd:
		if r.readEnd(head); r.err == nil {
			h.End(r.slot)
		}
	case opOther:
		r.bytes(int(r.uvarint32()))
	}
}
