package firewall

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/config"
)

func TestFate(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name     string
		deadline time.Time
		boot     string
		want     Fate
	}{
		{"no confirm was asked", time.Time{}, "a", FateForget},
		{"deadline to come, same boot", now.Add(time.Second), "a", FateResume},
		{"deadline to come, rebooted", now.Add(time.Second), "b", FateForget},
		{"deadline is now", now, "a", FateForget},
		{"deadline passed", now.Add(-time.Second), "a", FateForget},
		{"deadline passed, rebooted", now.Add(-time.Second), "b", FateForget},
	} {
		if got := (Journal{Deadline: tt.deadline, Boot: tt.boot}).Fate("a", now); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestRemains(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name     string
		deadline time.Time
		hold     time.Duration
		want     time.Duration
	}{
		{"some time is left", now.Add(20 * time.Second), time.Minute, 20 * time.Second},
		{"the clock was set back by a year", now.AddDate(1, 0, 0), time.Minute, time.Minute},
		{"an earlier version wrote it", now.Add(20 * time.Second), 0, 20 * time.Second},
	} {
		if got := (Journal{Deadline: tt.deadline, Hold: tt.hold}).remains(now); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func testJournal() Journal {
	return Journal{
		Candidate: config.Revision{
			Hash: "h", Parents: []string{"p"}, Author: "ann", Message: "more",
			Time: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Policy: []byte("schema = 1\n"), Node: []byte("name = \"fw1\"\n"),
		},
		Deadline: time.Date(2026, 11, 22, 12, 1, 0, 0, time.UTC), Hold: time.Minute, Boot: "b",
	}
}

func TestJournalRoundTrip(t *testing.T) {
	want := testJournal()
	got, err := ParseJournal(want.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestJournalCutAnywhereIsAnError(t *testing.T) {
	whole := testJournal().Bytes()
	for n := range len(whole) - 1 { // without the last line's end it is still whole
		if _, err := ParseJournal(whole[:n]); err == nil {
			t.Errorf("cut to %d of %d bytes, it was taken", n, len(whole))
		}
	}
	for _, text := range []string{"null", "{}", "[]", `{"candidate":{},"boot":"b"}`, `{"candidate":{"Policy":"YQ=="}}`} {
		if _, err := ParseJournal([]byte(text)); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}

func FuzzParseJournal(f *testing.F) {
	f.Add(testJournal().Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		j, err := ParseJournal(b)
		if err != nil {
			return
		}
		again, err := ParseJournal(j.Bytes())
		if err != nil || !cmp.Equal(j, again) {
			t.Errorf("does not come back: %v\n%s", err, cmp.Diff(j, again))
		}
	})
}
