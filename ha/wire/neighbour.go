package wire

import (
	"encoding/binary"
	"net/netip"
)

const (
	solicitation  = 135
	advertisement = 136
	neighbourLen  = 24 // without options

	// Flags of an advertisement.
	isRouter  = 0x80
	solicited = 0x40
	override  = 0x20

	// The options that give a hardware address, and their length in units of 8 bytes.
	sourceLink   = 1
	targetLink   = 2
	linkUnits    = 1
	optionHeader = 2
)

// parseNeighbour reads a solicitation or an advertisement and makes the checks of RFC 4861
// sections 7.1.1 and 7.1.2.
func (p *Packet) parseNeighbour(b []byte) error {
	if len(b) < neighbourLen {
		return Short
	}
	p.Kind, p.Reply = Neighbour, b[0] == advertisement
	p.Target = netip.AddrFrom16([16]byte(b[8:]))
	switch {
	case p.TTL != linkTTL:
		return BadHops
	case b[1] != 0, p.Target.IsMulticast():
		return BadHeader
	case p.Reply && p.Dst.IsMulticast() && b[4]&solicited != 0:
		return BadHeader
	}
	wanted := uint8(sourceLink)
	if p.Reply {
		wanted = targetLink
	}
	if err := p.parseOptions(b[neighbourLen:], wanted); err != nil {
		return err
	}
	if !p.Reply && p.Src.IsUnspecified() && p.Link != (MAC{}) {
		return BadOption
	}
	return nil
}

// parseOptions looks for the option that gives the hardware address.
func (p *Packet) parseOptions(b []byte, wanted uint8) error {
	for len(b) > 0 {
		if len(b) < optionHeader {
			return Short
		}
		kind, units := b[0], int(b[1])
		switch {
		case units == 0:
			return BadOption
		case units*8 > len(b):
			return Short
		case kind == wanted && units != linkUnits:
			return BadOption
		case kind == wanted:
			p.Link = MAC(b[optionHeader:8])
		}
		b = b[units*8:]
	}
	return nil
}

// neighbourMessage is a solicitation or an advertisement. An option is left out when it is zero.
type neighbourMessage struct {
	kind, flags, option uint8
	target              netip.Addr
	link                MAC
}

func (m neighbourMessage) append(b []byte, h headers) []byte {
	start, length := len(b), neighbourLen
	if m.option != 0 {
		length += linkUnits * 8
	}
	h.protocol = protocolICMPv6
	b = h.append(b, length)
	at := len(b)
	b = append(b, m.kind, 0, 0, 0, m.flags, 0, 0, 0)
	b = append(b, m.target.AsSlice()...)
	if m.option != 0 {
		b = append(b, m.option, linkUnits)
		b = append(b, m.link[:]...)
	}
	binary.BigEndian.PutUint16(b[at+2:], checksum(pseudo(h.src, h.dst, protocolICMPv6, length), b[at:]))
	return pad(b, start)
}

// solicitedNode is the group that those listen to who have the address, RFC 4291 section 2.7.1.
func solicitedNode(a netip.Addr) netip.Addr {
	b := a.As16()
	return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 11: 1, 12: 0xff, 13: b[13], 14: b[14], 15: b[15]})
}
