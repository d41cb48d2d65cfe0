package wire

import (
	"encoding/binary"
	"net/netip"
)

const (
	etherHeader = 14
	// etherMin is the length of the shortest frame, without its checksum.
	etherMin = 60

	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherIPv6 = 0x86dd
)

var broadcast = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// Parse takes a frame apart that begins with its Ethernet header and is of one of the Kinds;
// the error is a Fault. It sees what an IP stack would take for such a message: IPv4 options are
// skipped, extension headers of IPv6 are not.
//
// Checksums of UDP and ICMP are not looked at: between virtual machines they are often left to a
// device that never comes. What a heartbeat or CARP says is authenticated anyway.
func Parse(frame []byte) (Packet, error) {
	if len(frame) < etherHeader {
		return Packet{}, Short
	}
	p := Packet{To: MAC(frame[0:6]), From: MAC(frame[6:12])}
	var err error
	switch body := frame[etherHeader:]; binary.BigEndian.Uint16(frame[12:]) {
	case etherIPv4:
		err = p.parseIPv4(body)
	case etherIPv6:
		err = p.parseIPv6(body)
	case etherARP:
		err = p.parseARP(body)
	default:
		err = Foreign
	}
	if err != nil {
		return Packet{}, err
	}
	return p, nil
}

func appendEther(b []byte, to, from MAC, kind uint16) []byte {
	b = append(b, to[:]...)
	b = append(b, from[:]...)
	return binary.BigEndian.AppendUint16(b, kind)
}

// pad makes the frame that begins at start long enough.
func pad(b []byte, start int) []byte {
	if n := etherMin - (len(b) - start); n > 0 {
		b = append(b, make([]byte, n)...)
	}
	return b
}

// groupMAC is the hardware address of a multicast group, RFC 1112 section 6.4 and RFC 2464 section 7.
func groupMAC(group netip.Addr) MAC {
	if group.Is4() {
		a := group.As4()
		return MAC{0x01, 0x00, 0x5e, a[1] & 0x7f, a[2], a[3]}
	}
	a := group.As16()
	return MAC{0x33, 0x33, a[12], a[13], a[14], a[15]}
}
