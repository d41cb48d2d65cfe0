package schedules_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/schedules"
)

// windows are the days around which clocks change in every way that they do.
var windows = []struct{ zone, from string }{
	{"UTC", "2027-12-30T00:00:00Z"},
	{"Europe/Paris", "2026-03-28T00:00:00Z"},        // 02:00 -> 03:00
	{"Europe/Paris", "2026-10-24T00:00:00Z"},        // 03:00 -> 02:00
	{"America/New_York", "2028-02-28T00:00:00Z"},    // a leap day
	{"America/New_York", "2026-10-31T00:00:00Z"},    // 02:00 -> 01:00
	{"Australia/Lord_Howe", "2026-04-04T00:00:00Z"}, // half an hour back
	{"Australia/Lord_Howe", "2026-10-03T00:00:00Z"}, // half an hour on
	{"America/Santiago", "2026-09-05T00:00:00Z"},    // midnight is skipped
	{"America/Havana", "2026-10-31T12:00:00Z"},      // 01:00 -> 00:00
	{"America/Sao_Paulo", "2019-02-16T00:00:00Z"},   // 24:00 -> 23:00, a day ends twice
	{"America/St_Johns", "2006-10-28T00:00:00Z"},    // 00:01 -> 23:01 of the day before
	{"Pacific/Apia", "2011-12-28T12:00:00Z"},        // there was no December 30
	{"Pacific/Kwajalein", "1993-08-19T00:00:00Z"},   // there was no August 21
	{"America/Juneau", "1867-10-17T00:00:00Z"},      // a day came twice; offsets with seconds
	{"Europe/Paris", "2040-12-29T00:00:00Z"},        // package time loses December 31
	{"Asia/Kathmandu", "1985-12-30T00:00:00Z"},      // a quarter of an hour, at New Year
}

// randomSchedule makes schedules whose edges lie near the changes as often as elsewhere.
func randomSchedule(r *rand.Rand, near time.Time) config.Schedule {
	var s config.Schedule
	for range r.IntN(4) {
		span := config.Span{From: randomMinute(r), To: randomMinute(r)}
		if r.IntN(2) == 0 {
			span.Days = uint8(r.IntN(128))
		}
		if r.IntN(3) == 0 {
			d := randomDates(r, near)
			span.Dates = &d
		}
		s.Spans = append(s.Spans, span)
	}
	for range r.IntN(3) {
		s.Except = append(s.Except, randomDates(r, near))
	}
	return s
}

func randomMinute(r *rand.Rand) int {
	switch r.IntN(4) {
	case 0:
		return []int{0, 1, 59, 60, 61, 1379, 1380, 1381, 1439, 1440}[r.IntN(10)]
	case 1:
		return r.IntN(240)
	default:
		return r.IntN(1441)
	}
}

func randomDates(r *rand.Rand, near time.Time) config.DateSpan {
	first := near.AddDate(0, 0, r.IntN(7)-2)
	last := first.AddDate(0, 0, r.IntN(3))
	span := config.DateSpan{
		First: date(first.Year(), first.Month(), first.Day()),
		Last:  date(last.Year(), last.Month(), last.Day()),
	}
	if r.IntN(2) == 0 {
		span.First.Year, span.Last.Year = 0, 0
		if r.IntN(4) == 0 {
			span.First, span.Last = span.Last, span.First // nearly the whole year
		}
	}
	return span
}

func TestAgainstOracle(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 5
	}
	for _, w := range windows {
		t.Run(fmt.Sprint(w.zone, " ", w.from), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			loc, from := zone(t, w.zone), instant(t, w.from)
			for range rounds {
				s := randomSchedule(r, from)
				checkWindow(t, s, loc, from, from.Add(5*24*time.Hour))
			}
		})
	}
}

// checkWindow compares Active, Intervals and Next with the oracle in every
// minute from from to to, and at odd seconds.
func checkWindow(t *testing.T, s config.Schedule, loc *time.Location, from, to time.Time) {
	t.Helper()
	intervals := schedules.Intervals(s, loc, from, to)
	checkOrder(t, intervals, from, to)
	step := time.Minute
	if _, offset := from.In(loc).Zone(); offset%60 != 0 {
		step = 13 * time.Second // a wall minute does not begin with one of UTC
	}
	edge, hasEdge := schedules.Next(s, loc, from.Add(-time.Nanosecond))
	was := oracle(s, loc, from.Add(-time.Nanosecond))
	for at := from; at.Before(to); at = at.Add(step) {
		want := oracle(s, loc, at)
		if got := schedules.Active(s, loc, at); got != want {
			t.Fatalf("%+v\nActive(%v) = %v, want %v", s, at.In(loc), got, want)
		}
		if got := covers(intervals, at); got != want {
			t.Fatalf("%+v\nIntervals cover %v: %v, want %v", s, at.In(loc), got, want)
		}
		if want != was {
			if !hasEdge || edge.After(at) || edge.Before(at.Add(1-step)) {
				t.Fatalf("%+v\nNext = %v, %v, want %v", s, edge, hasEdge, at.In(loc))
			}
			edge, hasEdge = schedules.Next(s, loc, at)
		}
		was = want
	}
	if hasEdge && edge.Before(to.Add(-step)) {
		t.Fatalf("%+v\nNext = %v, where nothing changes", s, edge)
	}
}

func checkOrder(t *testing.T, intervals []schedules.Interval, from, to time.Time) {
	t.Helper()
	last := from.Add(-1)
	for _, v := range intervals {
		if !v.Start.After(last) || !v.End.After(v.Start) || v.End.After(to) {
			t.Fatalf("intervals out of order or out of bounds: %v", intervals)
		}
		last = v.End
	}
}

func covers(intervals []schedules.Interval, at time.Time) bool {
	for _, v := range intervals {
		if !at.Before(v.Start) && at.Before(v.End) {
			return true
		}
	}
	return false
}

func FuzzActive(f *testing.F) {
	for i := range windows {
		f.Add(uint8(i), uint64(i), []byte{0, 30, 2, 30, 0})
	}
	f.Fuzz(func(t *testing.T, window uint8, seed uint64, edges []byte) {
		w := windows[int(window)%len(windows)]
		loc, from := zone(t, w.zone), instant(t, w.from)
		s := randomSchedule(rand.New(rand.NewPCG(seed, 0)), from)
		for ; len(edges) >= 5 && len(s.Spans) < 8; edges = edges[5:] {
			s.Spans = append(s.Spans, config.Span{
				From: int(binary.BigEndian.Uint16(edges) % 1441),
				To:   int(binary.BigEndian.Uint16(edges[2:]) % 1441),
				Days: edges[4] & 0x7f,
			})
		}
		checkWindow(t, s, loc, from.Add(36*time.Hour), from.Add(84*time.Hour))
	})
}
