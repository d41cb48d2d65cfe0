package wire

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	macA = MAC{0x02, 0, 0, 0, 0, 0x0a}
	macB = MAC{0x02, 0, 0, 0, 0, 0x0b}
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// frameCase is what is built and what is to be heard of it.
type frameCase struct {
	name  string
	frame []byte
	want  Packet
}

// frameCases are of every kind, family and direction.
func frameCases() []frameCase {
	four, six, local := addr("192.0.2.1"), addr("2001:db8::1"), addr("fe80::1")
	group4, group6 := addr("224.0.0.18"), addr("ff02::12")
	mac4, mac6 := MAC{1, 0, 0x5e, 0, 0, 0x12}, MAC{0x33, 0x33, 0, 0, 0, 0x12}
	all4, all6 := MAC{255, 255, 255, 255, 255, 255}, MAC{0x33, 0x33, 0, 0, 0, 1}
	nodes, node, nodeMAC := addr("ff02::1"), addr("ff02::1:ff23:4567"), MAC{0x33, 0x33, 0xff, 0x23, 0x45, 0x67}
	peer := addr("2001:db8::abcd:123:4567")
	announced4, announced6 := Announcements(macA, four), Announcements(macA, six)
	said := []byte("what is said")
	none4, none6 := netip.IPv4Unspecified(), netip.IPv6Unspecified()
	return []frameCase{
		{"CARP", AppendCARP(nil, macA, four, said),
			Packet{Kind: CARP, From: macA, To: mac4, Src: four, Dst: group4, TTL: 255, Payload: said}},
		{"CARP without address", AppendCARP(nil, macA, netip.Addr{}, said),
			Packet{Kind: CARP, From: macA, To: mac4, Src: none4, Dst: group4, TTL: 255, Payload: said}},
		{"CARP from 0.0.0.0", AppendCARP(nil, macA, none4, said),
			Packet{Kind: CARP, From: macA, To: mac4, Src: none4, Dst: group4, TTL: 255, Payload: said}},
		{"CARP IPv6", AppendCARP(nil, macA, local.WithZone("lan"), said),
			Packet{Kind: CARP, From: macA, To: mac6, Src: local, Dst: group6, TTL: 255, Payload: said}},
		{"heartbeat", AppendBeat(nil, macA, four, said),
			Packet{Kind: Beat, From: macA, To: mac4, Src: four, Dst: group4, TTL: 255, Payload: said}},
		{"heartbeat from an IPv4 address in IPv6", AppendBeat(nil, macA, addr("::ffff:192.0.2.1"), said),
			Packet{Kind: Beat, From: macA, To: mac4, Src: four, Dst: group4, TTL: 255, Payload: said}},
		{"empty heartbeat", AppendBeat(nil, macA, netip.Addr{}, nil),
			Packet{Kind: Beat, From: macA, To: mac4, Src: none4, Dst: group4, TTL: 255, Payload: []byte{}}},
		{"heartbeat IPv6", AppendBeat(nil, macA, local, said),
			Packet{Kind: Beat, From: macA, To: mac6, Src: local, Dst: group6, TTL: 255, Payload: said}},
		{"announcement", announced4[0],
			Packet{Kind: ARP, From: macA, To: all4, Src: four, Dst: four, TTL: 255, Link: macA}},
		{"announcement as a reply", announced4[1],
			Packet{Kind: ARP, From: macA, To: all4, Src: four, Dst: four, TTL: 255, Link: macA, Reply: true}},
		{"announcement IPv6", announced6[0],
			Packet{Kind: Neighbour, From: macA, To: all6, Src: six, Dst: nodes, Target: six, TTL: 255, Link: macA, Reply: true}},
		{"knock", AppendKnock(nil, macA, four, addr("192.0.2.9")),
			Packet{Kind: ARP, From: macA, To: all4, Src: four, Dst: addr("192.0.2.9"), TTL: 255, Link: macA}},
		{"knock without address", AppendKnock(nil, macA, netip.Addr{}, addr("192.0.2.9")),
			Packet{Kind: ARP, From: macA, To: all4, Src: none4, Dst: addr("192.0.2.9"), TTL: 255, Link: macA}},
		{"knock IPv6", AppendKnock(nil, macA, local, peer),
			Packet{Kind: Neighbour, From: macA, To: nodeMAC, Src: local, Dst: node, Target: peer, TTL: 255, Link: macA}},
		{"knock IPv6 without address", AppendKnock(nil, macA, four, peer),
			Packet{Kind: Neighbour, From: macA, To: nodeMAC, Src: none6, Dst: node, Target: peer, TTL: 255}},
		{"echo", reply(AppendEchoRequest(nil, macA, macB, four, addr("192.0.2.9"), 7, 0xfffe)),
			Packet{Kind: Echo, From: macA, To: macB, Src: four, Dst: addr("192.0.2.9"), TTL: 255, ID: 7, Seq: 0xfffe,
				Payload: []byte{0, 0, 0xff, 0xf9, 0, 7, 0xff, 0xfe}}},
		{"echo IPv6", reply(AppendEchoRequest(nil, macA, macB, six, peer, 7, 0xfffe)),
			Packet{Kind: Echo, From: macA, To: macB, Src: six, Dst: peer, TTL: 255, ID: 7, Seq: 0xfffe,
				Payload: []byte{129, 0, 0x30, 0xec, 0, 7, 0xff, 0xfe}}},
	}
}

// reply makes the reply out of an echo request, but for who says it to whom.
func reply(frame []byte) []byte {
	at, to := etherHeader+ipv4Header, byte(echoReply4)
	if frame[etherHeader]>>4 == 6 {
		at, to = etherHeader+ipv6Header, echoReply6
	}
	c := uint32(^(uint16(frame[at+2])<<8 | uint16(frame[at+3])))
	c = sum(c+0xffff-uint32(frame[at])<<8+uint32(to)<<8, nil)
	frame[at], frame[at+2], frame[at+3] = to, byte(^c>>8), byte(^c)
	return frame
}

var comparePackets = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func mustParse(t *testing.T, frame []byte) Packet {
	t.Helper()
	p, err := Parse(frame)
	if err != nil {
		t.Fatalf("%x: %v", frame, err)
	}
	return p
}
