package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Protocol is an IP protocol by its number.
type Protocol uint8

// The protocols that a Datagram knows more of than their number.
const (
	ICMP4 Protocol = 1
	TCP   Protocol = 6
	UDP   Protocol = 17
	ICMP6 Protocol = 58
)

// String is the protocol's name or number.
func (p Protocol) String() string {
	switch p {
	case ICMP4:
		return "icmp"
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case ICMP6:
		return "icmp6"
	}
	return fmt.Sprintf("protocol %d", uint8(p))
}

// Flags is a set of TCP flags, RFC 9293 section 3.1.
type Flags uint8

// The flags, for every combination that ought not to be.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// String is the names of the flags, "syn|ack", and "none" without any.
func (f Flags) String() string {
	var names []string
	for i, name := range []string{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"} {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, "|")
}

// Lengths of headers without options, in bytes.
const (
	ipv4Header = 20
	ipv6Header = 40
	tcpHeader  = 20
	udpHeader  = 8
)

// Datagram is an IPv4 or IPv6 datagram, as the family of Src says, that may be as wrong as its maker
// likes. Checksums and lengths are right; what is to be wrong there is changed in the bytes.
type Datagram struct {
	// Src and Dst have ports for TCP and UDP only.
	Src, Dst netip.AddrPort
	// Protocol is the number in the IP header.
	Protocol Protocol
	// TTL is the hop limit; zero is sent as 64.
	TTL uint8
	// Flags, Seq and Ack are of TCP.
	Flags    Flags
	Seq, Ack uint32
	// Payload is what follows the TCP, UDP or, for another protocol, the IP header. For ICMP its
	// checksum is filled in.
	Payload []byte
}

// String is the datagram in one line, in the manner of tcpdump.
func (d Datagram) String() string {
	switch d.Protocol {
	case TCP:
		return fmt.Sprintf("%s > %s: tcp %s, seq %d, ack %d, length %d", d.Src, d.Dst, d.Flags, d.Seq, d.Ack, len(d.Payload))
	case UDP:
		return fmt.Sprintf("%s > %s: udp, length %d", d.Src, d.Dst, len(d.Payload))
	}
	return fmt.Sprintf("%s > %s: %s, length %d", d.Src.Addr(), d.Dst.Addr(), d.Protocol, len(d.Payload))
}

// Append adds the datagram's bytes, from the IP header on.
func (d Datagram) Append(b []byte) []byte {
	ttl := d.TTL
	if ttl == 0 {
		ttl = 64
	}
	start := len(b)
	segment := d.segment()
	if d.Src.Addr().Is4() {
		b = append(b, 0x45, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(ipv4Header+len(segment)))
		b = append(b, 0, 0, 0, 0, ttl, uint8(d.Protocol), 0, 0)
		b = append(b, d.Src.Addr().AsSlice()...)
		b = append(b, d.Dst.Addr().AsSlice()...)
		binary.BigEndian.PutUint16(b[start+10:], checksum(0, b[start:]))
	} else {
		b = append(b, 0x60, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(len(segment)))
		b = append(b, uint8(d.Protocol), ttl)
		b = append(b, d.Src.Addr().AsSlice()...)
		b = append(b, d.Dst.Addr().AsSlice()...)
	}
	return append(b, segment...)
}

// segment is all behind the IP header.
func (d Datagram) segment() []byte {
	var b []byte
	var sum int // where the checksum belongs
	switch d.Protocol {
	case TCP:
		b = binary.BigEndian.AppendUint16(b, d.Src.Port())
		b = binary.BigEndian.AppendUint16(b, d.Dst.Port())
		b = binary.BigEndian.AppendUint32(b, d.Seq)
		b = binary.BigEndian.AppendUint32(b, d.Ack)
		b = append(b, tcpHeader/4<<4, uint8(d.Flags), 0xff, 0xff, 0, 0, 0, 0)
		sum = 16
	case UDP:
		b = binary.BigEndian.AppendUint16(b, d.Src.Port())
		b = binary.BigEndian.AppendUint16(b, d.Dst.Port())
		b = binary.BigEndian.AppendUint16(b, uint16(udpHeader+len(d.Payload)))
		b = append(b, 0, 0)
		sum = 6
	case ICMP4, ICMP6:
		sum = 2
	default:
		return d.Payload
	}
	b = append(b, d.Payload...)
	if len(b) < sum+2 {
		return b // an ICMP message too short for its checksum
	}
	b[sum], b[sum+1] = 0, 0
	c := checksum(d.pseudoHeader(len(b)), b)
	if c == 0 && d.Protocol == UDP {
		c = 0xffff // RFC 768: zero says that there is none
	}
	binary.BigEndian.PutUint16(b[sum:], c)
	return b
}

// pseudoHeader is the sum of what a checksum covers besides the segment, RFC 9293 section 3.1.
func (d Datagram) pseudoHeader(length int) uint32 {
	if d.Protocol == ICMP4 {
		return 0
	}
	return uint32(d.Protocol) + uint32(length) +
		sum16(d.Src.Addr().AsSlice()) + sum16(d.Dst.Addr().AsSlice())
}

// sum16 adds the 16-bit words of b.
func sum16(b []byte) uint32 {
	var sum uint32
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum
}

// checksum is the Internet checksum of b, RFC 1071, on top of sum.
func checksum(sum uint32, b []byte) uint16 {
	sum += sum16(b)
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

var errShort = errors.New("too short")

// ParseDatagram reads a datagram that begins with its IP header. Options are skipped, fragments and
// IPv6 extension headers are left in the Payload, checksums are not looked at. The Payload shares
// memory with b.
func ParseDatagram(b []byte) (Datagram, error) {
	if len(b) == 0 {
		return Datagram{}, fmt.Errorf("parse datagram: %w", errShort)
	}
	var d Datagram
	var err error
	switch version := b[0] >> 4; version {
	case 4:
		d, err = parseIPv4(b)
	case 6:
		d, err = parseIPv6(b)
	default:
		err = fmt.Errorf("version %d", version)
	}
	if err != nil {
		return Datagram{}, fmt.Errorf("parse datagram: %w", err)
	}
	return d, nil
}

func parseIPv4(b []byte) (Datagram, error) {
	if len(b) < ipv4Header {
		return Datagram{}, errShort
	}
	header, length := int(b[0]&0xf)*4, int(binary.BigEndian.Uint16(b[2:]))
	if header < ipv4Header || length < header || length > len(b) {
		return Datagram{}, fmt.Errorf("header of %d bytes, %d in all, of %d", header, length, len(b))
	}
	d := Datagram{
		Src:      netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[12:])), 0),
		Dst:      netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[16:])), 0),
		TTL:      b[8],
		Protocol: Protocol(b[9]),
		Payload:  b[header:length],
	}
	if offset := binary.BigEndian.Uint16(b[6:]) & 0x1fff; offset != 0 {
		return d, nil
	}
	return d, d.parseSegment()
}

