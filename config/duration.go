package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// day is a calendar-free day: durations do not know daylight saving.
const day = 24 * time.Hour

// longestDuration keeps sums far from overflow and timeouts within what the
// kernel takes.
const longestDuration = 3650 * day

// units of a duration, the long ones first. "ms" stands before "m" and "s" so
// that it is not taken apart.
var durationUnits = [...]struct {
	name string
	d    time.Duration
}{
	{"d", day}, {"h", time.Hour}, {"ms", time.Millisecond}, {"m", time.Minute}, {"s", time.Second},
}

// ParseDuration reads a duration of the language: whole numbers with the units
// d, h, m, s and ms, such as "90s", "7d" or "1h30m".
func ParseDuration(s string) (time.Duration, error) {
	rest, total := s, time.Duration(0)
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		count, err := strconv.ParseInt(rest[:digits], 10, 64)
		rest = rest[digits:]
		unit := time.Duration(0)
		for _, u := range durationUnits {
			if strings.HasPrefix(rest, u.name) {
				unit, rest = u.d, rest[len(u.name):]
				break
			}
		}
		if err != nil || unit == 0 {
			return 0, fmt.Errorf("%q is no duration: write one such as \"90s\", \"5m\", \"24h\" or \"7d\"", s)
		}
		if count > int64((longestDuration-total)/unit) {
			return 0, fmt.Errorf("%q is too long: at most %s", s, FormatDuration(longestDuration))
		}
		total += time.Duration(count) * unit
	}
	if s == "" {
		return 0, fmt.Errorf("\"\" is no duration: write one such as \"90s\", \"5m\", \"24h\" or \"7d\"")
	}
	return total, nil
}

// FormatDuration writes d as the language does, in the largest unit that
// divides it: "90s", "5m", "1d". Less than a millisecond is cut off.
func FormatDuration(d time.Duration) string {
	for _, unit := range [...]string{"d", "h", "m", "s"} {
		for _, u := range durationUnits {
			if u.name == unit && d != 0 && d%u.d == 0 {
				return strconv.FormatInt(int64(d/u.d), 10) + unit
			}
		}
	}
	if d == 0 {
		return "0s"
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}

// parseRate reads "30/10s".
func parseRate(s string) (Rate, error) {
	bad := fmt.Errorf("%q is no rate: write a count and a time such as \"30/10s\"", s)
	left, right, ok := strings.Cut(s, "/")
	if !ok {
		return Rate{}, bad
	}
	count, err := strconv.ParseUint(left, 10, 31)
	if err != nil || left[0] == '+' {
		return Rate{}, bad
	}
	per, err := ParseDuration(right)
	if err != nil {
		return Rate{}, bad
	}
	if count == 0 || per < time.Second || per > day {
		return Rate{}, fmt.Errorf("%q is out of range: at least 1, in 1s to 1d", s)
	}
	return Rate{Count: int(count), Per: per}, nil
}

// String writes r as the language does: "30/10s"; empty for no limit.
func (r Rate) String() string {
	if r == (Rate{}) {
		return ""
	}
	return strconv.Itoa(r.Count) + "/" + FormatDuration(r.Per)
}

var bitUnits = [...]struct {
	name string
	bits uint64
}{{"Gbit", 1e9}, {"Mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}}

// ParseBits reads a rate in bits a second: "20Mbit", "1.5Mbit", "64kbit".
func ParseBits(s string) (uint64, error) {
	bad := fmt.Errorf("%q is no rate: write bits a second such as \"64kbit\", \"20Mbit\" or \"1Gbit\"", s)
	for _, u := range bitUnits {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		if strings.Trim(digits, "0123456789.") != "" {
			return 0, bad
		}
		v, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			return 0, bad
		}
		bits := v * float64(u.bits)
		if bits < 1000 || bits > 1e13 {
			return 0, fmt.Errorf("%q is out of range: 1kbit to 10000Gbit", s)
		}
		return uint64(bits + 0.5), nil
	}
	return 0, bad
}

// FormatBits writes a rate in the largest unit that divides it: "20Mbit".
func FormatBits(bits uint64) string {
	for _, u := range bitUnits {
		if bits != 0 && bits%u.bits == 0 {
			return strconv.FormatUint(bits/u.bits, 10) + u.name
		}
	}
	return "0bit"
}
