package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// minutesADay is the end of a day in a Span.
const minutesADay = 24 * 60

// dayNames are indexed by time.Weekday.
var dayNames = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseSpan reads a line of a schedule: days of the week, dates and a time of
// day, each of which may be absent, in this order.
func ParseSpan(s string) (Span, error) {
	span := Span{To: minutesADay}
	fields := strings.Fields(s)
	rest := fields
	if len(rest) > 0 && isLetter(rest[0][0]) {
		days, err := parseDays(rest[0])
		if err != nil {
			return Span{}, err
		}
		span.Days, rest = days, rest[1:]
	}
	if len(rest) > 0 && !strings.Contains(rest[0], ":") {
		dates, err := ParseDateSpan(rest[0])
		if err != nil {
			return Span{}, err
		}
		span.Dates, rest = &dates, rest[1:]
	}
	if len(rest) > 0 {
		var err error
		if span.From, span.To, err = parseHours(rest[0]); err != nil {
			return Span{}, err
		}
		rest = rest[1:]
	}
	if len(fields) == 0 || len(rest) > 0 {
		return Span{}, fmt.Errorf("%q is no time: write days, dates and hours in this order, such as \"mon-fri 08:00-18:30\"", s)
	}
	return span, span.checkDays()
}

// checkDays refuses a date that never falls on the days of the week.
func (s Span) checkDays() error {
	if s.Days == 0 || s.Dates == nil || s.Dates.First.Year == 0 {
		return nil
	}
	first, last := s.Dates.First.midnight(), s.Dates.Last.midnight()
	for t, n := first, 0; !t.After(last) && n < 7; t, n = t.AddDate(0, 0, 1), n+1 {
		if s.Days&(1<<t.Weekday()) != 0 {
			return nil
		}
	}
	if first.Equal(last) {
		return fmt.Errorf("%s is a %s, which is not among the days before it", s.Dates, first.Weekday())
	}
	return fmt.Errorf("%s has none of the days before it", s.Dates)
}

func (d Date) midnight() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// parseDays reads "mon-fri", "sat" or "mon,wed,fri-sun" into a bit for each day.
func parseDays(s string) (uint8, error) {
	var days uint8
	for part := range strings.SplitSeq(s, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err := parseDay(first)
		if err != nil {
			return 0, err
		}
		to, err := parseDay(last)
		if err != nil {
			return 0, err
		}
		for d := from; ; d = (d + 1) % 7 {
			days |= 1 << d
			if d == to {
				break
			}
		}
	}
	return days, nil
}

func parseDay(s string) (int, error) {
	for i, name := range dayNames {
		if name == s {
			return i, nil
		}
	}
	return 0, fmt.Errorf("no day %q: write sun, mon, tue, wed, thu, fri or sat", s)
}

// parseHours reads "08:00-18:30" into minutes of the day.
func parseHours(s string) (from, to int, err error) {
	first, last, ok := strings.Cut(s, "-")
	if !ok {
		return 0, 0, fmt.Errorf("%q lacks its end: write hours such as \"08:00-18:30\"", s)
	}
	if from, err = parseClock(first); err != nil {
		return 0, 0, err
	}
	if to, err = parseClock(last); err != nil {
		return 0, 0, err
	}
	if from == minutesADay {
		return 0, 0, fmt.Errorf("%q begins when the day is over: write 00:00", s)
	}
	if from == to {
		return 0, 0, fmt.Errorf("%q has no length: write \"00:00-24:00\" for the whole day", s)
	}
	return from, to, nil
}

func parseClock(s string) (int, error) {
	bad := fmt.Errorf("%q is no time of day: write it as 08:00, up to 24:00", s)
	if len(s) != 5 || s[2] != ':' {
		return 0, bad
	}
	h, err := strconv.ParseUint(s[:2], 10, 8)
	if err != nil {
		return 0, bad
	}
	m, err := strconv.ParseUint(s[3:], 10, 8)
	if err != nil || m > 59 || h*60+m > minutesADay {
		return 0, bad
	}
	return int(h*60 + m), nil
}

// ParseDateSpan reads a date "2026-12-25" or "12-25", or two of them "12-24..12-26".
func ParseDateSpan(s string) (DateSpan, error) {
	first, last, isRange := strings.Cut(s, "..")
	from, err := parseDate(first)
	if err != nil {
		return DateSpan{}, err
	}
	if !isRange {
		return DateSpan{from, from}, nil
	}
	to, err := parseDate(last)
	if err != nil {
		return DateSpan{}, err
	}
	if (from.Year == 0) != (to.Year == 0) {
		return DateSpan{}, fmt.Errorf("%q has one date with a year and one without", s)
	}
	if from.Year != 0 && to.midnight().Before(from.midnight()) {
		return DateSpan{}, fmt.Errorf("the dates %s run the wrong way: write %s..%s", s, to, from)
	}
	return DateSpan{from, to}, nil
}

func parseDate(s string) (Date, error) {
	layout, year := time.DateOnly, 0
	text := s
	if len(s) == len("12-25") {
		// A leap year, so that 02-29 is a day.
		text = "2000-" + s
	}
	t, err := time.Parse(layout, text)
	if err != nil {
		return Date{}, fmt.Errorf("%q is no date such as \"2026-12-25\" or, for every year, \"12-25\"", s)
	}
	if text == s {
		year = t.Year()
		if year < 1970 || year > 2999 {
			return Date{}, fmt.Errorf("year %d is out of range: 1970 to 2999", year)
		}
	}
	return Date{Year: year, Month: t.Month(), Day: t.Day()}, nil
}

// String writes d as the language does: "2026-12-25", or "12-25" for every year.
func (d Date) String() string {
	if d.Year == 0 {
		return fmt.Sprintf("%02d-%02d", d.Month, d.Day)
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// String writes d as the language does: "12-24..12-26".
func (d DateSpan) String() string {
	if d.First == d.Last {
		return d.First.String()
	}
	return d.First.String() + ".." + d.Last.String()
}

// String writes s as the language does: "mon-fri 08:00-18:30".
func (s Span) String() string {
	var parts []string
	if s.Days != 0 {
		parts = append(parts, formatDays(s.Days))
	}
	if s.Dates != nil {
		parts = append(parts, s.Dates.String())
	}
	if s.From != 0 || s.To != minutesADay || len(parts) == 0 {
		parts = append(parts, fmt.Sprintf("%02d:%02d-%02d:%02d", s.From/60, s.From%60, s.To/60, s.To%60))
	}
	return strings.Join(parts, " ")
}

// formatDays writes runs of three days and more with a dash. The week is
// walked from Monday, so that a weekend stays together.
func formatDays(days uint8) string {
	var parts []string
	for i := 0; i < 7; {
		n := 0
		for i+n < 7 && days&(1<<((i+n+1)%7)) != 0 {
			n++
		}
		first, last := dayNames[(i+1)%7], dayNames[(i+n)%7]
		switch {
		case n == 1:
			parts = append(parts, first)
		case n == 2:
			parts = append(parts, first, last)
		case n > 2:
			parts = append(parts, first+"-"+last)
		}
		i += n + 1
	}
	return strings.Join(parts, ",")
}
