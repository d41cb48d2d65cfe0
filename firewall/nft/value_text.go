package nft

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"strconv"
	"time"
)

// String is the value as nft writes it in a set. Instants are written in UTC,
// as nft does with TZ=UTC.
func (v Value) String() string {
	return string(v.appendText(nil, v.Type, true))
}

// appendText writes a value of type t, which is the field's and so knows more than
// v.Type. In sets nft writes aligned ranges of marks as prefixes, in a match it does not.
func (v Value) appendText(b []byte, t Type, inSet bool) []byte {
	switch t {
	case TypeIPv4, TypeIPv6:
		return v.appendAddrs(b)
	case TypeIfname:
		return append(append(append(b, '"'), v.Name...), '"')
	case TypeTime:
		return v.appendRange(b, appendInstant)
	case TypeMark:
		if n := prefixBits32(v.Lo, v.Hi); inSet && v.Lo != v.Hi && n >= 0 {
			return strconv.AppendInt(append(appendHex(b, v.Lo), '/'), int64(n), 10)
		}
		return v.appendRange(b, appendHex)
	}
	if v.Lo == v.Hi {
		if s := t.datatype().symbol(v.Lo); s != "" {
			return append(b, s...)
		}
	}
	return v.appendRange(b, appendNumber)
}

func (v Value) appendAddrs(b []byte) []byte {
	b = appendAddr(b, v.From)
	if v.From == v.To {
		return b
	}
	if n := prefixBits(v.From, v.To); n >= 0 {
		return strconv.AppendInt(append(b, '/'), int64(n), 10)
	}
	return appendAddr(append(b, '-'), v.To)
}

func (v Value) appendRange(b []byte, number func([]byte, uint32) []byte) []byte {
	b = number(b, v.Lo)
	if v.Lo == v.Hi {
		return b
	}
	return number(append(b, '-'), v.Hi)
}

func appendNumber(b []byte, n uint32) []byte { return strconv.AppendUint(b, uint64(n), 10) }

func appendInstant(b []byte, n uint32) []byte {
	return time.Unix(int64(n), 0).UTC().AppendFormat(b, `"2006-01-02 15:04:05"`)
}

func appendHex(b []byte, n uint32) []byte {
	const digits = "0123456789abcdef"
	b = append(b, "0x"...)
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, digits[n>>shift&0xf])
	}
	return b
}

// appendAddr writes an address as inet_ntop(3) does: an IPv6 address that is
// IPv4-compatible ends in dotted form, which netip does not do.
func appendAddr(b []byte, a netip.Addr) []byte {
	if a.Is6() && !a.Is4In6() {
		raw := a.As16()
		high, low := binary.BigEndian.Uint64(raw[:8]), binary.BigEndian.Uint64(raw[8:])
		if high == 0 && low>>32 == 0 && low>>16 != 0 {
			return netip.AddrFrom4([4]byte(raw[12:])).AppendTo(append(b, "::"...))
		}
	}
	return a.AppendTo(b)
}

// prefixBits is the length of the prefix that covers from to to exactly, or -1.
func prefixBits(from, to netip.Addr) int {
	if from.Is4() && to.Is4() {
		f, t := from.As4(), to.As4()
		return prefixBits32(binary.BigEndian.Uint32(f[:]), binary.BigEndian.Uint32(t[:]))
	}
	f, t := from.As16(), to.As16()
	fh, fl := binary.BigEndian.Uint64(f[:8]), binary.BigEndian.Uint64(f[8:])
	th, tl := binary.BigEndian.Uint64(t[:8]), binary.BigEndian.Uint64(t[8:])
	if fh == th {
		if n := prefixBits64(fl, tl); n >= 0 {
			return 64 + n
		}
		return -1
	}
	if fl != 0 || ^tl != 0 {
		return -1
	}
	return prefixBits64(fh, th)
}

func prefixBits32(lo, hi uint32) int {
	if n := prefixBits64(uint64(lo), uint64(hi)); n >= 32 {
		return n - 32
	}
	return -1
}

// prefixBits64 wants the differing bits to be the lowest ones, all 0 in lo and all 1 in hi.
func prefixBits64(lo, hi uint64) int {
	diff := lo ^ hi
	if diff&(diff+1) != 0 || lo&diff != 0 {
		return -1
	}
	return 64 - bits.Len64(diff)
}

// appendDuration writes a time as nft does: 1d2h3m4s5ms.
func appendDuration(b []byte, d time.Duration) []byte {
	units := [...]struct {
		size time.Duration
		name string
	}{
		{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"},
	}
	start := len(b)
	for _, u := range units {
		if n := d / u.size; n > 0 {
			b = append(strconv.AppendInt(b, int64(n), 10), u.name...)
			d -= n * u.size
		}
	}
	if len(b) == start {
		return append(b, "0s"...)
	}
	return b
}
