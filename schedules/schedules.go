// Package schedules says when a schedule of the policy is on, and when that
// changes next. It is pure: the time and the zone are arguments.
//
// A span speaks of wall clocks. It begins at From on a day that it names and
// ends at To on that day, or on the next one when From >= To: what runs over
// midnight belongs to the day it begins on. A schedule is on at an instant if
// the wall clock, at that instant, shows a time inside such a span.
//
// This one sentence also decides what happens when clocks change:
//
//   - A wall time that is skipped never happens. An edge that lies there falls
//     on the jump: with 02:00 -> 03:00, "02:30-04:00" is on from the jump on and
//     "01:00-02:30" is on until it. A span wholly inside the gap is not on that day.
//   - A wall time that comes twice counts twice. With 03:00 -> 02:00,
//     "02:15-02:30" is on in both passes and off between them, and
//     "01:00-03:00" stays on for three hours.
//   - The same holds for a whole day that a zone skips or repeats.
//
// An exception takes away the spans that begin on its days. A span that began
// the evening before runs to its end; one that would begin on the day does not,
// not even its part after the next midnight.
package schedules

import (
	"time"

	"github.com/rempart/rempart/config"
)

// Active says whether s, read in the zone loc, is on at the instant at.
func Active(s config.Schedule, loc *time.Location, at time.Time) bool {
	_, offset := at.In(loc).Zone()
	wall := at.Unix() + int64(offset)
	today := dayOf(wall)
	// A span reaches at most into the second day after the one it belongs to ("24:00-24:00").
	for d := today - 2; d <= today; d++ {
		for o := range occurrences(s, d) {
			if o.begin <= wall && wall < o.end {
				return true
			}
		}
	}
	return false
}

// Next returns the first instant strictly after at when s, read in the zone
// loc, goes on or off. It reports false if that never happens again.
func Next(s config.Schedule, loc *time.Location, at time.Time) (time.Time, bool) {
	// Most schedules change within a day, some once in forty years: look a
	// week ahead, then ever further.
	last := horizon(s, at)
	for days := 7; ; days *= 4 {
		end := at.AddDate(0, 0, days)
		if end.After(last) {
			end = last
		}
		if t, ok := firstEdge(Intervals(s, loc, at, end), at, end); ok {
			return t.In(loc), true
		}
		if !end.Before(last) {
			return time.Time{}, false
		}
	}
}

// firstEdge finds the first edge strictly between from and to, given all
// intervals there. Edges on the bounds are only where the search was cut off.
func firstEdge(on []Interval, from, to time.Time) (time.Time, bool) {
	if len(on) == 0 {
		return time.Time{}, false
	}
	if on[0].Start.After(from) {
		return on[0].Start, true
	}
	return on[0].End, on[0].End.Before(to)
}
