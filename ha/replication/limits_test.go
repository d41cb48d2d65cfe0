package replication_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// Limits of connection tracking that all namespaces share, and what they have to be for two nodes with a million
// flows each.
const (
	maxFile     = "/proc/sys/net/netfilter/nf_conntrack_max"
	bucketsFile = "/sys/module/nf_conntrack/parameters/hashsize"
	roomFor     = 1_100_000
	buckets     = 1 << 20
	// memoryFor is what the largest snapshot takes on this machine, in kilobytes: a kilobyte a flow in each kernel,
	// and as much in each daemon.
	memoryFor = 4 << 20
)

// raiseLimits makes room for many flows on the whole machine until the benchmark ends, if it may.
func raiseLimits(tb testing.TB) {
	tb.Helper()
	for file, want := range map[string]int{maxFile: roomFor, bucketsFile: buckets} {
		had := numberIn(file)
		if had == 0 || had >= want {
			continue
		}
		if err := os.WriteFile(file, []byte(strconv.Itoa(want)), 0); err != nil {
			tb.Logf("limits stay as they are: %v", err)
			continue
		}
		tb.Cleanup(func() {
			if err := os.WriteFile(file, []byte(strconv.Itoa(had)), 0); err != nil {
				tb.Error(err)
			}
		})
	}
}

// numberIn is the number that a file holds, 0 if there is none.
func numberIn(file string) int {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(text))) // 0 of what is no number
	return n
}

// roomless says why a node cannot have so many flows; empty: it can.
func roomless(flows int) string {
	if limit := numberIn(maxFile); limit > 0 && limit < flows+1000 {
		return "nf_conntrack_max is " + strconv.Itoa(limit)
	}
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil || flows < roomFor/2 {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "MemAvailable:" {
			if free, err := strconv.Atoi(f[1]); err == nil && free < memoryFor {
				return "only " + f[1] + " kB of memory are free"
			}
		}
	}
	return ""
}
