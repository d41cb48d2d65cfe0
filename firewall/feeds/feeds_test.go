package feeds

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rempart/rempart/config"
)

const (
	deb  = "deb.example.org"
	drop = "https://user:hush@lists.example.org/drop"
)

// numbers is a list of n entries that do not touch, from 10.offset.0.0 on.
func numbers(n, offset int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "10.%d.%d.%d\n", offset, i/100, i%100*2)
	}
	return b.String()
}

func expect(t *testing.T, f *Feeds, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, snapshot(f)); diff != "" {
		t.Errorf("snapshot -want +got\n%s", diff)
	}
}

// pass lets time go by, and what is to happen then happen. Tests look between
// the beats: what happens at one instant has no order.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestNamesFollowTheirTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.name(deb, time.Minute, "192.0.2.1", "2001:db8::1")
		f := New(Options{Resolver: w, Fetcher: w})
		f.Set(policy(t, "updates "+deb, "mirror "+deb))
		expect(t, f, map[string]string{})
		stop := run(t, f)
		defer stop()

		pass(time.Second)
		expect(t, f, map[string]string{deb: "192.0.2.1 2001:db8::1"})
		if !changed(f) {
			t.Error("the first answer changed nothing")
		}
		pass(5 * time.Minute)
		if n, _ := w.counts(); n != 6 || changed(f) {
			t.Errorf("%d lookups in five minutes, want 6 that change nothing", n)
		}
		w.name(deb, time.Hour, "192.0.2.2")
		pass(time.Minute)
		expect(t, f, map[string]string{deb: "192.0.2.1 192.0.2.2 2001:db8::1"})
		pass(time.Hour)
		expect(t, f, map[string]string{deb: "192.0.2.2"})
		if n, _ := w.counts(); n != 8 || !changed(f) {
			t.Errorf("%d lookups, want 8", n)
		}
		s := status(t, f, deb)
		if s.Kind != Name || s.Entries != 1 || s.LastError != "" || s.NextDue.Sub(s.LastTry) != time.Hour || !s.LastSuccess.Equal(s.LastTry) {
			t.Errorf("status %+v", s)
		}
	})
}

func TestFailureKeepsTheLastAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.name(deb, time.Minute, "192.0.2.1")
		w.list(drop, "198.51.100.0/24\n")
		f := New(Options{Resolver: w, Fetcher: w})
		f.Set(policy(t, "updates "+deb, "drop "+drop+" 1h"))
		stop := run(t, f)
		defer stop()
		want := map[string]string{deb: "192.0.2.1", "@drop": "198.51.100.0-198.51.100.255"}

		pass(time.Second)
		expect(t, f, want)
		changed(f)
		w.silence()
		pass(48 * time.Hour)
		expect(t, f, want)
		if changed(f) {
			t.Error("silence is a change")
		}
		name, list := status(t, f, deb), status(t, f, "drop")
		if !strings.Contains(name.LastError, "the last answer stays") || time.Since(name.LastSuccess) < 47*time.Hour || time.Since(name.LastTry) > nameRetryMax {
			t.Errorf("name %+v", name)
		}
		if want := "fetch https://user:xxxxx@lists.example.org/drop: silence"; list.LastError != want || list.URL != "https://user:xxxxx@lists.example.org/drop" {
			t.Errorf("list %+v", list)
		}
		// Soon at first, then at least every five minutes and every hour.
		lookups, fetches := w.counts()
		if lookups < 48*12 || lookups > 48*12*5/4+12 || fetches < 48 || fetches > 48*5/4+12 {
			t.Errorf("%d lookups and %d fetches in two days of silence", lookups, fetches)
		}
		w.name(deb, time.Minute, "192.0.2.1")
		pass(nameRetryMax)
		if s := status(t, f, deb); s.LastError != "" {
			t.Errorf("still says %q", s.LastError)
		}
	})
}

