package ha

import (
	"context"
	"errors"
	"testing"

	"github.com/rempart/rempart/ha/flowsync"
	"github.com/rempart/rempart/ha/view"
)

// fakeFlows is flow sync that stands as it is told to.
type fakeFlows struct {
	report view.Sync
	begun  int
}

func (f *fakeFlows) Run(ctx context.Context) error { <-ctx.Done(); return nil }
func (f *fakeFlows) Set(flowsync.Target)           {}
func (f *fakeFlows) Resync()                       { f.begun++ }
func (f *fakeFlows) Report() view.Sync             { return f.report }
func (f *fakeFlows) Changed() <-chan struct{}      { return nil }

func TestResync(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		flows := &fakeFlows{report: view.Sync{State: view.SyncSending, Flows: 7}}
		off := &fakeFlows{report: view.Sync{State: view.SyncOff}}
		s.flows = map[int]Flows{1: flows, 2: off}
		a, b := s.enter(1, 0, stagePolicy), s.enter(2, 100, stagePolicy)
		s.pass(0)
		got, err := a.node.Resync(t.Context(), "anna")
		if err != nil || got != flows.report || flows.begun != 1 {
			t.Errorf("%+v, %v, begun %d times", got, err, flows.begun)
		}
		if _, err := b.node.Resync(t.Context(), "anna"); !errors.Is(err, view.ErrState) || err.Error() != "flow sync is off: the peer is not reached on sync" || off.begun != 0 {
			t.Errorf("without a peer: %v", err)
		}
	})
	play(t, func(t *testing.T, s *stage) {
		a := s.enter(1, 0, stagePolicy)
		s.pass(0)
		if _, err := a.node.Resync(t.Context(), "anna"); !errors.Is(err, view.ErrState) {
			t.Errorf("without flow sync: %v", err)
		}
	})
}
