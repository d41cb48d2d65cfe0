package nft

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// What x/sys/unix lacks of nf_tables.h.
const (
	setFlagConcat = 0x80 // NFT_SET_CONCAT

	setDescConcat = 2 // NFTA_SET_DESC_CONCAT
	setFieldLen   = 1 // NFTA_SET_FIELD_LEN

	elemKeyEnd = 10 // NFTA_SET_ELEM_KEY_END
)

// Types of libnftnl's udata.h: what nft keeps of a set or a rule for listing it.
const (
	userRuleComment          = 0
	userKeyByteOrder         = 0
	userDataByteOrder        = 1
	userKeyTypeof            = 3
	userDataTypeof           = 4
	userComment              = 7
	userOrderHost     uint32 = 1
	userOrderBig      uint32 = 2
)

// The kernel puts a number into the name of an anonymous set.
const (
	anonymousSet = "__set%d"
	anonymousMap = "__map%d"
)

// addAnonymous makes the set of one rule with its elements, and returns its number.
func (e *encoder) addAnonymous(table string, s Set) uint32 {
	s.Name = anonymousSet
	if s.Data != 0 {
		s.Name = anonymousMap
	}
	size := len(s.Elements)
	if s.Interval && len(s.Key) == 1 {
		size *= 2 // the ends count
	}
	id := e.addSet(table, s, unix.NFT_SET_ANONYMOUS|unix.NFT_SET_CONSTANT, size)
	e.elements(unix.NFT_MSG_NEWSETELEM, table, s, id, s.Elements)
	return id
}

// addSet makes a set and returns the number that it has within the batch.
func (e *encoder) addSet(table string, s Set, flags uint32, size int) uint32 {
	e.setID++
	if len(s.Comment) > maxComment {
		e.fail(fmt.Errorf("set %q: comment of %d bytes, %d are the most", s.Name, len(s.Comment), maxComment))
	}
	e.message(unix.NFT_MSG_NEWSET, unix.NLM_F_CREATE, table)
	e.text(unix.NFTA_SET_NAME, s.Name)
	e.uint32(unix.NFTA_SET_FLAGS, flags|s.kernelFlags())
	if !s.nameable() {
		e.fail(fmt.Errorf("set %q: nft has no name for %s", s.Name, s.typeText()))
	}
	magic, length := keyMagic(s.Key)
	e.uint32(unix.NFTA_SET_KEY_TYPE, magic)
	e.uint32(unix.NFTA_SET_KEY_LEN, length)
	if s.Data != 0 {
		e.uint32(unix.NFTA_SET_DATA_TYPE, s.Data.datatype().magic)
		if s.Data != TypeVerdict {
			e.uint32(unix.NFTA_SET_DATA_LEN, uint32(s.Data.datatype().size))
		}
	}
	e.uint32(unix.NFTA_SET_ID, e.setID)
	if s.HasTimeout && s.Timeout > 0 {
		e.uint64(unix.NFTA_SET_TIMEOUT, uint64(s.Timeout.Milliseconds()))
	}
	e.setDescription(s, max(size, s.limit()))
	e.bytes(unix.NFTA_SET_USERDATA, s.userdata())
	e.end()
	return e.setID
}

func (s Set) kernelFlags() uint32 {
	var flags uint32
	if s.Interval {
		flags |= unix.NFT_SET_INTERVAL
		if len(s.Key) > 1 {
			flags |= setFlagConcat
		}
	}
	if s.Data != 0 {
		flags |= unix.NFT_SET_MAP
	}
	if s.HasTimeout {
		flags |= unix.NFT_SET_TIMEOUT
	}
	if s.Dynamic {
		flags |= unix.NFT_SET_EVAL
	}
	return flags
}

// keyMagic is nft's number for a type, six bits a field, and the length of the key,
// whose fields each fill whole words when there are several.
func keyMagic(key []Type) (magic, length uint32) {
	for _, t := range key {
		d := t.datatype()
		magic = magic<<6 | d.magic
		length += uint32(d.size)
		if len(key) > 1 {
			length = (length + 3) &^ 3
		}
	}
	return magic, length
}

func (e *encoder) setDescription(s Set, size int) {
	fielded := s.Interval && len(s.Key) > 1
	if size == 0 && !fielded {
		return
	}
	at := e.nest(unix.NFTA_SET_DESC)
	if size > 0 {
		e.uint32(unix.NFTA_SET_DESC_SIZE, uint32(size))
	}
	if fielded {
		fields := e.nest(setDescConcat)
		for _, t := range s.Key {
			field := e.nest(unix.NFTA_LIST_ELEM)
			e.uint32(setFieldLen, uint32(t.datatype().size))
			e.close(field)
		}
		e.close(fields)
	}
	e.close(at)
}

// userdata is what nft writes for itself, and needs to list the set.
func (s Set) userdata() []byte {
	var b []byte
	if len(s.Key) == 1 {
		b = appendUserNumber(b, userKeyByteOrder, byteOrderOf(s.Key[0]))
	}
	if s.Data != 0 && s.Data != TypeVerdict {
		b = appendUserNumber(b, userDataByteOrder, byteOrderOf(s.Data))
	}
	if key, data, ok := s.typeof(); ok {
		b = appendUser(b, userKeyTypeof, key.userdata())
		if s.Data != 0 {
			b = appendUser(b, userDataTypeof, data.userdata())
		}
	}
	if s.Comment != "" {
		b = appendUserText(b, userComment, s.Comment)
	}
	return b
}

