package ha

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/ha/conntrack"
	"github.com/rempart/rempart/ha/peer"
	"github.com/rempart/rempart/ha/view"
)

// fakeTable is a kernel's table of flows on the stage.
type fakeTable struct{ flows []conntrack.Flow }

func (f *fakeTable) Walk(_ context.Context, fn func(*conntrack.Flow, *conntrack.Extra) error) error {
	for _, flow := range f.flows {
		if err := fn(&flow, new(conntrack.Extra)); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeTable) Locals() (func(uint8, [16]byte) bool, error) {
	return func(_ uint8, a [16]byte) bool { return a == conntrack.BytesOf(addr("10.0.1.11")) }, nil
}

// udpFlow is an answered flow from an address.
func udpFlow(from string) conntrack.Flow {
	f := conntrack.Flow{Key: conntrack.Key{Family: conntrack.IPv4, Proto: conntrack.UDP}, Status: conntrack.SeenReply | conntrack.Assured}
	f.Orig = conntrack.Tuple{Src: conntrack.BytesOf(addr(from)), Dst: conntrack.BytesOf(addr("198.51.100.7")), SrcPort: 5060, DstPort: 5060}
	f.Reply = f.Orig.Inverse(f.Proto)
	return f
}

func TestFlowsDiff(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		here, there := new(fakeTable), new(fakeTable)
		s.tables = map[int]FlowTable{1: here, 2: there}
		a, b := s.enter(1, 0, stagePolicy), s.enter(2, 100, stagePolicy)
		s.meet(a, b)
		s.pass(0)
		both := udpFlow("10.0.1.77")
		here.flows = []conntrack.Flow{
			both, udpFlow("10.0.1.78"),
			udpFlow("10.0.1.11"), // of the gateway itself
			udpFlow("192.0.2.1"), // and of a virtual address, whoever has it
		}
		there.flows = []conntrack.Flow{both, udpFlow("10.0.1.79")}
		want := view.FlowsDiff{Here: 2, There: 2, Flows: []view.FlowDiff{
			{Flow: "udp 10.0.1.78:5060 -> 198.51.100.7:5060", Here: "assured"},
			{Flow: "udp 10.0.1.79:5060 -> 198.51.100.7:5060", There: "assured"},
		}}
		got, err := a.node.FlowsDiff(t.Context(), 10)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v, -want +got:\n%s", err, diff)
		}
	})
}

// TestFlowsDiffRefused: why there is nothing to compare is said in words of the pair.
func TestFlowsDiffRefused(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.tables = map[int]FlowTable{1: new(fakeTable)}
		a, b := s.enter(1, 0, stagePolicy), s.enter(2, 100, stagePolicy)
		s.pass(0)
		refused := func(why string) {
			t.Helper()
			if _, err := a.node.FlowsDiff(t.Context(), 10); !errors.Is(err, view.ErrState) || err.Error() != why {
				t.Errorf("%v, want %s", err, why)
			}
		}
		refused("the daemons of the pair have no connection: the peer cannot be asked for its flows")
		s.meet(a, b)
		b.link.options.Answer = func(_ context.Context, q peer.Question) ([]byte, error) {
			return nil, errors.New(`question "` + q.Kind + `" is not known to this version`)
		}
		refused("the peer runs a version of rempart that cannot compare flows: install the same version on both nodes")
		b.link.options.Answer = func(context.Context, peer.Question) ([]byte, error) { return []byte{99}, nil }
		if _, err := a.node.FlowsDiff(t.Context(), 10); err == nil || errors.Is(err, view.ErrState) {
			t.Errorf("an answer that cannot be read: %v", err)
		}
		if _, err := b.node.FlowsDiff(t.Context(), 10); !errors.Is(err, view.ErrState) {
			t.Errorf("a node without a table: %v", err)
		}
	})
}

func TestFlowsDiffAlone(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.tables = map[int]FlowTable{1: new(fakeTable)}
		a := s.enter(1, 0, stagePolicy)
		a.node.Set(nil)
		s.pass(0)
		if _, err := a.node.FlowsDiff(t.Context(), 10); !errors.Is(err, view.ErrNotConfigured) {
			t.Error(err)
		}
		if _, err := a.node.Resync(t.Context(), "anna"); !errors.Is(err, view.ErrNotConfigured) {
			t.Error(err)
		}
	})
}
