package flowsync

import (
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/conntrack"
	"github.com/rempart/rempart/ha/flowwire"
	"github.com/rempart/rempart/ha/view"
)

// TestLacks is what keeps a backup from having all flows of the master.
func TestLacks(t *testing.T) {
	f := flowOf(1, conntrack.TCP, conntrack.Established)
	says := func(b *backup, flags flowwire.StateFlags, digest uint64) {
		b.say(func(w *flowwire.Writer) {
			w.State(&flowwire.State{Flags: flags, Count: b.peer.has.count, Digest: b.peer.has.sum ^ digest})
		})
	}
	const all = flowwire.Speaking | flowwire.Whole | flowwire.SnapshotSent
	for _, test := range []struct {
		name string
		do   func(b *backup)
		why  string // it contains that; empty: it is complete
	}{
		{"nothing was said", func(b *backup) { b.Turn(b.now) }, "has said nothing"},
		{"it says that it has not begun", func(b *backup) { says(b, 0, 0) }, "has not begun"},
		{"its table is not whole", func(b *backup) { says(b, flowwire.Speaking, 0) }, "takes stock"},
		{"the snapshot is under way", func(b *backup) { b.put(0, f, nil); says(b, all&^flowwire.SnapshotSent, 0) }, "1 flows so far"},
		{"the digests differ", func(b *backup) { says(b, all, 1) }, "digests differ"},
		{"a flow does not fit", func(b *backup) { b.kernel.most = 0; b.put(0, f, nil); says(b, all, 0) }, "1 flows do not fit"},
		{"all is there", func(b *backup) { b.put(0, f, nil); says(b, all, 0) }, ""},
		{"the digests differ since a moment ago", func(b *backup) {
			says(b, all, 0)
			b.now = b.now.Add(unproved / 2)
			says(b, all, 1)
		}, ""},
		{"the digests have differed for long", func(b *backup) {
			says(b, all, 0)
			for range 4 {
				b.now = b.now.Add(unproved / 3)
				says(b, all, 1)
			}
		}, "digests differ"},
		{"silence", func(b *backup) { says(b, all, 0); b.now = b.now.Add(silent + 1); b.Turn(b.now) }, "nothing has come"},
		{"a short silence", func(b *backup) { says(b, all, 0); b.now = b.now.Add(silent); b.Turn(b.now) }, ""},
		{"a frame before is missing", func(b *backup) { b.seq++; says(b, all, 0) }, "digests differ"},
		{"a new epoch", func(b *backup) { says(b, all, 0); b.epoch++; b.put(0, f, nil) }, "has not begun"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBackup(t)
			test.do(b)
			r := b.Report(b.now)
			if (test.why == "") != (r.State == view.SyncComplete) || !strings.Contains(r.Why, test.why) || r.State == view.SyncComplete && r.Why != "" {
				t.Errorf("%s: %q, want %q", r.State, r.Why, test.why)
			}
		})
	}
}

// TestSessions is that frames of a run of the peer that is over are heard no more.
func TestSessions(t *testing.T) {
	b := newBackup(t)
	f := flowOf(1, conntrack.TCP, conntrack.Established)
	b.put(0, f, nil)
	target := b.target
	target.Theirs++
	b.Engine.Set(b.now, target)
	b.say(func(w *flowwire.Writer) { w.End(0) })
	if b.has(f); b.stats.BadAuth != 1 {
		t.Errorf("%d frames refused, want 1", b.stats.BadAuth)
	}
	b.seal, b.seq = flowwire.NewSeal(flowwire.DeriveKey([32]byte{7}, target.Theirs, 1)), 0
	moved := f
	moved.Reply.DstPort++
	b.put(3, moved, nil) // what the run before put in is known, and is otherwise now
	b.has(moved)
	target.Secrets = [][32]byte{{8}, {7}}
	b.Engine.Set(b.now, target)
	b.say(func(w *flowwire.Writer) { w.End(3) })
	if b.has(); b.stats.BadAuth != 1 {
		t.Errorf("%d frames refused while both secrets count", b.stats.BadAuth)
	}
}

