package flowsync

import (
	"net/netip"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/ha/conntrack"
	"github.com/rempart/rempart/ha/flowwire"
	"github.com/rempart/rempart/ha/view"
)

// backup is an engine that is spoken to by a test.
type backup struct {
	*Engine
	t      *testing.T
	kernel *fakeKernel
	now    time.Time
	seal   *flowwire.Seal
	epoch  uint32
	seq    uint64
	sent   int // frames
}

func newBackup(t *testing.T) *backup {
	b := &backup{t: t, now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), epoch: 1}
	b.kernel = newFakeKernel(func() time.Time { return b.now })
	b.Engine = NewEngine(b.now, b.kernel, func([]byte) error { b.sent++; return nil }, hclog.NewNullLogger())
	b.set(Target{PeerSpeaks: true})
	b.seal = flowwire.NewSeal(flowwire.DeriveKey([32]byte{7}, 2, 1))
	return b
}

// set completes a target.
func (b *backup) set(t Target) {
	t.Device, t.Local, t.Peer, t.MTU = "sync", netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), 1500
	t.Secrets, t.Own, t.Theirs = [][32]byte{{7}}, 1, 2
	b.Engine.Set(b.now, t)
}

// say lets the master say something. It returns the frame, which was heard.
func (b *backup) say(write func(w *flowwire.Writer)) []byte {
	b.seq++
	frame := b.sealed(b.seq, write)
	b.hear(frame)
	return frame
}

func (b *backup) sealed(seq uint64, write func(w *flowwire.Writer)) []byte {
	var w flowwire.Writer
	w.Reset(1400)
	write(&w)
	return b.seal.Seal(nil, flowwire.Header{Epoch: b.epoch, Seq: seq}, w.Bytes())
}

func (b *backup) hear(frame []byte) {
	b.Frame(b.now, frame)
	b.Turn(b.now)
}

func (b *backup) put(slot uint32, f conntrack.Flow, x *conntrack.Extra) {
	b.say(func(w *flowwire.Writer) { w.Put(slot, &f, x) })
}

// has checks which flows the kernel has.
func (b *backup) has(want ...conntrack.Flow) {
	b.t.Helper()
	if len(b.kernel.flows) != len(want) {
		b.t.Errorf("the kernel has %d flows, want %d", len(b.kernel.flows), len(want))
	}
	for _, f := range want {
		if got := b.kernel.flows[f.Key]; got == nil {
			b.t.Errorf("the kernel lacks %v", f)
		} else if got.flow.Reply != f.Reply || got.flow.Mark != f.Mark || got.flow.State != f.State {
			b.t.Errorf("the kernel has %v, want %v", got.flow, f)
		}
	}
}

