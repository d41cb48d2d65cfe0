package failover_test

import (
	"testing"
	"time"
)

// TestTrafficComesBack strikes a pair of ours with every fault once, under traffic that it translates
// in both directions. The bound is what keepalived and ucarp take by their defaults; how much less it
// is, is for BenchmarkFailover to say.
func TestTrafficComesBack(t *testing.T) {
	const bound = 3 * time.Second
	p := startPair(t, newBed(t), &rempart{interval: 100 * time.Millisecond})
	defer p.stop(t)
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			got := p.trial(t, f)
			t.Logf("%+v", got)
			if got.early {
				t.Error("the roles changed before the fault")
			}
			if got.never || got.gap > bound {
				t.Errorf("the traffic was away for %s", got.gap)
			}
		})
	}
}
