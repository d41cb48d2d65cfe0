package main

import (
	"fmt"
	"time"
)

// count prints a number with three figures: 999, 12.3k, 1.2M.
func count[N int | uint64](n N) string {
	return scaled(float64(n), "")
}

// size prints a size: 999 B, 12.3 kB.
func size(n uint64) string {
	return scaled(float64(n), " ") + "B"
}

func scaled(f float64, gap string) string {
	units := []string{"", "k", "M", "G", "T", "P", "E"}
	i := 0
	// 999.95 would be printed as 1000.0.
	for f >= 999.95 && i < len(units)-1 {
		f /= 1000
		i++
	}
	if i == 0 {
		return fmt.Sprintf("%.0f%s", f, gap)
	}
	return fmt.Sprintf("%.1f%s%s", f, gap, units[i])
}

// span prints a duration by its largest unit, and by the next where that still matters: 3m, 1h 15m, 41d.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = d.Abs(); {
	case d >= day:
		return units(d, day, "d", time.Hour, "h")
	case d >= time.Hour:
		return units(d, time.Hour, "h", time.Minute, "m")
	case d >= time.Minute:
		return units(d, time.Minute, "m", time.Second, "s")
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

func units(d, big time.Duration, bigName string, small time.Duration, smallName string) string {
	first, second := d/big, d%big/small
	if first >= 10 || second == 0 {
		return fmt.Sprintf("%d%s", first, bigName)
	}
	return fmt.Sprintf("%d%s %d%s", first, bigName, second, smallName)
}

// ago prints an instant by its distance from now: 3m ago, in 45s.
func (s *screen) ago(t time.Time) string {
	now := s.now()
	switch {
	case t.IsZero():
		return "never"
	case t.After(now):
		return "in " + span(t.Sub(now).Round(time.Second))
	}
	return span(now.Sub(t)) + " ago"
}

// lasts prints how long something is so by now.
func (s *screen) lasts(since time.Time) string {
	if since.IsZero() {
		return ""
	}
	return span(s.now().Sub(since))
}

// clock prints an instant in local time: the time of the day, with the day unless it is today.
func (s *screen) clock(t time.Time) string {
	t, now := t.In(s.location), s.now().In(s.location)
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format("2006-01-02 15:04")
}

// when prints an instant both ways.
func (s *screen) when(t time.Time) string { return fmt.Sprintf("%s (%s)", s.clock(t), s.ago(t)) }

// plural prints a number with its noun.
func plural(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case noun[len(noun)-1] == 's':
		noun += "es"
	case noun[len(noun)-1] == 'y':
		noun = noun[:len(noun)-1] + "ies"
	default:
		noun += "s"
	}
	return count(n) + " " + noun
}

// short is the part of a hash that people compare.
func short(hash string) string { return hash[:min(len(hash), 12)] }
