package replication_test

import (
	"flag"
	"fmt"
	"testing"
	"time"
)

var (
	secondsFlag = flag.Float64("replication.seconds", 2, "for how long flows come in each round")
	limitFlag   = flag.Duration("replication.limit", time.Minute, "how long a snapshot may take")
	mostFlag    = flag.Int("replication.most", 1_000_000, "flows of the largest snapshot")
	runsFlag    = flag.Int("replication.runs", 3, "how often each pair loses its master")
)

func during() time.Duration { return time.Duration(*secondsFlag * float64(time.Second)) }

// BenchmarkReplication replicates flows, and ends with a table of all that it has measured:
//
//	kernel       how quickly a kernel takes, gives and tells flows, with nobody else at work
//	injected     established TCP flows that are made in the master's kernel, at several rates
//	datagrams    UDP flows through the gateway, of a question and an answer
//	connections  TCP connections through the gateway, opened, used and closed
//	delay        from a flow on the master to the same in the backup's kernel, at several loads
//	memory       of the master's daemon
//	snapshot     all flows of a master to a fresh backup
//	takeover     what an established flow notices of its master's death, by the number of other flows
//
// What is not of flows is taken off: processor time and bytes are less what the pair uses while nothing
// happens. Rates end where the two daemons, who makes the flows and two kernels share the processors.
func BenchmarkReplication(b *testing.B) {
	bed := newBed(b)
	raiseLimits(b)
	var all report
	for _, part := range []struct {
		name string
		run  func(*testing.B, *bench)
	}{
		{"kernel", benchKernel}, {"injected", benchInjected}, {"datagrams", benchDatagrams},
		{"connections", benchConnections}, {"delay", benchDelay}, {"memory", benchMemory},
		{"snapshot", benchSnapshot}, {"takeover", benchTakeover},
	} {
		b.Run(part.name, func(b *testing.B) { part.run(b, &bench{bed, &all}) })
	}
	fmt.Print(all.String())
}

// bench is what a part works with.
type bench struct {
	*bed
	*report
}

// each runs fn once for each contender, under a number of flows, or of flows a second.
func (e *bench) each(b *testing.B, size int, fn func(*testing.B, contender)) {
	b.Helper()
	b.Run(fmt.Sprint(size), func(b *testing.B) {
		for _, c := range contenders() {
			b.Run(c.name(), func(b *testing.B) { once(b, func() { fn(b, c) }) })
		}
	})
}

// once runs what is to be measured a single time, however short it is.
func once(b *testing.B, fn func()) {
	b.Helper()
	ran := false
	for b.Loop() {
		if !ran {
			fn()
		}
		ran = true
	}
	b.ReportMetric(0, "ns/op")
}
