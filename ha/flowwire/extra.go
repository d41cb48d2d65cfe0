package flowwire

import (
	"bytes"
	"encoding/binary"

	"github.com/rempart/rempart/ha/conntrack"
)

// field is a field of an Extra: number and length, a byte each, and the value. One that is zero is left
// out.
type field uint8

// The fields. A number, once given, keeps its meaning; what is new gets a new one, and older programs
// skip it.
const (
	fieldHelper field = iota + 1 // text
	fieldMaster                  // family, kind, protocol 1 each, zone 2, tuple
	fieldLabels                  // bytes, without zeros at their end
	fieldAdjust                  // two times 4, 4, 4
	fieldProxy                   // 4, 4, 4
	fieldVTag                    // 4, 4
	fieldDCCP                    // 1, 8
	fieldZones                   // 2, 2
	fieldExpect                  // timeout, class, flags, direction of NAT, 4 each
	fieldMask                    // tuple
	fieldNAT                     // tuple
	fieldFn                      // text
	fieldEnd
)

// appendExtra appends the fields of what is not zero in x, of a flow of that family.
func appendExtra(b []byte, family uint8, x *conntrack.Extra) []byte {
	b = appendText(b, fieldHelper, x.Helper[:])
	if x.Master != (conntrack.Key{}) {
		b = appendMaster(b, &x.Master)
	}
	b = appendText(b, fieldLabels, x.Labels[:])
	if x.Adjust != [2]conntrack.Adjust{} {
		b = appendWords(b, fieldAdjust, x.Adjust[0].Pos, x.Adjust[0].Before, x.Adjust[0].After,
			x.Adjust[1].Pos, x.Adjust[1].Before, x.Adjust[1].After)
	}
	if x.Proxy != (conntrack.Proxy{}) {
		b = appendWords(b, fieldProxy, x.Proxy.ISN, x.Proxy.ITS, x.Proxy.Offset)
	}
	if x.VTag != [2]uint32{} {
		b = appendWords(b, fieldVTag, x.VTag[0], x.VTag[1])
	}
	if x.DCCP != (conntrack.DCCP{}) {
		b = append(b, byte(fieldDCCP), 9, x.DCCP.Role)
		b = binary.BigEndian.AppendUint64(b, x.DCCP.Handshake)
	}
	if x.Zones != [2]uint16{} {
		b = append(b, byte(fieldZones), 4)
		b = binary.BigEndian.AppendUint16(b, x.Zones[0])
		b = binary.BigEndian.AppendUint16(b, x.Zones[1])
	}
	if x.Expects != (conntrack.Expect{}) {
		b = appendExpect(b, family, &x.Expects)
	}
	return b
}

func appendExpect(b []byte, family uint8, e *conntrack.Expect) []byte {
	if e.Timeout|e.Class|e.Flags|e.NATDir != 0 {
		b = appendWords(b, fieldExpect, e.Timeout, e.Class, e.Flags, e.NATDir)
	}
	if e.Mask != (conntrack.Tuple{}) {
		b = appendTuple(append(b, byte(fieldMask), tupleSize(family)), family, &e.Mask)
	}
	if e.HasNAT {
		b = appendTuple(append(b, byte(fieldNAT), tupleSize(family)), family, &e.NAT)
	}
	return appendText(b, fieldFn, e.Fn[:])
}

func appendMaster(b []byte, k *conntrack.Key) []byte {
	b = append(b, byte(fieldMaster), 5+tupleSize(k.Family), k.Family, byte(k.Kind), k.Proto)
	b = binary.BigEndian.AppendUint16(b, k.Zone)
	return appendTuple(b, k.Family, &k.Orig)
}

// appendText appends what stands before the zeros at the end.
func appendText(b []byte, f field, v []byte) []byte {
	v = bytes.TrimRight(v, "\x00")
	if len(v) == 0 {
		return b
	}
	return append(append(b, byte(f), byte(len(v))), v...)
}

func appendWords(b []byte, f field, words ...uint32) []byte {
	b = append(b, byte(f), byte(4*len(words)))
	for _, w := range words {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b
}

func addressSize(family uint8) uint8 {
	if family == conntrack.IPv6 {
		return 16
	}
	return 4
}

func tupleSize(family uint8) uint8 { return 2*addressSize(family) + 4 }

func appendTuple(b []byte, family uint8, t *conntrack.Tuple) []byte {
	n := addressSize(family)
	b = append(append(b, t.Src[:n]...), t.Dst[:n]...)
	return binary.BigEndian.AppendUint32(b, uint32(t.SrcPort)<<16|uint32(t.DstPort))
}

// readExtra reads the fields of an Extra, behind their length. One that says nothing is none.
func (r *Reader) readExtra(family uint8) {
	var x conntrack.Extra
	fields := r.part(int(r.uint16()))
	var seen uint32
	for fields.more() && r.err == nil {
		f := field(fields.byte())
		value := fields.part(int(fields.byte()))
		if f == 0 || f >= fieldEnd {
			continue
		}
		if seen&(1<<f) != 0 {
			value.fail("field %d twice", f)
		}
		seen |= 1 << f
		value.set(f, family, &x)
		if value.more() {
			value.fail("field %d is too long", f)
		}
		if !value.done() {
			r.err = value.err
		}
	}
	if !fields.done() && r.err == nil {
		r.err = fields.err
	}
	if x != (conntrack.Extra{}) {
		r.extras = append(r.extras, x)
	}
}

// set takes the value of a field.
func (c *cursor) set(f field, family uint8, x *conntrack.Extra) {
	switch f {
	case fieldHelper:
		c.text(x.Helper[:])
	case fieldMaster:
		c.master(&x.Master)
	case fieldLabels:
		c.text(x.Labels[:])
	case fieldAdjust:
		for i := range x.Adjust {
			x.Adjust[i] = conntrack.Adjust{Pos: c.uint32(), Before: c.uint32(), After: c.uint32()}
		}
	case fieldProxy:
		x.Proxy = conntrack.Proxy{ISN: c.uint32(), ITS: c.uint32(), Offset: c.uint32()}
	case fieldVTag:
		x.VTag = [2]uint32{c.uint32(), c.uint32()}
	case fieldDCCP:
		x.DCCP = conntrack.DCCP{Role: c.byte(), Handshake: c.uint64()}
	case fieldZones:
		x.Zones = [2]uint16{c.uint16(), c.uint16()}
	case fieldExpect:
		x.Expects.Timeout, x.Expects.Class = c.uint32(), c.uint32()
		x.Expects.Flags, x.Expects.NATDir = c.uint32(), c.uint32()
	case fieldMask:
		c.tuple(family, &x.Expects.Mask)
	case fieldNAT:
		x.Expects.HasNAT = true
		c.tuple(family, &x.Expects.NAT)
	case fieldFn:
		c.text(x.Expects.Fn[:])
	}
}

// text takes all that is left.
func (c *cursor) text(to []byte) {
	if len(c.b) > len(to) {
		c.fail("text of %d bytes", len(c.b))
	}
	copy(to, c.b)
	c.rest()
}

func (c *cursor) master(k *conntrack.Key) {
	k.Family = c.byte()
	k.Kind = conntrack.Kind(c.byte())
	k.Proto = c.byte()
	k.Zone = c.uint16()
	c.tuple(k.Family, &k.Orig)
}

func (c *cursor) tuple(family uint8, t *conntrack.Tuple) {
	n := int(addressSize(family))
	copy(t.Src[:], c.bytes(n))
	copy(t.Dst[:], c.bytes(n))
	t.SrcPort, t.DstPort = c.uint16(), c.uint16()
}
