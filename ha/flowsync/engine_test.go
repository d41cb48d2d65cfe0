package flowsync

import (
	"testing"
	"time"

	"github.com/rempart/rempart/ha/conntrack"
)

func TestSnapshotAndChanges(t *testing.T) {
	w := newWorld(t, 1)
	for i := range 5000 {
		w.nodes[0].kernel.packet(flowOf(i, conntrack.TCP, conntrack.Established), conntrack.Extra{})
	}
	w.roles(true, false)
	w.run(2 * time.Second)
	w.same(0)
	w.complete(1)
	for i := range 2000 {
		w.nodes[0].kernel.packet(flowOf(10000+i, conntrack.UDP, 0), conntrack.Extra{})
	}
	for i := range 1000 {
		w.nodes[0].kernel.packet(flowOf(i, conntrack.TCP, conntrack.FinWait), conntrack.Extra{})
	}
	for i := 1000; i < 2000; i++ {
		w.nodes[0].kernel.destroy(flowOf(i, conntrack.TCP, conntrack.Established).Key)
	}
	w.run(time.Second)
	w.same(0)
	w.complete(1)
	if s := w.nodes[1].engine.stats; s.Mismatches != 0 || s.Refused != 0 || s.BadAuth != 0 {
		t.Errorf("stats: %+v", s)
	}
	t.Logf("%+v", w.nodes[0].engine.Report(w.now))
	t.Logf("%+v", w.nodes[1].engine.Report(w.now))
}

// TestPartialEvents is events that tell of one field, as the kernel's do.
func TestPartialEvents(t *testing.T) {
	w := newWorld(t, 3)
	f := flowOf(1, conntrack.TCP, conntrack.Established)
	w.nodes[0].kernel.packet(f, conntrack.Extra{})
	w.roles(true, false)
	w.run(2 * time.Second)
	w.same(0)
	of := func(change func(m *conntrack.Message)) {
		m := conntrack.Message{Event: conntrack.Update, Has: conntrack.HasStatus | conntrack.HasTimeout | conntrack.HasMark, Flow: f}
		m.Flow.State, m.Flow.Flags, m.Flow.Scale, m.Flow.Mark = 0, [2]conntrack.TCPFlags{}, [2]uint8{}, 0x50001
		change(&m)
		w.nodes[0].engine.Event(w.now, &m)
		w.nodes[0].next = w.now
		w.run(100 * time.Millisecond)
	}
	of(func(*conntrack.Message) {})
	want := f
	want.Mark = 0x50001
	there := func() *fakeFlow { return w.nodes[1].kernel.flows[f.Key] }
	if got := there().flow; got.Mark != want.Mark || got.State != f.State || got.Flags != f.Flags {
		t.Errorf("a mark: %+v, want %+v", got, want)
	}
	of(func(m *conntrack.Message) { m.Has, m.Extra.Labels[2] = m.Has|conntrack.HasLabels, 4 })
	slot, _ := w.nodes[1].engine.peer.find(&f.Key)
	if x := w.nodes[1].engine.peer.extra[slot]; x == nil || x.Labels[2] != 4 {
		t.Errorf("a label: %+v", x)
	}
}

// TestReusedTuple is a flow that has the tuples of one that ended a moment ago, and nothing else of it.
func TestReusedTuple(t *testing.T) {
	w := newWorld(t, 4)
	k := w.nodes[0].kernel
	f := flowOf(1, conntrack.UDP, 0)
	k.packet(f, conntrack.Extra{})
	w.roles(true, false)
	w.run(2 * time.Second)
	k.destroy(f.Key)
	again := f
	again.Mark = 0
	k.packet(again, conntrack.Extra{})
	k.events[len(k.events)-1].Has &^= conntrack.HasMark // the kernel tells no mark that is zero
	w.run(100 * time.Millisecond)
	if got := w.nodes[1].kernel.flows[f.Key]; got == nil || got.flow.Mark != 0 {
		t.Errorf("the other node has %+v", got)
	}
}

// TestMute is that the ends of flows which go with an address are not told, whoever finds them.
func TestMute(t *testing.T) {
	w := newWorld(t, 5)
	k := w.nodes[0].kernel
	for i := range 1000 {
		k.packet(flowOf(i, conntrack.UDP, 0), conntrack.Extra{})
	}
	w.roles(true, false)
	w.run(2 * time.Second)
	set := func(i int, change func(*Target)) {
		target := w.nodes[i].engine.target
		change(&target)
		w.nodes[i].engine.Set(w.now, target)
		w.nodes[i].next = w.now
	}
	w.nodes[0].engine.start(w.now, false)
	w.run(30 * time.Millisecond) // a walk is under way
	set(0, func(to *Target) { to.Mute = true })
	for i := range 500 {
		k.destroy(flowOf(i, conntrack.UDP, 0).Key)
	}
	w.run(time.Minute)
	if n := len(w.nodes[1].kernel.flows); n != 1000 {
		t.Fatalf("the other node has %d flows, want all 1000", n)
	}
	set(0, func(to *Target) { to.Mute = false })
	w.run(time.Minute)
	w.same(0)
}

