package gateways

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

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

// BenchmarkCrowd runs a crowd for some seconds over real sockets and a cable,
// with the answering host's part in it, and says how much of a core that takes:
// on a machine with nothing else to do well under one percent.
func BenchmarkCrowd(b *testing.B) {
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
	defer ns.Close()
	sockets, err := OpenSocketsAt(ns)
	if err != nil {
		b.Fatal(err)
	}
	defer sockets.Close()
	m := New(Parts{Kernel: sockets})
	m.Set(crowd())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- m.Run(ctx) }()

	const length = 5 * time.Second
	time.Sleep(time.Second) // until all sockets are open
	for b.Loop() {
		before := processor(b)
		time.Sleep(length)
		b.ReportMetric(100*float64(processor(b)-before)/float64(length), "%core")
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
		m.receive(Host{}.Reply(f.Sent()[0]))
	}
	if got := t.window.stats(); got.Lost > 0 || got.Answered == 0 {
		b.Errorf("%+v", got)
	}
}
