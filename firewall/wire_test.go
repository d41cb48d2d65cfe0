package firewall

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/rules"
)

// frame is a packet on the wire with a number by which it is known wherever it
// leaves: in the sequence number of TCP, and elsewhere in the first bytes behind
// the headers, all of which an ICMP error quotes.
func frame(p rules.Packet, id uint32) []byte {
	d := lab.Datagram{
		Src: netip.AddrPortFrom(p.Src, p.SrcPort), Dst: netip.AddrPortFrom(p.Dst, p.DstPort),
		Protocol: lab.Protocol(p.Protocol), TTL: hopLimit(p),
	}
	number := binary.BigEndian.AppendUint32(nil, id)
	switch p.Protocol {
	case config.TCP:
		d.Seq, d.Flags = id, lab.Flags(p.TCPFlags)
	case config.UDP:
		d.Payload = number
	case config.ICMP, config.ICMPv6:
		// The low half tells flows apart; conntrack takes it for the identifier of an echo.
		d.Payload = append([]byte{p.ICMPType, p.ICMPCode, 0, 0, byte(id >> 8), byte(id), 0, 1}, number...)
		d.Payload = append(d.Payload, make([]byte, 16)...) // the longest fixed part of a type is 20 bytes
	case config.SCTP:
		d.Payload = sctpInit(p, id)
	case config.UDPLite:
		d.Payload = udpLite(p, number)
	case 47: // GRE, version 0, carrying IPv4
		d.Payload = append([]byte{0, 0, 8, 0}, number...)
	default:
		d.Payload = append(number, number...)
	}
	return d.Append(nil)
}

// sctpInit is an SCTP packet with an INIT chunk, RFC 9260 section 3.3.2.
func sctpInit(p rules.Packet, id uint32) []byte {
	b := binary.BigEndian.AppendUint16(nil, p.SrcPort)
	b = binary.BigEndian.AppendUint16(b, p.DstPort)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0) // verification tag, checksum
	b = append(b, 1, 0, 0, 20)
	b = binary.BigEndian.AppendUint32(b, id|1<<31) // initiate tag, never zero
	b = append(b, 0, 1, 0, 0, 0, 1, 0, 1)          // window, streams
	b = binary.BigEndian.AppendUint32(b, id)
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// udpLite is a UDP-Lite packet whose checksum covers all of it, RFC 3828.
func udpLite(p rules.Packet, payload []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, p.SrcPort)
	b = binary.BigEndian.AppendUint16(b, p.DstPort)
	b = append(append(b, 0, 0, 0, 0), payload...)
	sum := uint32(p.Protocol) + uint32(len(b))
	for _, part := range [][]byte{p.Src.AsSlice(), p.Dst.AsSlice(), b} {
		for i := 0; i < len(part); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(part[i:]))
		}
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	check := ^uint16(sum)
	if check == 0 {
		check = 0xffff
	}
	binary.BigEndian.PutUint16(b[6:], check)
	return b
}

// sighting is a packet that was seen to leave the gateway.
type sighting struct {
	id       uint32
	src, dst netip.AddrPort
	kind     sightingKind
}

type sightingKind int

const (
	forwarded sightingKind = iota + 1 // the packet itself
	reset                             // a TCP reset in answer to it
	refused                           // an ICMP error about it
)

// seen reads a packet that has left; false when it is none that frame made or that answers one.
func seen(b []byte) (sighting, bool) {
	d, err := lab.ParseDatagram(b)
	if err != nil {
		return sighting{}, false
	}
	s := sighting{src: d.Src, dst: d.Dst, kind: forwarded}
	switch {
	case d.Protocol == lab.TCP && d.Flags&lab.RST != 0 && d.Flags&lab.ACK != 0 && d.Seq == 0:
		s.kind, s.id = reset, d.Ack-1 // a SYN counts for one
		return s, true
	case d.Protocol == lab.ICMP4 && len(d.Payload) > 8 && (d.Payload[0] == 3 || d.Payload[0] == 11),
		d.Protocol == lab.ICMP6 && len(d.Payload) > 8 && d.Payload[0] < 128:
		inner, ok := idOf(d.Payload[8:])
		if ok {
			return sighting{id: inner.id, src: d.Src, dst: d.Dst, kind: refused}, true
		}
	}
	inner, ok := idOf(b)
	s.id, s.src, s.dst = inner.id, inner.src, inner.dst
	return s, ok
}

// idOf finds the number in a packet, of which perhaps only the head is there.
func idOf(b []byte) (sighting, bool) {
	if len(b) < 20 {
		return sighting{}, false
	}
	var s sighting
	var proto config.Protocol
	var src, dst netip.Addr
	var rest []byte
	if b[0]>>4 == 4 {
		src, dst, proto, rest = netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:])), config.Protocol(b[9]), b[20:]
	} else if len(b) >= 40 {
		src, dst, proto, rest = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:])), config.Protocol(b[6]), b[40:]
	}
	at := 8 // UDP, UDP-Lite and ICMP have headers of this length
	switch proto {
	case config.TCP, 47:
		at = 4
	case config.SCTP:
		at = 28
	case config.UDP, config.UDPLite, config.ICMP, config.ICMPv6:
	default:
		at = 0
	}
	if len(rest) < at+4 {
		return sighting{}, false
	}
	s.id = binary.BigEndian.Uint32(rest[at:])
	var sport, dport uint16
	if proto.HasPorts() {
		sport, dport = binary.BigEndian.Uint16(rest), binary.BigEndian.Uint16(rest[2:])
	}
	s.src, s.dst = netip.AddrPortFrom(src, sport), netip.AddrPortFrom(dst, dport)
	return s, true
}
