package ha

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/flowsync"
	"github.com/rempart/rempart/ha/view"
)

// playedFlows is flow sync on the stage: it notes what it is told, and stands as the drama says.
type playedFlows struct {
	mu      sync.Mutex
	state   view.SyncState
	target  flowsync.Target
	told    func(flowsync.Target) // of each; may be nil
	changed chan struct{}
}

func newPlayedFlows() *playedFlows {
	return &playedFlows{state: view.SyncIncomplete, changed: make(chan struct{}, 1)}
}

func (f *playedFlows) Run(ctx context.Context) error { <-ctx.Done(); return nil }
func (f *playedFlows) Resync()                       {}
func (f *playedFlows) Changed() <-chan struct{}      { return f.changed }

func (f *playedFlows) Set(t flowsync.Target) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.target = t
	if f.told != nil {
		f.told(t)
	}
}

func (f *playedFlows) Report() view.Sync {
	f.mu.Lock()
	defer f.mu.Unlock()
	return view.Sync{State: f.state}
}

func (f *playedFlows) stands(state view.SyncState) {
	f.mu.Lock()
	f.state = state
	f.mu.Unlock()
	f.changed <- struct{}{}
}

func (f *playedFlows) now() flowsync.Target {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.target
}

// flowsPair is a pair that shares flows: the first is master, the second waits for them.
func (s *stage) flowsPair(policy string) (a, b *actor, of map[int]*playedFlows) {
	of = map[int]*playedFlows{1: newPlayedFlows(), 2: newPlayedFlows()}
	s.flows = map[int]Flows{1: of[1], 2: of[2]}
	a = s.enter(1, 0, policy)
	s.pass(5 * time.Second)
	b = s.enter(2, 100, policy)
	s.meet(a, b)
	s.pass(5 * time.Second)
	s.want(map[string]string{"fw1": "MASTER", "fw2": "SYNCING"})
	return a, b, of
}

func TestWhoLacksFlowsIsSyncing(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		_, b, of := s.flowsPair(stagePolicy)
		if st := b.status(); len(st.Demotions) != 1 || st.Demotions[0].Weight != weightSync || st.Sync.State != view.SyncIncomplete {
			t.Errorf("%+v, %+v", st.Demotions, st.Sync)
		}
		of[2].stands(view.SyncComplete)
		s.pass(3 * time.Second)
		s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
		of[2].stands(view.SyncIncomplete) // such as by a cable that was cut
		s.pass(100 * time.Millisecond)
		s.want(map[string]string{"fw2": "SYNCING"})
	})
}

func TestWhoIsToldWhatOfFlows(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, b, of := s.flowsPair(stagePolicy)
		x, y := of[1].now(), of[2].now()
		if !x.Speak || x.PeerSpeaks || y.Speak || !y.PeerSpeaks {
			t.Errorf("roles: %+v, %+v", x, y)
		}
		if x.Own != y.Theirs || x.Theirs != y.Own || x.Own == 0 || x.Local != y.Peer || x.Peer != y.Local || x.Device != "sync" || x.MTU == 0 {
			t.Errorf("targets do not meet: %+v, %+v", x, y)
		}
		if len(x.Secrets) != 1 || x.Secrets[0] != y.Secrets[0] || x.Secrets[0] == [32]byte{} {
			t.Error("secrets differ")
		}
		b.kill()
		s.pass(10 * time.Second)
		if x := of[1].now(); x.Device != "" || !x.Speak {
			t.Errorf("after the peer died: %+v", x)
		}
		_ = a
	})
}