// TestMirror is what may stand in the way of a flow, and what becomes of it and of others.
func TestMirror(t *testing.T) {
	f, other := flowOf(1, conntrack.TCP, conntrack.Established), flowOf(2, conntrack.UDP, 0)
	changed := f
	changed.State, changed.Mark = conntrack.CloseWait, 0x20001
	moved := f
	moved.Reply.DstPort++
	taken := flowOf(4, conntrack.TCP, conntrack.Established)
	taken.Reply = f.Reply
	named := func(name string) *conntrack.Extra {
		x := &conntrack.Extra{}
		copy(x.Helper[:], name)
		return x
	}
	for _, test := range []struct {
		name  string
		do    func(b *backup)
		want  []conntrack.Flow
		stats view.SyncStats // those that matter
	}{
		{"flows come", func(b *backup) { b.put(0, f, nil); b.put(1, other, nil) }, []conntrack.Flow{f, other}, view.SyncStats{Inserted: 2}},
		{"a flow comes twice", func(b *backup) { b.put(0, f, nil); b.put(0, f, nil) }, []conntrack.Flow{f}, view.SyncStats{Inserted: 1}},
		{"a flow ends", func(b *backup) { b.put(0, f, nil); b.say(func(w *flowwire.Writer) { w.End(0) }) }, nil, view.SyncStats{Inserted: 1, Ended: 1}},
		{"an end of nothing", func(b *backup) { b.say(func(w *flowwire.Writer) { w.End(9) }) }, nil, view.SyncStats{}},
		{"a flow changes", func(b *backup) {
			b.put(0, f, nil)
			b.say(func(w *flowwire.Writer) { w.Change(0, flowwire.Tag(&f.Key), &changed) })
		}, []conntrack.Flow{changed}, view.SyncStats{Inserted: 1, Updated: 1}},
		{"a change of a flow that is not here", func(b *backup) {
			b.put(0, f, nil)
			b.say(func(w *flowwire.Writer) { w.Change(0, flowwire.Tag(&f.Key)+1, &changed) })
		}, []conntrack.Flow{f}, view.SyncStats{Inserted: 1}},
		{"a slot gets another flow", func(b *backup) { b.put(0, f, nil); b.put(0, other, nil) }, []conntrack.Flow{other}, view.SyncStats{Inserted: 2, Ended: 1}},
		{"a flow gets another slot, whose end comes later", func(b *backup) {
			b.put(0, f, nil)
			b.put(5, changed, nil)
			b.say(func(w *flowwire.Writer) { w.End(0) })
		}, []conntrack.Flow{changed}, view.SyncStats{Inserted: 2}},
		{"a flow is translated otherwise", func(b *backup) { b.put(0, f, nil); b.put(0, moved, nil) }, []conntrack.Flow{moved}, view.SyncStats{Inserted: 2, Ended: 1}},
		{"it is there already", func(b *backup) { b.kernel.packet(f, conntrack.Extra{}); b.put(0, changed, nil) }, []conntrack.Flow{changed}, view.SyncStats{Inserted: 1}},
		{"it is there, translated otherwise", func(b *backup) { b.kernel.packet(moved, conntrack.Extra{}); b.put(0, f, nil); b.put(1, other, nil) },
			[]conntrack.Flow{f, other}, view.SyncStats{Inserted: 2, Clashes: 1}},
		{"its reply tuple is another's", func(b *backup) { b.kernel.packet(taken, conntrack.Extra{}); b.put(0, f, nil) }, []conntrack.Flow{f}, view.SyncStats{Inserted: 1}},
		{"its reply tuple is that of a flow of this node", func(b *backup) {
			b.kernel.locals[taken.Orig.Src] = true
			b.kernel.packet(taken, conntrack.Extra{})
			b.put(0, f, nil)
			b.put(1, other, nil)
		}, []conntrack.Flow{taken, other}, view.SyncStats{Inserted: 2, Refused: 1}},
		{"a helper", func(b *backup) { b.put(0, f, named("ftp")) }, []conntrack.Flow{f}, view.SyncStats{Inserted: 1}},
		{"a helper that is not loaded", func(b *backup) { b.put(0, f, named("h323")); b.put(1, other, nil) }, []conntrack.Flow{f, other},
			view.SyncStats{Inserted: 2, NoHelper: 1}},
		{"a child before its master", func(b *backup) {
			b.put(0, other, &conntrack.Extra{Master: f.Key})
			b.put(1, f, nil)
			b.now = b.now.Add(2 * time.Second)
			b.Turn(b.now)
		}, []conntrack.Flow{f, other}, view.SyncStats{}},
		{"a child without a master", func(b *backup) {
			b.put(0, other, &conntrack.Extra{Master: flowOf(99, conntrack.TCP, 0).Key})
			for range 30 {
				b.now = b.now.Add(2 * time.Second)
				b.Turn(b.now)
			}
		}, []conntrack.Flow{other}, view.SyncStats{}},
		{"a full table, and room again", func(b *backup) {
			b.kernel.most = 1
			b.put(0, f, nil)
			b.put(1, other, nil)
			if len(b.kernel.flows) != 1 || b.failing() != 1 {
				b.t.Errorf("%d flows in, %d fail", len(b.kernel.flows), b.failing())
			}
			b.kernel.most = 2
			b.now = b.now.Add(2 * time.Second)
			b.Turn(b.now)
		}, []conntrack.Flow{f, other}, view.SyncStats{Full: 1, Inserted: 2}},
		{"a change and the end of a flow that is gone here", func(b *backup) {
			b.put(0, f, nil)
			b.kernel.remove(f.Key)
			b.Frame(b.now, b.sealed(2, func(w *flowwire.Writer) { w.Change(0, flowwire.Tag(&f.Key), &changed) }))
			b.hear(b.sealed(3, func(w *flowwire.Writer) { w.End(0) }))
		}, nil, view.SyncStats{Inserted: 1, Updated: 1, Ended: 1}},
		{"a flow is translated otherwise, while this node is master of something", func(b *backup) {
			b.put(0, f, nil)
			b.set(Target{PeerSpeaks: true, Speak: true})
			b.put(0, moved, nil)
		}, []conntrack.Flow{moved}, view.SyncStats{Inserted: 2, Ended: 1}},
		{"a flow that lives here is not ended", func(b *backup) {
			b.put(0, f, nil)
			b.set(Target{PeerSpeaks: true, Speak: true})
			b.kernel.packet(f, conntrack.Extra{}) // its packets come by here now
			b.say(func(w *flowwire.Writer) { w.End(0) })
		}, []conntrack.Flow{f}, view.SyncStats{Inserted: 1, Updated: 1, Kept: 1}},
		{"one that does not is, though this node is master of something", func(b *backup) {
			b.put(0, f, nil)
			b.set(Target{PeerSpeaks: true, Speak: true})
			b.say(func(w *flowwire.Writer) { w.End(0) })
		}, nil, view.SyncStats{Inserted: 1, Ended: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBackup(t)
			test.do(b)
			b.has(test.want...)
			got := view.SyncStats{
				Inserted: b.stats.Inserted, Updated: b.stats.Updated, Ended: b.stats.Ended, Kept: b.stats.Kept, Clashes: b.stats.Clashes,
				Refused: b.stats.Refused, NoHelper: b.stats.NoHelper, Full: b.stats.Full,
			}
			if test.stats != (view.SyncStats{}) && got != test.stats {
				t.Errorf("stats %+v\nwant  %+v", got, test.stats)
			}
			if n := b.failing(); n != 0 {
				t.Errorf("%d still fail", n)
			}
		})
	}
}

