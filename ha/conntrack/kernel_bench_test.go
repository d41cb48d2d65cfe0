package conntrack

import (
	"fmt"
	"testing"
)

// benchFlows is how many flows the benchmarks have.
const benchFlows = 100_000

// BenchmarkCreate is of translated TCP flows, nobody listening, some to see the end of flows, some to hear all.
func BenchmarkCreate(b *testing.B) {
	for _, listen := range []string{"nobody", "ends", "all"} {
		for _, batch := range []int{1, 10, 50, 100, 200, 500} {
			if listen != "nobody" && batch != 100 {
				continue
			}
			b.Run(fmt.Sprintf("%s/%d", listen, batch), func(b *testing.B) {
				s := newStand(b)
				if listen != "nobody" {
					if err := s.events(128 << 20).Hear(listen == "all"); err != nil {
						b.Fatal(err)
					}
				}
				requests := make([][]byte, 0, benchFlows/batch)
				for i := 0; i < benchFlows; i += batch {
					requests = append(requests, creates(i, i+batch))
				}
				s.rounds(b, benchFlows, func() {
					for _, r := range requests {
						s.do(r)
					}
				})
			})
		}
	}
}

// rounds runs fn with an empty table, and counts what it does n of.
func (s stand) rounds(b *testing.B, n int, fn func()) {
	b.ReportAllocs()
	for b.Loop() {
		fn()
		b.StopTimer()
		s.runText("", "conntrack", "-F")
		b.StartTimer()
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "flows/s")
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
	for b.Loop() {
		b.StopTimer()
		for range benchFlows / 100 {
			s.do(updates)
		}
		b.StartTimer()
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
	}
	b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "events/s")
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
			b.ReportAllocs()
			for b.Loop() {
				s.start(w, KindFlow, 0)
				for done := false; !done; {
					var err error
					if done, err = w.Read(take); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(flows)*float64(b.N)/b.Elapsed().Seconds(), "flows/s")
		})
	}
}
