package gateways

import (
	"encoding/binary"
	"errors"
)

// Of RFC 792 and RFC 4443 section 4.
const (
	echoReply4, echoRequest4 = 0, 8
	echoReply6, echoRequest6 = 129, 128

	echoLen       = 16 // header and token
	ipv4HeaderMin = 20
)

// echo is an ICMP or ICMPv6 echo message that carries a token of ours.
type echo struct {
	id, seq uint16
	token   uint64 // its data, which only who saw the request can know
}

// append adds the request. The checksum of ICMPv6 covers addresses, and is the
// kernel's to fill in.
func (e echo) append(b []byte, is6 bool) []byte {
	start := len(b)
	kind := byte(echoRequest4)
	if is6 {
		kind = echoRequest6
	}
	b = append(b, kind, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, e.id)
	b = binary.BigEndian.AppendUint16(b, e.seq)
	b = binary.BigEndian.AppendUint64(b, e.token)
	if !is6 {
		binary.BigEndian.PutUint16(b[start+2:], ^sum(b[start:]))
	}
	return b
}

var (
	errShort    = errors.New("it is too short")
	errNoReply  = errors.New("it is no echo reply")
	errLength   = errors.New("its data is not as long as ours")
	errChecksum = errors.New("its checksum is wrong")
)

// parseReply4 reads an IPv4 packet with an echo reply.
func parseReply4(b []byte) (echo, error) {
	if len(b) < ipv4HeaderMin {
		return echo{}, errShort
	}
	header := int(b[0]&0x0f) * 4
	if b[0]>>4 != 4 || header < ipv4HeaderMin {
		return echo{}, errNoReply
	}
	if len(b) < header {
		return echo{}, errShort
	}
	e, err := parseReply(b[header:], echoReply4)
	// A raw socket gets packets before the kernel has looked at the checksum.
	if err == nil && sum(b[header:]) != 0xffff {
		err = errChecksum
	}
	return e, err
}

// parseReply6 reads an ICMPv6 message that is an echo reply. The kernel has seen to its checksum.
func parseReply6(b []byte) (echo, error) { return parseReply(b, echoReply6) }

func parseReply(b []byte, kind byte) (echo, error) {
	switch {
	case len(b) < 8:
		return echo{}, errShort
	case b[0] != kind || b[1] != 0:
		return echo{}, errNoReply
	case len(b) != echoLen:
		return echo{}, errLength
	}
	return echo{
		id:    binary.BigEndian.Uint16(b[4:]),
		seq:   binary.BigEndian.Uint16(b[6:]),
		token: binary.BigEndian.Uint64(b[8:]),
	}, nil
}

// sum is the ones' complement sum of RFC 1071.
func sum(b []byte) uint16 {
	var s uint32
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}
