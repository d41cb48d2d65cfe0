package flowsync

import (
	"net/netip"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/ha/conntrack"
	"github.com/rempart/rempart/ha/flowwire"
)

// state lets the master say that all of its flows are known here.
func (b *backup) state() {
	b.say(func(w *flowwire.Writer) {
		w.State(&flowwire.State{Flags: flowwire.Speaking | flowwire.Whole | flowwire.SnapshotSent, Count: b.peer.has.count, Digest: b.peer.has.sum})
	})
}

// walked lets so much time pass that a slow walk has been through; the master goes on to say that nothing changed.
func (b *backup) walked() {
	for range 200 {
		b.now = b.now.Add(200 * time.Millisecond)
		b.state()
	}
}

func (b *backup) left(f conntrack.Flow) time.Duration {
	if there := b.kernel.flows[f.Key]; there != nil {
		return there.ends.Sub(b.now)
	}
	return 0
}

// TestWalkOfBackup is what a walk finds in the kernel of a node that is not master, and what becomes of it.
func TestWalkOfBackup(t *testing.T) {
	f := flowOf(1, conntrack.TCP, conntrack.Established)
	stray := flowOf(2, conntrack.TCP, conntrack.Established)
	const parked = parkFor * time.Second
	for _, test := range []struct {
		name  string
		spoil func(b *backup)
		right func(b *backup) bool
	}{
		{"a flow of an earlier time", func(b *backup) {
			b.kernel.packet(stray, conntrack.Extra{})
			b.kernel.flows[stray.Key].ends = b.now.Add(2 * parked)
		}, func(b *backup) bool { return b.kernel.flows[stray.Key] == nil }},
		{"a flow that packets made here", func(b *backup) { b.kernel.packet(stray, conntrack.Extra{}) },
			func(b *backup) bool { return b.left(stray) > 0 && b.left(stray) <= strayLeft*time.Second }},
		{"another state", func(b *backup) { b.kernel.flows[f.Key].flow.State = conntrack.CloseWait },
			func(b *backup) bool { return b.kernel.flows[f.Key].flow.State == f.State }},
		{"another mark", func(b *backup) { b.kernel.flows[f.Key].flow.Mark++ },
			func(b *backup) bool { return b.kernel.flows[f.Key].flow.Mark == f.Mark }},
		{"another translation", func(b *backup) {
			b.kernel.remove(f.Key)
			other := f
			other.Reply.DstPort++
			b.kernel.packet(other, conntrack.Extra{})
		}, func(b *backup) bool { return b.kernel.flows[f.Key].flow.Reply == f.Reply }},
		{"a flow that is not there", func(b *backup) { b.kernel.remove(f.Key) },
			func(b *backup) bool { return b.kernel.flows[f.Key] != nil }},
		{"a flow that would end soon", func(b *backup) { b.kernel.flows[f.Key].ends = b.now.Add(time.Hour) },
			func(b *backup) bool { return b.left(f) > parked }},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBackup(t)
			b.put(0, f, nil)
			b.state()
			b.walked()
			test.spoil(b)
			if test.right(b) {
				t.Fatal("nothing is to be put right")
			}
			b.walked()
			if !test.right(b) || !b.complete {
				t.Errorf("the kernel has %d flows, %v for %v, %v for the stray; %q", len(b.kernel.flows), b.kernel.flows[f.Key], b.left(f), b.left(stray), b.why)
			}
		})
	}
}

// TestStraysStay is which flows are left alone that the master did not tell of.
func TestStraysStay(t *testing.T) {
	f := flowOf(1, conntrack.TCP, conntrack.Established)
	for _, test := range []struct {
		name     string
		complete bool
		why      func(b *backup)
	}{
		{"the master has not told of all", false, func(*backup) {}},
		{"it is the gateway's own", true, func(b *backup) { b.kernel.locals[f.Orig.Src] = true }},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBackup(t)
			test.why(b)
			b.kernel.packet(f, conntrack.Extra{})
			b.kernel.flows[f.Key].ends = b.now.Add(2 * parkFor * time.Second)
			for range 200 {
				b.now = b.now.Add(200 * time.Millisecond)
				b.say(func(w *flowwire.Writer) {
					s := flowwire.State{Flags: flowwire.Speaking}
					if test.complete {
						s.Flags |= flowwire.Whole | flowwire.SnapshotSent
					}
					w.State(&s)
				})
			}
			if b.has(f); b.complete != test.complete || b.left(f) < parkFor*time.Second {
				t.Errorf("complete %v, %v left", b.complete, b.left(f))
			}
		})
	}
}

