package schedules

import (
	"cmp"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
)

// Interval is the instants from Start to End, End not in it.
type Interval struct{ Start, End time.Time }

// Intervals returns when s, read in the zone loc, is on between from and to, to
// not in it. The intervals are absolute, in order, cut to these bounds, and
// apart from each other: nothing overlaps or touches, as the kernel's sets want it.
func Intervals(s config.Schedule, loc *time.Location, from, to time.Time) []Interval {
	var on []Interval
	for from.Before(to) {
		// Between two changes of the clocks a wall time is an instant plus a constant.
		_, offset := from.In(loc).Zone()
		end := steadyUntil(loc, from, to)
		for _, o := range wallSpans(s, int64(offset), from, end) {
			start := latest(from, time.Unix(o.begin-int64(offset), 0))
			stop := earliest(end, time.Unix(o.end-int64(offset), 0))
			on = merge(on, Interval{start.In(loc), stop.In(loc)})
		}
		from = end
	}
	return on
}

// steadyUntil returns how far from from, and at most to to, loc keeps one offset to UTC.
func steadyUntil(loc *time.Location, from, to time.Time) time.Time {
	_, change := from.In(loc).ZoneBounds()
	if change.IsZero() {
		return to
	}
	if !change.After(from) {
		// Beyond the table of a zone, ZoneBounds ends each year after 365 days, so
		// that on December 31 of a leap year the bound lies behind.
		const day = 24 * time.Hour
		change = from.Truncate(day).Add(day)
	}
	return earliest(to, change)
}

// wallSpans returns the occurrences that meet the instants from to end, which
// share one offset to UTC, in the order in which they begin.
func wallSpans(s config.Schedule, offset int64, from, end time.Time) []occurrence {
	begin, stop := from.Unix()+offset, end.Unix()+offset+1
	var met []occurrence
	for d := dayOf(begin) - 2; int64(d)*secondsPerDay < stop; d++ {
		for o := range occurrences(s, d) {
			if o.end > begin && o.begin < stop {
				met = append(met, o)
			}
		}
	}
	slices.SortFunc(met, func(a, b occurrence) int { return cmp.Compare(a.begin, b.begin) })
	return met
}

// merge adds an interval that starts no earlier than those before it.
func merge(on []Interval, next Interval) []Interval {
	if !next.Start.Before(next.End) {
		return on
	}
	if n := len(on); n > 0 && !next.Start.After(on[n-1].End) {
		on[n-1].End = latest(on[n-1].End, next.End)
		return on
	}
	return append(on, next)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
