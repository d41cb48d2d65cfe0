package nft

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// rawElement is an element as the kernel tells it.
type rawElement struct {
	key, keyEnd      []byte
	end              bool // of a range: the first key that is not in it
	data             []byte
	verdict          Verdict
	timeout, expires time.Duration
}

// decodeElements reads NFT_MSG_NEWSETELEM and appends its elements.
func decodeElements(list []rawElement, data []byte) ([]rawElement, error) {
	err := decodeMessage(data, func(a *attributes) {
		if a.kind != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
			return
		}
		a.nested(func(a *attributes) {
			var e rawElement
			a.nested(func(a *attributes) { decodeElement(a, &e) })
			list = append(list, e)
		})
	})
	return list, err
}

func decodeElement(a *attributes, e *rawElement) {
	switch a.kind {
	case unix.NFTA_SET_ELEM_KEY:
		a.nested(func(a *attributes) { e.key = a.value })
	case elemKeyEnd:
		a.nested(func(a *attributes) { e.keyEnd = a.value })
	case unix.NFTA_SET_ELEM_FLAGS:
		e.end = a.uint32()&unix.NFT_SET_ELEM_INTERVAL_END != 0
	case unix.NFTA_SET_ELEM_TIMEOUT:
		e.timeout = time.Duration(a.uint64()) * time.Millisecond
	case unix.NFTA_SET_ELEM_EXPIRATION:
		e.expires = time.Duration(a.uint64()) * time.Millisecond
	case unix.NFTA_SET_ELEM_DATA:
		a.nested(func(a *attributes) {
			if a.kind == unix.NFTA_DATA_VERDICT {
				a.nested(func(a *attributes) { decodeVerdict(a, &e.verdict) })
				return
			}
			e.data = a.value
		})
	}
}

func decodeVerdict(a *attributes, v *Verdict) {
	switch a.kind {
	case unix.NFTA_VERDICT_CODE:
		v.Kind = verdictKind(a.uint32())
	case unix.NFTA_VERDICT_CHAIN:
		v.Chain = a.text()
	}
}

// assemble makes the elements of a set from what the kernel tells, in the order of their keys.
func assemble(s Set, raw []rawElement) ([]Element, error) {
	if s.Interval && len(s.Key) == 1 {
		return assembleRanges(s, raw)
	}
	elements := make([]Element, 0, len(raw))
	for _, e := range raw {
		if len(e.keyEnd) == 0 {
			e.keyEnd = e.key
		}
		key, err := fieldValues(s, e.key, e.keyEnd)
		if err != nil {
			return nil, err
		}
		element, err := e.element(s, key)
		if err != nil {
			return nil, err
		}
		elements = append(elements, element)
	}
	slices.SortFunc(elements, compareKeys)
	return elements, nil
}

// assembleRanges pairs the ends of ranges. A range ends before the next element,
// whether that is its end or the start of another; the last one may be open. An end
// that nothing began, such as nft puts at 0.0.0.0, is the gap before the first range.
func assembleRanges(s Set, raw []rawElement) ([]Element, error) {
	slices.SortFunc(raw, func(a, b rawElement) int {
		if c := bytes.Compare(a.key, b.key); c != 0 || a.end == b.end {
			return c
		}
		if a.end {
			return -1
		}
		return 1
	})
	elements := make([]Element, 0, len(raw)/2+1)
	for i, e := range raw {
		if e.end {
			continue
		}
		last := bytes.Repeat([]byte{0xff}, len(e.key))
		if i+1 < len(raw) {
			copy(last, raw[i+1].key)
			decrement(last)
		}
		key, err := fieldValues(s, e.key, last)
		if err != nil {
			return nil, err
		}
		element, err := e.element(s, key)
		if err != nil {
			return nil, err
		}
		elements = append(elements, element)
	}
	return elements, nil
}

// decrement takes one from a big-endian number.
func decrement(b []byte) {
	for i := range slices.Backward(b) {
		b[i]--
		if b[i] != 0xff {
			return
		}
	}
}

func (e rawElement) element(s Set, key []Value) (Element, error) {
	v := Element{Key: key, Verdict: e.verdict, Timeout: e.timeout, Expires: e.expires}
	if s.HasTimeout && v.Timeout == s.Timeout {
		v.Timeout = 0 // the set's own
	}
	if s.Data != 0 && s.Data != TypeVerdict {
		data, err := fieldValues(Set{Key: []Type{s.Data}}, e.data, e.data)
		if err != nil {
			return Element{}, err
		}
		v.Data = data[0]
	}
	return v, nil
}

// fieldValues reads the fields of a key from its two ends.
func fieldValues(s Set, from, to []byte) ([]Value, error) {
	values := make([]Value, len(s.Key))
	for i, t := range s.Key {
		size := t.datatype().size
		if len(from) < size || len(to) < size {
			return nil, errTruncated
		}
		values[i] = valueOf(t, from[:size], to[:size], s.Interval)
		padded := size
		if len(s.Key) > 1 {
			padded = (size + 3) &^ 3
		}
		from, to = from[min(padded, len(from)):], to[min(padded, len(to)):]
	}
	return values, nil
}

// valueOf is the inverse of appendWire for both ends.
func valueOf(t Type, from, to []byte, big bool) Value {
	v := Value{Type: t}
	switch t {
	case TypeIPv4, TypeIPv6:
		v.From, _ = netip.AddrFromSlice(from)
		v.To, _ = netip.AddrFromSlice(to)
	case TypeIfname:
		v.Name = strings.TrimRight(string(from), "\x00")
		if !bytes.Equal(from, to) {
			v.Name += "*"
		}
	case TypeTime:
		v.Lo, v.Hi = secondsOf(from, big), secondsOf(to, big)
	default:
		v.Lo, v.Hi = numberOf(t, from, big), numberOf(t, to, big)
	}
	return v
}

func secondsOf(b []byte, big bool) uint32 {
	n := binary.NativeEndian.Uint64(b)
	if big {
		n = binary.BigEndian.Uint64(b)
	}
	return uint32(min(n/uint64(time.Second), math.MaxUint32))
}

func numberOf(t Type, b []byte, big bool) uint32 {
	switch len(b) {
	case 1:
		return uint32(b[0])
	case 2:
		return uint32(binary.BigEndian.Uint16(b))
	}
	if t.datatype().host && !big {
		return binary.NativeEndian.Uint32(b)
	}
	return binary.BigEndian.Uint32(b)
}
