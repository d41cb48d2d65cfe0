package schedules

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
)

const (
	secondsPerMinute = 60
	secondsPerDay    = 24 * 60 * secondsPerMinute
)

// day counts calendar days from 1970-01-01, in no zone.
type day int64

// dayOf is the day of a wall time, given as seconds since 1970-01-01 00:00 on the same wall.
func dayOf(wall int64) day {
	d := wall / secondsPerDay
	if wall%secondsPerDay < 0 {
		d--
	}
	return day(d)
}

// date is the calendar's name for the day.
func (d day) date() (config.Date, time.Weekday) {
	t := time.Unix(int64(d)*secondsPerDay, 0).UTC()
	year, month, dayOfMonth := t.Date()
	return config.Date{Year: year, Month: month, Day: dayOfMonth}, t.Weekday()
}

// occurrence is a span on one day. Its bounds are wall times, as seconds since
// 1970-01-01 00:00 on the same wall.
type occurrence struct{ begin, end int64 }

// occurrences yields the spans that begin on day d.
func occurrences(s config.Schedule, d day) iter.Seq[occurrence] {
	return func(yield func(occurrence) bool) {
		date, weekday := d.date()
		excepted := func(e config.DateSpan) bool { return contains(e, date) }
		if slices.ContainsFunc(s.Except, excepted) {
			return
		}
		midnight := int64(d) * secondsPerDay
		for _, span := range s.Spans {
			if !beginsOn(span, date, weekday) {
				continue
			}
			o := occurrence{
				begin: midnight + int64(span.From)*secondsPerMinute,
				end:   midnight + int64(span.To)*secondsPerMinute,
			}
			if span.From >= span.To {
				o.end += secondsPerDay
			}
			if !yield(o) {
				return
			}
		}
	}
}

func beginsOn(span config.Span, date config.Date, weekday time.Weekday) bool {
	if span.Days != 0 && span.Days&(1<<weekday) == 0 {
		return false
	}
	return span.Dates == nil || contains(*span.Dates, date)
}

// contains says whether a date lies in the days of a span. February 29 of a
// yearly span is there in leap years and nowhere in others.
func contains(span config.DateSpan, date config.Date) bool {
	if !yearly(span) {
		return compare(span.First, date) <= 0 && compare(date, span.Last) <= 0
	}
	date.Year = 0
	first, last := span.First, span.Last
	first.Year, last.Year = 0, 0
	after, before := compare(first, date) <= 0, compare(date, last) <= 0
	if compare(last, first) < 0 { // over New Year
		return after || before
	}
	return after && before
}

func yearly(span config.DateSpan) bool { return span.First.Year == 0 || span.Last.Year == 0 }

func compare(a, b config.Date) int {
	return cmp.Or(cmp.Compare(a.Year, b.Year), cmp.Compare(a.Month, b.Month), cmp.Compare(a.Day, b.Day))
}

// longestPause is how many years a recurring date can be away: February 29 on a
// given weekday is there again after 28 years, or 40 across a year such as 2100.
const longestPause = 40

// horizon is an instant that no edge of s comes after, unless one came between
// at and it.
func horizon(s config.Schedule, at time.Time) time.Time {
	recurs := false
	named := 0
	for _, span := range s.Spans {
		if span.Dates == nil || yearly(*span.Dates) {
			recurs = true
		} else {
			named = max(named, span.Dates.Last.Year)
		}
	}
	// A span of December 31 ends in January; any zone is within two days of UTC.
	if !recurs {
		return time.Date(named+1, time.January, 5, 0, 0, 0, 0, time.UTC)
	}
	for _, e := range s.Except {
		if !yearly(e) {
			named = max(named, e.Last.Year)
		}
	}
	return time.Date(max(at.Year(), named)+longestPause+1, time.January, 5, 0, 0, 0, 0, time.UTC)
}
