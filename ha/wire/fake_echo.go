package wire

import (
	"bytes"
	"encoding/binary"
)

// answerEcho makes the reply to a frame, if that is an echo request. No Port hears requests, so it
// is read as the reply that has the same fields.
func answerEcho(frame []byte) (reply []byte, request Packet, ok bool) {
	at, from, to := etherHeader+ipv6Header, byte(echoRequest6), byte(echoReply6)
	if len(frame) > etherHeader && binary.BigEndian.Uint16(frame[12:]) == etherIPv4 {
		at, from, to = etherHeader+int(frame[etherHeader]&0x0f)*4, echoRequest4, echoReply4
	}
	if len(frame) <= at || frame[at] != from {
		return nil, Packet{}, false
	}
	frame = bytes.Clone(frame)
	frame[at] = to
	request, err := Parse(frame)
	if err != nil || request.Kind != Echo {
		return nil, Packet{}, false
	}
	h := headers{from: request.To, to: request.From, src: request.Dst, dst: request.Src}
	return h.appendEcho(nil, to, request.ID, request.Seq), request, true
}
