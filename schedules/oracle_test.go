package schedules_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/rempart/rempart/config"
)

// oracle decides one minute from nothing but what the wall clock shows: the
// fields of time.In, and the name of the day before.
func oracle(s config.Schedule, loc *time.Location, at time.Time) bool {
	wall := at.In(loc)
	year, month, dom := wall.Date()
	noon := time.Date(year, month, dom, 12, 0, 0, 0, time.UTC)
	minute := wall.Hour()*60 + wall.Minute()
	for back := range 3 {
		begins := noon.AddDate(0, 0, -back)
		if oracleExcepted(s, begins) {
			continue
		}
		for _, span := range s.Spans {
			last := span.To
			if span.From >= span.To {
				last += 1440
			}
			since := back*1440 + minute
			if oracleDay(span, begins) && span.From <= since && since < last {
				return true
			}
		}
	}
	return false
}

func oracleExcepted(s config.Schedule, d time.Time) bool {
	for _, e := range s.Except {
		if oracleDates(e, d) {
			return true
		}
	}
	return false
}

func oracleDay(span config.Span, d time.Time) bool {
	if span.Days != 0 && span.Days>>uint(d.Weekday())&1 == 0 {
		return false
	}
	return span.Dates == nil || oracleDates(*span.Dates, d)
}

// oracleDates compares dates as numbers such as 20261224 and 1224.
func oracleDates(span config.DateSpan, d time.Time) bool {
	first := (span.First.Year*100+int(span.First.Month))*100 + span.First.Day
	last := (span.Last.Year*100+int(span.Last.Month))*100 + span.Last.Day
	if first > 9999 {
		n := (d.Year()*100+int(d.Month()))*100 + d.Day()
		return first <= n && n <= last
	}
	n := int(d.Month())*100 + d.Day()
	if first <= last {
		return first <= n && n <= last
	}
	return n <= last || first <= n
}

func zone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return loc
}

func instant(tb testing.TB, text string) time.Time {
	tb.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		tb.Fatal(err)
	}
	return at
}

func days(ds ...time.Weekday) uint8 {
	var bits uint8
	for _, d := range ds {
		bits |= 1 << d
	}
	return bits
}

func on(spans ...config.Span) config.Schedule { return config.Schedule{Name: "s", Spans: spans} }

func clock(from, to string) config.Span {
	return config.Span{From: minuteOf(from), To: minuteOf(to)}
}

func minuteOf(hhmm string) int {
	n := func(i int) int { return int(hhmm[i] - '0') }
	return (n(0)*10+n(1))*60 + n(3)*10 + n(4)
}

func date(year int, month time.Month, dom int) config.Date {
	return config.Date{Year: year, Month: month, Day: dom}
}

func dates(first, last config.Date) *config.DateSpan {
	return &config.DateSpan{First: first, Last: last}
}
