package lab

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOutages(t *testing.T) {
	start := time.Unix(1000, 0)
	ms := func(n int) time.Time { return start.Add(time.Duration(n) * time.Millisecond) }
	tests := []struct {
		name string
		back string // a letter for each datagram, one a millisecond: x came back
		want []Outage
	}{
		{"nothing sent", "", nil},
		{"all back", "xxxx", nil},
		{"one lost", "xx.xx", []Outage{{From: ms(2), Until: ms(3), Lost: 1}}},
		{"a run", "x...x", []Outage{{From: ms(1), Until: ms(4), Lost: 3}}},
		{"from the first on", "..xx", []Outage{{From: ms(0), Until: ms(2), Lost: 2}}},
		{"two", "x.xx..x", []Outage{{From: ms(1), Until: ms(2), Lost: 1}, {From: ms(4), Until: ms(6), Lost: 2}}},
		{"to the end", "xx...", []Outage{{From: ms(2), Until: ms(4), Open: true, Lost: 3}}},
		{"none back", "..", []Outage{{From: ms(0), Until: ms(1), Open: true, Lost: 2}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var echoed marks
			var times []time.Time
			for i, c := range tt.back {
				times = append(times, ms(i))
				if c == 'x' {
					echoed.set(uint64(i))
				}
			}
			if diff := cmp.Diff(tt.want, outages(&echoed, times)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestStreamTellsItsOutages cuts a stream twice: both are told with their time, and all that was
// lost is in them.
func TestStreamTellsItsOutages(t *testing.T) {
	p := newPair(t)
	s := p.stream(t, server4, 1000)
	s.await(t, 100)
	var cuts []Outage
	for range 2 {
		cut := Outage{From: time.Now()}
		p.server.Silence("eth0")
		s.await(t, 100)
		p.server.Speak("eth0")
		cut.Until = time.Now()
		cuts = append(cuts, cut)
		s.await(t, 100)
	}
	stats, got := s.Stop(), s.Outages()
	if len(got) != len(cuts) {
		t.Fatalf("got %v, want two", got)
	}
	lost := uint64(0)
	for i, o := range got {
		lost += o.Lost
		// What was sent just before the cut is lost as well, and what is sent just after its end may be late.
		if near := 50 * time.Millisecond; o.Open || o.Lost < 50 || o.From.Before(cuts[i].From.Add(-near)) || o.Until.After(cuts[i].Until.Add(near)) {
			t.Errorf("%s from %s to %s, cut from %s to %s", o, o.From, o.Until, cuts[i].From, cuts[i].Until)
		}
	}
	if lost != stats.Lost {
		t.Errorf("%v are %d lost, the stream has counted %s", got, lost, stats)
	}
}
