package feeds

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	tests := []struct {
		failures int
		r        float64
		want     time.Duration
	}{
		{1, 0, 2 * time.Second}, {2, 0, 4 * time.Second}, {3, 0.5, 7200 * time.Millisecond},
		{8, 0, 256 * time.Second}, {9, 0, 5 * time.Minute}, {1000, 0, 5 * time.Minute}, {1000, 0.999, 240060 * time.Millisecond},
	}
	for _, tt := range tests {
		if got := backoff(tt.failures, tt.r, 2*time.Second, 5*time.Minute); got != tt.want {
			t.Errorf("backoff(%d, %v) = %v, want %v", tt.failures, tt.r, got, tt.want)
		}
	}
}

// TestFinish checks when a source is due after each kind of outcome.
func TestFinish(t *testing.T) {
	now := time.Date(2026, 6, 5, 12, 0, 0, 0, time.UTC)
	fault := errors.New("fault")
	tests := []struct {
		name    string
		kind    Kind
		refresh time.Duration
		fails   int
		o       outcome
		due     time.Duration
		after   int
	}{
		{"success", List, time.Hour, 3, outcome{answered: true, next: time.Hour}, time.Hour, 0},
		{"success that could not be kept", List, time.Hour, 0, outcome{answered: true, next: time.Hour, err: fault}, time.Hour, 0},
		{"failure of a name", Name, 0, 0, outcome{err: fault, retry: true}, nameRetry, 1},
		{"more failures", Name, 0, 2, outcome{err: fault, retry: true}, 4 * nameRetry, 3},
		{"failure of a list", List, 12 * time.Hour, 0, outcome{err: fault, retry: true}, listRetry, 1},
		{"not later than its refresh", List, time.Minute, 9, outcome{err: fault, retry: true}, time.Minute, 10},
		{"not later than an hour", List, 24 * time.Hour, 99, outcome{err: fault, retry: true}, time.Hour, 100},
		{"half an answer is believed no longer than its TTL", Name, 0, 9, outcome{answered: true, err: fault, retry: true, next: 30 * time.Second}, 30 * time.Second, 10},
		{"half an answer is tried again soon", Name, 0, 0, outcome{answered: true, err: fault, retry: true, next: time.Hour}, nameRetry, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSource(want{key: key{tt.kind, "n"}, refresh: tt.refresh}, now)
			s.failures = tt.fails
			_, cancel := context.WithCancel(t.Context())
			s.begin(now, cancel)
			s.finish(tt.o, now, 0)
			if got := s.due.Sub(now); got != tt.due || s.failures != tt.after {
				t.Errorf("due after %v with %d failures, want %v with %d", got, s.failures, tt.due, tt.after)
			}
			if s.lastSuccess.IsZero() == tt.o.answered || (s.problem == "") != (tt.o.err == nil) {
				t.Errorf("last success %v, problem %q", s.lastSuccess, s.problem)
			}
		})
	}
}

func TestRestore(t *testing.T) {
	now := time.Date(2026, 6, 5, 12, 0, 0, 0, time.UTC)
	const here = "https://lists.example.org/a"
	tests := []struct {
		name string
		url  string // kept with the content
		age  time.Duration
		want time.Duration
	}{
		{"young", here, time.Hour, 11 * time.Hour},
		{"old", here, 13 * time.Hour, 0},
		{"from elsewhere", "https://lists.example.org/b", time.Hour, 0},
		{"from the future", here, -time.Hour, 0},
	}
	for _, tt := range tests {
		s := newSource(want{key: key{List, "a"}, url: here, refresh: 12 * time.Hour}, now)
		s.restore(content{url: tt.url, lines: 1}, now.Add(-tt.age), now)
		if got := s.due.Sub(now); got != tt.want {
			t.Errorf("%s: due after %v, want %v", tt.name, got, tt.want)
		}
	}
	file := newSource(want{key: key{List, "a"}, url: "file:a", refresh: 12 * time.Hour}, now)
	if file.restore(content{url: "file:a", lines: 1}, now, now); file.due != now {
		t.Errorf("a file is looked at after %v", file.due.Sub(now))
	}
}
