package gateways

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/lab"
)

// crowd is 50 gateways with three targets each, asked twice a second.
func crowd() []Watched {
	m := defaults()
	for i := range 3 {
		m.Targets = append(m.Targets, icmp(fmt.Sprintf("198.51.100.%d", 10+i)))
	}
	var all []Watched
	for i := range 50 {
		all = append(all, Watched{
			Name: fmt.Sprintf("gw%d", i), Number: uint8(i + 1), Interface: "wan", Device: "wan",
			NextHop: netip.MustParseAddr("198.51.100.1"), Monitor: m,
		})
	}
	return all
}

// processor is what the process has used of it, kernel included.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// street is a host and another that answers, with a cable between them.
func street(b *testing.B) *Sockets {
	b.Helper()
	n := lab.Test(b)
	gw, far := n.Host("gw"), n.Host("far")
	n.Cable(gw, "wan", far, "eth0")
	gw.AddAddr("wan", netip.MustParsePrefix("198.51.100.2/24"))
	for i := range 3 {
		far.AddAddr("eth0", netip.MustParsePrefix(fmt.Sprintf("198.51.100.%d/24", 10+i)))
	}
	ns, err := netns.GetFromName(gw.Namespace())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ns.Close() })
	sockets, err := OpenSocketsAt(ns)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { sockets.Close() })
	return sockets
}

// measured is for how long the use of the processor is measured.
const measured = 5 * time.Second

// BenchmarkCrowd says how much of a core a crowd takes, with the part of the
// host that answers. What is left of that when BenchmarkFloor is taken away is
// this program's.
func BenchmarkCrowd(b *testing.B) {
	m := New(Parts{Kernel: street(b)})
	m.Set(crowd())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- m.Run(ctx) }()
	time.Sleep(time.Second) // until everything is open
	for b.Loop() {
		before := processor(b)
		time.Sleep(measured)
		b.ReportMetric(100*float64(processor(b)-before)/float64(measured), "%core")
	}
	for _, s := range m.Status() {
		for _, t := range s.Targets {
			if t.Answered.IsZero() {
				b.Errorf("%s: %+v", s.Name, t)
			}
		}
	}
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}

// BenchmarkFloor sends as many packets as a crowd, in as many groups, and reads
// the answers, and does nothing else.
func BenchmarkFloor(b *testing.B) {
	const group = 300 / 20 // of 300 questions a second, every 50 ms
	s := street(b)
	q := Question{
		Kind: config.ProbeICMP, Path: Path{Device: "wan", Mark: 1 << markShift},
		To: netip.MustParseAddrPort("198.51.100.10:0"), Packet: echo{1, 1, 1}.append(nil, false),
	}
	for b.Loop() {
		before, end := processor(b), time.Now().Add(measured)
		for time.Now().Before(end) {
			time.Sleep(50 * time.Millisecond)
			for range group {
				if err := s.Send(q); err != nil {
					b.Fatal(err)
				}
			}
			for range group {
				_, _, err := unix.Recvfrom(s.echoes[echoKey{"wan", false}].fd, s.packet, 0)
				if err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(100*float64(processor(b)-before)/float64(measured), "%core")
	}
}

// BenchmarkAnswer is what a question and its answer cost without the kernel.
func BenchmarkAnswer(b *testing.B) {
	f := NewFake()
	m := New(Parts{Kernel: f})
	m.Set(crowd())
	e := m.entries[0]
	t := e.askable()[0]
	for b.Loop() {
		m.mu.Lock()
		m.askLocked(e.path(), e.silence(), t)
		m.mu.Unlock()
		m.receive(FakeHost{}.Reply(f.Sent()[0]))
	}
	if got := t.window.stats(); got.Lost > 0 || got.Answered == 0 {
		b.Errorf("%+v", got)
	}
}
