package firewall

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/lab"
	"golang.org/x/sys/unix"
)

// costs are what runs of one program took.
type costs struct {
	times []time.Duration
	cpu   []time.Duration
	peak  []int64 // bytes of memory
}

// putIn changes the ruleset of a host as the daemon does, and adds what it took. The processor
// time is that of the whole process, so there should be no other work in it.
func (c *costs) putIn(b *testing.B, h *lab.Host, t *table, r nft.Ruleset) {
	b.Helper()
	start, used := time.Now(), processorTime(b)
	if err := h.Do(func() error { return t.put(b.Context(), nft.Open(TableName), r) }); err != nil {
		b.Fatal(err)
	}
	c.times, c.cpu = append(c.times, time.Since(start)), append(c.cpu, processorTime(b)-used)
}

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// addIn runs a command on a host and adds what it took.
func (c *costs) addIn(b *testing.B, h *lab.Host, cmd *exec.Cmd) {
	b.Helper()
	if err := h.Do(func() error { return c.add(cmd) }); err != nil {
		b.Fatal(err)
	}
}

func (c *costs) add(cmd *exec.Cmd) error {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	done, peak := make(chan struct{}), make(chan int64)
	go func() { peak <- watchPeak(cmd.Process.Pid, done) }()
	err := cmd.Wait()
	c.times = append(c.times, time.Since(start))
	close(done)
	c.peak = append(c.peak, <-peak)
	if err != nil {
		return fmt.Errorf("%s: %w\n%.2000s", cmd, err, out.Bytes())
	}
	c.cpu = append(c.cpu, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	return nil
}

// watchPeak is the most memory that a process had, as seen until it ended.
// What wait4(2) says of it begins with the memory of the process that forked.
func watchPeak(pid int, done <-chan struct{}) int64 {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	var peak int64
	for {
		select {
		case <-done:
			return peak
		case <-tick.C:
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			var kib int64
			if _, after, ok := bytes.Cut(status, []byte("VmHWM:")); ok {
				fmt.Sscan(string(after), &kib)
			}
			peak = max(peak, kib<<10)
		}
	}
}

// against gives the medians in place of what the benchmark took as a whole. Theirs may be empty.
func (c costs) against(b *testing.B, theirs costs) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	c.report(b, "rempart")
	if len(theirs.times) == 0 {
		return
	}
	theirs.report(b, "nft")
	b.ReportMetric(milliseconds(c.times)/milliseconds(theirs.times), "time-ratio")
	b.ReportMetric(milliseconds(c.cpu)/milliseconds(theirs.cpu), "cpu-ratio")
	if len(c.peak) > 0 {
		b.ReportMetric(float64(median(c.peak))/float64(median(theirs.peak)), "memory-ratio")
	}
}

// report gives the medians of one program.
func (c costs) report(b *testing.B, program string) {
	b.Helper()
	const mib = 1 << 20
	b.ReportMetric(milliseconds(c.times), program+"-ms")
	b.ReportMetric(milliseconds(c.cpu), program+"-cpu-ms")
	if len(c.peak) > 0 {
		b.ReportMetric(float64(median(c.peak))/mib, program+"-MiB")
	}
}

func milliseconds(all []time.Duration) float64 {
	return float64(median(all)) / float64(time.Millisecond)
}

func median[T ~int64](all []T) T {
	slices.Sort(all)
	return all[len(all)/2]
}
