package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/lab"
)

var timelineZero = time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)

func atMillis(ms int) time.Time { return timelineZero.Add(time.Duration(ms) * time.Millisecond) }

func lostFor(from, until int) lab.Outage {
	return lab.Outage{From: atMillis(from), Until: atMillis(until), Lost: uint64(until - from)}
}

func TestTimelineDraws(t *testing.T) {
	fw1 := []moment{{atMillis(-5000), "MASTER"}, {atMillis(0), "dead"}}
	fw2 := []moment{{atMillis(-4000), "BACKUP"}, {atMillis(151), "MASTER"}}
	tests := []struct {
		name string
		give timeline
		want string
	}{
		{"a death", timeline{
			title: "fw1 dies", zero: timelineZero, lead: 10, until: atMillis(200), known: atMillis(1000),
			nodes:   []nodeLane{{"fw1", fw1}, {"fw2", fw2}},
			traffic: []trafficLane{{"outbound", []lab.Outage{lostFor(2, 152)}}, {"inbound", nil}},
		}, `
  fw1 dies at 0; a column is 4ms
  fw1       = MASTER =. dead .................................................
  fw2       - BACKUP --------------------------------------= MASTER ==========
  outbound  ##########x_____________________________________##################
  inbound   ##################################################################
            |         |         |         |         |         |         |
            -40       0         40        80        120       160       200 ms
`},
		{"an order, and what is not known yet", timeline{
			title: "fw1 releases", zero: timelineZero, lead: 10, until: atMillis(50), known: atMillis(30),
			nodes: []nodeLane{
				{"fw1", []moment{{atMillis(-9), "MASTER"}, {atMillis(2), "RELEASING"}, {atMillis(6), "BACKUP"}}},
				{"fw2", []moment{{atMillis(-9), "BACKUP"}, {atMillis(4), "MASTER"}}},
			},
			traffic: []trafficLane{{"outbound", []lab.Outage{lostFor(4, 5)}}},
		}, `
  fw1 releases at 0; a column is 1ms
  fw1        = MASTER ==>>>>- BACKUP ---------------
  fw2        - BACKUP ----= MASTER =================
  outbound  ##############_#########################
            |         |         |         |         |         |         |
            -10       0         10        20        30        40        50 ms
`},
		{"from the beginning", timeline{
			title: "Traffic begins", zero: timelineZero, until: atMillis(13_000), known: atMillis(13_000),
			nodes:   []nodeLane{{"fw1", append(fw1, moment{atMillis(900), "starts"}, moment{atMillis(1500), "INIT"})}},
			traffic: []trafficLane{{"outbound", []lab.Outage{lostFor(2, 152), lostFor(400, 1000)}}},
		}, `
  Traffic begins at 0; a column is 200ms
  fw1       ....:::: INIT :::::::::::::::::::::::::::::::::::::::::::::::::::
  outbound  x#___############################################################
            |         |         |         |         |         |         |
            0         2000      4000      6000      8000      10000     12000 ms
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.give.draw()
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for line := range strings.Lines(got) {
				if columnsOf(strings.TrimSuffix(line, "\n")) > 80 {
					t.Errorf("wider than a terminal: %s", line)
				}
			}
		})
	}
}

func TestColumnFor(t *testing.T) {
	for span, want := range map[time.Duration]time.Duration{
		0:                       time.Millisecond,
		50 * time.Millisecond:   time.Millisecond,
		51 * time.Millisecond:   1500 * time.Microsecond,
		100 * time.Millisecond:  2 * time.Millisecond,
		4 * time.Second:         80 * time.Millisecond,
		4001 * time.Millisecond: 100 * time.Millisecond,
		time.Hour:               80 * time.Second,
	} {
		if got := columnFor(span, 50); got != want {
			t.Errorf("%s in 50 columns: got %s, want %s", span, got, want)
		}
	}
}

func TestToll(t *testing.T) {
	all := []lab.Outage{lostFor(10, 11), lostFor(100, 159), lostFor(300, 302)}
	tests := []struct {
		begin, end int
		want       string
	}{
		{20, 90, "no gap, no packet lost"},
		{0, 50, "a gap of 1ms, 1 packet lost"},
		{120, 130, "a gap of 59ms, 59 packets lost"},
		{0, 500, "a gap of 59ms, 62 packets lost"},
		{159, 300, "no gap, no packet lost"},
	}
	for _, tt := range tests {
		if got := toll(between(all, atMillis(tt.begin), atMillis(tt.end))); got != tt.want {
			t.Errorf("%d to %d: got %q, want %q", tt.begin, tt.end, got, tt.want)
		}
	}
}

func TestParagraph(t *testing.T) {
	const text = "one\ntwo\n\nthree\nfour\n\nfive\n"
	for from, want := range map[string]string{
		"one":   "one\ntwo\n...\n",
		"two":   "...\ntwo\n...\n",
		"three": "...\nthree\nfour\n...\n",
		"five":  "...\nfive\n",
		"six":   text,
	} {
		if got := paragraph(text, from); got != want {
			t.Errorf("%q: got %q, want %q", from, got, want)
		}
	}
}
