package replication_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// unit is what a figure is in, by its name.
type unit string

const (
	perSecond    unit = "flows/s"
	microseconds unit = "µs"
	milliseconds unit = "ms"
	seconds      unit = "s"
	bytesEach    unit = "B"
)

// target is what a figure of ours is to be.
type target struct {
	bound    float64
	of       string // whose figure the bound is a multiple of; empty: the bound is the figure itself
	atLeast  bool
	required bool // false: there is none
}

// The rivals that targets name.
const (
	rivalFTFW = "conntrackd-FTFW"
	kernel    = "kernel"
)

// times is a target relative to conntrackd's FTFW mode, and most one of its own.
func timesAtMost(bound float64) target {
	return target{bound: bound, of: rivalFTFW, required: true}
}
func timesAtLeast(bound float64) target {
	return target{bound: bound, of: rivalFTFW, atLeast: true, required: true}
}
func most(bound float64) target { return target{bound: bound, required: true} }

// measure is a row of the report. What it is of may begin with the load, and a colon.
type measure struct {
	part, what string
	unit       unit
	target     target
}

// figure is what one contender reached; text stands in place of a number that there is not, and remark behind one.
type figure struct {
	value        float64
	text, remark string
}

// report is all that was measured, for docs/benchmarks.md.
type report struct {
	rows   []measure
	values map[measure]map[string]figure
}

// add takes a figure down and shows it among the results of the benchmark.
func (r *report) add(b *testing.B, m measure, who string, value float64) {
	b.Helper()
	r.put(m, who, figure{value: value})
	_, what, ok := strings.Cut(m.what, ": ")
	if !ok {
		what = m.what
	}
	b.ReportMetric(value, strings.ReplaceAll(what, " ", "-")+"-"+string(m.unit))
}

// put takes a figure down.
func (r *report) put(m measure, who string, f figure) {
	if r.values == nil {
		r.values = make(map[measure]map[string]figure)
	}
	if r.values[m] == nil {
		r.values[m] = make(map[string]figure)
		r.rows = append(r.rows, m)
	}
	r.values[m][who] = f
}

// remark adds to a figure what has to be known of it.
func (r *report) remark(m measure, who, text string) {
	f := r.values[m][who]
	f.remark = ", " + text
	r.put(m, who, f)
}

// columns are those of whom a part has figures: ours, the others, and the kernel.
func (r *report) columns(part string) []string {
	all := []string{oursName}
	for _, c := range contenders()[1:] {
		all = append(all, c.name())
	}
	for _, c := range takers()[1:] {
		all = append(all, c.name())
	}
	return slices.DeleteFunc(append(all, kernel), func(who string) bool {
		return !slices.ContainsFunc(r.rows, func(m measure) bool {
			_, ok := r.values[m][who]
			return ok && m.part == part
		})
	})
}

// String is the report as tables in Markdown, one for each part. Ratios are ours to the other.
func (r *report) String() string {
	var out strings.Builder
	part := ""
	var columns []string
	for _, m := range r.rows {
		if m.part != part {
			part, columns = m.part, r.columns(m.part)
			fmt.Fprintf(&out, "\n| %s |", part)
			for _, who := range columns {
				fmt.Fprintf(&out, " %s |", who)
			}
			out.WriteString(" ratio | target |\n|---|" + strings.Repeat("---|", len(columns)) + "---|---|\n")
		}
		fmt.Fprintf(&out, "| %s |", m.what)
		for _, who := range columns {
			text := ""
			if f, ok := r.values[m][who]; ok {
				text = f.in(m.unit) + f.remark
			}
			fmt.Fprintf(&out, " %s |", text)
		}
		fmt.Fprintf(&out, " %s | %s |\n", r.ratio(m), r.verdict(m))
	}
	return out.String()
}

// ratio is our figure to that of the one whom the target names, or of the first that has one.
func (r *report) ratio(m measure) string {
	ours, ok := r.values[m][oursName]
	if !ok {
		return ""
	}
	for _, who := range r.columns(m.part) {
		theirs, ok := r.values[m][who]
		if !ok || who == oursName || m.target.of != "" && who != m.target.of {
			continue
		}
		if theirs.text != "" || ours.text != "" || theirs.value <= 0 || ours.value < 0 {
			return ""
		}
		return fmt.Sprintf("%.2f", ours.value/theirs.value)
	}
	return ""
}

// verdict is the target, and whether it was missed.
func (r *report) verdict(m measure) string {
	t := m.target
	if !t.required {
		return ""
	}
	text := "at most "
	if t.atLeast {
		text = "at least "
	}
	ours, ok := r.values[m][oursName]
	bound := t.bound
	if t.of == "" {
		text += figure{value: bound}.in(m.unit)
	} else {
		text += fmt.Sprintf("%.2f times", t.bound)
		theirs, has := r.values[m][t.of]
		ok = ok && has && theirs.text == ""
		bound *= theirs.value
	}
	if ok && (ours.text != "" || t.atLeast && ours.value < bound || !t.atLeast && ours.value > bound) {
		text += " (**missed**)"
	}
	return text
}

// in is a figure with as many digits as it deserves.
func (f figure) in(u unit) string {
	switch {
	case f.text != "":
		return f.text
	case math.IsNaN(f.value):
		return ""
	case u == perSecond:
		return thousands(f.value)
	case f.value < 10:
		return fmt.Sprintf("%.2f %s", f.value, u)
	case f.value < 100:
		return fmt.Sprintf("%.1f %s", f.value, u)
	}
	return thousands(f.value) + " " + string(u)
}

// thousands is a whole number with commas.
func thousands(v float64) string {
	whole := fmt.Sprintf("%.0f", v)
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return whole
}

func TestReport(t *testing.T) {
	var r report
	cpu := measure{"injected", "processor time", microseconds, timesAtMost(1. / 3)}
	rate := measure{"injected", "rate", perSecond, timesAtLeast(3)}
	whole := measure{"snapshot", "a million", seconds, most(10)}
	r.put(cpu, oursName, figure{value: 2.5})
	r.put(cpu, rivalFTFW, figure{value: 10})
	r.put(cpu, "conntrackd-NOTRACK", figure{value: 8})
	r.put(rate, oursName, figure{value: 40000})
	r.put(rate, rivalFTFW, figure{value: 20000})
	r.remark(rate, rivalFTFW, "7 missing")
	r.put(rate, kernel, figure{value: 400000})
	r.put(whole, oursName, figure{value: 8.25})
	r.put(whole, rivalFTFW, figure{text: "never"})
	const want = `
| injected | rempart | conntrackd-FTFW | conntrackd-NOTRACK | kernel | ratio | target |
|---|---|---|---|---|---|---|
| processor time | 2.50 µs | 10.0 µs | 8.00 µs |  | 0.25 | at most 0.33 times |
| rate | 40,000 | 20,000, 7 missing |  | 400,000 | 2.00 | at least 3.00 times (**missed**) |

| snapshot | rempart | conntrackd-FTFW | ratio | target |
|---|---|---|---|---|
| a million | 8.25 s | never |  | at most 10.0 s |
`
	if got := r.String(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
