package wire

import (
	"encoding/binary"
	"net/netip"
)

const (
	echoLen      = 8 // without data
	echoReply4   = 0
	echoRequest4 = 8
	echoRequest6 = 128
	echoReply6   = 129
)

// parseEcho reads an echo message of the type, RFC 792 and RFC 4443 section 4.
func (p *Packet) parseEcho(b []byte, kind uint8) error {
	switch {
	case len(b) < echoLen:
		return Short
	case b[0] != kind:
		return Foreign
	case b[1] != 0:
		return BadHeader
	}
	p.Kind, p.Payload = Echo, b
	p.ID, p.Seq = binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
	return nil
}

// AppendEchoRequest adds a frame that asks dst, at the hardware address to, for an echo reply with
// the same id and seq. A src that is not of dst's family is the unspecified address.
func AppendEchoRequest(b []byte, from, to MAC, src, dst netip.Addr, id, seq uint16) []byte {
	kind := uint8(echoRequest4)
	if dst = dst.Unmap().WithZone(""); dst.Is6() {
		kind = echoRequest6
	}
	h := headers{from: from, to: to, src: sourceFor(src, dst), dst: dst}
	return h.appendEcho(b, kind, id, seq)
}

func (h headers) appendEcho(b []byte, kind uint8, id, seq uint16) []byte {
	start, cover := len(b), uint32(0)
	h.protocol = protocolICMP
	if h.dst.Is6() {
		h.protocol = protocolICMPv6
		cover = pseudo(h.src, h.dst, protocolICMPv6, echoLen)
	}
	b = h.append(b, echoLen)
	at := len(b)
	b = append(b, kind, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, id)
	b = binary.BigEndian.AppendUint16(b, seq)
	binary.BigEndian.PutUint16(b[at+2:], checksum(cover, b[at:]))
	return pad(b, start)
}
