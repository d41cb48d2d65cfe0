package flowdiff

import (
	"testing"

	"github.com/rempart/rempart/ha/conntrack"
)

// TestSameFlowsHaveOneDigest: what Same passes over does not change a digest, and what it looks at does.
// Otherwise a difference would hide, or every bucket would differ.
func TestSameFlowsHaveOneDigest(t *testing.T) {
	for name, change := range map[string]func(*conntrack.Flow){
		"nothing":         func(*conntrack.Flow) {},
		"timeout":         func(f *conntrack.Flow) { f.Timeout = 1 },
		"liberal":         func(f *conntrack.Flow) { f.Flags[1] |= conntrack.Liberal },
		"acknowledged":    func(f *conntrack.Flow) { f.Flags[0] |= conntrack.AckSeen },
		"confirmed":       func(f *conntrack.Flow) { f.Status ^= conntrack.Confirmed },
		"translated once": func(f *conntrack.Flow) { f.Status ^= conntrack.DstNATDone },
		"expected":        func(f *conntrack.Flow) { f.Status ^= conntrack.Expected },
		"helped":          func(f *conntrack.Flow) { f.Status ^= conntrack.Helped },
		"fixed":           func(f *conntrack.Flow) { f.Status ^= conntrack.Fixed },
		"key":             func(f *conntrack.Flow) { f.Orig.SrcPort++ },
		"zone":            func(f *conntrack.Flow) { f.Zone++ },
		"reply":           func(f *conntrack.Flow) { f.Reply.DstPort++ },
		"mark":            func(f *conntrack.Flow) { f.Mark++ },
		"state":           func(f *conntrack.Flow) { f.State = conntrack.FinWait },
		"answered":        func(f *conntrack.Flow) { f.Status ^= conntrack.SeenReply },
		"assured":         func(f *conntrack.Flow) { f.Status ^= conntrack.Assured },
		"source":          func(f *conntrack.Flow) { f.Status ^= conntrack.SrcNAT },
		"destination":     func(f *conntrack.Flow) { f.Status ^= conntrack.DstNAT },
		"adjusted":        func(f *conntrack.Flow) { f.Status ^= conntrack.SeqAdjust },
		"no SACK":         func(f *conntrack.Flow) { f.Flags[1] ^= conntrack.SACK },
		"no scaling":      func(f *conntrack.Flow) { f.Flags[1] ^= conntrack.WindowScale },
		"scale":           func(f *conntrack.Flow) { f.Scale[1]++ },
	} {
		one, other := tcp(1).flow, tcp(1).flow
		change(&other)
		a, b := recordOf(&one, nil), recordOf(&other, nil)
		h := newHasher(42)
		if equal := h.content(&a) == h.content(&b); equal != one.Same(&other) || equal != a.same(&b) {
			t.Errorf("%s: digests are equal: %v, flows the same: %v, records: %v", name, equal, one.Same(&other), a.same(&b))
		}
	}
}

// TestScalesOfNoScaling do not count, whatever a kernel has there.
func TestScalesOfNoScaling(t *testing.T) {
	one, other := tcp(1).flow, tcp(1).flow
	one.Flags[0], other.Flags[0] = conntrack.SACK, conntrack.SACK
	other.Scale = [2]uint8{1, 2}
	a, b := recordOf(&one, nil), recordOf(&other, nil)
	if a != b || !one.Same(&other) {
		t.Errorf("%+v and %+v differ", a, b)
	}
}

// TestOffloaded: of a flow that a fast path forwards the kernel tells neither state nor options.
func TestOffloaded(t *testing.T) {
	one, other := tcp(1).flow, tcp(1).flow
	one.Status |= conntrack.Offload
	one.State, one.Flags, one.Scale = 0, [2]conntrack.TCPFlags{}, [2]uint8{}
	a, b := recordOf(&one, nil), recordOf(&other, nil)
	if !a.same(&b) || !b.same(&a) {
		t.Errorf("%+v and %+v differ", a, b)
	}
	other.State = conntrack.TimeWait
	if b = recordOf(&other, nil); a.same(&b) {
		t.Error("an offloaded flow is established")
	}
}

// TestRareCounts: what few flows have makes a difference.
func TestRareCounts(t *testing.T) {
	whole := udp6()
	for name, change := range map[string]func(*conntrack.Extra){
		"helper": func(x *conntrack.Extra) { x.Helper = [16]byte{} },
		"labels": func(x *conntrack.Extra) { x.Labels[3] = 1 },
		"adjust": func(x *conntrack.Extra) { x.Adjust[1].After++ },
	} {
		other := whole
		change(&other.extra)
		a, b, h := recordOf(&whole.flow, &whole.extra), recordOf(&other.flow, &other.extra), newHasher(0)
		if a.same(&b) || h.content(&a) == h.content(&b) {
			t.Errorf("%s: makes no difference", name)
		}
	}
}
