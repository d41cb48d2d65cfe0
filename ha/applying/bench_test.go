package applying_test

import (
	"cmp"
	"flag"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

var runsFlag = flag.Int("applying.runs", 7, "how often each policy is changed")

// BenchmarkPolicy changes one rule of a policy, and measures from then on when gateways do what it says, in
// milliseconds and medians:
//
//	NAME-ms       until all gateways of the contender do
//	NAME-skew-ms  between the first and the last of them
//	NAME-said-ms  until it was said that they do
//	blind-ms      the longest time between two probes at a moment that was measured
//
// The contenders take turns. It ends with a table of all that it has measured.
func BenchmarkPolicy(b *testing.B) {
	if _, err := exec.LookPath("nft"); err != nil {
		b.Skip("needs nft, which `make witnesses` installs")
	}
	bed := newBed(b)
	bed.startPair()
	alone := bed.gateways[2]
	bed.start(alone, ownNode(alone))
	contenders := []contender{
		&ours{bed, "pair", bed.gateways[:2], pairBase},
		&ours{bed, "alone", bed.gateways[2:3], ""},
		&byHand{bed, bed.gateways[3:]},
	}
	ports := firstPort
	var rows []string
	for _, rules := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprintf("%d-rules", rules), func(b *testing.B) {
			whole := bed.TB
			bed.TB = b
			defer func() { bed.TB = whole }()
			for _, c := range contenders {
				ports++
				if err := c.prepare(rules, ports)(); err != nil {
					b.Fatal(err)
				}
				c.rest()
			}
			trials := map[string][]trial{}
			for b.Loop() {
				for range *runsFlag {
					for _, c := range contenders {
						ports++
						trials[c.name()] = append(trials[c.name()], bed.trial(c, rules, ports))
					}
				}
			}
			b.ReportMetric(0, "ns/op")
			for _, c := range contenders {
				rows = append(rows, summary(b, rules, c, trials[c.name()]))
			}
		})
	}
	fmt.Printf("\n| rules | | all enforce | worst | apart | worst | said | blind, worst |\n|---|---|---|---|---|---|---|---|\n%s\n", strings.Join(rows, "\n"))
}

// trial is one change of a policy. All but blind are from its beginning.
type trial struct {
	all  time.Duration // until every gateway did what it says
	skew time.Duration // between the first and the last of them
	said time.Duration // until it was said to be done
	// blind is for how long before its switch nobody had probed a gateway.
	blind time.Duration
}

// trial has a contender change to a policy of so many rules, which opens a port that none before it had open.
func (b *bed) trial(c contender, rules, port int) trial {
	b.Helper()
	change := c.prepare(rules, port)
	p := b.probe(c.gateways(), port)
	defer p.end()
	b.await("some probes", func() bool { return p.tried() > 50 })
	if _, _, all := p.opened(); all {
		b.Fatalf("%s: port %d is open before it is opened", c.name(), port)
	}
	start := time.Now()
	if err := change(); err != nil {
		b.Fatalf("%s: %v", c.name(), err)
	}
	t := trial{said: time.Since(start)}
	var at []time.Time
	b.await("all to enforce it", func() (all bool) {
		at, t.blind, all = p.opened()
		return all
	})
	c.rest()
	first, last := slices.MinFunc(at, time.Time.Compare), slices.MaxFunc(at, time.Time.Compare)
	t.all, t.skew = last.Sub(start), last.Sub(first)
	if first.Before(start) {
		b.Fatalf("%s: port %d is open before it is opened", c.name(), port)
	}
	return t
}

// summary reports what trials of a contender have in common, and is a row of the table of all.
func summary(b *testing.B, rules int, c contender, trials []trial) string {
	b.Helper()
	all := spreadOf(trials, func(t trial) time.Duration { return t.all })
	skew := spreadOf(trials, func(t trial) time.Duration { return t.skew })
	said := spreadOf(trials, func(t trial) time.Duration { return t.said })
	blind := spreadOf(trials, func(t trial) time.Duration { return t.blind })
	unit := strings.ReplaceAll(c.name(), " ", "-")
	b.ReportMetric(all.median, unit+"-ms")
	b.ReportMetric(skew.median, unit+"-skew-ms")
	b.ReportMetric(said.median, unit+"-said-ms")
	return fmt.Sprintf("| %d | %s | %.1f ms | %.1f ms | %.1f ms | %.1f ms | %.1f ms | %.1f ms |",
		rules, c.name(), all.median, all.max, skew.median, skew.max, said.median, blind.max)
}

// spread is the middle and the worst of several durations, in milliseconds.
type spread struct{ median, max float64 }

func spreadOf(trials []trial, of func(trial) time.Duration) spread {
	values := make([]time.Duration, len(trials))
	for i, t := range trials {
		values[i] = of(t)
	}
	slices.SortFunc(values, cmp.Compare)
	n := len(values)
	if n == 0 {
		return spread{}
	}
	return spread{milliseconds(values[(n-1)/2]+values[n/2]) / 2, milliseconds(values[n-1])}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
