package replication_test

import (
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// usage is what a pair has used up to a moment.
type usage struct {
	at    time.Time
	cpu   [2]time.Duration // of the daemons of each node, user and system, dead threads and all
	bytes uint64           // on the cable, both ways, as Ethernet counts them
}

// use reads what the pair has used.
func (p *pair) use(tb testing.TB) usage {
	tb.Helper()
	u := usage{at: time.Now()}
	for i, n := range p.nodes {
		if d := p.daemon(n); d != nil {
			u.cpu[i] = cpuOf(tb, d)
		}
	}
	err := p.nodes[0].host.Do(func() error {
		h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer h.Close()
		l, err := h.LinkByName(cableDevice)
		if err == nil {
			u.bytes = l.Attrs().Statistics.TxBytes + l.Attrs().Statistics.RxBytes
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

// cost is what a pair used between two moments.
type cost struct {
	took  time.Duration
	cpu   [2]time.Duration
	bytes float64
}

func (u usage) since(before usage) cost {
	c := cost{took: u.at.Sub(before.at), bytes: float64(u.bytes - before.bytes)}
	for i := range c.cpu {
		c.cpu[i] = u.cpu[i] - before.cpu[i]
	}
	return c
}

// less takes away what the pair uses while nothing happens: heartbeats and the like are no flows.
func (c cost) less(idle cost) cost {
	share := c.took.Seconds() / idle.took.Seconds()
	for i := range c.cpu {
		c.cpu[i] = max(0, c.cpu[i]-time.Duration(share*float64(idle.cpu[i])))
	}
	c.bytes = max(0, c.bytes-share*idle.bytes)
	return c
}

// cpuOf is the processor time of a process, to the nanosecond: CPUCLOCK_SCHED of linux/posix-timers.
func cpuOf(tb testing.TB, p *lab.Process) time.Duration {
	tb.Helper()
	const sched = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^p.Pid()<<3|sched), &t); err != nil {
		tb.Fatalf("processor time of %d: %v", p.Pid(), err)
	}
	return time.Duration(t.Nano())
}

var residentLine = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// memoryOf is the resident memory of a process, in bytes.
func memoryOf(tb testing.TB, p *lab.Process) float64 {
	tb.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(p.Pid()) + "/status")
	if err != nil {
		tb.Fatal(err)
	}
	found := residentLine.FindSubmatch(text)
	if found == nil {
		tb.Fatalf("no resident memory of %d", p.Pid())
	}
	kilobytes, err := strconv.Atoi(string(found[1]))
	if err != nil {
		tb.Fatal(err)
	}
	return float64(kilobytes) * 1024
}
