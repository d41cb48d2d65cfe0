package replication_test

import (
	"testing"
	"time"
)

const (
	// patience is how long a backup may gain nothing before what it lacks is missing.
	patience = 5 * time.Second
	// longest is how long it may take in all.
	longest = time.Minute
	// drift is how many flows of its own a node may have gained or lost meanwhile.
	drift = 4
)

// round is what replicating a number of flows came to.
type round struct {
	flows   int
	came    time.Duration // from the first on the master to the last
	took    time.Duration // until the backup had them
	missing int           // on the backup when patience ended: what comes later was lost for so long
	cost    cost
}

// arrived is how many flows the backup got: a flow that is lost costs nothing, and is not to be counted as cheap.
func (r round) arrived() float64 { return float64(r.flows - r.missing) }

// perFlow is what a flow that arrived cost a node, in microseconds.
func (r round) perFlow(node int) float64 {
	return float64(r.cost.cpu[node]) / float64(time.Microsecond) / r.arrived()
}

// bytesEach is what a flow that arrived took on the cable.
func (r round) bytesEach() float64 { return r.cost.bytes / r.arrived() }

// through is how many flows a second the backup got.
func (r round) through() float64 { return r.arrived() / r.took.Seconds() }

// offered is how many flows a second came to the master. It is less than what was asked for where the processors, which
// all share, are busy.
func (r round) offered() float64 { return float64(r.flows) / r.came.Seconds() }

// measure lets flows come, waits until the backup has them, and looks whether it has them all. What is wanted is known,
// or else what the master has of some kind.
func (p *pair) measure(tb testing.TB, wanted func() flowTable, come func() int) round {
	tb.Helper()
	idle := p.idle(tb)
	g := counter(tb, p.backup())
	defer g.close()
	had := g.read(tb)
	before := p.use(tb)
	var r round
	r.flows = come()
	r.came = time.Since(before.at)
	r.took = g.await(tb, had+r.flows-drift).Sub(before.at)
	time.Sleep(200 * time.Millisecond) // acknowledgments belong to the cost
	r.cost = p.use(tb).since(before).less(idle)
	want := wanted()
	within(time.Second, func() bool { // the last few may be those that drift allows for
		r.missing = dump(tb, p.backup(), want.has).lacks(want)
		return r.missing == 0
	})
	return r
}

// await waits until a node has so many flows, or gains none for as long as patience lasts. It returns when the node
// gained the last.
func (g gauge) await(tb testing.TB, want int) time.Time {
	tb.Helper()
	most, gained := 0, time.Now()
	within(longest, func() bool {
		if count := g.read(tb); count > most {
			most, gained = count, time.Now()
		}
		return most >= want || time.Since(gained) > patience
	})
	return gained
}

// has says whether a flow is in the table.
func (t flowTable) has(f flow) bool {
	_, ok := t[f]
	return ok
}

// TestFlowsArrive holds what the benchmark measures by to each pair: flows that are made on the master are all on the
// backup, translated alike.
func TestFlowsArrive(t *testing.T) {
	b := newBed(t)
	for _, c := range contenders() {
		t.Run(c.name(), func(t *testing.T) {
			const flows = 1000
			p := startPair(t, b, c)
			inject(t, p.master(), prepare(loadSource, 0, flows, 0), nil)
			want := dump(t, p.master(), made)
			if len(want) != flows {
				t.Fatalf("the master has %d flows of %d", len(want), flows)
			}
			for i := range flows {
				if !want.has(madeFlow(loadSource, i)) {
					t.Fatalf("the master's kernel has flow %d otherwise than it was made", i)
				}
			}
			missing := flows
			if !within(waitAtMost, func() bool { missing = dump(t, p.backup(), made).lacks(want); return missing == 0 }) {
				t.Errorf("%d of %d flows are missing on the backup", missing, flows)
			}
		})
	}
}
