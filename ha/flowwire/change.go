package flowwire

import (
	"encoding/binary"

	"github.com/rempart/rempart/ha/conntrack"
)

// Fields are those of a flow that change in its life.
type Fields uint8

// The fields.
const (
	FieldState Fields = 1 << iota
	FieldStatus
	FieldMark
	FieldOptions // of TCP: Flags and Scale

	AllFields = FieldState | FieldStatus | FieldMark | FieldOptions
)

var fieldNames = [...]string{"state", "status", "mark", "options"}

// String names the fields, with commas between them.
func (f Fields) String() string { return join(uint(f), fieldNames[:]) }

// Change is what changed of a flow.
type Change struct {
	what Fields
	life life
}

// What is which fields Apply sets.
func (c *Change) What() Fields { return c.what }

// Apply sets what changed in a flow, the Tag of which is that of the change.
func (c *Change) Apply(f *conntrack.Flow) {
	if c.what&FieldState != 0 {
		f.State = c.life.state
	}
	if c.what&FieldStatus != 0 {
		f.Status = conntrack.Status(normal(conntrack.Status(c.life.status), moved(f)))
	}
	if c.what&FieldMark != 0 {
		f.Mark = c.life.mark
	}
	if c.what&FieldOptions != 0 {
		f.Flags, f.Scale = flagsOf(c.life.options), scalesOf(c.life.options)
	}
}

// The first byte of a Change: what it sets, and the state.
const (
	changeModeShift = 2
	changeState     = 0 // the state alone
	changeAlike     = 1 // all, and all but the state as in the last Change
	changeSome      = 2 // a byte follows: Fields, and in its upper half those that follow
	changeModeMask  = 3

	stateShift = 4
	stateLong  = 15 // a byte with the state follows
)

// putChange appends what of a flow changed.
func (m *memory) putChange(b []byte, slot uint32, tag uint16, f *conntrack.Flow, what Fields) []byte {
	now, follow := lifeOf(f, moved(f)), what&^FieldState
	if now.status == m.change.status {
		follow &^= FieldStatus
	}
	if now.mark == m.change.mark {
		follow &^= FieldMark
	}
	if now.options == m.change.options {
		follow &^= FieldOptions
	}
	mode, state := byte(changeSome), byte(0)
	switch {
	case what == FieldState:
		mode = changeState
	case what == AllFields && follow == 0:
		mode = changeAlike
	}
	if what&FieldState != 0 {
		state = min(byte(now.state), stateLong)
	}
	b = append(b, opChange|mode<<changeModeShift|state<<stateShift)
	b = binary.AppendUvarint(b, uint64(zigzag(slot-m.slot)))
	b = binary.BigEndian.AppendUint16(b, tag)
	if state == stateLong {
		b = append(b, byte(now.state))
	}
	if mode != changeSome {
		return b
	}
	b = append(b, byte(what|follow<<4))
	if follow&FieldStatus != 0 {
		m.change.status = now.status
		b = append32(b, &m.statuses, now.status)
	}
	if follow&FieldMark != 0 {
		m.change.mark = now.mark
		b = append32(b, &m.marks, now.mark)
	}
	if follow&FieldOptions != 0 {
		m.change.options = now.options
		b = append32(b, &m.options, now.options)
	}
	return b
}

// readChange reads what changed of a flow and is its Tag.
func (r *Reader) readChange(c *Change) (tag uint16) {
	head := r.byte()
	r.slot += unzigzag(r.uvarint32())
	tag = r.uint16()
	state := head >> stateShift
	if state == stateLong {
		state = r.byte()
	}
	switch mode := head >> changeModeShift & changeModeMask; mode {
	case changeState:
		c.what = FieldState
	case changeAlike:
		c.what = AllFields
	case changeSome:
		more := Fields(r.byte())
		c.what = more & AllFields
		r.readFollow(c.what, more>>4)
		if c.what&FieldState == 0 && head>>stateShift != 0 {
			r.fail("state %d of no use", state)
		}
	default:
		r.fail("change of mode %d", mode)
	}
	c.life = r.change
	c.life.state = conntrack.State(state)
	return tag
}

// readFollow reads what is not as in the last Change.
func (r *Reader) readFollow(what, follow Fields) {
	if follow&^what != 0 || follow&FieldState != 0 {
		r.fail("%q follows a change of %q", follow, what)
		return
	}
	b, i := r.ahead(), 0
	if follow&FieldStatus != 0 {
		r.change.status, i = take32(&r.statuses, b, i)
	}
	if follow&FieldMark != 0 {
		r.change.mark, i = take32(&r.marks, b, i)
	}
	if follow&FieldOptions != 0 {
		r.change.options, i = take32(&r.options, b, i)
	}
	r.i += i
}
