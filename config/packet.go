package config

import "net/netip"

// Packet is the first packet of a flow as its sender wrote it, and the
// interface that it comes in by: what a [[test]] and `rempart explain` ask about.
type Packet struct {
	In       string // interface of the policy
	Protocol Protocol
	Src, Dst netip.Addr // of one family
	SrcPort  uint16     // 0 where the protocol has none
	DstPort  uint16
	ICMPType uint8
	ICMPCode uint8
	TCPFlags uint8 // as in the header; 0: a SYN
}
