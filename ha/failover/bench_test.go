package failover_test

import (
	"flag"
	"fmt"
	"testing"
	"time"
)

var runsFlag = flag.Int("failover.runs", 20, "how often each fault strikes each pair")

// BenchmarkFailover lets masters be struck by faults under 1,000 probes a second in each direction, all
// of them translated:
//
//	median-ms, max-ms      the longest time without an answer, less the time between two probes, in the
//	                       worse of the two directions
//	lost-median, lost-max  probes of both directions without an answer
//	takeover-ms            from the fault until the other node announced the client's gateway, a median
//	never                  runs in which the traffic had not come back after six seconds
//
// It ends with a table of all that it has measured.
func BenchmarkFailover(b *testing.B) {
	bed := newBed(b)
	var all table
	for _, f := range faults() {
		b.Run(f.name, func(b *testing.B) {
			for _, c := range contenders() {
				b.Run(c.name(), func(b *testing.B) { all.add(f, c, measure(b, bed, c, f)) })
			}
		})
	}
	fmt.Print(all.String())
}

// measure runs a pair through one fault as often as is asked for.
func measure(b *testing.B, bed *bed, c contender, f fault) []trial {
	b.Helper()
	p := startPair(b, bed, c)
	defer p.stop(b)
	var all []trial
	for b.Loop() {
		all = nil
		for range *runsFlag {
			all = append(all, p.trial(b, f))
		}
	}
	s := summarise(all)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(milliseconds(s.gap.median), "median-ms")
	b.ReportMetric(milliseconds(s.gap.max), "max-ms")
	b.ReportMetric(s.lost.median, "lost-median")
	b.ReportMetric(s.lost.max, "lost-max")
	b.ReportMetric(milliseconds(s.takeover.median), "takeover-ms")
	b.ReportMetric(float64(s.never), "never")
	return all
}

func milliseconds[T ~int64 | ~float64](d T) float64 { return float64(d) / float64(time.Millisecond) }
