package feeds

import (
	"errors"
	"net/netip"

	"go4.org/netipx"
)

// Packed addresses are in order, and each says only where it differs from the
// one before: a byte with the number of leading bytes that it shares, bit 7 set
// for IPv6, and the other bytes. A list of a million networks takes some 5 MB.
const packedIPv6 = 0x80

var errPacked = errors.New("addresses are damaged")

// pack is the addresses of a name, or the ends of the ranges of a list.
func pack(k key, c content) []byte {
	var b []byte
	var last netip.Addr
	put := func(a netip.Addr) {
		b = appendAddr(b, last, a)
		last = a
	}
	if k.kind == Name {
		for _, a := range c.addresses() {
			put(a)
		}
		return b
	}
	for _, r := range c.list.Ranges() {
		put(r.From())
		put(r.To())
	}
	return b
}

func appendAddr(b []byte, last, a netip.Addr) []byte {
	if a.Is4() {
		return appendRest(b, 0, last, a, 4)
	}
	return appendRest(b, packedIPv6, last, a, 16)
}

func appendRest(b []byte, family byte, last, a netip.Addr, size int) []byte {
	bytes, before := sixteen(a), sixteen(last)
	n := 0
	for last.BitLen() == a.BitLen() && n < size && bytes[n] == before[n] {
		n++
	}
	return append(append(b, family|byte(n)), bytes[n:size]...)
}

// sixteen is the bytes of an address, from the front.
func sixteen(a netip.Addr) (out [16]byte) {
	switch {
	case a.Is4():
		four := a.As4()
		copy(out[:], four[:])
	case a.IsValid():
		out = a.As16()
	}
	return out
}

// unpack reads one address off the front; last is the one before. Only the
// shortest form is taken.
func unpack(b []byte, last netip.Addr) (a netip.Addr, rest []byte, err error) {
	if len(b) == 0 {
		return netip.Addr{}, nil, errPacked
	}
	size, n := 4, int(b[0]&^packedIPv6)
	if b[0]&packedIPv6 != 0 {
		size = 16
	}
	b = b[1:]
	if n > size || n > 0 && last.BitLen() != 8*size || len(b) < size-n {
		return netip.Addr{}, nil, errPacked
	}
	whole := sixteen(last)
	if n < size && last.BitLen() == 8*size && whole[n] == b[0] {
		return netip.Addr{}, nil, errPacked // it shares more than it says
	}
	copy(whole[n:size], b)
	if size == 4 {
		return netip.AddrFrom4([4]byte(whole[:4])), b[size-n:], nil
	}
	return netip.AddrFrom16(whole), b[size-n:], nil
}

// eachAddress calls fn for the packed addresses of a name: in order, each once, and
// such as packets can be sent to.
func eachAddress(b []byte, fn func(netip.Addr)) error {
	var last netip.Addr
	for len(b) > 0 {
		a, rest, err := unpack(b, last)
		if err != nil {
			return err
		}
		if a.Compare(last) <= 0 || a.IsUnspecified() {
			return errPacked
		}
		fn(a)
		last, b = a, rest
	}
	return nil
}

// eachRange calls fn for the packed ranges of a list: in order, and none touches the next.
func eachRange(b []byte, fn func(netipx.IPRange)) error {
	var last netip.Addr
	for len(b) > 0 {
		from, rest, err := unpack(b, last)
		if err != nil {
			return err
		}
		to, rest, err := unpack(rest, from)
		if err != nil {
			return err
		}
		r := netipx.IPRangeFrom(from, to)
		if !r.IsValid() || from.Compare(last) <= 0 || from == last.Next() {
			return errPacked
		}
		fn(r)
		last, b = to, rest
	}
	return nil
}
