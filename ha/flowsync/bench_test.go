package flowsync

import (
	"net/netip"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/ha/conntrack"
	"github.com/rempart/rempart/lab"
	"golang.org/x/sys/unix"
)

// spent is the processor time of this thread.
func spent(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFlow is what a new flow costs each node, kernel and all, when they come bunch by bunch.
func BenchmarkFlow(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root")
	}
	for _, bunch := range []int{1, 4, 32} {
		b.Run(map[int]string{1: "alone", 4: "by 4", 32: "by 32"}[bunch], func(b *testing.B) { benchFlow(b, bunch) })
	}
}

func benchFlow(b *testing.B, bunch int) {
	n := lab.Test(b)
	master, backup := n.Host("fw1"), n.Host("fw2")
	open := func(h *lab.Host) (c *Conntrack) {
		if err := h.Do(func() (err error) { c, err = OpenConntrack(eventBuffer); return err }); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { c.Close() })
		return c
	}
	master.Sysctl("net.netfilter.nf_conntrack_events", "1")
	here, hand, there := open(master), open(master), open(backup)
	var frames, back [][]byte
	now := time.Now()
	keep := func(to *[][]byte) func([]byte) error {
		return func(f []byte) error { *to = append(*to, slices.Clone(f)); return nil }
	}
	from, to := NewEngine(now, here, keep(&frames), hclog.NewNullLogger()), NewEngine(now, there, keep(&back), hclog.NewNullLogger())
	target := Target{Device: "x", Local: netip.MustParseAddr("10.0.0.1"), Peer: netip.MustParseAddr("10.0.0.2"), MTU: 1500, Secrets: [][32]byte{{1}}, Own: 1, Theirs: 2, Speak: true}
	from.Set(now, target)
	target.Own, target.Theirs, target.Speak, target.PeerSpeaks = 2, 1, false, true
	to.Set(now, target)
	l := &Loop{conntrack: here, engine: from}
	var sent, received time.Duration
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	bytes := 0
	next := 0
	for b.Loop() {
		jobs := make([]Job, bunch)
		for i := range jobs {
			next++
			jobs[i] = Job{Op: Create, Flow: flowOf(next, conntrack.TCP, conntrack.Established), Timeout: 20}
		}
		if err := hand.Do(jobs, nil); err != nil {
			b.Fatal(err)
		}
		now = now.Add(time.Millisecond)
		frames, back = frames[:0], back[:0]
		start := spent(b)
		l.now, l.rested = now, time.Time{}
		l.hear()
		from.Turn(now)
		middle := spent(b)
		for _, f := range frames {
			bytes += len(f) + 42
			to.Frame(now, f)
		}
		to.Turn(now)
		end := spent(b)
		for _, f := range back {
			bytes += len(f) + 42
			from.Frame(now, f)
		}
		sent, received = sent+middle-start+spent(b)-end, received+end-middle
	}
	flows := float64(next)
	b.ReportMetric(float64(sent.Nanoseconds())/flows, "master-ns/flow")
	b.ReportMetric(float64(received.Nanoseconds())/flows, "backup-ns/flow")
	b.ReportMetric(float64(bytes)/flows, "bytes/flow")
	if to.stats.Inserted < uint64(next)*9/10 {
		b.Errorf("%d of %d flows came: %+v", to.stats.Inserted, next, *to.stats)
	}
}
