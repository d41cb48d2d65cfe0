package scenario_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/view"
)

// Both nodes start at once: one of them is master, and it is the preferred one.
func TestBothStartAtOnce(t *testing.T) {
	b := newBed(t, settings{})
	w := b.watch()
	at := time.Now()
	b.nodes[1].start()
	b.nodes[0].start()
	b.settle(b.nodes[0])
	if both, _ := w.spans(lanVIP, at); both > handover {
		t.Errorf("both had the address for %s", both)
	}
	b.wantOneMaster()
	b.passes()
}

// The preferred node comes later, and takes the role by a switch that nobody notices.
func TestPreferredComesLater(t *testing.T) {
	b := newBed(t, settings{})
	w := b.watch()
	b.nodes[1].start()
	b.await("the only node to be master", func() bool { return b.nodes[1].role() == "MASTER" })
	b.awaitPass()
	s := b.client.Stream(server6Port, 500) // nothing of it is translated, so nothing depends on a flow
	b.reached(s, 100)
	at := time.Now()
	b.nodes[0].start()
	b.settle(b.nodes[0])
	b.reached(s, 500)
	if _, neither := w.spans(lanVIP, at); neither > noticed {
		t.Errorf("nobody had the address for %s", neither)
	}
	through := s.Stop()
	t.Logf("%v", through)
	if through.Lost > fewLost {
		t.Errorf("the planned switch lost packets: %v", through)
	}
	last := slices.DeleteFunc(b.nodes[1].status().Transitions, func(t view.Transition) bool { return strings.Contains(t.From+t.To, "SYNCING") })
	if len(last) < 2 || last[0].To != "BACKUP" || last[1].To != "RELEASING" {
		t.Errorf("no planned switch: %+v", last)
	}
	b.wantOneMaster()
}

// A daemon that is stopped gives the role away first, and nothing is lost.
func TestStopOfTheMaster(t *testing.T) {
	b := newPair(t, settings{})
	old, heir := b.nodes[0], b.nodes[1]
	w := b.watch()
	s := b.client.Stream(server6Port, 500)
	b.reached(s, 200)
	at := time.Now()
	old.stop()
	if r := heir.role(); r != "MASTER" {
		t.Errorf("when the daemon has ended the other node is %s", r)
	}
	if old.has(lanVIP) || old.has(routerVIP) || old.has(wanVIP6) {
		t.Error("addresses are left on the node that stopped")
	}
	b.reached(s, 500)
	if _, neither := w.spans(lanVIP, at); neither > noticed {
		t.Errorf("nobody had the address for %s", neither)
	}
	through := s.Stop()
	t.Logf("%v", through)
	if through.Lost > fewLost {
		t.Errorf("stopping the master lost packets: %v", through)
	}
	if p := heir.status().Peer.State; p != "left" {
		t.Errorf("the peer that said goodbye is %s", p)
	}
}

// A node without a peer serves and says that it is alone. Its daemon can be started anew without anybody noticing: the
// addresses stay and the kernel goes on.
func TestAlone(t *testing.T) {
	b := newBed(t, settings{})
	only := b.nodes[0]
	only.start()
	b.await("the only node to be master", func() bool { return only.role() == "MASTER" })
	b.awaitPass()
	if p := only.status().Peer; p.State != "unknown" || p.Connected {
		t.Errorf("the peer that never was: %+v", p)
	}
	only.wantFinding("peer", "")
	if _, err := only.rempart("ha", "drill", "--yes"); err == nil || !strings.Contains(err.Error(), "needs a peer") {
		t.Errorf("a drill alone: %v", err)
	}
	w := b.watch()
	s := b.client.Stream(server4Port, 500)
	b.reached(s, 200)
	at := time.Now()
	only.stop()
	if !only.has(lanVIP) {
		t.Error("the address went with the daemon")
	}
	only.start()
	b.await("the node to be master again", func() bool { return only.role() == "MASTER" })
	b.reached(s, 500)
	if lost := w.when(only, lanVIP, false, at); !lost.IsZero() {
		t.Errorf("the address was away at %s", lost.Sub(at))
	}
	through := s.Stop()
	t.Logf("%v", through)
	if through.Lost > fewLost {
		t.Errorf("the restart lost packets: %v", through)
	}

	// Without a peer an address has no end.
	only.kill()
	if out := only.run("ip", "address", "show", "to", "10.10.0.1"); !strings.Contains(out, "valid_lft forever") {
		t.Errorf("after the kill: %s", out)
	}
	b.awaitPass()
}

// From A to B and back to A; without preemption who is master stays it.
func TestThereAndBack(t *testing.T) {
	b := newPair(t, settings{ha: "preempt = false"})
	first, second := b.nodes[0], b.nodes[1]
	w := b.watch()
	at := time.Now()
	first.kill()
	b.tookOver(w, second, at)
	first.start()
	b.settle(second)
	b.staysFor(2500*time.Millisecond, b.snapshot()) // longer than preemption waits
	b.awaitPass()
	at = time.Now()
	second.kill()
	b.tookOver(w, first, at)
	second.start()
	b.settle(first)
	b.awaitPass()
}
