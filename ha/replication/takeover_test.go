package replication_test

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"
)

// taker is a contender whose backup takes over by itself.
type taker interface {
	contender
	// holds reports whether a backup has so many flows, wherever it keeps them.
	holds(tb testing.TB, n *node, flows int) bool
}

// takeoverInterval is how often masters speak: often enough that what flows cost is not lost in it.
const takeoverInterval = 100 * time.Millisecond

func takers() []taker {
	return []taker{&rempart{interval: takeoverInterval}, newKeeper(takeoverInterval)}
}

func benchTakeover(b *testing.B, e *bench) {
	none := make(map[string]float64)
	for _, flows := range []int{0, 10_000, 100_000} {
		row := func(what string, t target) measure {
			return measure{"takeover", thousands(float64(flows)) + " flows: " + what, milliseconds, t}
		}
		b.Run(fmt.Sprint(flows), func(b *testing.B) {
			for _, c := range takers() {
				b.Run(c.name(), func(b *testing.B) {
					gap := inMilliseconds(takeovers(b, e.bed, c, flows))
					e.put(row("gap", target{}), c.name(), figure{value: gap})
					if flows == 0 {
						none[c.name()] = gap
					}
					if _, ok := none[c.name()]; flows == 0 || !ok {
						return
					}
					// The fault comes at any time between two words of the master.
					more := row("longer than with none", most(inMilliseconds(takeoverInterval)))
					e.put(more, c.name(), figure{value: gap - none[c.name()]})
				})
			}
		})
	}
}

// takeovers is the median gap of several runs.
func takeovers(b *testing.B, bed *bed, c taker, flows int) time.Duration {
	b.Helper()
	var all []time.Duration
	for i := range *runsFlag {
		b.Run(fmt.Sprint(i+1), func(b *testing.B) {
			var gap time.Duration
			once(b, func() { gap = takeover(b, bed, c, flows) })
			b.ReportMetric(inMilliseconds(gap), "gap-ms")
			all = append(all, gap)
		})
	}
	if len(all) == 0 {
		b.Fatal("no run ended")
	}
	slices.Sort(all)
	return all[(len(all)-1)/2]
}

// takeover freezes a master that has flows, and returns for how long one of them did not get through.
func takeover(tb testing.TB, b *bed, c taker, flows int) time.Duration {
	tb.Helper()
	p := install(tb, b, c)
	fill(tb, p.master(), 0, flows)
	p.join(tb, p.master())
	p.join(tb, p.backup())
	flow := startPush(tb, b)
	asked := time.Now()
	held := within(2*waitAtMost, func() bool {
		if time.Since(asked) > stalled {
			c.fetch(tb, p.backup())
			asked = time.Now()
		}
		return c.holds(tb, p.backup(), flows+1)
	})
	begin := time.Now()
	if !held || !within(waitAtMost, func() bool { return flow.arrivedSince(begin) > 100 }) {
		flow.end()
		tb.Fatalf("%s: the backup does not have all flows, or none gets through\n%s", c.name(), p.backup().output())
	}
	devices := []string{lanDevice, wanDevice, cableDevice}
	p.master().signal(tb, syscall.SIGSTOP)
	p.master().host.Silence(devices...)
	defer p.master().host.Speak(devices...)
	struck := time.Now()
	if !within(waitAtMost, func() bool { return flow.arrivedSince(struck) > 100 }) {
		tb.Errorf("%s: an established flow did not come back within %s\n%s", c.name(), waitAtMost, p.backup().output())
	}
	return flow.end()
}
