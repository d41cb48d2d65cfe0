package flowsync

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/ha/conntrack"
	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/lab"
	"golang.org/x/sys/unix"
)

// bed is two nodes with a cable and kernels of their own.
type bed struct {
	t     *testing.T
	nodes [2]*bedNode
}

type bedNode struct {
	host  *lab.Host
	table *Conntrack // of the test
	loop  *Loop
	stop  context.CancelFunc
	ended chan error
	own   uint64
}

func newBed(t *testing.T, options ...Option) *bed {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	n := lab.Test(t)
	cable := n.Switch("cable")
	b := &bed{t: t}
	for i := range b.nodes {
		host := n.Host(fmt.Sprintf("fw%d", i+1))
		host.Plug("sync0", cable, netip.PrefixFrom(address(i), 24))
		host.Sysctl("net.netfilter.nf_conntrack_events", "1")
		node := &bedNode{host: host}
		if err := host.Do(func() (err error) { node.table, err = OpenConntrack(1 << 20); return err }); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { node.table.Close() })
		b.nodes[i] = node
		b.start(i, options...)
	}
	return b
}

func address(i int) netip.Addr { return netip.AddrFrom4([4]byte{172, 16, 0, byte(i + 1)}) }

// start runs the loop of a node, as a program that begins.
func (b *bed) start(i int, options ...Option) {
	node := b.nodes[i]
	ctx, stop := context.WithCancel(context.Background())
	node.loop, node.stop, node.ended, node.own = New(hclog.NewNullLogger(), options...), stop, make(chan error, 1), node.own+uint64(i)+1
	go func() { node.ended <- node.host.Do(func() error { return node.loop.Run(ctx) }) }()
	b.t.Cleanup(func() { b.end(i) })
}

func (b *bed) end(i int) {
	node := b.nodes[i]
	node.stop()
	select {
	case err := <-node.ended:
		if err != nil {
			b.t.Errorf("loop: %v", err)
		}
		node.ended <- nil
	case <-time.After(10 * time.Second):
		b.t.Error("the loop does not end")
	}
}

func (b *bed) roles(speak ...bool) {
	for i, node := range b.nodes {
		node.loop.Set(Target{
			Device: "sync0", Local: address(i), Peer: address(1 - i), MTU: 1500, Secrets: [][32]byte{{9}},
			Own: node.own, Theirs: b.nodes[1-i].own, Speak: speak[i], PeerSpeaks: speak[1-i],
		})
	}
}

// do has a kernel do jobs, as if packets did.
func (b *bed) do(i int, op Op, flows ...conntrack.Flow) {
	b.t.Helper()
	for len(flows) > 0 {
		n := min(len(flows), batchLen)
		jobs := make([]Job, n)
		for j := range jobs {
			jobs[j] = Job{Op: op, Flow: flows[j], Timeout: 600}
		}
		flows = flows[n:]
		if err := b.nodes[i].table.Do(jobs, func(j int, errno syscall.Errno, _ *conntrack.Message) {
			b.t.Errorf("%v: %v", jobs[j].Flow, errno)
		}); err != nil {
			b.t.Fatal(err)
		}
	}
}