func parseIPv6(b []byte) (Datagram, error) {
	if len(b) < ipv6Header {
		return Datagram{}, errShort
	}
	length := ipv6Header + int(binary.BigEndian.Uint16(b[4:]))
	if length > len(b) {
		return Datagram{}, fmt.Errorf("%d bytes of %d", len(b), length)
	}
	d := Datagram{
		Src:      netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:])), 0),
		Dst:      netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[24:])), 0),
		TTL:      b[7],
		Protocol: Protocol(b[6]),
		Payload:  b[ipv6Header:length],
	}
	return d, d.parseSegment()
}

// parseSegment reads the TCP or UDP header off the payload.
func (d *Datagram) parseSegment() error {
	b := d.Payload
	header := 0
	switch d.Protocol {
	case TCP:
		if len(b) < tcpHeader {
			return fmt.Errorf("tcp: %w", errShort)
		}
		header = int(b[12]>>4) * 4
		if header < tcpHeader || header > len(b) {
			return fmt.Errorf("tcp: header of %d bytes in %d", header, len(b))
		}
		d.Seq, d.Ack = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
		d.Flags = Flags(b[13])
	case UDP:
		if len(b) < udpHeader {
			return fmt.Errorf("udp: %w", errShort)
		}
		header = udpHeader
	default:
		return nil
	}
	d.Src = netip.AddrPortFrom(d.Src.Addr(), binary.BigEndian.Uint16(b))
	d.Dst = netip.AddrPortFrom(d.Dst.Addr(), binary.BigEndian.Uint16(b[2:]))
	d.Payload = b[header:]
	return nil
}
