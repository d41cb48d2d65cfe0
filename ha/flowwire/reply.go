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
	if f.Kind == conntrack.KindFlow {
		*t = f.Orig.Inverse(f.Proto)
	}
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
