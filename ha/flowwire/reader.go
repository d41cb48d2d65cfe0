package flowwire

import "github.com/rempart/rempart/ha/conntrack"

// Reader reads bodies. It is room that is used again: the zero value is ready.
type Reader struct {
	cursor
	memory
	tail    [headSize]byte // the end of a section, with zeros behind it
	content []item
	// What the items are about.
	flows   []conntrack.Flow
	extras  []conntrack.Extra
	changes []Change
	acks    []Ack
	states  []State
	digests []Digest
}

// item is one call of a Handler.
type item struct {
	kind  itemKind
	tag   uint16
	slot  uint32 // or the bucket of a want
	at    int    // where in the room of its kind it is
	extra int    // where its Extra is, less than zero: it has none
}

type itemKind uint8

const (
	itemPut itemKind = iota
	itemChange
	itemEnd
	itemAck
	itemState
	itemDigest
	itemWant
)

// Read reads a body with room of its own.
func Read(body []byte, h Handler) error { return new(Reader).Read(body, h) }

// Read gives h what a body says. A body that is not whole gives it nothing, and is ErrMalformed with what is
// wrong and where: all of it is read before h is called.
func (r *Reader) Read(body []byte, h Handler) error {
	r.reset()
	for whole := (cursor{b: body}); whole.more(); {
		kind := section(whole.byte())
		r.cursor = whole.part(int(whole.uint16()))
		if !whole.done() {
			return whole.err
		}
		if r.section(kind); !r.done() {
			return r.err
		}
	}
	r.tell(h)
	return nil
}

func (r *Reader) reset() {
	r.memory.reset()
	r.content = r.content[:0]
	r.flows, r.extras, r.changes = r.flows[:0], r.extras[:0], r.changes[:0]
	r.acks, r.states, r.digests = r.acks[:0], r.states[:0], r.digests[:0]
}

func (r *Reader) section(kind section) {
	switch kind {
	case sectionRecords:
		for r.more() {
			r.record()
		}
	case sectionAck:
		r.acks = append(r.acks, Ack{})
		r.acks[len(r.acks)-1].read(&r.cursor)
		r.content = append(r.content, item{kind: itemAck, at: len(r.acks) - 1})
	case sectionState:
		r.states = append(r.states, State{})
		r.states[len(r.states)-1].read(&r.cursor)
		r.content = append(r.content, item{kind: itemState, at: len(r.states) - 1})
	case sectionDigests:
		for d := (Digest{}); r.more(); {
			d.read(&r.cursor, d.Bucket)
			r.digests = append(r.digests, d)
			r.content = append(r.content, item{kind: itemDigest, at: len(r.digests) - 1})
		}
	case sectionWants:
		for bucket := uint32(0); r.more(); {
			bucket += unzigzag(r.uvarint32())
			r.content = append(r.content, item{kind: itemWant, slot: bucket})
		}
	}
}

func (r *Reader) record() {
	switch r.b[r.i] & opMask {
	case opPut:
		r.flows = append(r.flows, conntrack.Flow{})
		one := item{kind: itemPut, at: len(r.flows) - 1, extra: -1}
		extras := len(r.extras)
		r.readPut(&r.flows[one.at])
		if len(r.extras) > extras {
			one.extra = extras
		}
		one.slot = r.slot
		r.content = append(r.content, one)
	case opChange:
		r.changes = append(r.changes, Change{})
		at := len(r.changes) - 1
		tag := r.readChange(&r.changes[at])
		r.content = append(r.content, item{kind: itemChange, slot: r.slot, tag: tag, at: at})
	case opEnd:
		r.readEnd()
		r.content = append(r.content, item{kind: itemEnd, slot: r.slot})
	case opOther:
		r.i++
		r.bytes(int(min(r.uvarint32(), MaxBody)))
	}
}

// tell calls h with all that was read.
func (r *Reader) tell(h Handler) {
	for i := range r.content {
		switch one := &r.content[i]; one.kind {
		case itemPut:
			var x *conntrack.Extra
			if one.extra >= 0 {
				x = &r.extras[one.extra]
			}
			h.Put(one.slot, &r.flows[one.at], x)
		case itemChange:
			h.Change(one.slot, one.tag, &r.changes[one.at])
		case itemEnd:
			h.End(one.slot)
		case itemAck:
			h.Ack(&r.acks[one.at])
		case itemState:
			h.State(&r.states[one.at])
		case itemDigest:
			h.Digest(r.digests[one.at])
		case itemWant:
			h.Want(one.slot)
		}
	}
}