func TestWhoLacksFlowsDoesNotPreempt(t *testing.T) {
	policy := strings.Replace(stagePolicy, "interval  =", "preempt = true\ninterval  =", 1)
	play(t, func(t *testing.T, s *stage) {
		of := map[int]*playedFlows{1: newPlayedFlows(), 2: newPlayedFlows()}
		s.flows = map[int]Flows{1: of[1], 2: of[2]}
		b := s.enter(2, 100, policy)
		s.pass(5 * time.Second)
		a := s.enter(1, 0, policy) // the preferred one, from a reboot
		s.meet(a, b)
		s.pass(30 * time.Second)
		s.want(map[string]string{"fw1": "SYNCING", "fw2": "MASTER"})
		if _, err := b.node.Release(t.Context(), view.Order{By: "anna"}); err == nil || !strings.Contains(err.Error(), "worse off") {
			t.Errorf("gave the role to a node without flows: %v", err)
		}
		of[2].stands(view.SyncSending)
		of[1].stands(view.SyncComplete)
		s.pass(10 * time.Second)
		of[1].stands(view.SyncSending)
		s.want(map[string]string{"fw1": "MASTER"})
	})
}

func TestWhoLacksFlowsTakesOverFromTheDead(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, _, _ := s.flowsPair(stagePolicy)
		a.kill()
		s.pass(2 * time.Second)
		s.want(map[string]string{"fw2": "MASTER"})
	})
}

// TestEndsAreNotToldOnceAddressesGo: the kernel ends flows with their addresses, and the peer must keep them.
func TestEndsAreNotToldOnceAddressesGo(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, b, of := s.flowsPair(stagePolicy)
		of[2].stands(view.SyncComplete)
		s.pass(3 * time.Second)
		var muted, silent, held bool
		of[1].told = func(t flowsync.Target) {
			muted = muted || t.Speak && t.Mute && a.holds()
			if !t.Speak && !silent {
				silent, held = true, a.holds()
			}
		}
		if _, err := a.node.Release(t.Context(), view.Order{By: "anna"}); err != nil {
			t.Fatal(err)
		}
		s.pass(time.Second)
		s.want(map[string]string{"fw2": "MASTER"})
		if !muted {
			t.Error("ends were told while the role was given away")
		}
		if !silent || !held {
			t.Errorf("flow sync was told that this node speaks no more: %v, with the addresses still there: %v", silent, held)
		}
		_ = b
	})
}

// TestAPeerWithoutFlowSync is a pair of versions: nobody waits for flows that never come.
func TestAPeerWithoutFlowSync(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		of := newPlayedFlows()
		of.state = view.SyncOff
		s.flows = map[int]Flows{2: of}
		a := s.enter(1, 0, stagePolicy)
		s.pass(5 * time.Second)
		b := s.enter(2, 100, stagePolicy)
		s.meet(a, b)
		s.pass(5 * time.Second)
		s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
		if st := b.status(); st.Sync == nil || st.Sync.Why != "the peer is of a version without it" {
			t.Errorf("status: %+v", st.Sync)
		}
		if of.now().Device != "" {
			t.Errorf("it is spoken to: %+v", of.now())
		}
	})
}

// TestCableAddressComesLate: the peer was heard before this node had its address on the cable.
func TestCableAddressComesLate(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		_, b, of := s.flowsPair(stagePolicy)
		had := b.machine.Addresses("sync")
		dev, err := b.machine.Device("sync")
		if err != nil {
			t.Fatal(err)
		}
		b.machine.Unplug("sync")
		s.pass(time.Second)
		b.machine.Plug("sync", "sync", dev.MAC)
		s.pass(2 * time.Second)
		if to := of[2].now(); to.Peer.IsValid() {
			t.Errorf("without an address it speaks to %v", to.Peer)
		}
		for _, a := range had {
			if err := b.machine.Place(mustIndex(t, b), a, 0); err != nil {
				t.Fatal(err)
			}
		}
		s.pass(2 * time.Second)
		if to, from := of[2].now(), of[1].now(); to.Local != had[0].Addr() || to.Peer != from.Local || from.Peer != to.Local {
			t.Errorf("%v to %v, and the other %v to %v", to.Local, to.Peer, from.Local, from.Peer)
		}
	})
}

func mustIndex(t *testing.T, a *actor) int {
	t.Helper()
	dev, err := a.machine.Device("sync")
	if err != nil {
		t.Fatal(err)
	}
	return dev.Index
}
