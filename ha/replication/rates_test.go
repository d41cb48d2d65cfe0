package replication_test

import (
	"fmt"
	"testing"
	"time"
)

// unpacedFlows is how many flows come when they come as fast as they can.
const unpacedFlows = 300_000

// kind is a kind of load, with the rows of its figures.
type kind struct {
	part string
	// rates are flows a second; 0 is as fast as they can.
	rates []int
	// ready readies the bed once, and returns what lets flows come.
	ready func(b *testing.B, e *bench) generator
	// Targets of a flow's processor time on each node, and of its bytes; and of the best rate without loss.
	cpu, bytes, rate target
}

// generator lets flows come through a pair: come returns how many, and wanted is what the backup has to have.
type generator func(b *testing.B, p *pair, rate int) (come func() int, wanted func() flowTable)

func benchInjected(b *testing.B, e *bench) {
	e.rates(b, kind{
		part: "injected", rates: []int{5_000, 10_000, 20_000, 40_000, 80_000, 120_000, 0}, ready: readyInjected,
		cpu: timesAtMost(1. / 3), bytes: timesAtMost(1), rate: timesAtLeast(3),
	})
}

func benchDatagrams(b *testing.B, e *bench) {
	e.rates(b, kind{
		part: "datagrams", rates: []int{5_000, 10_000, 20_000, 0}, ready: readyDatagrams,
		cpu: timesAtMost(1. / 3), bytes: timesAtMost(1),
	})
}

func benchConnections(b *testing.B, e *bench) {
	e.rates(b, kind{
		part: "connections", rates: []int{500, 1000, 2000}, ready: readyConnections,
		cpu: timesAtMost(1. / 5), bytes: timesAtMost(1. / 5),
	})
}

func readyInjected(*testing.B, *bench) generator {
	return func(b *testing.B, p *pair, rate int) (func() int, func() flowTable) {
		flows := int(float64(rate) * *secondsFlag)
		if rate == 0 {
			flows = unpacedFlows
		}
		flows = min(flows, unpacedFlows)
		l := prepare(loadSource, 0, flows, rate)
		come := func() int {
			inject(b, p.master(), l, nil)
			return flows
		}
		wanted := func() flowTable {
			t := make(flowTable, flows)
			for i := range flows {
				t[madeFlow(loadSource, i)] = struct{}{}
			}
			return t
		}
		return come, wanted
	}
}

func readyDatagrams(b *testing.B, e *bench) generator {
	q := newQuestions(b, e.bed)
	return func(b *testing.B, p *pair, rate int) (func() int, func() flowTable) {
		come := func() int {
			before := countOf(b, p.master())
			q.ask(b, rate, during())
			return countOf(b, p.master()) - before
		}
		return come, func() flowTable { return dump(b, p.master(), through) }
	}
}

func readyConnections(b *testing.B, e *bench) generator {
	serveConnections(b, e.bed)
	return func(b *testing.B, p *pair, rate int) (func() int, func() flowTable) {
		come := func() int { return connect(b, e.bed, rate, during()) }
		return come, func() flowTable { return dump(b, p.master(), through) }
	}
}

// rates measures a round of each contender at each rate.
func (e *bench) rates(b *testing.B, k kind) {
	ready := k.ready(b, e)
	best := make(map[string]float64) // flows a second without loss, by contender
	for _, rate := range k.rates {
		name := "as fast as they can"
		if rate > 0 {
			name = thousands(float64(rate)) + " a second"
		}
		row := func(what string, u unit, t target) measure {
			return measure{k.part, fmt.Sprintf("%s: %s", name, what), u, t}
		}
		e.each(b, rate, func(b *testing.B, c contender) {
			p := startPair(b, e.bed, c)
			come, wanted := ready(b, p, rate)
			r := p.measure(b, wanted, come)
			e.add(b, row("came to the master", perSecond, target{}), c.name(), r.offered())
			e.add(b, row("on the backup", perSecond, target{}), c.name(), r.through())
			b.ReportMetric(float64(r.missing), "missing-flows")
			if r.missing > 0 {
				b.Logf("the master: %s\nthe backup: %s", p.remarks(b, p.master()), p.remarks(b, p.backup()))
				e.remark(row("on the backup", perSecond, target{}), c.name(), thousands(float64(r.missing))+" missing")
			}
			e.add(b, row("processor time a flow, master", microseconds, k.cpu), c.name(), r.perFlow(0))
			e.add(b, row("processor time a flow, backup", microseconds, k.cpu), c.name(), r.perFlow(1))
			e.add(b, row("bytes a flow on the cable", bytesEach, k.bytes), c.name(), r.bytesEach())
			if r.missing == 0 {
				best[c.name()] = max(best[c.name()], r.through())
			}
		})
	}
	most := measure{k.part, "most on the backup, none missing", perSecond, k.rate}
	for who, rate := range best {
		e.put(most, who, figure{value: rate})
	}
	if f, ok := e.values[insertRate][kernel]; ok && k.rate.required {
		e.put(most, kernel, f)
	}
}

var loadsOfDelay = []int{0, 2_000, 10_000}

func benchDelay(b *testing.B, e *bench) {
	for _, rate := range loadsOfDelay {
		name := thousands(float64(rate)) + " a second"
		row := func(what string, t target) measure { return measure{"delay", name + ": " + what, milliseconds, t} }
		e.each(b, rate, func(b *testing.B, c contender) {
			p := startPair(b, e.bed, c)
			length := max(during(), 3*time.Second)
			end := p.underLoad(b, rate, length+5*time.Second)
			all, never := delays(b, p, length)
			end()
			e.add(b, row("median", timesAtMost(1)), c.name(), inMilliseconds(quantile(all, 0.5)))
			e.add(b, row("99 of 100", timesAtMost(1)), c.name(), inMilliseconds(quantile(all, 0.99)))
			if never > 0 {
				e.remark(row("99 of 100", timesAtMost(1)), c.name(), fmt.Sprintf("%d of %d never", never, never+len(all)))
			}
		})
	}
}

func inMilliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// underLoad lets flows come to the master until it is told to end.
func (p *pair) underLoad(b *testing.B, rate int, longest time.Duration) (end func()) {
	b.Helper()
	if rate == 0 {
		return func() {}
	}
	l := prepare(loadSource, 0, int(float64(rate)*longest.Seconds()), rate)
	h := openHandle(b, p.master().host, 1<<20)
	stop, done := make(chan struct{}), make(chan error)
	go inFront(func() {
		_, err := h.sendAll(l, stop)
		done <- err
	})
	return func() {
		close(stop)
		if err := <-done; err != nil {
			b.Error(err)
		}
		h.close()
	}
}
