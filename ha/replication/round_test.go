package replication_test

import (
	"testing"
	"time"
)

const (
	// patience is how long a backup may take to have everything once nothing more comes.
	patience = 5 * time.Second
	// drift is how many flows of its own a node may have gained or lost meanwhile.
	drift = 4
)

// round is what replicating a number of flows came to.
type round struct {
	flows   int
	came    time.Duration // from the first on the master to the last
	took    time.Duration // until the backup had them
	missing int           // on the backup when patience ended
	cost    cost
}

// perFlow is a cost of the round in microseconds a flow.
func (r round) perFlow(node int) float64 {
	return float64(r.cost.cpu[node]) / float64(time.Microsecond) / float64(r.flows)
}

func (r round) bytesEach() float64 { return r.cost.bytes / float64(r.flows) }

// through is how many flows a second the backup got.
func (r round) through() float64 { return float64(r.flows) / r.took.Seconds() }

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
	within(patience, func() bool { return g.read(tb) >= had+r.flows-drift })
	r.took = time.Since(before.at)
	time.Sleep(200 * time.Millisecond) // acknowledgments belong to the cost
	r.cost = p.use(tb).since(before).less(idle)
	want := wanted()
	within(patience, func() bool {
		r.missing = dump(tb, p.backup(), want.has).lacks(want)
		return r.missing == 0
	})
	return r
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
