package survival_test

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/lab"
	"github.com/vishvananda/netlink"
	"golang.org/x/net/bpf"
)

// watch is for a time in which the first node is master, and nothing of that may change.
type watch struct {
	bed    *bed
	before [2]view.Status
	ads    *lab.Capture // on the network of the clients
	stop   chan struct{}
	work   sync.WaitGroup

	mu     sync.Mutex
	faults []string
}

// advertisements is a filter for a capture: CARP over IPv4.
var advertisements = []bpf.Instruction{
	bpf.LoadAbsolute{Off: atKind, Size: 2},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0x0800, SkipTrue: 3},
	bpf.LoadAbsolute{Off: atIP + 9, Size: 1},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 112, SkipTrue: 1},
	bpf.RetConstant{Val: 1 << 16},
	bpf.RetConstant{Val: 0},
}

// watch begins to watch what both kernels and both nodes say, and who advertises.
func (b *bed) watch() *watch {
	b.Helper()
	w := &watch{bed: b, ads: b.client.CaptureIf("eth0", advertisements), stop: make(chan struct{})}
	for i, n := range b.nodes {
		w.before[i] = n.status()
		updates, done := make(chan netlink.AddrUpdate, 1024), make(chan struct{})
		if err := n.host.Do(func() error { return netlink.AddrSubscribe(updates, done) }); err != nil {
			b.Fatal(err)
		}
		w.work.Go(func() { <-w.stop; close(done) })
		w.work.Go(func() {
			for u := range updates {
				w.address(n, u)
			}
		})
	}
	w.work.Go(w.poll)
	return w
}

// fault notes what may not be.
func (w *watch) fault(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.faults, what) {
		w.faults = append(w.faults, what)
	}
}

// address judges the news of a kernel: the master keeps what it has, and the other node gets none.
func (w *watch) address(n *node, u netlink.AddrUpdate) {
	a, ok := netip.AddrFromSlice(u.LinkAddress.IP)
	if a = a.Unmap(); !ok {
		return
	}
	switch {
	case n.number == 0 && !u.NewAddr && slices.Contains(virtual, a):
		w.fault(n.String() + " has lost " + a.String())
	case n.number == 1 && u.NewAddr:
		w.fault(n.String() + " has got " + a.String())
	}
}

// poll looks again and again whether there is one master.
func (w *watch) poll() {
	for {
		select {
		case <-w.stop:
			return
		case <-time.After(20 * time.Millisecond):
		}
		for i, n := range w.bed.nodes {
			want := [...]string{"MASTER", "BACKUP"}[i]
			if s, err := n.try(); err != nil || len(s.Groups) == 0 || !allAre(s, want) {
				w.fault(n.String() + " is not " + want)
			}
		}
	}
}

// end ends the watch, and fails when anything was not as it had to be.
func (w *watch) end() {
	b := w.bed
	b.Helper()
	close(w.stop)
	w.work.Wait()
	for _, f := range w.faults {
		b.Error(f)
	}
	for i, n := range b.nodes {
		if diff := cmp.Diff(w.before[i].Transitions, n.status().Transitions); diff != "" {
			b.Errorf("%s changed its role (-before +after):\n%s", n, diff)
		}
	}
	b.holdsAll(b.nodes[0])
	all := w.ads.Stop()
	for _, p := range all {
		if d, err := p.Datagram(); err != nil || d.Src.Addr() != b.nodes[0].lan() {
			b.Fatalf("somebody advertises beside the master: %v, %v", d.Src, err)
		}
	}
	if len(all) == 0 {
		b.Error("the master never advertised: the test proves nothing")
	}
}