// TestRipen is what becomes of parked flows after a takeover.
func TestRipen(t *testing.T) {
	heard := [2]conntrack.TCPFlags{conntrack.Liberal | conntrack.AckSeen, conntrack.Liberal | conntrack.AckSeen}
	for _, test := range []struct {
		name          string
		flags         [2]conntrack.TCPFlags
		strict, moved bool
		after         time.Duration
		lowered       bool
		tight         bool
	}{
		{name: "at once", after: lowerAfter / 2},
		{name: "nobody used it", after: time.Minute, lowered: true},
		{name: "a packet came", moved: true, after: time.Minute, lowered: true},
		{name: "strict, both ends were heard", flags: heard, strict: true, moved: true, after: time.Minute, lowered: true, tight: true},
		{name: "not strict", flags: heard, moved: true, after: time.Minute, lowered: true},
		{name: "strict, one end was heard", flags: [2]conntrack.TCPFlags{heard[0], conntrack.Liberal}, strict: true, moved: true, after: time.Minute, lowered: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
			k := newFakeKernel(func() time.Time { return now })
			f := flowOf(1, conntrack.TCP, conntrack.Established)
			f.Flags = test.flags
			k.packet(f, conntrack.Extra{})
			if !test.moved {
				k.flows[f.Key].ends = now.Add(2 * parkFor * time.Second)
			}
			e := NewEngine(now, k, func([]byte) error { return nil }, hclog.NewNullLogger())
			e.Set(now, Target{
				Device: "sync", Local: netip.MustParseAddr("10.0.0.1"), Peer: netip.MustParseAddr("10.0.0.2"), MTU: 1500,
				Secrets: [][32]byte{{7}}, Own: 1, Theirs: 2, Speak: true, Strict: test.strict,
			})
			taken := now
			for end := now.Add(test.after); now.Before(end); now = now.Add(20 * time.Millisecond) {
				e.Turn(now)
			}
			usual := time.Duration(k.timeouts.TCP[conntrack.Established]) * time.Second
			if left := k.flows[f.Key].ends.Sub(taken); (left < usual+2*time.Second) != test.lowered || left < usual-2*time.Second {
				t.Errorf("it ends %v after the takeover, usual is %v", left, usual)
			}
			if got := k.flows[f.Key].flow.Flags; (got[0]|got[1])&conntrack.Liberal == 0 != (test.tight || test.flags == [2]conntrack.TCPFlags{}) {
				t.Errorf("flags %x", got)
			}
		})
	}
}

// TestLoosen: a node that takes over without all flows has old windows for those that it has, of a time when it was
// master before.
func TestLoosen(t *testing.T) {
	for _, test := range []struct {
		name     string
		complete bool
	}{{"complete", true}, {"not complete", false}} {
		t.Run(test.name, func(t *testing.T) {
			b := newBackup(t)
			f := flowOf(1, conntrack.TCP, conntrack.Established)
			b.kernel.packet(f, conntrack.Extra{})
			b.complete = test.complete
			b.Engine.Set(b.now, Target{Speak: true}) // the peer is dead
			for range 20 {
				b.now = b.now.Add(10 * time.Millisecond)
				b.Turn(b.now)
			}
			if got := b.stats.Updated > 0; got == test.complete {
				t.Errorf("%d flows were loosened", b.stats.Updated)
			}
		})
	}
}

// TestKernelReportsNothing: whoever turns events off makes the backup know that it lacks some.
func TestKernelReportsNothing(t *testing.T) {
	w := newWorld(t, 9)
	w.roles(true, false)
	w.run(2 * time.Second)
	w.complete(1)
	k := w.nodes[0].kernel
	k.mute, k.drops = true, true
	for i := range 50 {
		k.packet(flowOf(i, conntrack.UDP, 0), conntrack.Extra{})
	}
	w.run(3 * time.Second)
	if r := w.nodes[1].engine.Report(w.now); w.nodes[1].engine.complete {
		t.Errorf("complete, and nobody knows: %+v", r)
	}
	k.mute, k.drops = false, false
	w.run(3 * time.Second)
	w.complete(1)
	w.same(0)
}

// TestCrowded: in a full table a flow that gives way is not put in again at once, to push out another.
func TestCrowded(t *testing.T) {
	b := newBackup(t)
	f := flowOf(1, conntrack.UDP, 0)
	b.put(0, f, nil)
	b.kernel.most = 1
	b.now = b.now.Add(2 * time.Second)
	b.Turn(b.now)
	b.kernel.remove(f.Key)
	jobs := b.kernel.jobs
	b.Event(b.now, &conntrack.Message{Event: conntrack.Destroy, Flow: f})
	b.Turn(b.now)
	if b.kernel.jobs != jobs || b.failing() != 1 {
		t.Errorf("%d jobs, %d wait for room", b.kernel.jobs-jobs, b.failing())
	}
	b.now = b.now.Add(2 * time.Second)
	b.Turn(b.now)
	b.has(f)
}

// TestNobodyIsMaster: what was parked gets its age although nobody takes over, as when the pair is given up.
func TestNobodyIsMaster(t *testing.T) {
	b := newBackup(t)
	f := flowOf(1, conntrack.UDP, 0)
	b.put(0, f, nil)
	b.Engine.Set(b.now, Target{})
	for range 40 {
		b.now = b.now.Add(time.Second)
		b.Turn(b.now)
	}
	if g := b.kernel.flows[f.Key]; g != nil && g.ends.Sub(b.now) > 2*time.Minute {
		t.Errorf("it lasts %v", g.ends.Sub(b.now))
	}
}
