package schedules_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/schedules"
)

// TestIntervals spells out the meaning that the package comment promises. The
// bounds are wall times with their offset, so that both passes of an hour show.
func TestIntervals(t *testing.T) {
	sunday, monday := days(time.Sunday), days(time.Monday)
	tests := []struct {
		name     string
		zone     string
		schedule config.Schedule
		from, to string
		want     []string
	}{
		{"working days", "Europe/Paris",
			on(config.Span{Days: days(time.Monday, time.Tuesday), From: 8 * 60, To: 18*60 + 30}, config.Span{Days: days(time.Saturday), From: 9 * 60, To: 12 * 60}),
			"2026-06-05T00:00:00+02:00", "2026-06-10T00:00:00+02:00",
			[]string{"06-06 09:00+02 06-06 12:00+02", "06-08 08:00+02 06-08 18:30+02", "06-09 08:00+02 06-09 18:30+02"}},
		{"touching and overlapping spans are one", "UTC",
			on(clock("08:00", "12:00"), clock("12:00", "13:00"), clock("09:00", "10:00")),
			"2026-06-05T00:00:00Z", "2026-06-06T00:00:00Z",
			[]string{"06-05 08:00+00 06-05 13:00+00"}},
		{"cut to the bounds", "UTC", on(clock("08:00", "12:00")),
			"2026-06-05T09:00:30Z", "2026-06-05T09:01:00.5Z",
			[]string{"06-05 09:00:30+00 06-05 09:01:00.5+00"}},
		{"no room", "UTC", on(clock("08:00", "12:00")), "2026-06-05T09:00:00Z", "2026-06-05T09:00:00Z", nil},
		{"no spans", "UTC", on(), "2026-06-05T00:00:00Z", "2027-06-05T00:00:00Z", nil},
		{"24:00 joins the next day", "UTC", on(clock("20:00", "24:00"), clock("00:00", "01:00")),
			"2026-06-05T12:00:00Z", "2026-06-06T12:00:00Z",
			[]string{"06-05 20:00+00 06-06 01:00+00"}},
		{"whole days", "Europe/Paris", on(clock("00:00", "24:00")),
			"2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00",
			[]string{"03-01 00:00+01 04-01 00:00+02"}},
		{"equal edges are 24 hours of the clock", "Europe/Paris",
			on(config.Span{Days: sunday, From: 60, To: 60}),
			"2026-10-24T00:00:00+02:00", "2026-10-28T00:00:00+01:00",
			[]string{"10-25 01:00+02 10-26 01:00+01"}},
		{"over midnight belongs to the day it begins on", "UTC",
			on(config.Span{Days: sunday, From: 22 * 60, To: 2 * 60}),
			"2026-06-06T00:00:00Z", "2026-06-10T00:00:00Z",
			[]string{"06-07 22:00+00 06-08 02:00+00"}},
		{"from 24:00", "UTC", on(config.Span{Days: sunday, From: 1440, To: 1440}),
			"2026-06-06T00:00:00Z", "2026-06-12T00:00:00Z",
			[]string{"06-08 00:00+00 06-09 00:00+00"}},
		{"exceptions take what begins on them", "UTC",
			config.Schedule{Spans: []config.Span{clock("22:00", "02:00")}, Except: []config.DateSpan{*dates(date(2026, 6, 7), date(2026, 6, 7))}},
			"2026-06-06T12:00:00Z", "2026-06-09T12:00:00Z",
			[]string{"06-06 22:00+00 06-07 02:00+00", "06-08 22:00+00 06-09 02:00+00"}},
		{"dates", "UTC", on(config.Span{Dates: dates(date(2026, 12, 24), date(2026, 12, 24)), From: 480, To: 720}),
			"2024-12-01T00:00:00Z", "2029-01-01T00:00:00Z",
			[]string{"12-24 08:00+00 12-24 12:00+00"}},
		{"yearly dates over New Year", "UTC", on(config.Span{Dates: dates(date(0, 12, 31), date(0, 1, 1)), To: 1440}),
			"2026-06-01T00:00:00Z", "2028-06-01T00:00:00Z",
			[]string{"12-31 00:00+00 01-02 00:00+00", "12-31 00:00+00 01-02 00:00+00"}},
		{"February 29 only where there is one", "UTC", on(config.Span{Dates: dates(date(0, 2, 29), date(0, 2, 29)), To: 1440}),
			"2025-01-01T00:00:00Z", "2033-01-01T00:00:00Z",
			[]string{"02-29 00:00+00 03-01 00:00+00", "02-29 00:00+00 03-01 00:00+00"}},
		{"a month that ends with February 29 ends with 28 otherwise", "UTC",
			on(config.Span{Dates: dates(date(0, 2, 28), date(0, 2, 29)), To: 1440}),
			"2027-01-01T00:00:00Z", "2029-01-01T00:00:00Z",
			[]string{"02-28 00:00+00 03-01 00:00+00", "02-28 00:00+00 03-01 00:00+00"}},
		{"date and weekday", "UTC", on(config.Span{Days: monday, Dates: dates(date(2026, 6, 1), date(2026, 6, 14)), From: 60, To: 120}),
			"2026-05-01T00:00:00Z", "2026-07-01T00:00:00Z",
			[]string{"06-01 01:00+00 06-01 02:00+00", "06-08 01:00+00 06-08 02:00+00"}},

		{"gap: an edge inside it falls on the jump", "Europe/Paris", on(clock("02:30", "04:00"), clock("00:00", "00:30")),
			"2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00",
			[]string{"03-29 00:00+01 03-29 00:30+01", "03-29 03:00+02 03-29 04:00+02"}},
		{"gap: an end inside it falls on the jump", "Europe/Paris", on(clock("01:00", "02:30")),
			"2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00",
			[]string{"03-29 01:00+01 03-29 03:00+02"}},
		{"gap: a span inside it is not on", "Europe/Paris", on(clock("02:15", "02:45")),
			"2026-03-28T12:00:00+01:00", "2026-03-30T12:00:00+02:00",
			[]string{"03-30 02:15+02 03-30 02:45+02"}},
		{"overlap: both passes", "Europe/Paris", on(clock("02:15", "02:30")),
			"2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00",
			[]string{"10-25 02:15+02 10-25 02:30+02", "10-25 02:15+01 10-25 02:30+01"}},
		{"overlap: off again when the first pass ends before it", "Europe/Paris", on(clock("02:30", "03:30")),
			"2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00",
			[]string{"10-25 02:30+02 10-25 02:00+01", "10-25 02:30+01 10-25 03:30+01"}},
		{"overlap: one span over all of it", "Europe/Paris", on(clock("01:00", "03:00")),
			"2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00",
			[]string{"10-25 01:00+02 10-25 03:00+01"}},
		{"half an hour back", "Australia/Lord_Howe", on(clock("01:40", "01:50")),
			"2026-04-05T00:00:00+11:00", "2026-04-06T00:00:00+10:30",
			[]string{"04-05 01:40+11 04-05 01:50+11", "04-05 01:40+1030 04-05 01:50+1030"}},
		{"half an hour on", "Australia/Lord_Howe", on(clock("02:10", "02:40")),
			"2026-10-04T00:00:00+10:30", "2026-10-05T00:00:00+11:00",
			[]string{"10-04 02:30+11 10-04 02:40+11"}},
		{"south: midnight is skipped", "America/Santiago", on(clock("22:00", "00:30"), clock("00:45", "02:00")),
			"2026-09-05T12:00:00-04:00", "2026-09-06T12:00:00-03:00",
			[]string{"09-05 22:00-04 09-06 02:00-03"}},
		{"a day that was skipped", "Pacific/Apia", on(clock("22:00", "02:00")),
			"2011-12-29T12:00:00-10:00", "2011-12-31T12:00:00+14:00",
			[]string{"12-29 22:00-10 12-31 02:00+14"}},
		{"a weekday that was skipped", "Pacific/Apia", on(config.Span{Days: days(time.Friday), From: 480, To: 720}),
			"2011-12-26T00:00:00-10:00", "2012-01-03T00:00:00+14:00", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, v := range schedules.Intervals(tt.schedule, zone(t, tt.zone), instant(t, tt.from), instant(t, tt.to)) {
				got = append(got, stamp(v.Start)+" "+stamp(v.End))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestNext(t *testing.T) {
	leapMonday := config.Span{Days: days(time.Monday), Dates: dates(date(0, 2, 29), date(0, 2, 29)), To: 1440}
	always := clock("00:00", "24:00")
	tests := []struct {
		name     string
		zone     string
		schedule config.Schedule
		at       string
		want     string // empty: never
	}{
		{"goes on", "Europe/Paris", on(clock("08:00", "18:30")), "2026-06-05T07:59:59.999999999+02:00", "2026-06-05T08:00:00+02:00"},
		{"strictly after", "Europe/Paris", on(clock("08:00", "18:30")), "2026-06-05T08:00:00+02:00", "2026-06-05T18:30:00+02:00"},
		{"goes off", "Europe/Paris", on(clock("08:00", "18:30")), "2026-06-05T18:30:00+02:00", "2026-06-06T08:00:00+02:00"},
		{"across the jump", "Europe/Paris", on(clock("02:30", "04:00")), "2026-03-29T01:59:59+01:00", "2026-03-29T03:00:00+02:00"},
		{"no spans", "UTC", on(), "2026-06-05T00:00:00Z", ""},
		{"always", "Europe/Paris", on(always), "2026-06-05T00:00:00Z", ""},
		{"always but one day far away", "UTC",
			config.Schedule{Spans: []config.Span{always}, Except: []config.DateSpan{*dates(date(2150, 1, 1), date(2150, 1, 1))}},
			"2026-06-05T00:00:00Z", "2150-01-01T00:00:00Z"},
		{"past", "UTC", on(config.Span{Dates: dates(date(2020, 1, 1), date(2020, 1, 2)), To: 1440}), "2026-06-05T00:00:00Z", ""},
		{"last hours of a past date", "UTC", on(config.Span{Dates: dates(date(2025, 12, 31), date(2025, 12, 31)), From: 22 * 60, To: 2 * 60}),
			"2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"},
		{"far future", "UTC", on(config.Span{Dates: dates(date(2099, 7, 1), date(2099, 7, 2)), To: 1440}), "2026-06-05T00:00:00Z", "2099-07-01T00:00:00Z"},
		{"February 29 on a Monday, past 2100", "UTC", on(leapMonday), "2072-03-01T12:00:00Z", "2112-02-29T00:00:00Z"},
		{"every day excepted", "UTC",
			config.Schedule{Spans: []config.Span{clock("08:00", "09:00")}, Except: []config.DateSpan{*dates(date(0, 1, 1), date(0, 12, 31))}},
			"2026-06-05T00:00:00Z", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := schedules.Next(tt.schedule, zone(t, tt.zone), instant(t, tt.at))
			if ok != (tt.want != "") {
				t.Fatalf("Next = %v, %v, want %q", got, ok, tt.want)
			}
			if ok && !got.Equal(instant(t, tt.want)) {
				t.Errorf("Next = %v, want %v", got, tt.want)
			}
		})
	}
}

// BenchmarkIntervals is what the kernel's sets are filled with: 400 days ahead.
func BenchmarkIntervals(b *testing.B) {
	loc := zone(b, "Europe/Paris")
	from := instant(b, "2026-06-05T00:00:00Z")
	s := on(clock("08:00", "12:00"), clock("13:00", "18:30"), clock("22:00", "02:00"))
	for b.Loop() {
		if n := len(schedules.Intervals(s, loc, from, from.AddDate(0, 0, 400))); n < 1200 {
			b.Fatal(n)
		}
	}
}

// BenchmarkNextNever is the dearest question: forty years without an edge.
func BenchmarkNextNever(b *testing.B) {
	loc := zone(b, "Europe/Paris")
	at := instant(b, "2026-06-05T00:00:00Z")
	for b.Loop() {
		if _, ok := schedules.Next(on(clock("00:00", "24:00")), loc, at); ok {
			b.Fatal("an edge")
		}
	}
}

// stamp prints a wall time and its offset, without the zeros.
func stamp(at time.Time) string {
	layout := "01-02 15:04"
	if at.Second() != 0 || at.Nanosecond() != 0 {
		layout += ":05.999999999"
	}
	layout += "-07"
	if _, offset := at.Zone(); offset%3600 != 0 {
		layout += "00"
	}
	return at.Format(layout)
}
