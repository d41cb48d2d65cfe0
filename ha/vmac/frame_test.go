package vmac

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"

	"github.com/rempart/rempart/lab"
)

// everyone is the MAC of all.
var everyone = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// announcement is a gratuitous ARP with the node's own MAC, as from a program that knows of no other.
func announcement(n *node) []byte {
	a := vips[0].Addr()
	return arp(everyone, n.MAC("lan"), a, a)
}

// arp is a frame that asks for target.
func arp(to, from net.HardwareAddr, sender, target netip.Addr) []byte {
	frame := slices.Concat(to, from, []byte{8, 6, 0, 1, 8, 0, 6, 4, 0, 1}, from, sender.AsSlice(), make([]byte, 6), target.AsSlice())
	return append(frame, make([]byte, 60-len(frame))...)
}

// echo is a frame with an echo request.
func echo(to, from net.HardwareAddr, src, dst netip.Addr) []byte {
	d := lab.Datagram{
		Src: netip.AddrPortFrom(src, 0), Dst: netip.AddrPortFrom(dst, 0),
		Protocol: lab.ICMP4, Payload: []byte{8, 0, 0, 0, 0, 1, 0, 1},
	}
	return d.Append(slices.Concat(to, from, []byte{8, 0}))
}

// says are the MACs by which frames speak for addresses, one line for each way in which they do.
func says(packets []lab.Packet, of ...netip.Addr) []string {
	var all []string
	for _, p := range packets {
		if a, m, how := spoken(p.Frame); how != "" && slices.Contains(of, a) {
			all = append(all, how+" "+m)
		}
		if a, ok := source(p); ok && slices.Contains(of, a) {
			all = append(all, "ether "+net.HardwareAddr(p.Frame[6:12]).String())
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// source is the address that a frame is from.
func source(p lab.Packet) (netip.Addr, bool) {
	if bytes.Equal(p.Frame[12:14], []byte{8, 6}) {
		return netip.AddrFrom4([4]byte(p.Frame[28:32])), true
	}
	d, err := p.Datagram()
	return d.Src.Addr(), err == nil
}

// spoken is for which address a frame of ARP or neighbour discovery gives a MAC.
func spoken(frame []byte) (a netip.Addr, m, how string) {
	const ip6 = 14
	switch kind := binary.BigEndian.Uint16(frame[12:]); {
	case kind == 0x0806:
		return netip.AddrFrom4([4]byte(frame[28:32])), net.HardwareAddr(frame[22:28]).String(), "arp"
	case kind != 0x86dd || frame[ip6+6] != 58 || len(frame) < ip6+40+32:
		return netip.Addr{}, "", ""
	}
	message := frame[ip6+40:]
	m = net.HardwareAddr(message[26:32]).String()
	switch message[0] {
	case 135:
		return netip.AddrFrom16([16]byte(frame[ip6+8 : ip6+24])), m, "solicitation"
	case 136:
		return netip.AddrFrom16([16]byte(message[8:24])), m, "advertisement"
	}
	return netip.Addr{}, "", ""
}
