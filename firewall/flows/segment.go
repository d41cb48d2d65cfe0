package flows

import (
	"encoding/binary"
	"net/netip"
)

// Segment is a TCP segment over IPv4 or IPv6, as the family of Src says, that carries nothing: no data, no options, and of the
// flags ACK alone.
type Segment struct {
	Src, Dst netip.AddrPort
	Seq, Ack uint32
}

// Lengths of headers without options, in bytes.
const (
	ipv4Len = 20
	ipv6Len = 40
	tcpLen  = 20
)

const (
	hopLimit = 64   // RFC 1700: what hosts send with
	ackFlag  = 0x10 // RFC 9293 3.1
)

// Append appends the bytes of the segment, from the IP header on.
func (s Segment) Append(b []byte) []byte {
	if s.Src.Addr().Is4() {
		b = s.appendIPv4(b)
	} else {
		b = s.appendIPv6(b)
	}
	return s.appendTCP(b)
}

// appendIPv4 appends the header of RFC 791 3.1, for a datagram that is whole and is not to be fragmented.
func (s Segment) appendIPv4(b []byte) []byte {
	src, dst := s.Src.Addr().As4(), s.Dst.Addr().As4()
	at := len(b)
	b = append(b, 0x45, 0, 0, ipv4Len+tcpLen, 0, 0, 0x40, 0, hopLimit, uint8(ProtoTCP), 0, 0)
	b = append(append(b, src[:]...), dst[:]...)
	binary.BigEndian.PutUint16(b[at+10:], ^sum(0, b[at:]))
	return b
}

// appendIPv6 appends the header of RFC 8200 3.
func (s Segment) appendIPv6(b []byte) []byte {
	src, dst := s.Src.Addr().As16(), s.Dst.Addr().As16()
	b = append(b, 0x60, 0, 0, 0, 0, tcpLen, uint8(ProtoTCP), hopLimit)
	return append(append(b, src[:]...), dst[:]...)
}

// appendTCP appends the header of RFC 9293 3.1. The window is zero: nobody is to send anything.
func (s Segment) appendTCP(b []byte) []byte {
	at := len(b)
	b = binary.BigEndian.AppendUint16(b, s.Src.Port())
	b = binary.BigEndian.AppendUint16(b, s.Dst.Port())
	b = binary.BigEndian.AppendUint32(b, s.Seq)
	b = binary.BigEndian.AppendUint32(b, s.Ack)
	b = append(b, tcpLen/4<<4, ackFlag, 0, 0, 0, 0, 0, 0)
	pseudo := sum(sum(uint16(ProtoTCP)+tcpLen, s.Src.Addr().AsSlice()), s.Dst.Addr().AsSlice())
	binary.BigEndian.PutUint16(b[at+16:], ^sum(pseudo, b[at:]))
	return b
}

// sum adds words to a sum in ones' complement, RFC 1071. The bytes are even in number.
func sum(total uint16, b []byte) uint16 {
	n := uint32(total)
	for ; len(b) >= 2; b = b[2:] {
		n += uint32(binary.BigEndian.Uint16(b))
	}
	for n > 0xffff {
		n = n>>16 + n&0xffff
	}
	return uint16(n)
}

// Nudges returns for each end of a TCP flow a segment that seems to come from its peer, the end that began the flow first; Dst
// is the end itself. Source and destination are as that end knows them, whatever is translated in between.
//
// A TCP that is connected answers a segment that it cannot accept with an acknowledgment (RFC 9293 3.10.7.4). Sent when the flow
// is no more, a nudge so makes an idle end send a packet that belongs to no flow. Refused with a reset, which then has the
// sequence number that the end expects, it tells the end that its connection is gone. The Resetter fills in the numbers.
//
// There are none for a flow that is not TCP, that is not yet answered, or that both ends have done with.
func Nudges(f Flow) []Segment {
	if f.Orig.Proto != ProtoTCP {
		return nil
	}
	switch f.TCPState {
	case SynRecv, Established, FinWait, CloseWait, LastAck:
		return []Segment{f.Orig.nudge(), f.Reply.nudge()}
	}
	return nil
}

// nudge is the segment that the sender of packets with this tuple takes for one of its peer.
func (t Tuple) nudge() Segment { return Segment{Src: t.Dst, Dst: t.Src} }