// paired is a world in which the second node has all flows of the first.
func paired(t *testing.T, flows int) *world {
	w := newWorld(t, 9)
	for i := range flows {
		w.nodes[0].kernel.packet(flowOf(i, conntrack.UDP, 0), conntrack.Extra{})
	}
	w.roles(true, false)
	w.run(3 * time.Second)
	w.complete(1)
	w.same(0)
	return w
}

// TestDigestsMend is a mirror that lost flows, as by a fault of this program: the digests tell, and all is told again.
func TestDigestsMend(t *testing.T) {
	w := paired(t, 3000)
	e := w.nodes[1].engine
	for slot := range uint32(1500) {
		e.peer.vacate(slot)
	}
	e.jobs.flush()
	w.run(3 * time.Second)
	if w.same(0); e.stats.Mismatches == 0 || e.stats.Repairs == 0 {
		t.Errorf("%+v", *e.stats)
	}
	if puts := w.nodes[0].engine.stats.Puts; puts > 3000+2*bucketSlots+1000 {
		t.Errorf("%d whole flows were sent to mend two buckets of 3000", puts)
	}
}

// TestEndsHereMend is a flow that ends at the backup alone: it is back before any walk.
func TestEndsHereMend(t *testing.T) {
	w := paired(t, 100)
	walks := w.nodes[1].engine.stats.Walks
	w.nodes[1].kernel.destroy(flowOf(7, conntrack.UDP, 0).Key)
	w.run(20 * time.Millisecond)
	if w.same(0); w.nodes[1].engine.stats.Walks != walks {
		t.Error("there was a walk, so nothing was shown")
	}
}

// TestBothTell is two masters: each tells of its own flows, not of those that it has of the other.
func TestBothTell(t *testing.T) {
	w := paired(t, 100)
	w.roles(true, true)
	w.run(2 * time.Second)
	mine := flowOf(5000, conntrack.UDP, 0)
	w.nodes[1].kernel.packet(mine, conntrack.Extra{})
	w.run(2 * time.Second)
	if live := w.nodes[1].engine.own.live; live != 1 {
		t.Errorf("it tells of %d flows, want its own one", live)
	}
	if w.nodes[0].kernel.flows[mine.Key] == nil || len(w.nodes[1].kernel.flows) != 101 {
		t.Errorf("%d flows and %d", len(w.nodes[0].kernel.flows), len(w.nodes[1].kernel.flows))
	}
	if w.roles(true, false); w.nodes[1].kernel.all || !w.nodes[0].kernel.all {
		t.Error("who is master no more listens to all that happens, which costs each flow")
	}
	w.run(3 * time.Second)
	w.complete(1)
}

// TestResync is that both nodes may ask for everything anew, which begins an epoch.
func TestResync(t *testing.T) {
	w := paired(t, 100)
	for _, node := range []int{0, 1} {
		epoch, puts := w.nodes[1].engine.in.epoch, w.nodes[0].engine.stats.Puts
		w.nodes[node].engine.Resync(w.now)
		w.nodes[node].next = w.now
		w.run(3 * time.Second)
		w.complete(1)
		if got := w.nodes[1].engine.in.epoch; got != epoch+1 || w.nodes[0].engine.stats.Puts != puts+100 {
			t.Errorf("asked by node %d: epoch %d after %d, %d flows told", node, got, epoch, w.nodes[0].engine.stats.Puts-puts)
		}
	}
}

// TestPeerIsFull: the master says as well that flows do not fit into its backup.
func TestPeerIsFull(t *testing.T) {
	w := newWorld(t, 3)
	w.nodes[1].kernel.most = 10
	for i := range 40 {
		w.nodes[0].kernel.packet(flowOf(i, conntrack.UDP, 0), conntrack.Extra{})
	}
	w.roles(true, false)
	w.run(2 * time.Second)
	if why := w.nodes[0].engine.Report(w.now).Why; !strings.Contains(why, "do not fit into the peer's table") {
		t.Errorf("the master says %q", why)
	}
	w.nodes[1].kernel.most = 100
	w.run(3 * time.Second)
	if why := w.nodes[0].engine.Report(w.now).Why; why != "" {
		t.Errorf("with room again the master says %q", why)
	}
}
