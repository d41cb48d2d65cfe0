package feeds

import (
	"bytes"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// taughtBy has one node import what the other one exports, and says whether that changed anything.
func taughtBy(t *testing.T, f, other *Feeds) bool {
	t.Helper()
	changed, err := f.Import(other.Export(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// node is one of two that learn from the world; it does not run.
func node(t *testing.T, w *world, dir string, aliases ...string) *Feeds {
	t.Helper()
	f := New(Options{Dir: dir, Resolver: w, Fetcher: w})
	f.Set(policy(t, aliases...))
	return f
}

// TestImportSparesTheSources: what the other node learned is in use, kept, and not asked for until it is due there.
func TestImportSparesTheSources(t *testing.T) {
	dir := t.TempDir()
	aliases := []string{"updates " + deb, "drop " + drop + " 1h"}
	want := map[string]string{deb: "192.0.2.1", "@drop": "198.51.100.0-198.51.100.255"}
	synctest.Test(t, func(t *testing.T) {
		w, silent := newWorld(), newWorld()
		w.name(deb, time.Hour, "192.0.2.1")
		w.list(drop, "198.51.100.0/24\n")
		f, other := node(t, silent, dir, aliases...), node(t, w, "", aliases...)
		stop := run(t, other)
		pass(20 * time.Minute)
		stop()
		if !taughtBy(t, f, other) || !changed(f) {
			t.Error("it changed nothing")
		}
		expect(t, f, want)
		if f.Digest() != other.Digest() {
			t.Error("two nodes that know the same have two digests")
		}
		if s := status(t, f, "drop"); time.Until(s.NextDue) > 40*time.Minute || time.Since(s.LastSuccess) < 19*time.Minute {
			t.Errorf("list %+v", s)
		}
		stop = run(t, f)
		pass(39 * time.Minute)
		if _, fetches := silent.counts(); fetches > 0 {
			t.Errorf("%d fetches before the list is due", fetches)
		}
		pass(2 * time.Minute)
		if _, fetches := silent.counts(); fetches == 0 {
			t.Error("no fetch when the list is due")
		}
		stop()
	})
	again := node(t, newWorld(), dir, aliases...)
	expect(t, again, want)
}

// TestImportTakesWhatIsNewer, whoever has it, and two nodes agree after each told the other.
func TestImportTakesWhatIsNewer(t *testing.T) {
	for _, tt := range []struct {
		name  string
		later time.Duration // that the other node learned
		want  string        // that both have; empty: one of the two
	}{
		{"the other is later", time.Minute, "192.0.2.2"},
		{"the other is earlier", -time.Minute, "192.0.2.1"},
		{"at one time", time.Millisecond, ""},
		{"at one time, the other way", -time.Millisecond, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, other := node(t, newWorld(), "", "updates "+deb), node(t, newWorld(), "", "updates "+deb)
			at := time.Now().Add(-time.Hour)
			k := key{Name, deb}
			f.sources[k].known, f.sources[k].lastSuccess = nameContent("192.0.2.1"), at
			other.sources[k].known, other.sources[k].lastSuccess = nameContent("192.0.2.2"), at.Add(tt.later)
			messages := [][]byte{f.Export(), other.Export()} // on their way at once
			for i, n := range []*Feeds{other, f} {
				if _, err := n.Import(messages[i], time.Now()); err != nil {
					t.Fatal(err)
				}
			}
			got, theirs := snapshot(f)[deb], snapshot(other)[deb]
			if got != theirs || tt.want != "" && got != tt.want {
				t.Errorf("one has %s, the other %s", got, theirs)
			}
			if taughtBy(t, f, other) || taughtBy(t, other, f) {
				t.Error("they go on changing each other")
			}
		})
	}
}

// TestImportHeedsNoClock: one that was a year ahead when the content was kept proves nothing.
func TestImportHeedsNoClock(t *testing.T) {
	f, other := node(t, newWorld(), "", "updates "+deb), node(t, newWorld(), "", "updates "+deb)
	k := key{Name, deb}
	year := 365 * 24 * time.Hour
	f.sources[k].known, f.sources[k].lastSuccess = nameContent("192.0.2.1"), time.Now().Add(year)
	other.sources[k].known, other.sources[k].lastSuccess = nameContent("192.0.2.2"), time.Now().Add(-time.Hour)
	if taughtBy(t, other, f) {
		t.Error("content from the future is taken for new")
	}
	if !taughtBy(t, f, other) || snapshot(f)[deb] != "192.0.2.2" {
		t.Errorf("it stays with %s", snapshot(f)[deb])
	}
	if s := status(t, f, deb); time.Since(s.LastSuccess) < time.Hour {
		t.Errorf("confirmed %s", s.LastSuccess)
	}
}

// TestImportHeedsTheURL: a list is worth what its url is that the policy has now.
func TestImportHeedsTheURL(t *testing.T) {
	const old, moved = "https://lists.example.org/old", "https://lists.example.org/new"
	at := time.Now().Add(-time.Hour)
	teach := func(n *Feeds, at time.Time, url, text string) {
		s := n.sources[key{List, "drop"}]
		s.known, s.lastSuccess = listContent(t, text), at
		s.known.url = url
	}
	for _, tt := range []struct {
		name         string
		ours, theirs string
		later        time.Duration
		want         string
	}{
		{"theirs is from there", old, moved, -time.Minute, "192.0.2.2-192.0.2.2"},
		{"ours is from there", moved, old, time.Minute, "192.0.2.1-192.0.2.1"},
		{"neither", old, old, time.Minute, "192.0.2.2-192.0.2.2"},
	} {
		f, other := node(t, newWorld(), "", "drop "+moved+" 1h"), node(t, newWorld(), "", "drop "+moved+" 1h")
		teach(f, at, tt.ours, "192.0.2.1\n")
		teach(other, at.Add(tt.later), tt.theirs, "192.0.2.2\n")
		taughtBy(t, f, other)
		if got := snapshot(f)["@drop"]; got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if due := status(t, f, "drop").NextDue; tt.theirs == old && due.After(time.Now()) {
			t.Errorf("%s: the url is not asked before %s", tt.name, due)
		}
	}
}

// TestImportKeepsForLater what no policy names yet.
func TestImportKeepsForLater(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "learned")
	f := node(t, newWorld(), dir)
	other := node(t, newWorld(), "", "updates "+deb, "drop "+drop+" 1h")
	other.sources[key{Name, deb}].known = nameContent("192.0.2.1")
	other.sources[key{List, "drop"}].known = listContent(t, "198.51.100.0/24\n")
	for _, s := range other.sources {
		s.known.url = s.url
		s.lastSuccess = time.Now().Add(-20 * time.Minute)
	}
	if taughtBy(t, f, other) || changed(f) {
		t.Error("what nobody wants changes something")
	}
	staged := policy(t, "updates "+deb, "drop "+drop+" 1h")
	s := f.Peek(staged)
	if len(s.Names[deb]) != 1 || s.Lists["drop"] == nil {
		t.Errorf("a policy that names it would find %v", s)
	}
	other.sources[key{Name, deb}].known = nameContent("192.0.2.9")
	other.sources[key{Name, deb}].lastSuccess = time.Now().Add(-time.Hour)
	taughtBy(t, f, other)
	f.Set(staged)
	expect(t, f, map[string]string{deb: "192.0.2.1", "@drop": "198.51.100.0-198.51.100.255"})
	if due := time.Until(status(t, f, "drop").NextDue); due < 39*time.Minute || due > 40*time.Minute {
		t.Errorf("the list is due in %s", due)
	}
}

// TestImportOvertakesWork that began with less; what somebody asked for is done all the same.
func TestImportOvertakesWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.slow = time.Minute
		w.list(drop, "192.0.2.1\n")
		aliases := []string{"drop " + drop + " 1h"}
		f, other := node(t, w, "", aliases...), node(t, newWorld(), "", aliases...)
		s := other.sources[key{List, "drop"}]
		s.known, s.lastSuccess = listContent(t, "192.0.2.2\n"), time.Now()
		s.known.url = drop
		stop := run(t, f)
		defer stop()
		pass(time.Second)
		taughtBy(t, f, other)
		pass(10 * time.Minute)
		expect(t, f, map[string]string{"@drop": "192.0.2.2-192.0.2.2"})
		if err := f.Refresh("drop", true); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		s.known, s.lastSuccess = listContent(t, "192.0.2.3\n"), time.Now()
		s.known.url = drop
		taughtBy(t, f, other)
		expect(t, f, map[string]string{"@drop": "192.0.2.3-192.0.2.3"})
		pass(2 * time.Minute)
		expect(t, f, map[string]string{"@drop": "192.0.2.1-192.0.2.1"})
	})
}

