package conntrack

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// benchFlows is how many flows the benchmarks have.
const benchFlows = 100_000

// BenchmarkCreate is of translated TCP flows while nobody listens, or somebody to the end of flows, or to all.
func BenchmarkCreate(b *testing.B) {
	for _, listen := range []string{"nobody", "ends", "all"} {
		for _, batch := range []int{1, 10, 50, 100, 200, 500} {
			if listen != "nobody" && batch != 100 {
				continue
			}
			b.Run(fmt.Sprintf("%s/%d", listen, batch), func(b *testing.B) { benchmarkCreate(b, listen, batch) })
		}
	}
}

func benchmarkCreate(b *testing.B, listen string, batch int) {
	s := newStand(b)
	var e *Events
	if listen != "nobody" {
		e = s.events(128 << 20)
		if err := e.Hear(listen == "all"); err != nil {
			b.Fatal(err)
		}
	}
	requests := make([][]byte, 0, benchFlows/batch)
	for i := 0; i < benchFlows; i += batch {
		requests = append(requests, creates(i, i+batch))
	}
	refused := func([]byte) { b.Error("refused") }
	var clock processor
	b.ReportAllocs()
	for b.Loop() {
		clock.start(b)
		for _, r := range requests {
			if err := s.table.Do(r, refused); err != nil {
				b.Fatal(err)
			}
		}
		clock.stop(b)
		b.StopTimer()
		s.runText("", "conntrack", "-F")
		if e != nil {
			s.heard(e)
		}
		b.StartTimer()
	}
	clock.report(b, benchFlows*b.N, "flow")
}

// processor measures the time of the processor, which other programs take no part of.
type processor struct{ began, spent time.Duration }

func (p *processor) now(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (p *processor) start(b *testing.B) { p.began = p.now(b) }
func (p *processor) stop(b *testing.B)  { p.spent += p.now(b) - p.began }

// report tells how many of something were done in that time.
func (p *processor) report(b *testing.B, n int, what string) {
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), what+"s/s")
	b.ReportMetric(float64(p.spent.Nanoseconds())/float64(n), "cpu-ns/"+what)
}

// BenchmarkEvents reads and parses what waits.
func BenchmarkEvents(b *testing.B) {
	s := newStand(b)
	e := s.events(128 << 20)
	if err := e.Hear(true); err != nil {
		b.Fatal(err)
	}
	s.fill(0, 100)
	var updates []byte
	for i := range 100 {
		updates = AppendUpdate(updates, 0, numbered(i), nil, hour)
	}
	var m Message
	take := func(msg []byte) {
		if err := m.Parse(msg); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	total := 0
	var clock processor
	for b.Loop() {
		b.StopTimer()
		for range benchFlows / 100 {
			s.do(updates)
		}
		b.StartTimer()
		clock.start(b)
		for {
			n, err := e.Read(take)
			if err != nil {
				b.Fatal(err)
			}
			if n == 0 {
				break
			}
			total += n
		}
		clock.stop(b)
	}
	clock.report(b, total, "event")
}

// BenchmarkWalk reads and parses a table; the kernel looks into each of its buckets, if there is a flow or not.
func BenchmarkWalk(b *testing.B) {
	for _, flows := range []int{0, benchFlows} {
		b.Run(fmt.Sprint(flows), func(b *testing.B) {
			s := newStand(b)
			s.fill(0, flows)
			w := s.walk()
			var m Message
			take := func(msg []byte) {
				if err := m.Parse(msg); err != nil {
					b.Fatal(err)
				}
			}
			var clock processor
			b.ReportAllocs()
			for b.Loop() {
				clock.start(b)
				s.start(w, KindFlow, 0)
				for done := false; !done; {
					var err error
					if done, err = w.Read(take); err != nil {
						b.Fatal(err)
					}
				}
				clock.stop(b)
			}
			clock.report(b, max(1, flows)*b.N, "flow")
		})
	}
}
