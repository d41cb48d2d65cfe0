package wire

import (
	"encoding/binary"
	"net/netip"
)

const (
	arpLen     = 28 // for IPv4 over Ethernet
	arpRequest = 1
	arpReply   = 2
)

// parseARP reads a message for IPv4 over Ethernet, RFC 826.
func (p *Packet) parseARP(b []byte) error {
	if len(b) < arpLen {
		return Short
	}
	operation := binary.BigEndian.Uint16(b[6:])
	switch {
	case binary.BigEndian.Uint16(b) != 1, binary.BigEndian.Uint16(b[2:]) != etherIPv4:
		return Foreign
	case b[4] != 6, b[5] != 4:
		return BadLength
	case operation != arpRequest && operation != arpReply:
		return Foreign
	}
	p.Kind, p.TTL, p.Reply = ARP, linkTTL, operation == arpReply
	p.Link = MAC(b[8:14])
	p.Src, p.Dst = netip.AddrFrom4([4]byte(b[14:])), netip.AddrFrom4([4]byte(b[24:]))
	return nil
}

// arpFrame is a message of ARP and the frame that it goes in.
type arpFrame struct {
	to, from       MAC // of the frame
	operation      uint16
	sender, target netip.Addr
	link           MAC // of the target
}

func (a arpFrame) append(b []byte) []byte {
	start := len(b)
	b = appendEther(b, a.to, a.from, etherARP)
	b = append(b, 0, 1, etherIPv4>>8, etherIPv4&0xff, 6, 4)
	b = binary.BigEndian.AppendUint16(b, a.operation)
	b = append(b, a.from[:]...)
	b = append(b, a.sender.AsSlice()...)
	b = append(b, a.link[:]...)
	b = append(b, a.target.AsSlice()...)
	return pad(b, start)
}