func byteOrderOf(t Type) uint32 {
	if t.datatype().host {
		return userOrderHost
	}
	return userOrderBig
}

func appendUser(b []byte, kind byte, value []byte) []byte {
	return append(append(b, kind, byte(len(value))), value...)
}

func appendUserNumber(b []byte, kind byte, n uint32) []byte {
	return binary.NativeEndian.AppendUint32(append(b, kind, 4), n)
}

// maxComment is the longest comment that nft takes, and so the longest that it can read back.
const maxComment = 128

func appendUserText(b []byte, kind byte, text string) []byte {
	b = append(append(b, kind, byte(len(text)+1)), text...)
	return append(b, 0)
}

// maxElements is how much of a message is filled with elements: the list of them is
// one attribute, whose length has 16 bits.
const maxElements = 60 << 10

// elements sends elements in as many messages as they need.
func (e *encoder) elements(kind uint16, table string, s Set, id uint32, list []Element) {
	flags := uint16(unix.NLM_F_CREATE)
	if kind == unix.NFT_MSG_DELSETELEM {
		flags = 0
		s.Data, s.HasTimeout = 0, false // the key is enough
	}
	for len(list) > 0 {
		e.message(kind, flags, table)
		e.text(unix.NFTA_SET_ELEM_LIST_SET, s.Name)
		if id != 0 {
			e.uint32(unix.NFTA_SET_ELEM_LIST_SET_ID, id)
		}
		at := e.nest(unix.NFTA_SET_ELEM_LIST_ELEMENTS)
		n := 0
		for n < len(list) && len(e.buf)-at < maxElements {
			e.element(s, list[n])
			n++
		}
		e.close(at)
		e.end()
		list = list[n:]
	}
}

// element writes one element. A range of a single field is two elements to the
// kernel, the second its end, which is not in it; a range of a concatenation is one.
func (e *encoder) element(s Set, v Element) {
	if !v.fits(s) {
		e.fail(fmt.Errorf("set %q: an element is not of the set's type", s.Name))
		return
	}
	at := e.nest(unix.NFTA_LIST_ELEM)
	e.key(unix.NFTA_SET_ELEM_KEY, s, v, first)
	if s.Interval && len(s.Key) > 1 {
		e.key(elemKeyEnd, s, v, last)
	}
	if s.HasTimeout && v.Timeout > 0 {
		e.uint64(unix.NFTA_SET_ELEM_TIMEOUT, uint64(v.Timeout.Milliseconds()))
		if v.Expires > 0 {
			e.uint64(unix.NFTA_SET_ELEM_EXPIRATION, uint64(v.Expires/time.Millisecond))
		}
	}
	if s.Data != 0 {
		e.elementData(s, v)
	}
	e.close(at)
	if !s.Interval || len(s.Key) > 1 {
		return
	}
	var raw [16]byte
	end := v.Key[0].appendWire(raw[:0], s.Key[0], last, true)
	if !increment(end) {
		return // the range is open: there is nothing after it
	}
	at = e.nest(unix.NFTA_LIST_ELEM)
	e.uint32(unix.NFTA_SET_ELEM_FLAGS, unix.NFT_SET_ELEM_INTERVAL_END)
	e.data(unix.NFTA_SET_ELEM_KEY, end)
	e.close(at)
}

// fits says that an element has a value for each field of a set, and its data.
func (v Element) fits(s Set) bool {
	if len(v.Key) != len(s.Key) {
		return false
	}
	for i, t := range s.Key {
		if !v.Key[i].fits(t) {
			return false
		}
	}
	return s.Data == 0 || s.Data == TypeVerdict || v.Data.fits(s.Data)
}

// key writes one end of a key. Fields of a concatenation are padded to whole words.
func (e *encoder) key(kind uint16, s Set, v Element, end bound) {
	at := e.nest(kind)
	value := e.open(unix.NFTA_DATA_VALUE)
	for i, field := range v.Key {
		e.buf = field.appendWire(e.buf, s.Key[i], end, s.Interval)
		for len(s.Key) > 1 && len(e.buf)%4 != 0 {
			e.buf = append(e.buf, 0)
		}
	}
	e.close(value)
	e.close(at)
}

func (e *encoder) elementData(s Set, v Element) {
	at := e.nest(unix.NFTA_SET_ELEM_DATA)
	if s.Data == TypeVerdict {
		e.verdict(v.Verdict)
	} else {
		value := e.open(unix.NFTA_DATA_VALUE)
		e.buf = v.Data.appendWire(e.buf, s.Data, first, false)
		e.close(value)
	}
	e.close(at)
}

// verdict writes the data of a verdict.
func (w *wire) verdict(v Verdict) {
	at := w.nest(unix.NFTA_DATA_VERDICT)
	w.uint32(unix.NFTA_VERDICT_CODE, uint32(v.code()))
	if v.Chain != "" {
		w.text(unix.NFTA_VERDICT_CHAIN, v.Chain)
	}
	w.close(at)
}

// data writes a value inside an attribute.
func (w *wire) data(kind uint16, b []byte) {
	at := w.nest(kind)
	w.bytes(unix.NFTA_DATA_VALUE, b)
	w.close(at)
}

// increment adds one to a big-endian number; false when it overflows.
func increment(b []byte) bool {
	for i := range slices.Backward(b) {
		b[i]++
		if b[i] != 0 {
			return true
		}
	}
	return false
}

// wildcard is the fixed part of a device's name that ends in *.
func (v Value) wildcard() (string, bool) { return strings.CutSuffix(v.Name, "*") }
