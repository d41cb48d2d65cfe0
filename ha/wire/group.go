package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
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

// unicast are the headers of a message to one host; the error says that it cannot be sent so.
func unicast(k Kind, to netip.Addr) (headers, error) {
	protocol := uint8(protocolCARP)
	switch {
	case k == Beat:
		protocol = protocolUDP
	case k != CARP:
		return headers{}, fmt.Errorf("neither %s nor %s", CARP, Beat)
	}
	if to = to.Unmap().WithZone(""); !to.IsValid() || to.IsMulticast() || to.IsUnspecified() {
		return headers{}, errors.New("not an address of a host")
	}
	return headers{dst: to, protocol: protocol}, nil
}

// appendPayload adds a frame with a message of CARP, or else a heartbeat.
func (h headers) appendPayload(b, payload []byte) []byte {
	if h.protocol == protocolCARP {
		return h.appendCARP(b, payload)
	}
	return h.appendBeat(b, payload)
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
