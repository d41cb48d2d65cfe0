package carp

import (
	"encoding/binary"
	"time"
)

// Ad is one advertisement.
type Ad struct {
	VHID    uint8
	AdvBase uint8 // seconds
	AdvSkew uint8 // 1/256 seconds
	Demote  uint8 // OpenBSD's demotion counter; of others zero
	Counter uint64
	MD      [20]byte // the HMAC as it was on the wire
}

// BowOut is what AdvBase and AdvSkew of a master that goes are.
const BowOut = 255

// AdLen is the length of an advertisement, without the IP header.
const AdLen = 36

// Where things are in an advertisement (ip_carp.h).
const (
	atVHID     = 1
	atSkew     = 2
	atDemote   = 4 // pad1 of others
	atBase     = 5
	atChecksum = 6
	atCounter  = 8
	atMD       = 16
)

const (
	version  = 2
	typeAd   = 1
	firstOne = version<<4 | typeAd
	authLen  = 7 // of counter and HMAC, in words; nobody checks it
)

// VHIDOf is the virtual host that an advertisement is of, to find its Context; ok is
// false when b is too short to be one.
func VHIDOf(b []byte) (vhid uint8, ok bool) {
	if len(b) < AdLen {
		return 0, false
	}
	return b[atVHID], true
}

// Append appends the advertisement as it is on the wire, with the vhid of the context.
// Checksum and HMAC are made here: VHID and MD of a are not used.
func (c *Context) Append(b []byte, a Ad) []byte {
	start := len(b)
	b = append(b, firstOne, c.VHID, a.AdvSkew, authLen, a.Demote, a.AdvBase, 0, 0)
	b = binary.BigEndian.AppendUint64(b, a.Counter)
	m := c.mac()
	b = append(b, m.sum(m.all, b[start+atCounter:start+atMD])...)
	binary.BigEndian.PutUint16(b[start+atChecksum:], ^fold(b[start:]))
	return b
}

// Parse takes an advertisement off the wire that came in with this TTL or hop limit. What
// follows it in b is not looked at, and the error is a Check. It is the context that is
// to be known to both ends; the rest of the advertisement is protected by nothing.
func (c *Context) Parse(b []byte, ttl uint8) (Ad, error) {
	// carp(4): the TTL proves that the sender is on this link.
	if ttl != 255 {
		return Ad{}, BadTTL
	}
	if len(b) < AdLen {
		return Ad{}, Short
	}
	b = b[:AdLen]
	// The checksum is of the header alone, also in IPv6: there is no pseudo-header.
	if fold(b) != 0xffff {
		return Ad{}, BadChecksum
	}
	if b[atVHID] != c.VHID {
		return Ad{}, UnknownVHID
	}
	if b[0] != firstOne {
		return Ad{}, BadVersion
	}
	if !c.mac().proves(b[atCounter:atMD], b[atMD:]) {
		return Ad{}, BadAuth
	}
	a := Ad{
		VHID: b[atVHID], AdvBase: b[atBase], AdvSkew: b[atSkew], Demote: b[atDemote],
		Counter: binary.BigEndian.Uint64(b[atCounter:]),
	}
	copy(a.MD[:], b[atMD:])
	return a, nil
}

// interval is the time between the advertisements of who sends this one.
func (a Ad) interval() time.Duration { return interval(a.AdvBase, a.AdvSkew) }

func interval(base, skew uint8) time.Duration {
	return time.Duration(base)*time.Second + time.Duration(skew)*time.Second/256
}

// leaves says that the sender bows out.
func (a Ad) leaves() bool { return a.AdvBase == BowOut && a.AdvSkew == BowOut }

// fold is the ones' complement sum of the 16-bit words of b (RFC 1071), whose length is
// even.
func fold(b []byte) uint16 {
	var sum uint32
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}
