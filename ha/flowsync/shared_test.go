package flowsync

import (
	"testing"

	"github.com/rempart/rempart/ha/conntrack"
)

func TestShared(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*conntrack.Flow)
		want   bool
	}{
		{"established", func(*conntrack.Flow) {}, true},
		{"closing", func(f *conntrack.Flow) { f.State = conntrack.TimeWait }, true},
		{"not answered", func(f *conntrack.Flow) { f.Status &^= conntrack.SeenReply }, false},
		{"dying", func(f *conntrack.Flow) { f.Status |= conntrack.Dying }, false},
		{"SYN_SENT", func(f *conntrack.Flow) { f.State = conntrack.SynSent }, false},
		{"SYN_RECV", func(f *conntrack.Flow) { f.State = conntrack.SynRecv }, false},
		{"both open", func(f *conntrack.Flow) { f.State = conntrack.SynSent2 }, false},
		{"no state", func(f *conntrack.Flow) { f.State = 0 }, false},
		{"offloaded", func(f *conntrack.Flow) { f.State, f.Status = 0, f.Status|conntrack.Offload }, true},
		{"UDP", func(f *conntrack.Flow) { f.Proto, f.State = conntrack.UDP, 0 }, true},
		{"from the gateway", func(f *conntrack.Flow) { f.Orig.Src[0] = 99 }, false},
		{"to the gateway", func(f *conntrack.Flow) { f.Reply.Src[0] = 99 }, false},
		{"to an address of the gateway that goes elsewhere", func(f *conntrack.Flow) { f.Orig.Dst[0] = 99 }, true},
		{"translated to an address of the gateway", func(f *conntrack.Flow) { f.Reply.Dst[0] = 99 }, true},
		{"expectation", func(f *conntrack.Flow) { f.Kind, f.Status, f.State = conntrack.KindExpect, 0, 0 }, true},
	} {
		f := flowOf(1, conntrack.TCP, conntrack.Established)
		test.change(&f)
		if got := Shared(&f, func(_ uint8, a [16]byte) bool { return a[0] == 99 }); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
