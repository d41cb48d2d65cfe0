package replication_test

import (
	"fmt"
	"testing"
	"time"
)

// stalled is how long a backup that gains no flows is left alone before it is to ask again.
const stalled = 3 * time.Second

func benchSnapshot(b *testing.B, e *bench) {
	for _, flows := range []int{min(100_000, *mostFlag), *mostFlag} {
		m := measure{"snapshot", thousands(float64(flows)) + " flows", seconds, target{}}
		cable := measure{"snapshot", thousands(float64(flows)) + " flows: bytes a flow on the cable", bytesEach, target{}}
		if flows >= 1_000_000 {
			m.target = most(10)
		}
		if why := roomless(flows); why != "" {
			b.Logf("no snapshot of %d flows: %s", flows, why)
			continue
		}
		e.each(b, flows, func(b *testing.B, c contender) {
			took, had, bytes := snapshot(b, e.bed, c, flows)
			if had == flows {
				e.add(b, m, c.name(), took.Seconds())
				e.add(b, cable, c.name(), bytes/float64(flows))
				return
			}
			b.ReportMetric(float64(flows-had), "missing-flows")
			e.put(m, c.name(), figure{text: fmt.Sprintf("%s after %.0f s", thousands(float64(had)), took.Seconds())})
		})
		if in, out := e.values[insertRate][kernel], e.values[dumpRate][kernel]; in.value > 0 && out.value > 0 {
			e.put(m, kernel, figure{value: float64(flows)/in.value + float64(flows)/out.value})
		}
	}
}

// snapshot starts a backup beside a master with flows. It returns how long it took from then until the backup had them
// all and, if it can, had proved it; how many it has in the end; and the bytes on the cable.
func snapshot(tb testing.TB, b *bed, c contender, flows int) (took time.Duration, had int, bytes float64) {
	tb.Helper()
	p := install(tb, b, c)
	fill(tb, p.master(), 0, flows)
	p.join(tb, p.master())
	p.quiet(tb, p.master())
	g := counter(tb, p.backup())
	defer g.close()
	before := p.use(tb)
	p.start(tb, p.backup())
	asked, most, moved := false, 0, before.at
	within(*limitFlag, func() bool {
		count := g.read(tb)
		if count > most {
			most, moved = count, time.Now()
		}
		if !asked || time.Since(moved) > stalled {
			asked, moved = p.fetch(tb, p.backup()), time.Now()
		}
		return count >= flows && p.proved(tb, p.backup())
	})
	used := p.use(tb).since(before)
	if most < flows {
		tb.Logf("the master: %s\nthe backup: %s", p.remarks(tb, p.master()), p.remarks(tb, p.backup()))
	}
	have := dump(tb, p.backup(), made)
	for i := range flows {
		if have.has(madeFlow(loadSource, i)) {
			had++
		}
	}
	return used.took, had, used.bytes
}

// quiet waits until a node's daemon has nothing more to do.
func (p *pair) quiet(tb testing.TB, n *node) {
	tb.Helper()
	const step, busy = 250 * time.Millisecond, 10 * time.Millisecond
	d := p.daemon(n)
	for end := time.Now().Add(waitAtMost); time.Now().Before(end); {
		before := cpuOf(tb, d)
		time.Sleep(step)
		if cpuOf(tb, d)-before < busy {
			return
		}
	}
}

func benchMemory(b *testing.B, e *bench) {
	empty := make(map[string]float64)
	for _, flows := range []int{0, 100_000, 500_000} {
		if why := roomless(flows); why != "" {
			b.Logf("no memory of %d flows: %s", flows, why)
			continue
		}
		m := measure{"memory", thousands(float64(flows)) + " flows: a flow, master", bytesEach, timesAtMost(0.5)}
		e.each(b, flows, func(b *testing.B, c contender) {
			used := masterMemory(b, e.bed, c, flows)
			if flows == 0 {
				empty[c.name()] = used
				e.add(b, measure{"memory", "no flows: in all, master", "MB", target{}}, c.name(), used/1e6)
				return
			}
			e.add(b, m, c.name(), max(0, used-empty[c.name()])/float64(flows))
		})
	}
}

// masterMemory is what the master's daemon takes with flows and a peer that has them, if it has them by itself.
func masterMemory(tb testing.TB, b *bed, c contender, flows int) float64 {
	tb.Helper()
	p := install(tb, b, c)
	fill(tb, p.master(), 0, flows)
	p.join(tb, p.master())
	p.join(tb, p.backup())
	p.quiet(tb, p.master())
	return memoryOf(tb, p.daemon(p.master()))
}
