package wire

import (
	"encoding/binary"
	"net/netip"
)

// AppendCARP adds a frame with a CARP message from src to the group of its family. A src that is
// invalid is 0.0.0.0: a node need not have an address to speak.
func AppendCARP(b []byte, from MAC, src netip.Addr, payload []byte) []byte {
	return toGroup(from, src, protocolCARP).appendCARP(b, payload)
}

// AppendBeat adds a frame with a heartbeat from src to the group of its family, as AppendCARP does.
func AppendBeat(b []byte, from MAC, src netip.Addr, payload []byte) []byte {
	return toGroup(from, src, protocolUDP).appendBeat(b, payload)
}

func toGroup(from MAC, src netip.Addr, protocol uint8) headers {
	dst := Group(src.Unmap().Is6())
	return headers{from: from, to: groupMAC(dst), src: sourceFor(src, dst), dst: dst, protocol: protocol}
}

func (h headers) appendCARP(b, payload []byte) []byte {
	start := len(b)
	b = h.append(b, len(payload))
	return pad(append(b, payload...), start)
}

func (h headers) appendBeat(b, payload []byte) []byte {
	start, length := len(b), udpHeader+len(payload)
	b = h.append(b, length)
	at := len(b)
	b = binary.BigEndian.AppendUint16(b, BeatPort)
	b = binary.BigEndian.AppendUint16(b, BeatPort)
	b = binary.BigEndian.AppendUint16(b, uint16(length))
	b = append(b, 0, 0)
	b = append(b, payload...)
	c := checksum(pseudo(h.src, h.dst, protocolUDP, length), b[at:])
	if c == 0 {
		c = 0xffff // RFC 768: zero says that there is none
	}
	binary.BigEndian.PutUint16(b[at+6:], c)
	return pad(b, start)
}
