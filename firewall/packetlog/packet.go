package packetlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Packet is what the headers of an IP packet say. Fields that the packet does not have, or that lie beyond what was logged of it,
// are zero.
type Packet struct {
	Src            netip.Addr `json:"src,omitzero"`
	Dst            netip.Addr `json:"dst,omitzero"`
	Proto          Proto      `json:"proto"`              // the transport protocol; an extension header where the walk ended early
	SrcPort        uint16     `json:"src_port,omitempty"` // zero if the protocol has no ports
	DstPort        uint16     `json:"dst_port,omitempty"` // likewise
	ICMP           *ICMP      `json:"icmp,omitempty"`     // nil unless it is ICMP of either family
	TCPFlags       TCPFlags   `json:"tcp_flags,omitzero"`
	Length         int        `json:"length"` // in bytes from the IP header on, as that header says
	TTL            uint8      `json:"ttl"`    // or hop limit
	FragmentOffset uint16     `json:"fragment_offset,omitempty"`
	MoreFragments  bool       `json:"more_fragments,omitempty"`
	Truncated      bool       `json:"truncated,omitempty"` // the transport header was not logged whole
}

// ICMP is the kind of an ICMP message.
type ICMP struct {
	Type uint8  `json:"type"`
	Code uint8  `json:"code"`
	Name string `json:"name,omitempty"` // of the type, as nft has it
}

// String is the kind for people: "echo-request", "destination-unreachable code 3", "type 200".
func (i ICMP) String() string {
	s := i.Name
	if s == "" {
		s = fmt.Sprintf("type %d", i.Type)
	}
	if i.Code != 0 {
		s += fmt.Sprintf(" code %d", i.Code)
	}
	return s
}

const (
	ipv4Len = 20
	ipv6Len = 40

	// maxHeaders bounds the walk over IPv6 extension headers. RFC 8200 4.1 knows six in an orderly packet.
	maxHeaders = 8
)

// ParsePacket reads the headers of an IP packet of which the end may be missing. It fails only if the IP header itself is not
// there; what is missing behind it is told by Truncated.
func ParsePacket(b []byte) (Packet, error) {
	if len(b) == 0 {
		return Packet{}, errors.New("packet: empty")
	}
	switch version := b[0] >> 4; version {
	case 4:
		return parseIPv4(b)
	case 6:
		return parseIPv6(b)
	default:
		return Packet{}, fmt.Errorf("packet: IP version %d", version)
	}
}

func parseIPv4(b []byte) (Packet, error) {
	if len(b) < ipv4Len {
		return Packet{}, fmt.Errorf("packet: %d bytes of an IPv4 header", len(b))
	}
	header := int(b[0]&0x0f) * 4
	if header < ipv4Len {
		return Packet{}, fmt.Errorf("packet: IPv4 header of %d bytes", header)
	}
	fragment := binary.BigEndian.Uint16(b[6:])
	p := Packet{
		Src:            netip.AddrFrom4([4]byte(b[12:16])),
		Dst:            netip.AddrFrom4([4]byte(b[16:20])),
		Proto:          Proto(b[9]),
		Length:         int(binary.BigEndian.Uint16(b[2:])),
		TTL:            b[8],
		FragmentOffset: fragment << 3, // counted in units of 8 bytes
		MoreFragments:  fragment&0x2000 != 0,
	}
	p.parseTransport(tail(b[:min(len(b), p.Length)], header))
	return p, nil
}

func parseIPv6(b []byte) (Packet, error) {
	if len(b) < ipv6Len {
		return Packet{}, fmt.Errorf("packet: %d bytes of an IPv6 header", len(b))
	}
	p := Packet{
		Src:    netip.AddrFrom16([16]byte(b[8:24])),
		Dst:    netip.AddrFrom16([16]byte(b[24:40])),
		Proto:  Proto(b[6]),
		Length: ipv6Len + int(binary.BigEndian.Uint16(b[4:])),
		TTL:    b[7],
	}
	rest := b[ipv6Len:min(len(b), p.Length)]
	for range maxHeaders {
		length, extension := extensionLen(p.Proto, rest)
		if !extension {
			p.parseTransport(rest)
			return p, nil
		}
		if len(rest) < 8 { // the smallest extension header
			break
		}
		if p.Proto == headerFragment {
			field := binary.BigEndian.Uint16(rest[2:])
			p.FragmentOffset, p.MoreFragments = field&^7, field&1 != 0
		}
		p.Proto, rest = Proto(rest[0]), tail(rest, length)
		if p.FragmentOffset != 0 { // what follows is data, whatever Proto says
			return p, nil
		}
	}
	p.Truncated = true
	return p, nil
}

