package nft

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"
)

// bound says which end of a value is meant.
type bound int

const (
	first bound = iota
	last
)

// appendWire appends one end of a value as the kernel compares it, without
// padding. Types of host byte order are turned to the network's when big is set,
// as they must be wherever ranges are compared.
func (v Value) appendWire(b []byte, t Type, end bound, big bool) []byte {
	switch t {
	case TypeIPv4, TypeIPv6:
		return appendAddrWire(b, v.addr(end), t)
	case TypeIfname:
		return v.appendNameWire(b, end)
	case TypeTime:
		return appendOrdered64(b, v.nanoseconds(end), big)
	}
	n := v.Lo
	if end == last {
		n = v.Hi
	}
	d := t.datatype()
	switch {
	case d.size == 1:
		return append(b, byte(n))
	case d.size == 2:
		return binary.BigEndian.AppendUint16(b, uint16(n))
	case d.host && !big:
		return binary.NativeEndian.AppendUint32(b, n)
	}
	return binary.BigEndian.AppendUint32(b, n)
}

func (v Value) addr(end bound) netip.Addr {
	if end == last {
		return v.To
	}
	return v.From
}

func appendAddrWire(b []byte, a netip.Addr, t Type) []byte {
	if t == TypeIPv4 {
		if !a.Is4() {
			return append(b, 0, 0, 0, 0) // fits tells
		}
		raw := a.As4()
		return append(b, raw[:]...)
	}
	raw := a.As16()
	return append(b, raw[:]...)
}

// appendNameWire fills a wildcard's tail with the lowest or the highest bytes there are.
func (v Value) appendNameWire(b []byte, end bound) []byte {
	name, wild := strings.CutSuffix(v.Name, "*")
	var raw [16]byte
	n := copy(raw[:], name)
	if wild && end == last {
		for i := n; i < len(raw); i++ {
			raw[i] = 0xff
		}
	}
	return append(b, raw[:]...)
}

// nanoseconds since 1970. The last second of a span belongs to it as a whole.
func (v Value) nanoseconds(end bound) uint64 {
	if end == first || v.Lo == v.Hi {
		return uint64(v.Lo) * uint64(time.Second)
	}
	return uint64(v.Hi)*uint64(time.Second) + uint64(time.Second-1)
}

func appendOrdered64(b []byte, n uint64, big bool) []byte {
	if big {
		return binary.BigEndian.AppendUint64(b, n)
	}
	return binary.NativeEndian.AppendUint64(b, n)
}

// fits says that a value has what its type asks for.
func (v Value) fits(t Type) bool {
	switch t {
	case TypeIPv4:
		return v.From.Is4() && v.To.Is4()
	case TypeIPv6:
		return v.From.Is6() && v.To.Is6()
	case TypeIfname:
		return v.Name != "" && v.Name != "*"
	}
	return t.datatype().size > 0
}

// single says that a value is one value and not a range of them.
func (v Value) single(t Type) bool {
	switch t {
	case TypeIPv4, TypeIPv6:
		return v.From == v.To
	case TypeIfname:
		return !strings.HasSuffix(v.Name, "*")
	}
	return v.Lo == v.Hi
}