// TestAcknowledgments is when a frame is acknowledged: soon, and at once where one before it is missing.
func TestAcknowledgments(t *testing.T) {
	b := newBackup(t)
	next := func() int {
		before := b.sent
		b.put(uint32(b.seq), flowOf(int(b.seq), conntrack.UDP, 0), nil)
		return b.sent - before
	}
	next() // with the first state
	for range ackMost - 1 {
		if n := next(); n != 0 {
			t.Fatalf("%d frames answer one", n)
		}
	}
	if n := next(); n != 1 {
		t.Errorf("%d frames answer %d, want 1", n, ackMost)
	}
	next()
	b.now = b.now.Add(ackHold)
	if before := b.sent; b.Turn(b.now).Before(b.now) || b.sent != before+1 {
		t.Errorf("%d frames answer one that has waited", b.sent-before)
	}
	b.seq++
	if n := next(); n != 1 {
		t.Errorf("%d frames answer one before which one is missing, want 1", n)
	}
}

// TestFullTable is a table into which far less goes than there is: trying again costs little, until there is room.
func TestFullTable(t *testing.T) {
	b := newBackup(t)
	const flows = 5000
	b.kernel.most = flows / 10
	for i := range flows {
		b.put(uint32(i), flowOf(i, conntrack.UDP, 0), nil)
	}
	turn := func() (jobs int) {
		before := b.kernel.jobs
		b.now = b.now.Add(2 * time.Second)
		b.Turn(b.now)
		return b.kernel.jobs - before
	}
	for range 3 {
		if n := turn(); n > 2*batchLen {
			t.Errorf("%d jobs for a table that is full", n)
		}
	}
	if len(b.kernel.flows) != flows/10 || b.failing() != flows-flows/10 {
		t.Errorf("%d flows in, %d fail", len(b.kernel.flows), b.failing())
	}
	b.kernel.most = flows
	turn()
	if len(b.kernel.flows) != flows || b.failing() != 0 {
		t.Errorf("%d flows in, %d fail though there is room", len(b.kernel.flows), b.failing())
	}
}