func TestRestartKeeps(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "learned")
	cfg := policy(t, "updates "+deb, "drop "+drop+" 1h")
	want := map[string]string{deb: "192.0.2.1", "@drop": "198.51.100.0-198.51.100.255"}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.name(deb, time.Minute, "192.0.2.1")
		w.list(drop, "198.51.100.0/24\n")
		f := New(Options{Dir: dir, Resolver: w, Fetcher: w})
		f.Set(cfg)
		stop := run(t, f)
		pass(time.Second)
		stop()
		expect(t, f, want)
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		f := New(Options{Dir: dir, Resolver: w, Fetcher: w})
		f.Set(cfg)
		expect(t, f, want)
		if !changed(f) {
			t.Error("what came from disk is no change")
		}
		w.list(drop, "198.51.100.0/24\n")
		stop := run(t, f)
		pass(time.Minute)
		stop()
		expect(t, f, want)
		if s := status(t, f, "drop"); s.LastError != "" || s.Entries != 1 || changed(f) {
			t.Errorf("the same list again: %+v", s)
		}
	})
	for _, k := range []key{{Name, deb}, {List, "drop"}} {
		if err := os.Truncate(filepath.Join(dir, fileName(k)), 20); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.name(deb, time.Minute, "192.0.2.7")
		f := New(Options{Dir: dir, Resolver: w, Fetcher: w})
		f.Set(cfg)
		expect(t, f, map[string]string{})
		for _, s := range f.Status() {
			if !strings.Contains(s.LastError, "the content is damaged: it is learned anew") {
				t.Errorf("%s says %q", s.Name, s.LastError)
			}
		}
		stop := run(t, f)
		pass(time.Second)
		stop()
		expect(t, f, map[string]string{deb: "192.0.2.7"})
	})
}

func TestDiskFull(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.name(deb, time.Minute, "192.0.2.1")
		f := New(Options{Dir: filepath.Join(file, "learned"), Resolver: w, Fetcher: w})
		f.Set(policy(t, "updates "+deb))
		stop := run(t, f)
		defer stop()
		pass(time.Second)
		expect(t, f, map[string]string{deb: "192.0.2.1"})
		if s := status(t, f, deb); !strings.Contains(s.LastError, "lost with a restart") {
			t.Errorf("says %q", s.LastError)
		}
	})
}

// TestListGuards is a list over days, as its server goes through everything that servers do.
func TestListGuards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.list(drop, numbers(100, 0))
		f := New(Options{Dir: t.TempDir(), Resolver: w, Fetcher: w})
		f.Set(policy(t, "drop "+drop+" 12h"))
		stop := run(t, f)
		defer stop()
		pass(time.Second)
		if !changed(f) {
			t.Fatal("nothing learned")
		}
		steps := []struct {
			name, text    string
			refresh       bool // by hand, and by force
			entries, held int
			bad           int
			changed       bool
			says          string
		}{
			{"unchanged", numbers(100, 0), false, 100, 0, 0, false, ""},
			{"other comments only", "# hello\n" + numbers(100, 0), false, 100, 0, 0, false, ""},
			{"halved", numbers(50, 0), false, 100, 50, 0, false, "held back"},
			{"still halved", numbers(50, 0), false, 100, 50, 0, false, "held back"},
			{"a page", "<html>Sign in</html>", false, 100, 50, 0, false, "it is a page"},
			{"halved, by force", numbers(50, 0), true, 50, 0, 0, true, ""},
			{"a bad line", numbers(60, 0) + "spam\n", false, 60, 0, 1, true, ""},
			{"nonsense", strings.Repeat("spam\n", 60), false, 60, 0, 60, false, "60 of 60 lines are no addresses"},
			{"nonsense, by force", strings.Repeat("spam\n", 60), true, 60, 0, 60, false, "60 of 60 lines are no addresses"},
			{"empty", "# none today\n", false, 60, 0, 0, false, "it is empty"},
			{"empty, by force", "# none today\n", true, 0, 0, 0, true, ""},
			{"back again", numbers(100, 0), false, 100, 0, 0, true, ""},
		}
		for _, s := range steps {
			w.list(drop, s.text)
			if s.refresh {
				if err := f.Refresh("drop", true); err != nil {
					t.Error(err)
				}
			}
			pass(12*time.Hour + time.Minute)
			got := status(t, f, "drop")
			if got.Entries != s.entries || got.HeldEntries != s.held || got.Held != (s.held > 0) || got.Bad != s.bad {
				t.Errorf("%s: %+v", s.name, got)
			}
			if s.says == "" != (got.LastError == "") || !strings.Contains(got.LastError, s.says) {
				t.Errorf("%s: says %q, want %q", s.name, got.LastError, s.says)
			}
			if c := changed(f); c != s.changed {
				t.Errorf("%s: changed %v", s.name, c)
			}
			if _, kept := f.Snapshot().Lists["drop"]; !kept {
				t.Errorf("%s: the list is gone", s.name)
			}
		}
	})
}

