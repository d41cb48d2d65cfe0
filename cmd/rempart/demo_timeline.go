package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rempart/rempart/lab"
)

// moment is when something became so.
type moment struct {
	at   time.Time
	what string
}

// timeline is what nodes and traffic did around an instant.
type timeline struct {
	title   string
	zero    time.Time // from which the scale counts
	lead    int       // columns before zero
	until   time.Time // what has to be seen
	known   time.Time // nothing is drawn after it
	nodes   []nodeLane
	traffic []trafficLane
}

// nodeLane is what a node was, the earliest first.
type nodeLane struct {
	name    string
	moments []moment
}

// trafficLane is what traffic in one direction lacked.
type trafficLane struct {
	name    string
	outages []lab.Outage
}

// A timeline has columns of names and of time.
const (
	nameColumns = 12
	timeColumns = 66
	tickColumns = 10
)

// fills are how a node looks that is something.
var fills = map[string]byte{"MASTER": '=', "RELEASING": '>', "BACKUP": '-', "INIT": ':', "SYNCING": ':', "starts": ':', "dead": '.'}

const legend = `  = MASTER  > RELEASING  - BACKUP  : starts  . dead
  # all probes that were sent then came back, x some, _ none`

// draw prints the timeline, each line of at most 80 columns.
func (t timeline) draw() string {
	s := scale{zero: t.zero, lead: t.lead, known: t.known, column: columnFor(t.until.Sub(t.zero), timeColumns-t.lead)}
	var b strings.Builder
	fmt.Fprintf(&b, "  %s at 0; a column is %s\n", t.title, s.column)
	for _, l := range t.nodes {
		fmt.Fprintf(&b, "  %-*s%s\n", nameColumns-2, l.name, s.states(l.moments))
	}
	for _, l := range t.traffic {
		fmt.Fprintf(&b, "  %-*s%s\n", nameColumns-2, l.name, s.losses(l.outages))
	}
	ticks, numbers := s.axis()
	fmt.Fprintf(&b, "%*s%s\n%*s%s\n", nameColumns, "", ticks, nameColumns, "", numbers)
	return b.String()
}

// last is when something changed for the last time.
func (t timeline) last() time.Time {
	last := t.zero
	for _, l := range t.nodes {
		for _, m := range l.moments {
			last = later(last, m.at)
		}
	}
	for _, l := range t.traffic {
		for _, o := range l.outages {
			last = later(last, o.Until)
		}
	}
	return last
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// columnFor is the least round time, of a millisecond or more, with which so many columns hold a span.
func columnFor(span time.Duration, columns int) time.Duration {
	for unit := time.Millisecond / 10; ; unit *= 10 {
		for _, round := range []time.Duration{10, 15, 20, 25, 30, 40, 50, 60, 80} {
			if time.Duration(columns)*round*unit >= span {
				return round * unit
			}
		}
	}
}

// scale tells columns from instants.
type scale struct {
	zero   time.Time
	lead   int
	column time.Duration
	known  time.Time
}

// columns is how many are over, as far as is known.
func (s scale) columns() int {
	return max(0, min(timeColumns, s.lead+int(s.known.Sub(s.zero)/s.column)))
}

// from is when a column begins.
func (s scale) from(column int) time.Time {
	return s.zero.Add(time.Duration(column-s.lead) * s.column)
}

// states draws what a node was at the end of each column, with its name where there is room.
func (s scale) states(moments []moment) string {
	line := make([]byte, 0, timeColumns)
	for begin, all := 0, s.columns(); begin < all; {
		what, end := stateAt(moments, s.from(begin+1)), begin+1
		for end < all && stateAt(moments, s.from(end+1)) == what {
			end++
		}
		line = append(line, bar(what, end-begin)...)
		begin = end
	}
	return strings.TrimRight(string(line), " ")
}

// stateAt is what was so right before an instant; empty: it is not known.
func stateAt(moments []moment, at time.Time) string {
	i, _ := slices.BinarySearchFunc(moments, at, func(m moment, at time.Time) int { return m.at.Compare(at) })
	if i == 0 {
		return ""
	}
	return moments[i-1].what
}

// bar is a stretch of time in which a node was something.
func bar(what string, columns int) string {
	fill, known := fills[what]
	if !known {
		return strings.Repeat(" ", columns)
	}
	head := ""
	if name := fmt.Sprintf("%c %s ", fill, what); len(name) < columns {
		head = name
	}
	return head + strings.Repeat(string(fill), columns-len(head))
}

// losses draws whether probes came back that were sent in a column: all, some or none.
func (s scale) losses(outages []lab.Outage) string {
	line := make([]byte, s.columns())
	for i := range line {
		begin, end := s.from(i), s.from(i+1)
		line[i] = '#'
		for _, o := range outages {
			switch {
			case !o.Until.After(begin) || !o.From.Before(end):
			case !o.From.After(begin) && !o.Until.Before(end):
				line[i] = '_'
			case line[i] == '#':
				line[i] = 'x'
			}
		}
	}
	return string(line)
}

// axis is a line with ticks, and one with what they say in milliseconds.
func (s scale) axis() (ticks, numbers string) {
	for column := 0; column < timeColumns; column += tickColumns {
		number := fmt.Sprint((time.Duration(column-s.lead) * s.column).Milliseconds())
		if column+tickColumns >= timeColumns {
			number += " ms"
		}
		ticks += fmt.Sprintf("%-*s", tickColumns, "|")
		numbers += fmt.Sprintf("%-*s", tickColumns, number)
	}
	return strings.TrimRight(ticks, " "), strings.TrimRight(numbers, " ")
}

// between are the outages that lasted at some instant from begin to end.
func between(all []lab.Outage, begin, end time.Time) []lab.Outage {
	var some []lab.Outage
	for _, o := range all {
		if o.Until.After(begin) && o.From.Before(end) {
			some = append(some, o)
		}
	}
	return some
}

// toll is what outages cost, in a line.
func toll(all []lab.Outage) string {
	lost, longest := uint64(0), time.Duration(0)
	for _, o := range all {
		lost += o.Lost
		longest = max(longest, o.Gap())
	}
	switch lost {
	case 0:
		return "no gap, no packet lost"
	case 1:
		return fmt.Sprintf("a gap of %s, 1 packet lost", brief(longest))
	}
	return fmt.Sprintf("a gap of %s, %d packets lost", brief(longest), lost)
}
