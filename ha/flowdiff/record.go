package flowdiff

import "github.com/rempart/rempart/ha/conntrack"

// Record is a flow with what counts: what the other kernel must have just so. What (*conntrack.Flow).Same passes
// over is zero, so that two kernels with the same flow have equal records; only an offloaded flow is
// recorded in another way than the same flow that is not.
type Record struct {
	Flow conntrack.Flow
	Rare Rare
}

// Rare is what counts and only few flows have. The master of a related flow is not of it: the flow may
// outlive its master, on one node or on both, and fares no worse.
type Rare struct {
	Helper [16]byte // name, ended by a zero byte
	Labels [16]byte
	Adjust [2]conntrack.Adjust
}

const (
	statusCounts = conntrack.SeenReply | conntrack.Assured | conntrack.SrcNAT | conntrack.DstNAT | conntrack.SeqAdjust |
		conntrack.Offload // with it the kernel tells no state of TCP
	optionsCount = conntrack.WindowScale | conntrack.SACK
)

// recordOf is what counts of a flow.
func recordOf(f *conntrack.Flow, x *conntrack.Extra) Record {
	r := Record{Flow: conntrack.Flow{Key: f.Key, State: f.State, Reply: f.Reply, Status: f.Status & statusCounts, Mark: f.Mark}}
	if f.Proto == conntrack.TCP && f.State != 0 {
		r.Flow.Flags = [2]conntrack.TCPFlags{f.Flags[0] & optionsCount, f.Flags[1] & optionsCount}
		if f.Flags[0]&f.Flags[1]&conntrack.WindowScale != 0 {
			r.Flow.Scale = f.Scale
		}
	}
	if x != nil {
		r.Rare = Rare{Helper: x.Helper, Labels: x.Labels, Adjust: x.Adjust}
	}
	return r
}

// same says whether two kernels have the same.
func (r *Record) same(o *Record) bool { return r.Flow.Same(&o.Flow) && r.Rare == o.Rare }