// TestScarceEvent is a flow of which an event tells too little: the kernel is asked, and the peer has it at once.
func TestScarceEvent(t *testing.T) {
	w := newWorld(t, 6)
	k := w.nodes[0].kernel
	master, f := flowOf(1, conntrack.TCP, conntrack.Established), flowOf(4, conntrack.UDP, 0)
	f.Status |= conntrack.Expected
	k.packet(master, conntrack.Extra{})
	w.roles(true, false)
	w.run(1730 * time.Millisecond)
	k.packet(f, conntrack.Extra{Master: master.Key})
	k.events[len(k.events)-1].Has &^= conntrack.HasMaster
	k.events[len(k.events)-1].Extra = conntrack.Extra{}
	w.run(2 * time.Millisecond)
	if got := w.nodes[1].kernel.flows[f.Key]; got == nil || got.extra.Master != master.Key {
		t.Errorf("the other node has %+v", got)
	}
}

// TestWalk plays two nodes at random, on a cable that loses, doubles and delays, with kernels that drop
// events and fill up, and nodes that start anew: in the end the backup's kernel has what the master shares.
func TestWalk(t *testing.T) {
	seeds := 20
	if testing.Short() {
		seeds = 6
	}
	for seed := range uint64(seeds) {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, seed)
			w.drop, w.double, w.delay = int(seed%4)*8, int(seed%3)*10, time.Duration(seed%5)*500*time.Microsecond
			master := 0
			w.roles(true, false)
			for range 60 {
				master = w.stir(master)
				w.run(time.Duration(w.rand.IntN(60)) * time.Millisecond)
			}
			w.cut, w.nodes[0].kernel.drops, w.nodes[1].kernel.drops = false, false, false
			w.nodes[0].kernel.most, w.nodes[1].kernel.most = 1<<20, 1<<20
			for _, n := range w.nodes {
				n.engine.Overrun(w.now)
			}
			w.run(8 * time.Second)
			w.drop, w.double = 0, 0
			w.run(20 * time.Second)
			w.complete(1 - master)
			w.same(master)
		})
	}
}

// stir lets something happen, and returns who is master then.
func (w *world) stir(master int) int {
	k := w.nodes[master].kernel
	switch w.rand.IntN(24) {
	case 0:
		w.roles(false, false)
		w.run(time.Duration(w.rand.IntN(20)) * time.Millisecond)
		master = 1 - master
		w.roles(master == 0, master == 1)
	case 1:
		master = 1 - master // the other was killed, or both speak for a moment
		w.roles(true, true)
		w.run(time.Duration(w.rand.IntN(20)) * time.Millisecond)
		w.roles(master == 0, master == 1)
	case 2:
		w.cut = !w.cut
	case 3:
		w.boot(w.rand.IntN(2))
		w.roles(master == 0, master == 1)
	case 4:
		clear(w.nodes[1-master].kernel.flows)
		clear(w.nodes[1-master].kernel.replies)
		w.boot(1 - master)
		w.roles(master == 0, master == 1)
	case 5:
		w.nodes[1-master].kernel.most = 200 + w.rand.IntN(2000)
	case 6:
		k.drops = true
	case 7:
		if k.drops {
			k.drops = false
			w.nodes[master].engine.Overrun(w.now)
		}
	case 8:
		w.nodes[w.rand.IntN(2)].engine.Resync(w.now)
	default:
		for range w.rand.IntN(300) {
			w.traffic(k)
		}
	}
	return master
}

// traffic is what one packet may do.
func (w *world) traffic(k *fakeKernel) {
	i := w.rand.IntN(3000)
	proto, state := conntrack.TCP, conntrack.Established
	if i%4 == 0 {
		proto, state = conntrack.UDP, 0
	}
	f := flowOf(i, proto, state)
	switch w.rand.IntN(6) {
	case 0:
		k.destroy(f.Key)
		return
	case 1:
		if proto == conntrack.TCP {
			f.State = conntrack.FinWait
		}
	case 2:
		f.Mark = uint32(w.rand.IntN(5)) << 16
	}
	if old := k.flows[f.Key]; old != nil {
		f.Reply = old.flow.Reply
		f.Status = old.flow.Status
	} else if w.rand.IntN(4) == 0 { // another port than the last time
		f.Reply.DstPort = uint16(50000 + w.rand.IntN(5000))
		f.Reply.Dst = conntrack.BytesOf(conntrack.AddrOf(conntrack.IPv4, flowOf(1, proto, state).Reply.Dst))
		f.Status |= conntrack.SrcNAT
	}
	if key, taken := k.replies[replyOf(&f)]; taken && key != f.Key {
		return
	}
	var x conntrack.Extra
	if i%50 == 0 {
		copy(x.Helper[:], "ftp")
	}
	if i%70 == 0 {
		copy(x.Helper[:], "sip") // which these kernels have not
	}
	k.packet(f, x)
}
