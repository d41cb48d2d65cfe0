package wire

import (
	"encoding/binary"
	"net/netip"
)

const (
	ipv4Header = 20
	ipv6Header = 40
	udpHeader  = 8

	protocolICMP   = 1
	protocolUDP    = 17
	protocolICMPv6 = 58
	protocolCARP   = 112

	// linkTTL is the hop limit of what must not come through a router.
	linkTTL = 255
	// lowDelay is the type of service of CARP.
	lowDelay = 0x10

	dontFragment  = 0x4000
	fragmentParts = 0x3fff // more fragments, and the offset
)

// parseIPv4 reads a packet from its IPv4 header on, RFC 791.
func (p *Packet) parseIPv4(b []byte) error {
	if len(b) < ipv4Header {
		return Short
	}
	header, total := int(b[0]&0x0f)*4, int(binary.BigEndian.Uint16(b[2:]))
	switch {
	case b[0]>>4 != 4:
		return BadHeader
	case header < ipv4Header || total < header:
		return BadLength
	case total > len(b):
		return Short
	case checksum(0, b[:header]) != 0:
		return BadChecksum
	case binary.BigEndian.Uint16(b[6:])&fragmentParts != 0:
		return Fragmented
	}
	p.TTL = b[8]
	p.Src, p.Dst = netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	switch body := b[header:total]; b[9] {
	case protocolCARP:
		p.Kind, p.Payload = CARP, body
		return nil
	case protocolUDP:
		return p.parseUDP(body)
	case protocolICMP:
		return p.parseEcho(body, echoReply4)
	}
	return Foreign
}

// parseIPv6 reads a packet from its IPv6 header on, RFC 8200.
func (p *Packet) parseIPv6(b []byte) error {
	if len(b) < ipv6Header {
		return Short
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	switch {
	case b[0]>>4 != 6:
		return BadHeader
	case length > len(b)-ipv6Header:
		return Short
	}
	p.TTL = b[7]
	p.Src, p.Dst = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
	switch body := b[ipv6Header:][:length]; b[6] {
	case protocolCARP:
		p.Kind, p.Payload = CARP, body
		return nil
	case protocolUDP:
		return p.parseUDP(body)
	case protocolICMPv6:
		return p.parseICMPv6(body)
	}
	return Foreign
}

func (p *Packet) parseUDP(b []byte) error {
	if len(b) < udpHeader {
		return Short
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	switch {
	case binary.BigEndian.Uint16(b[2:]) != BeatPort:
		return Foreign
	case length < udpHeader:
		return BadLength
	case length > len(b):
		return Short
	}
	p.Kind, p.Payload = Beat, b[udpHeader:length]
	return nil
}

// parseICMPv6 reads a message from its type on.
func (p *Packet) parseICMPv6(b []byte) error {
	if len(b) == 0 {
		return Short
	}
	if t := b[0]; t == solicitation || t == advertisement {
		return p.parseNeighbour(b)
	}
	return p.parseEcho(b, echoReply6)
}

// headers say where a packet goes.
type headers struct {
	from, to MAC
	src, dst netip.Addr
	protocol uint8
}

// append adds the Ethernet and IP headers of a packet with length bytes after them.
func (h headers) append(b []byte, length int) []byte {
	if h.dst.Is4() {
		b = appendEther(b, h.to, h.from, etherIPv4)
		at := len(b)
		b = append(b, 0x45, lowDelay)
		b = binary.BigEndian.AppendUint16(b, uint16(ipv4Header+length))
		// Whole datagrams need no identification, RFC 6864 section 4.1.
		b = append(b, 0, 0, dontFragment>>8, 0, linkTTL, h.protocol, 0, 0)
		b = append(b, h.src.AsSlice()...)
		b = append(b, h.dst.AsSlice()...)
		binary.BigEndian.PutUint16(b[at+10:], checksum(0, b[at:]))
		return b
	}
	b = appendEther(b, h.to, h.from, etherIPv6)
	b = append(b, 0x60|lowDelay>>4, lowDelay&0x0f<<4, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(length))
	b = append(b, h.protocol, linkTTL)
	b = append(b, h.src.AsSlice()...)
	return append(b, h.dst.AsSlice()...)
}

// sourceFor is src without its zone if it can speak to dst, and else the
// unspecified address of that family.
func sourceFor(src, dst netip.Addr) netip.Addr {
	src = src.Unmap().WithZone("")
	switch {
	case src.IsValid() && src.Is4() == dst.Is4():
		return src
	case dst.Is4():
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}