// TestEpochs is that flows told of again and again take the room that they had, and none when all is known.
func TestEpochs(t *testing.T) {
	for _, ended := range []int{0, 1} { // flows that are told of the first time alone
		b := newBackup(t)
		for epoch := range 10 {
			for i := range 100 {
				if i >= ended || epoch == 0 {
					b.put(uint32(i), flowOf(i, conntrack.UDP, 0), nil)
				}
			}
			b.epoch++
		}
		b.epoch--
		if n := b.peer.before.next; n > 200 {
			t.Errorf("%d slots for 100 flows", n)
		}
		b.say(func(w *flowwire.Writer) {
			w.State(&flowwire.State{Flags: flowwire.Speaking | flowwire.Whole | flowwire.SnapshotSent, Count: b.peer.has.count, Digest: b.peer.has.sum})
		})
		if len(b.kernel.flows) != 100-ended || b.peer.before.next != 0 || !b.complete {
			t.Errorf("%d flows, %d slots of a time that is over; %s", len(b.kernel.flows), b.peer.before.next, b.why)
		}
	}
}

func (b *backup) failing() int { return b.peer.failing }

// TestParked is that flows are put in for longer than any packet would keep them: the master ends them.
func TestParked(t *testing.T) {
	b := newBackup(t)
	f := flowOf(1, conntrack.UDP, 0)
	b.put(0, f, nil)
	if left := b.kernel.flows[f.Key].ends.Sub(b.now); left < parkFor*time.Second {
		t.Errorf("it lasts %v", left)
	}
}

// TestExpectationsEnd is that what is expected and was there already lasts no longer for that.
func TestExpectationsEnd(t *testing.T) {
	b := newBackup(t)
	master, e := flowOf(1, conntrack.TCP, conntrack.Established), flowOf(2, conntrack.TCP, 0)
	e.Kind, e.Reply, e.Status, e.Flags, e.Scale, e.Mark = conntrack.KindExpect, conntrack.Tuple{}, 0, [2]conntrack.TCPFlags{}, [2]uint8{}, 0
	x := &conntrack.Extra{Master: master.Key, Expects: conntrack.Expect{Timeout: 200}}
	b.kernel.packet(master, conntrack.Extra{})
	b.kernel.packet(e, *x)
	b.put(0, master, nil)
	b.put(1, e, x)
	changed := *x
	changed.Expects.Class = 1
	for _, x := range []*conntrack.Extra{x, &changed} {
		b.put(1, e, x)
		if left := b.kernel.flows[e.Key].ends.Sub(b.now); left != 200*time.Second {
			t.Errorf("it lasts %v, want as long as at the master", left)
		}
	}
}

// TestOldFrames is that a frame that was overtaken changes nothing that a newer one said.
func TestOldFrames(t *testing.T) {
	b := newBackup(t)
	f := flowOf(1, conntrack.TCP, conntrack.Established)
	late := b.sealed(1, func(w *flowwire.Writer) { w.Put(0, &f, nil) })
	newer := f
	newer.Mark = 5
	b.seq = 1
	b.put(0, newer, nil)
	b.hear(late)
	b.has(newer)
	b.say(func(w *flowwire.Writer) { w.End(0) })
	b.hear(late)
	b.has()
	if b.stats.BadReplay != 1 {
		t.Errorf("%d replays, want 1", b.stats.BadReplay)
	}
}