// kernel is all shared flows of a node.
func (b *bed) kernel(i int) map[conntrack.Key]conntrack.Flow {
	b.t.Helper()
	all := map[conntrack.Key]conntrack.Flow{}
	c := b.nodes[i].table
	for _, s := range stages()[:1] {
		if err := c.Walk(s.kind, s.family); err != nil {
			b.t.Fatal(err)
		}
		for done := false; !done; {
			var err error
			if done, err = c.ReadWalk(func(m *conntrack.Message) {
				if m.Event == conntrack.Update || m.Event == conntrack.New {
					all[m.Flow.Key] = m.Flow
				}
			}); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	return all
}

// same waits until the backup says that it is complete, and checks that it is.
func (b *bed) same(master, flows int) {
	b.t.Helper()
	backup := b.nodes[1-master].loop
	if !lab.Poll(20*time.Second, func() bool {
		r := backup.Report()
		return r.State == view.SyncComplete && r.Flows == uint64(flows) && time.Since(r.Checked) < time.Second
	}) {
		b.t.Fatalf("the backup is not complete: %+v\nmaster: %+v", backup.Report(), b.nodes[master].loop.Report())
	}
	// What a program that ended had put in is found by a walk.
	lab.Poll(10*time.Second, func() bool { return len(b.kernel(1-master)) == flows })
	there := b.kernel(1 - master)
	differ := 0
	for key, f := range b.kernel(master) {
		g, ok := there[key]
		f, g := f, g
		settle(&f)
		settle(&g)
		if !ok || f != g {
			differ++
			if differ < 4 {
				b.t.Errorf("here %v, there %v", f, g)
			}
		}
	}
	if differ > 0 || len(there) != flows {
		b.t.Fatalf("%d flows differ, %d are there, want %d", differ, len(there), flows)
	}
}

func flowsFrom(first, n int) (all []conntrack.Flow) {
	for i := first; i < first+n; i++ {
		if i%4 == 0 {
			all = append(all, flowOf(i, conntrack.UDP, 0))
		} else {
			all = append(all, flowOf(i, conntrack.TCP, conntrack.Established))
		}
	}
	return all
}

// TestLoop is a master that had flows and gets more, loses and changes some, and is taken over from.
func TestLoop(t *testing.T) {
	b := newBed(t)
	first := flowsFrom(1, 3000)
	b.do(0, Create, first...)
	b.roles(true, false)
	b.same(0, 3000)
	b.do(0, Create, flowsFrom(10000, 2000)...)
	b.do(0, End, first[:1000]...)
	changed := first[1000]
	changed.Mark, changed.State = 0x30007, conntrack.Established
	b.do(0, Change, changed)
	b.same(0, 4000)
	for _, f := range b.kernel(1) {
		if f.Timeout < parkFor {
			t.Fatalf("%v ends in %d s", f, f.Timeout)
		}
	}
	b.roles(false, false)
	b.roles(false, true)
	b.do(1, Create, flowsFrom(20000, 500)...)
	b.same(1, 4500)
	b.do(1, End, first[1001:1501]...)
	b.same(1, 4000)
}

// TestLoopRestarts is programs that end and begin while the kernels go on.
func TestLoopRestarts(t *testing.T) {
	b := newBed(t)
	all := flowsFrom(1, 2000)
	b.do(0, Create, all...)
	b.roles(true, false)
	b.same(0, 2000)
	for _, i := range []int{1, 0} {
		b.end(i)
		b.do(0, End, all[:100]...) // nobody hears it
		all = all[100:]
		b.start(i)
		b.roles(true, false)
		b.same(0, len(all))
	}
}

// TestLoopMends is a backup whose kernel loses flows behind its back.
func TestLoopMends(t *testing.T) {
	b := newBed(t)
	all := flowsFrom(1, 500)
	b.do(0, Create, all...)
	b.roles(true, false)
	b.same(0, 500)
	b.do(1, End, all[:200]...)
	if !lab.Poll(10*time.Second, func() bool { return len(b.kernel(1)) == 500 }) {
		t.Fatalf("%d flows are there, want 500", len(b.kernel(1)))
	}
	b.same(0, 500)
}

// TestLoopOverrun is a burst that does not fit into the room for events: a walk finds what was dropped.
func TestLoopOverrun(t *testing.T) {
	b := newBed(t, EventBuffer(1<<14))
	b.roles(true, false)
	b.same(0, 0)
	b.do(0, Create, flowsFrom(1, 20000)...)
	b.same(0, 20000)
	if r := b.nodes[0].loop.Report(); r.Stats.Overruns == 0 {
		t.Errorf("nothing was dropped, so nothing was shown: %+v", r.Stats)
	}
}

// TestLoopWakesOnce is a wake-up for what was obeyed already, as events are looked at: it must not wake the thread for ever.
func TestLoopWakesOnce(t *testing.T) {
	b := newBed(t)
	b.roles(true, false)
	b.same(0, 0)
	l := b.nodes[0].loop
	l.mu.Lock()
	wake := l.wake
	l.mu.Unlock()
	one := [8]byte{1}
	if _, err := unix.Write(wake, one[:]); err != nil {
		t.Fatal(err)
	}
	rests := func() bool {
		at := []unix.PollFd{{Fd: int32(wake), Events: unix.POLLIN}}
		n, err := unix.Poll(at, 0)
		return err == nil && n == 0
	}
	if !lab.Poll(10*time.Second, rests) {
		t.Error("it is woken again and again")
	}
}

// TestLoopAlone is that a gateway without a pair listens to nothing, and ends when it is told to.
func TestLoopAlone(t *testing.T) {
	l := New(hclog.NewNullLogger())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	l.Set(Target{})
	stop()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if l.conntrack != nil {
		t.Error("it listens")
	}
}

// TestLoopBoth is two nodes of which each is master of a group: each has the other's flows, ends go over, and when one
// gives its group away the other goes on with all.
func TestLoopBoth(t *testing.T) {
	b := newBed(t)
	b.roles(true, true)
	a, c := flowsFrom(1, 600), flowsFrom(50_000, 400)
	b.do(0, Create, a...)
	b.do(1, Create, c...)
	b.both(1000)
	b.do(0, End, a[:100]...)
	b.do(1, End, c[:50]...)
	b.both(850)
	for i, node := range b.nodes {
		if r := node.loop.Report(); r.State != view.SyncBoth {
			t.Errorf("node %d is %s", i, r.State)
		}
	}
	b.roles(true, false)
	b.same(0, 850)
	b.do(0, End, c[50:150]...) // which began at the other
	b.same(0, 750)
}

// both waits until each kernel has that many flows.
func (b *bed) both(n int) {
	b.t.Helper()
	if !lab.Poll(20*time.Second, func() bool { return len(b.kernel(0)) == n && len(b.kernel(1)) == n }) {
		b.t.Fatalf("%d and %d flows, want %d in both\n%+v\n%+v", len(b.kernel(0)), len(b.kernel(1)), n, b.nodes[0].loop.Report(), b.nodes[1].loop.Report())
	}
}
