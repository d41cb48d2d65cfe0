package failover_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// spread is the middle and the worst of several values.
type spread struct{ median, max float64 }

// spreadOf reads a value of every trial.
func spreadOf[T cmp.Ordered](trials []trial, of func(t trial) T, number func(T) float64) spread {
	values := make([]T, len(trials))
	for i, t := range trials {
		values[i] = of(t)
	}
	slices.Sort(values)
	n := len(values)
	if n == 0 {
		return spread{}
	}
	return spread{(number(values[(n-1)/2]) + number(values[n/2])) / 2, number(values[n-1])}
}

// summary is what several trials of one fault have in common. Durations are in nanoseconds.
type summary struct {
	runs, never, early  int
	gap, lost, takeover spread
}

func summarise(trials []trial) summary {
	nanoseconds := func(d time.Duration) float64 { return float64(d) }
	var s summary
	var good, taken []trial
	for _, t := range trials {
		if t.early {
			s.early++
			continue
		}
		good = append(good, t)
		if t.never {
			s.never++
		}
		if t.takeover > 0 {
			taken = append(taken, t)
		}
	}
	s.runs = len(good)
	s.gap = spreadOf(good, func(t trial) time.Duration { return t.gap }, nanoseconds)
	s.lost = spreadOf(good, func(t trial) int { return t.lost }, func(n int) float64 { return float64(n) })
	s.takeover = spreadOf(taken, func(t trial) time.Duration { return t.takeover }, nanoseconds)
	return s
}

// table is all that was measured, for docs/benchmarks.md.
type table struct{ rows []row }

type row struct {
	fault, name, against string
	summary
}

func (t *table) add(f fault, c contender, trials []trial) {
	if len(trials) > 0 {
		t.rows = append(t.rows, row{f.text, c.name(), c.against(), summarise(trials)})
	}
}

// String is the table in Markdown, a heading for each fault in its first column. A ratio is that of
// a median to the median of the one of ours that it is compared with.
func (t *table) String() string {
	if len(t.rows) == 0 {
		return ""
	}
	var out strings.Builder
	out.WriteString("\n| fault | pair | gap, median | longest | lost, median | most | takeover, median | gap / rempart | takeover / rempart | runs |\n|---|---|---|---|---|---|---|---|---|---|\n")
	fault := ""
	for _, r := range t.rows {
		shown := r.fault
		if shown == fault {
			shown = ""
		}
		fault = r.fault
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", shown, r.name,
			inMilliseconds(r.gap.median), inMilliseconds(r.gap.max), thousands(r.lost.median), thousands(r.lost.max),
			inMilliseconds(r.takeover.median), t.ratio(r, summary.ofGap), t.ratio(r, summary.ofTakeover), r.count())
	}
	return out.String()
}

// ratio is a figure of a row to that of ours, empty for ours or where ours was not measured or noticed nothing.
func (t *table) ratio(r row, of func(summary) float64) string {
	for _, ours := range t.rows {
		if ours.fault == r.fault && ours.name == r.against && r.name != r.against && of(ours.summary) > 0 {
			return fmt.Sprintf("%.1f", of(r.summary)/of(ours.summary))
		}
	}
	return ""
}

func (s summary) ofGap() float64      { return s.gap.median }
func (s summary) ofTakeover() float64 { return s.takeover.median }

// count is the number of runs, with what went wrong in them.
func (r row) count() string {
	text := fmt.Sprint(r.runs)
	if r.never > 0 {
		text += fmt.Sprintf(", of which %d did not come back", r.never)
	}
	if r.early > 0 {
		text += fmt.Sprintf("; %d more changed roles by themselves", r.early)
	}
	return text
}

// inMilliseconds is a duration with as many digits as it deserves.
func inMilliseconds(nanoseconds float64) string {
	ms := milliseconds(nanoseconds)
	if ms < 100 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return thousands(ms) + " ms"
}

// thousands is a number with as many digits as it deserves.
func thousands(v float64) string {
	if v < 100 {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
	}
	whole := fmt.Sprintf("%.0f", v)
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return whole
}

func TestTable(t *testing.T) {
	ms := func(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
	ours := &rempart{interval: 100 * time.Millisecond}
	theirs := &keepalived{interval: time.Second, rival: ours.name()}
	frozen := fault{name: "frozen", text: "node frozen"}
	var all table
	all.add(frozen, ours, []trial{{gap: ms(510), lost: 1020, takeover: ms(509)}, {gap: ms(500), lost: 1000, takeover: ms(499)}, {gap: ms(700), lost: 1400, takeover: ms(699)}})
	all.add(frozen, theirs, []trial{{gap: ms(3060), lost: 6120, takeover: ms(3059)}, {gap: ms(6000), lost: 12000, never: true}, {gap: ms(1), early: true}})
	all.add(fault{text: "planned switch"}, ours, []trial{{gap: ms(1.25), lost: 0, takeover: ms(2)}, {gap: ms(1.25), lost: 1, takeover: ms(2)}})
	all.add(fault{text: "killed"}, ours, nil)
	const want = `
| fault | pair | gap, median | longest | lost, median | most | takeover, median | gap / rempart | takeover / rempart | runs |
|---|---|---|---|---|---|---|---|---|---|
| node frozen | rempart-100ms | 510 ms | 700 ms | 1,020 | 1,400 | 509 ms |  |  | 3 |
|  | keepalived-1s | 4,530 ms | 6,000 ms | 9,060 | 12,000 | 3,059 ms | 8.9 | 6.0 | 2, of which 1 did not come back; 1 more changed roles by themselves |
| planned switch | rempart-100ms | 1.2 ms | 1.2 ms | 0.5 | 1 | 2.0 ms |  |  | 2 |
`
	if got := all.String(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
