package flowsync

import "github.com/rempart/rempart/ha/conntrack"

// Shared says whether a flow is the pair's concern: one that went both ways and has both its ends elsewhere.
// Those of the gateway itself, CARP and flow sync among them, mean nothing on another machine, and who has
// not been answered yet asks again. local knows the addresses of this node, virtual ones included.
func Shared(f *conntrack.Flow, local func(family uint8, a [16]byte) bool) bool {
	if f.Kind == conntrack.KindExpect {
		return true // its master says whether it is; where that is not, it cannot be put in
	}
	if f.Status&conntrack.SeenReply == 0 || f.Status&conntrack.Dying != 0 {
		return false
	}
	if f.Proto == conntrack.TCP {
		switch f.State {
		case conntrack.SynSent, conntrack.SynRecv, conntrack.SynSent2:
			return false
		case 0:
			if f.Status&conntrack.Offload == 0 {
				return false
			}
		}
	}
	return !local(f.Family, f.Orig.Src) && !local(f.Family, f.Reply.Src)
}