// TestImportKeepsLeases: addresses that both know leave when they would have.
func TestImportKeepsLeases(t *testing.T) {
	f, other := node(t, newWorld(), "", "updates "+deb), node(t, newWorld(), "", "updates "+deb)
	k := key{Name, deb}
	now := time.Now()
	have, come := addrs("192.0.2.1")[0], addrs("192.0.2.2")[0]
	f.sources[k].known, f.sources[k].lastSuccess = content{leases: leases{have: now.Add(time.Minute)}}, now.Add(-time.Hour)
	other.sources[k].known, other.sources[k].lastSuccess = nameContent("192.0.2.1", "192.0.2.2"), now
	taughtBy(t, f, other)
	got := f.sources[k].known.leases
	if len(got) != 2 || !got[have].Equal(now.Add(time.Minute)) || !got[come].IsZero() {
		t.Errorf("leases %v", got)
	}
}

func TestImportOfDamageChangesNothing(t *testing.T) {
	f, other := node(t, newWorld(), "", "updates "+deb), node(t, newWorld(), "", "updates "+deb)
	other.sources[key{Name, deb}].known = nameContent("192.0.2.1")
	b := other.Export()
	b[len(b)/2] ^= 1
	if changed, err := f.Import(b, time.Now()); err == nil || changed || len(snapshot(f)) > 0 {
		t.Errorf("changed %v, %v", changed, err)
	}
}

