package failover_test

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

var (
	runsFlag   = flag.Int("failover.runs", 20, "how often each fault strikes each pair")
	trialsFlag = flag.String("failover.trials", "", "a file to which every single run is added")
)

// BenchmarkFailover lets masters be struck by faults under 1,000 probes a second in each direction, all
// of them translated:
//
//	median-ms, max-ms      the longest time without an answer, less the time between two probes, in the
//	                       worse of the two directions
//	lost-median, lost-max  probes of both directions without an answer
//	takeover-ms            from the fault until the other node had announced both addresses, a median
//	never                  runs in which the traffic had not come back after six seconds
//	early                  runs beside these in which the other node had taken over before the fault
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
		all = p.trials(b, f, *runsFlag)
	}
	s := summarise(all)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(milliseconds(s.gap.median), "median-ms")
	b.ReportMetric(milliseconds(s.gap.max), "max-ms")
	b.ReportMetric(s.lost.median, "lost-median")
	b.ReportMetric(s.lost.max, "lost-max")
	b.ReportMetric(milliseconds(s.takeover.median), "takeover-ms")
	b.ReportMetric(float64(s.never), "never")
	b.ReportMetric(float64(s.early), "early")
	return all
}

// trials makes runs until enough of them count, up to twice as many. It returns those in which the
// probers slept least, for the others say more about the machine than about the pair, with all in which
// the roles had changed before the fault.
func (p *pair) trials(b *testing.B, f fault, runs int) []trial {
	b.Helper()
	var struck, early []trial
	for calm, n := 0, 0; calm < runs && n < 2*runs; n++ {
		t := p.trial(b, f)
		note(b, p, f, t)
		if t.early {
			early = append(early, t)
			continue
		}
		struck = append(struck, t)
		if t.slept <= maxSleep(t.gap) {
			calm++
		}
	}
	slices.SortStableFunc(struck, func(a, b trial) int { return cmp.Compare(a.slept-maxSleep(a.gap), b.slept-maxSleep(b.gap)) })
	return append(struck[:min(runs, len(struck))], early...)
}

// maxSleep is how late a prober may be to measure a gap.
func maxSleep(gap time.Duration) time.Duration { return 5*time.Millisecond + gap/20 }

// note adds a run to the file of all runs, if one is wanted.
func note(b *testing.B, p *pair, f fault, t trial) {
	b.Helper()
	if *trialsFlag == "" {
		return
	}
	file, err := os.OpenFile(*trialsFlag, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		b.Fatal(err)
	}
	_, err = fmt.Fprintf(file, "%s %s %s %+v\n", time.Now().Format(time.TimeOnly), f.name, p.name(), t)
	if err := errors.Join(err, file.Close()); err != nil {
		b.Fatal(err)
	}
}

func milliseconds[T ~int64 | ~float64](d T) float64 { return float64(d) / float64(time.Millisecond) }
