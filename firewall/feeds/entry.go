package feeds

import (
	"bytes"
	"net/netip"

	"go4.org/netipx"
)

// Why a line is bad.
const (
	whyNoAddress   = "no address, prefix or range"
	whyBits        = "the length of the prefix is wrong"
	whyBackwards   = "the range runs backwards"
	whyFamilies    = "the range has two families"
	whyTwo         = "two addresses: a range is written FROM-TO"
	whyEverything  = "it covers every address"
	fieldSeparator = " \t,"
)

// parseEntry reads a line such as
//
//	192.0.2.1
//	192.0.2.0/24 ; SBL123
//	192.0.2.0 - 192.0.2.9, seen yesterday
//
// Comments begin with # or ;, and whatever follows the entry after white space
// or a comma is not looked at, unless it is a second address: that could mean
// anything. Host bits of a prefix are cleared. It returns an invalid range and no
// reason for a line without an entry.
func parseEntry(line []byte) (r netipx.IPRange, why string) {
	if i := bytes.IndexAny(line, "#;"); i >= 0 {
		line = line[:i]
	}
	head, rest := cutField(line)
	if len(head) == 0 {
		return netipx.IPRange{}, ""
	}
	if from, to, ok := cutRange(head, rest); ok {
		r, why = parseRange(from, to)
	} else {
		r, why = parsePrefix(head)
		if next, _ := cutField(rest); why == "" && len(next) > 0 && parseAddr(next).IsValid() {
			return netipx.IPRange{}, whyTwo
		}
	}
	if why == "" && coversAll(r) {
		return netipx.IPRange{}, whyEverything
	}
	return r, why
}

// cutField takes the first field off a line.
func cutField(line []byte) (field, rest []byte) {
	line = bytes.TrimLeft(line, fieldSeparator)
	if i := bytes.IndexAny(line, fieldSeparator); i >= 0 {
		return line[:i], line[i+1:]
	}
	return line, nil
}

// cutRange finds the two ends of "a-b", "a - b", "a -b" and "a- b".
func cutRange(head, rest []byte) (from, to []byte, ok bool) {
	from, to, ok = bytes.Cut(head, []byte("-"))
	if !ok {
		to, ok = bytes.CutPrefix(bytes.TrimLeft(rest, fieldSeparator), []byte("-"))
		rest = to
		to = nil
	}
	if ok && len(to) == 0 {
		to, _ = cutField(rest)
	}
	return from, to, ok
}

func parseRange(from, to []byte) (netipx.IPRange, string) {
	first, last := parseAddr(from), parseAddr(to)
	switch {
	case !first.IsValid() || !last.IsValid():
		return netipx.IPRange{}, whyNoAddress
	case first.Is4() != last.Is4():
		return netipx.IPRange{}, whyFamilies
	case last.Less(first):
		return netipx.IPRange{}, whyBackwards
	}
	return netipx.IPRangeFrom(first, last), ""
}

func parsePrefix(field []byte) (netipx.IPRange, string) {
	text, length, ok := bytes.Cut(field, []byte("/"))
	a := parseAddr(text)
	if !a.IsValid() {
		return netipx.IPRange{}, whyNoAddress
	}
	if !ok {
		return netipx.IPRangeFrom(a, a), ""
	}
	bits := parseBits(length)
	if a.Is4() && bytes.IndexByte(text, ':') >= 0 {
		bits -= 96 // ::ffff:192.0.2.0/120
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netipx.IPRange{}, whyBits
	}
	return netipx.RangeOfPrefix(p), ""
}

// parseBits returns -1 for what is no number of up to three digits.
func parseBits(text []byte) int {
	if len(text) == 0 || len(text) > 3 {
		return -1
	}
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// parseAddr returns an invalid address for what is none. IPv4 written as IPv6
// is IPv4; an address that belongs to one link only is no entry for a list.
func parseAddr(text []byte) netip.Addr {
	if a, ok := parseAddr4(text); ok {
		return a
	}
	a, err := netip.ParseAddr(string(text))
	if err != nil || a.Zone() != "" {
		return netip.Addr{}
	}
	return a.Unmap()
}

// parseAddr4 is netip.ParseAddr for IPv4 without an allocation: lists have
// millions of lines.
func parseAddr4(text []byte) (netip.Addr, bool) {
	var b [4]byte
	part, digits, n := 0, 0, 0
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9':
			if digits > 0 && n == 0 { // 010 might be meant as octal
				return netip.Addr{}, false
			}
			if n = n*10 + int(c-'0'); n > 255 {
				return netip.Addr{}, false
			}
			digits++
		case c == '.' && digits > 0 && part < 3:
			b[part] = byte(n)
			part, digits, n = part+1, 0, 0
		default:
			return netip.Addr{}, false
		}
	}
	if part != 3 || digits == 0 {
		return netip.Addr{}, false
	}
	b[3] = byte(n)
	return netip.AddrFrom4(b), true
}

func coversAll(r netipx.IPRange) bool {
	p, ok := r.Prefix()
	return ok && p.Bits() == 0
}
