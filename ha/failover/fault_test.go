package failover_test

import (
	"syscall"
	"testing"
	"time"
)

// fault is a way in which a master can be lost.
type fault struct {
	name string
	text string // of the table
	// strike does it to the master.
	strike func(tb testing.TB, c contender, b *bed, master *node)
	// mend takes back what was done to the network.
	mend func(b *bed, master *node)
}

func faults() []fault {
	return []fault{
		{"killed", "daemon killed, its kernel goes on", kill, nothing},
		{"frozen", "node frozen, its links stay up", freeze, thaw},
		{"power", "node without power, the cable loses its carrier at both ends", powerOff, plugAll},
		{"unplugged", "all links down, the daemon lives", unplugAll, plugAll},
		{"segment", "link to the client down", unplugLAN, plugLAN},
		{"planned", "planned switch", release, nothing},
	}
}

func nothing(*bed, *node) {}

func kill(tb testing.TB, _ contender, _ *bed, master *node) {
	tb.Helper()
	master.signal(tb, syscall.SIGKILL)
}

// freeze stops the daemons, and then everything that their kernel would say for them.
func freeze(tb testing.TB, _ contender, _ *bed, master *node) {
	tb.Helper()
	master.signal(tb, syscall.SIGSTOP)
	master.host.Silence(lanDevice, wanDevice, cableDevice)
}

func thaw(_ *bed, master *node) { master.host.Speak(lanDevice, wanDevice, cableDevice) }

// powerOff takes the links first, for a machine without power has no time to close connections.
func powerOff(tb testing.TB, c contender, b *bed, master *node) {
	tb.Helper()
	unplugAll(tb, c, b, master)
	master.signal(tb, syscall.SIGKILL)
}

// unplugAll takes the traffic's links first: what the peer learns from the cable it learns no sooner.
func unplugAll(_ testing.TB, _ contender, b *bed, master *node) {
	master.host.Unplug(lanDevice)
	master.host.Unplug(wanDevice)
	master.host.Unplug(cableDevice)
	b.other(master).host.Unplug(cableDevice)
}

func plugAll(b *bed, master *node) {
	plugLAN(b, master)
	master.host.Replug(wanDevice)
	master.host.Replug(cableDevice)
	b.other(master).host.Replug(cableDevice)
}

func unplugLAN(_ testing.TB, _ contender, _ *bed, master *node) { master.host.Unplug(lanDevice) }

func plugLAN(_ *bed, master *node) { master.host.Replug(lanDevice) }

func release(tb testing.TB, c contender, _ *bed, master *node) {
	tb.Helper()
	c.release(tb, master)
}

// TestFaultsTakeNoTime holds faults that consist of several steps to the resolution of the probes,
// with room for a busy machine.
func TestFaultsTakeNoTime(t *testing.T) {
	b := newBed(t)
	for _, f := range faults() {
		if f.name == "planned" {
			continue
		}
		best := time.Hour
		for range 5 {
			start := time.Now()
			f.strike(t, nil, b, b.nodes[0])
			best = min(best, time.Since(start))
			f.mend(b, b.nodes[0])
		}
		t.Logf("%s: %s", f.name, best)
		if best > 30*time.Millisecond {
			t.Errorf("%s took %s", f.name, best)
		}
	}
}