// TestRestingSlot is a flow that nothing was said of for so long that the lower halves of numbers tell too little.
func TestRestingSlot(t *testing.T) {
	f := flowOf(1, conntrack.TCP, conntrack.Established)
	for _, frames := range []uint64{1, 1 << 31, 1<<31 + 9, 1<<32 - flowwire.WindowSize} {
		b := newBackup(t)
		b.put(0, f, nil)
		b.seq += frames - 1
		b.say(func(w *flowwire.Writer) { w.End(0) })
		if b.has(); t.Failed() {
			t.Fatalf("after %d frames", frames)
		}
	}
}

// TestForeignFrames is that nothing but a counter changes by what an outsider sends.
func TestForeignFrames(t *testing.T) {
	f := flowOf(1, conntrack.TCP, conntrack.Established)
	put := func(w *flowwire.Writer) { w.Put(3, &f, nil) }
	for _, test := range []struct {
		name  string
		frame func(b *backup) []byte
		want  view.SyncStats
	}{
		{"nothing", func(*backup) []byte { return nil }, view.SyncStats{BadAuth: 1}},
		{"noise", func(*backup) []byte { return make([]byte, 900) }, view.SyncStats{BadVersion: 1}},
		{"another secret", func(b *backup) []byte {
			b.seal = flowwire.NewSeal(flowwire.DeriveKey([32]byte{8}, 2, 1))
			return b.sealed(1, put)
		}, view.SyncStats{BadAuth: 1}},
		{"an earlier run of the peer", func(b *backup) []byte {
			b.seal = flowwire.NewSeal(flowwire.DeriveKey([32]byte{7}, 3, 1))
			return b.sealed(1, put)
		}, view.SyncStats{BadAuth: 1}},
		{"an earlier run of this node", func(b *backup) []byte {
			b.seal = flowwire.NewSeal(flowwire.DeriveKey([32]byte{7}, 2, 9))
			return b.sealed(1, put)
		}, view.SyncStats{BadAuth: 1}},
		{"its own frames sent back", func(b *backup) []byte {
			b.seal = flowwire.NewSeal(flowwire.DeriveKey([32]byte{7}, 1, 2))
			return b.sealed(1, put)
		}, view.SyncStats{BadAuth: 1}},
		{"a bit is other", func(b *backup) []byte { f := b.sealed(1, put); f[len(f)/2] ^= 4; return f }, view.SyncStats{BadAuth: 1}},
		{"the number is other", func(b *backup) []byte { f := b.sealed(1, put); f[12]++; return f }, view.SyncStats{BadAuth: 1}},
		{"another version", func(b *backup) []byte { f := b.sealed(1, put); f[0]++; return f }, view.SyncStats{BadVersion: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBackup(t)
			b.hear(test.frame(b))
			b.has()
			if b.stats.BadAuth != test.want.BadAuth || b.stats.BadVersion != test.want.BadVersion || b.stats.FramesIn != 0 {
				t.Errorf("%+v", *b.stats)
			}
		})
	}
}

// TestNumbersRise is that no two frames go out with one number under one key, whatever happens in between.
func TestNumbersRise(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	k := newFakeKernel(func() time.Time { return now })
	seen := map[string]bool{}
	e := NewEngine(now, k, func(frame []byte) error {
		const head = 13 // version, hint, epoch, sequence
		if seen[string(frame[:head])] {
			t.Fatalf("%x went out twice", frame[:head])
		}
		seen[string(frame[:head])] = true
		return nil
	}, hclog.NewNullLogger())
	for i := range 200 {
		target := Target{
			Device: "sync", Local: netip.MustParseAddr("10.0.0.1"), Peer: netip.MustParseAddr("10.0.0.2"), MTU: 1500,
			Secrets: [][32]byte{{byte(i / 3 % 2)}}, Own: 1, Theirs: 2, Speak: i%5 < 3,
		}
		if i%7 == 0 {
			target.Device = "" // the cable is out for a moment
		}
		e.Set(now, target)
		if i%11 == 0 {
			e.Resync(now)
		}
		for range 3 {
			now = now.Add(200 * time.Millisecond)
			e.Turn(now)
		}
	}
	if len(seen) < 100 {
		t.Errorf("%d frames went out, too few to tell", len(seen))
	}
}
