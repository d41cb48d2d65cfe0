package lab

import (
	"fmt"
	"time"
)

// Outage is a run of datagrams of a stream, in the order sent, that have not come back.
type Outage struct {
	// From is when the first of them was sent, and Until when the first after them that came back
	// was. How late an echo is does not count. When none came back after them, Until is when the last
	// was sent, and Open is true.
	From, Until time.Time
	Open        bool
	// Lost is how many they are.
	Lost uint64
}

// Gap is how long the outage was.
func (o Outage) Gap() time.Duration { return o.Until.Sub(o.From) }

// String is the outage in one line.
func (o Outage) String() string {
	more := ""
	if o.Open {
		more = " and more"
	}
	return fmt.Sprintf("%s%s, %d lost", o.Gap().Round(100*time.Microsecond), more, o.Lost)
}

// Outages are the runs of datagrams that have not come back, the earliest first. Before Stop those
// that are on their way are among them.
func (s *Stream) Outages() []Outage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return outages(&s.echoed, s.times)
}

// outages finds the runs that are not in a set. times are those of all that were sent.
func outages(echoed *marks, times []time.Time) []Outage {
	var all []Outage
	open := false
	for seq, at := range times {
		back := echoed.has(uint64(seq))
		switch last := len(all) - 1; {
		case back && open:
			all[last].Until, all[last].Open = at, false
		case !back && open:
			all[last].Until = at
			all[last].Lost++
		case !back:
			all = append(all, Outage{From: at, Until: at, Open: true, Lost: 1})
		}
		open = !back
	}
	return all
}