func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.slow = time.Second
		var aliases []string
		for i := range 40 {
			name, url := fmt.Sprintf("n%d.example.org", i), fmt.Sprintf("http://lists.example.org/%d", i)
			aliases = append(aliases, "a "+name, fmt.Sprintf("l%d %s 1h", i, url))
			w.name(name, time.Hour, "192.0.2.1")
			w.list(url, "192.0.2.1\n")
		}
		f := New(Options{Resolver: w, Fetcher: w})
		f.Set(policy(t, aliases...))
		stop := run(t, f)
		defer stop()
		pass(5500 * time.Millisecond)
		if n := len(f.Snapshot().Names); n != 40 {
			t.Errorf("%d names after five rounds of eight", n)
		}
		pass(5 * time.Second)
		if n := len(f.Snapshot().Lists); n != 40 {
			t.Errorf("%d lists after ten rounds of four", n)
		}
		if w.most[Name] != maxLookups || w.most[List] != maxFetches {
			t.Errorf("at once %v", w.most)
		}
	})
}

func TestChangesAreJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		f := New(Options{Resolver: w, Fetcher: w})
		var aliases []string
		for i := range 8 {
			name := fmt.Sprintf("n%d.example.org", i)
			w.name(name, time.Hour, "192.0.2.1")
			aliases = append(aliases, "a "+name)
		}
		f.Set(policy(t, aliases...))
		stop := run(t, f)
		defer stop()
		pass(settle / 2)
		if n := len(f.Snapshot().Names); n != 8 || changed(f) {
			t.Errorf("%d names, and said so too early", n)
		}
		pass(settle)
		if !changed(f) {
			t.Error("no word of it")
		}
		pass(settle * 10)
		if changed(f) {
			t.Error("said twice")
		}
	})
}

// TestSet changes what is wanted while things are under way.
func TestSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const moved = "https://mirror.example.org/drop"
		w := newWorld()
		w.name(deb, time.Minute, "192.0.2.1")
		w.list(drop, numbers(100, 0))
		f := New(Options{Dir: t.TempDir(), Resolver: w, Fetcher: w})
		stop := run(t, f)
		defer stop()
		f.Set(policy(t, "updates "+deb, "drop "+drop+" 1h"))
		pass(time.Second)
		full := snapshot(f)
		changed(f)

		// Another URL: the content stays until that answers, and is not held against it.
		f.Set(policy(t, "updates "+deb, "drop "+moved+" 1h"))
		pass(time.Second)
		expect(t, f, full)
		if s := status(t, f, "drop"); changed(f) || s.Entries != 100 || s.LastError == "" {
			t.Errorf("moved: %+v", s)
		}
		w.list(moved, "198.51.100.1\n")
		pass(listRetry)
		expect(t, f, map[string]string{deb: "192.0.2.1", "@drop": "198.51.100.1-198.51.100.1"})
		changed(f)

		// Wanted no longer, and wanted again: it comes back from disk.
		w.silence()
		f.Set(policy(t, "updates "+deb))
		expect(t, f, map[string]string{deb: "192.0.2.1"})
		if len(f.Status()) != 1 || !changed(f) {
			t.Errorf("removed: %+v", f.Status())
		}
		f.Set(policy(t, "updates "+deb, "drop "+moved+" 1h"))
		expect(t, f, map[string]string{deb: "192.0.2.1", "@drop": "198.51.100.1-198.51.100.1"})
		if !changed(f) {
			t.Error("back again, and no word of it")
		}
		f.Set(policy(t, "updates "+deb, "drop "+moved+" 1h"))
		if changed(f) {
			t.Error("the same again is a change")
		}
	})
}

