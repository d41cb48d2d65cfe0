package wire

import (
	"encoding/binary"
	"net/netip"
)

// sum adds up data as RFC 1071 has it. Of several pieces only the last may be of odd length.
func sum(start uint32, data []byte) uint32 {
	for len(data) >= 2 {
		start += uint32(binary.BigEndian.Uint16(data))
		data = data[2:]
	}
	if len(data) == 1 {
		start += uint32(data[0]) << 8
	}
	for start > 0xffff {
		start = start>>16 + start&0xffff
	}
	return start
}

// checksum is the complement of a sum.
func checksum(start uint32, data []byte) uint16 { return ^uint16(sum(start, data)) }

// pseudo is the sum of the header that checksums of UDP and ICMPv6 cover besides
// the packet, RFC 768 and RFC 8200 section 8.1.
func pseudo(src, dst netip.Addr, protocol uint8, length int) uint32 {
	s := sum(0, src.AsSlice())
	s = sum(s, dst.AsSlice())
	return s + uint32(protocol) + uint32(length)
}
