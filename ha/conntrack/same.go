package conntrack

// sameStatus are the bits of a status that a flow keeps on another kernel and that decide how its packets fare. The
// others do not count: Confirmed, the NATDone bits and Dying say how far a kernel got; Offload and HWOffload are of one machine's hardware
// and ruleset; Fixed cannot be undone and is never sent; Helped follows from the helper; Expected follows from the master, which may be
// gone, and decides nothing once a flow was answered.
const sameStatus = SeenReply | Assured | SrcNAT | DstNAT | SeqAdjust

// Same tells whether g is f, as far as another kernel can have it: key, reply, mark, state, and the status bits SeenReply, Assured,
// SrcNAT, DstNAT and SeqAdjust. Of TCP the options that were agreed on count, and the scales if scaling is one of them. An offloaded flow, of
// which the kernel tells no state, is established and has the options of the other. Timeouts do not count.
func (f *Flow) Same(g *Flow) bool {
	if f.Key != g.Key || f.Reply != g.Reply || f.Mark != g.Mark || (f.Status^g.Status)&sameStatus != 0 || f.state() != g.state() {
		return false
	}
	if f.Proto != TCP || f.State == 0 || g.State == 0 {
		return true
	}
	for i := range f.Flags {
		if (f.Flags[i]^g.Flags[i])&(WindowScale|SACK) != 0 {
			return false
		}
	}
	return f.Flags[0]&f.Flags[1]&WindowScale == 0 || f.Scale == g.Scale
}