func TestDigest(t *testing.T) {
	aliases := []string{"updates " + deb, "drop " + drop + " 1h"}
	f := node(t, newWorld(), "", aliases...)
	seen := map[string]string{}
	differs := func(what string) {
		t.Helper()
		d := f.Digest()
		if before, ok := seen[d]; ok {
			t.Errorf("%s: the digest is that of %s", what, before)
		}
		seen[d] = what
	}
	differs("nothing")
	name, list := f.sources[key{Name, deb}], f.sources[key{List, "drop"}]
	name.known = nameContent("192.0.2.1")
	differs("a name")
	list.known = listContent(t, "")
	differs("an empty list")
	list.known = listContent(t, "192.0.2.1\n")
	differs("a list")
	list.known = listContent(t, "192.0.2.2\n")
	differs("another list")
	before := f.Digest()
	list.lastSuccess, list.known = time.Now(), listContent(t, "192.0.2.2\n")
	if f.Digest() != before {
		t.Error("another time is another digest")
	}
	f.Set(policy(t, aliases[0]))
	if seen[f.Digest()] != "a name" {
		t.Error("a list that is wanted no more is in the digest")
	}
	if len(f.sums) > 0 {
		t.Error("it remembers a list that nobody wants")
	}
}

// TestExportIsWhatItSays: equal knowledge of equal age has equal bytes.
func TestExportIsWhatItSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aliases := []string{"updates " + deb + " a.example b.example", "drop " + drop + " 1h"}
		f := node(t, newWorld(), "", aliases...)
		for k, s := range f.sources {
			s.known, s.lastSuccess = nameContent("192.0.2.1"), time.Now()
			if k.kind == List {
				s.known = listContent(t, "192.0.2.1\n")
			}
		}
		first := f.Export()
		if !bytes.Equal(first, f.Export()) {
			t.Error("two exports differ")
		}
		pass(time.Second)
		if bytes.Equal(first, f.Export()) {
			t.Error("ages stand still")
		}
	})
}