// The extension headers of IPv6, from the registry that RFC 7045 set up.
const (
	headerHopByHop    Proto = 0
	headerRouting     Proto = 43
	headerFragment    Proto = 44
	headerAuth        Proto = 51
	headerDestination Proto = 60
	headerMobility    Proto = 135
	headerHIP         Proto = 139
	headerShim6       Proto = 140
)

// extensionLen is the length of an IPv6 extension header at the start of b, and whether p is one at all. The length is zero if
// b does not hold enough of it.
func extensionLen(p Proto, b []byte) (length int, extension bool) {
	unit, extra := 0, 0
	switch p {
	case headerHopByHop, headerRouting, headerDestination, headerMobility, headerHIP, headerShim6:
		unit, extra = 8, 1
	case headerAuth: // RFC 4302 2.2: in units of 4 bytes, minus 2
		unit, extra = 4, 2
	case headerFragment: // RFC 8200 4.5: always 8 bytes, where the length would be is a reserved byte
		return 8, true
	default:
		return 0, false
	}
	if len(b) < 2 {
		return 0, true
	}
	return (int(b[1]) + extra) * unit, true
}

// tail is what follows the first n bytes of b, empty if b is not as long.
func tail(b []byte, n int) []byte { return b[min(n, len(b)):] }

// parseTransport reads the first bytes of the transport header, unless the packet is a later fragment and has none.
func (p *Packet) parseTransport(b []byte) {
	if p.FragmentOffset != 0 {
		return
	}
	switch {
	case p.Proto == ProtoICMP || p.Proto == ProtoICMPv6:
		if p.Truncated = len(b) < 2; !p.Truncated {
			p.ICMP = &ICMP{Type: b[0], Code: b[1], Name: icmpName(p.Proto, b[0])}
		}
	case p.Proto.ports():
		if p.Truncated = len(b) < 4; p.Truncated {
			return
		}
		p.SrcPort, p.DstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
		if p.Proto == ProtoTCP {
			if p.Truncated = len(b) < 14; !p.Truncated {
				p.TCPFlags = TCPFlags(b[13])
			}
		}
	}
}

func (p Proto) ports() bool {
	switch p {
	case ProtoTCP, ProtoUDP, ProtoDCCP, ProtoSCTP, ProtoUDPLite:
		return true
	}
	return false
}

// String is the packet for people: "tcp 10.1.2.9:40000 > 198.51.100.7:443 S len 60".
func (p Packet) String() string {
	if !p.Src.IsValid() {
		return "not an IP packet"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v %s > %s", p.Proto, p.end(p.Src, p.SrcPort), p.end(p.Dst, p.DstPort))
	whole := !p.Truncated && p.FragmentOffset == 0
	switch {
	case p.Proto == ProtoTCP && whole:
		fmt.Fprintf(&b, " %v", p.TCPFlags)
	case p.ICMP != nil:
		fmt.Fprintf(&b, " %v", p.ICMP)
	}
	if p.FragmentOffset != 0 || p.MoreFragments {
		fmt.Fprintf(&b, " frag %d", p.FragmentOffset)
	}
	if p.MoreFragments {
		b.WriteByte('+')
	}
	fmt.Fprintf(&b, " len %d", p.Length)
	if p.Truncated {
		b.WriteString(" truncated")
	}
	return b.String()
}

// end prints an address, with the port if the packet's ports are known.
func (p Packet) end(a netip.Addr, port uint16) string {
	if p.SrcPort == 0 && p.DstPort == 0 {
		return a.String()
	}
	return netip.AddrPortFrom(a, port).String()
}
