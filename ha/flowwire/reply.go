package flowwire

import "github.com/rempart/rempart/ha/conntrack"

// Where a reply differs from the inverse of the original tuple; of an expectation, which has no reply, from
// zero.
const (
	sourceMoved      = 1 << iota // the reply goes to another address than the original came from
	destinationMoved             // the reply comes from another address than the original went to
	replySrcPortMoved
	replyDstPortMoved
)

// moved is where the reply of a flow is not what its original tuple says.
func moved(f *conntrack.Flow) (bits byte) {
	var base conntrack.Tuple
	inverse(f, &base)
	if f.Reply.Dst != base.Dst {
		bits |= sourceMoved
	}
	if f.Reply.Src != base.Src {
		bits |= destinationMoved
	}
	if f.Reply.SrcPort != base.SrcPort {
		bits |= replySrcPortMoved
	}
	if f.Reply.DstPort != base.DstPort {
		bits |= replyDstPortMoved
	}
	return bits
}

// inverse sets t to the reply of a flow that nobody translates.
func inverse(f *conntrack.Flow, t *conntrack.Tuple) {
	if f.Kind == conntrack.KindExpect {
		return
	}
	t.Src, t.Dst = f.Orig.Dst, f.Orig.Src
	t.SrcPort, t.DstPort = f.Orig.DstPort, f.Orig.SrcPort
	if f.Proto == conntrack.ICMP || f.Proto == conntrack.ICMPv6 {
		t.SrcPort = f.Orig.SrcPort
		t.DstPort = uint16(answer(f.Proto, byte(f.Orig.DstPort>>8)))<<8 | f.Orig.DstPort&0xff
	}
}

// answer is the type of the ICMP message that answers one, as the kernel's inverse tuples have it, or
// the same type where there is none.
func answer(proto, typ byte) byte {
	switch {
	case proto == conntrack.ICMPv6 && (typ == 128 || typ == 129): // echo
		return typ ^ 1
	case proto == conntrack.ICMPv6 && (typ == 139 || typ == 140): // node information
		return 139 + (140 - typ)
	case proto == conntrack.ICMP && (typ == 0 || typ == 8): // echo
		return typ ^ 8
	case proto == conntrack.ICMP && typ >= 13 && typ <= 18: // time stamp, information, mask
		return (typ - 13) ^ 1 + 13
	}
	return typ
}

// normal is a status without what follows from the tuples: the bits of NAT that are as
// they should be are zero, so that flows with and without translation look alike.
func normal(s conntrack.Status, moved byte) uint32 {
	if moved&sourceMoved != 0 {
		s ^= conntrack.SrcNAT
	}
	if moved&destinationMoved != 0 {
		s ^= conntrack.DstNAT
	}
	return uint32(s)
}
