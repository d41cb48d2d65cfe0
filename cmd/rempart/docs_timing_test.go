package main_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/pulse"
)

// TestDocsTiming holds the times that docs/ha.md tells against those that a node waits.
func TestDocsTiming(t *testing.T) {
	text, err := os.ReadFile("../../docs/ha.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "\n| interval | dead | confirmed | stunned |\n")
	rows := regexp.MustCompile(`(?m)^\| (\d\S*) \| (\S+) \| (\S+) \| (\S+) \|$`).FindAllStringSubmatch(table, -1)
	if !found || len(rows) < 5 {
		t.Fatalf("docs/ha.md has %d rows of times", len(rows))
	}
	for _, row := range rows {
		var told [4]time.Duration
		for i, s := range row[1:] {
			if told[i], err = time.ParseDuration(s); err != nil {
				t.Fatal(err)
			}
		}
		timing := pulse.TimingFor(told[0])
		if waits := [4]time.Duration{timing.Interval, timing.Dead, timing.Confirmed, timing.Stunned}; waits != told {
			t.Errorf("%s: a node waits %v", row[0], waits)
		}
	}
}