// TestSetEndsWork removes a source while it is being learned: its outcome is nobody's.
func TestSetEndsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.slow = time.Minute
		w.list(drop, "198.51.100.1\n")
		f := New(Options{Resolver: w, Fetcher: w})
		stop := run(t, f)
		defer stop()
		f.Set(policy(t, "drop "+drop+" 1h"))
		pass(time.Second)
		f.Set(new(config.Config))
		pass(time.Second)
		if w.busy[List] != 0 {
			t.Error("it is still fetched")
		}
		f.Set(policy(t, "drop "+drop+" 1h"))
		pass(2 * time.Minute)
		expect(t, f, map[string]string{"@drop": "198.51.100.1-198.51.100.1"})
	})
}

func TestShorterRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.list(drop, "198.51.100.1\n")
		f := New(Options{Resolver: w, Fetcher: w})
		stop := run(t, f)
		defer stop()
		f.Set(policy(t, "drop "+drop+" 24h"))
		pass(time.Second)
		f.Set(policy(t, "drop "+drop+" 1m"))
		pass(10*time.Minute + time.Second)
		if _, n := w.counts(); n != 11 {
			t.Errorf("fetched %d times, want 11", n)
		}
	})
}

func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.name(deb, time.Hour, "192.0.2.1")
		w.name("www.example.org", time.Hour, "192.0.2.2")
		f := New(Options{Resolver: w, Fetcher: w})
		stop := run(t, f)
		defer stop()
		f.Set(policy(t, "updates "+deb+" www.example.org"))
		pass(time.Second)
		for _, name := range []string{"updates", deb} {
			if err := f.Refresh(name, false); err != nil {
				t.Error(err)
			}
			pass(time.Second)
		}
		if n, _ := w.counts(); n != 5 {
			t.Errorf("%d lookups, want two at first, two for the alias, one for the name", n)
		}
		if err := f.Refresh("absent", false); err == nil || !strings.Contains(err.Error(), `refresh "absent": no alias`) {
			t.Errorf("absent: %v", err)
		}
		// While it is under way: once more after that.
		w.slow = lookupTimeout / 2
		for range 3 {
			if err := f.Refresh(deb, false); err != nil {
				t.Error(err)
			}
			pass(time.Second)
		}
		pass(5 * time.Minute)
		if n, _ := w.counts(); n != 7 {
			t.Errorf("%d lookups, want 7", n)
		}
	})
}

// TestRunAgain ends Run in the middle of work: it waits for that, and a second Run does it anew.
func TestRunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.slow = lookupTimeout / 2
		w.name(deb, time.Hour, "192.0.2.1")
		f := New(Options{Resolver: w, Fetcher: w})
		f.Set(policy(t, "updates "+deb))
		stop := run(t, f)
		pass(time.Second)
		stop()
		if w.busy[Name] != 0 {
			t.Error("Run did not wait")
		}
		stop = run(t, f)
		pass(2 * time.Minute)
		stop()
		expect(t, f, map[string]string{deb: "192.0.2.1"})
	})
}

func TestStatusJSON(t *testing.T) {
	at := time.Date(2026, 6, 5, 12, 0, 0, 0, time.UTC)
	s := []Source{
		{Kind: Name, Name: deb, NextDue: at},
		{Kind: List, Name: "drop", URL: "file:drop", Entries: 3, LastSuccess: at, LastTry: at, NextDue: at, LastError: "it shrank",
			Held: true, HeldEntries: 1, Bad: 1, BadLines: []BadLine{{Line: 2, Text: "x", Why: whyNoAddress}}},
	}
	got, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"kind":"name","name":"deb.example.org","entries":0,"next_due":"2026-06-05T12:00:00Z"},` +
		`{"kind":"list","name":"drop","url":"file:drop","entries":3,"last_success":"2026-06-05T12:00:00Z","last_try":"2026-06-05T12:00:00Z",` +
		`"last_error":"it shrank","next_due":"2026-06-05T12:00:00Z","held":true,"held_entries":1,"bad":1,` +
		`"bad_lines":[{"line":2,"text":"x","why":"no address, prefix or range"}]}]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
