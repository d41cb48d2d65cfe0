package conntrack

// Inverse is the tuple of what answers, untranslated: addresses and ports change places, and of ICMP and ICMPv6 the type becomes
// the one that answers it; types without an answer stay. It is what conntrack makes of the first packet of a flow.
func (t Tuple) Inverse(proto uint8) Tuple {
	inv := Tuple{Src: t.Dst, Dst: t.Src, SrcPort: t.DstPort, DstPort: t.SrcPort}
	if proto == ICMP || proto == ICMPv6 {
		inv.SrcPort = t.SrcPort // both directions have the same ID
		inv.DstPort = uint16(answers(proto, uint8(t.DstPort>>8)))<<8 | t.DstPort&0xff
	}
	return inv
}

// answers is the ICMP type that answers the type, as nf_conntrack_proto_icmp.c and nf_conntrack_proto_icmpv6.c pair them: echo, timestamp,
// information and address mask; echo and node information.
func answers(proto, kind uint8) uint8 {
	if proto == ICMPv6 {
		switch kind {
		case 128, 139:
			return kind + 1
		case 129, 140:
			return kind - 1
		}
		return kind
	}
	switch kind {
	case 8:
		return 0
	case 0:
		return 8
	case 13, 15, 17:
		return kind + 1
	case 14, 16, 18:
		return kind - 1
	}
	return kind
}

// translation is what a flow is translated to: the sender of its packets as the receiver sees it, and the receiver that they reach.
type translation struct {
	src, dst         [16]byte
	srcPort, dstPort uint16
}

// translation is read from the reply, which goes from the receiver to what stands for the sender. It reports false if that is
// nothing but the inverse of the original. Of ICMP both halves have the ID: the kernel settles the destination first and the source
// after it, so it is the source's half that changes the ID.
func (f *Flow) translation(inverse *Tuple) (translation, bool) {
	if f.Reply == *inverse {
		return translation{}, false
	}
	n := translation{src: f.Reply.Dst, dst: f.Reply.Src, srcPort: f.Reply.DstPort, dstPort: f.Reply.SrcPort}
	if f.Proto == ICMP || f.Proto == ICMPv6 {
		n.srcPort, n.dstPort = f.Reply.SrcPort, f.Orig.SrcPort
	}
	return n, true
}
