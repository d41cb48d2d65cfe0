package pulse

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func wantVerdicts(t *testing.T, s *scene, length time.Duration, want string) {
	t.Helper()
	if got := s.changes(length); got != want {
		t.Errorf("verdicts by ms = %q, want %q (%s)", got, want, s.j.Why())
	}
}

func TestKnocks(t *testing.T) {
	s := newScene(t, interval, "sync", "lan")
	s.j.Carrier(s.at(0), "lan", false)
	s.calm(5, "sync")
	if s.knocks != 0 {
		t.Errorf("%d knocks at a peer that is heard", s.knocks)
	}
	heard := s.now
	var at []time.Duration
	for s.verdict != Dead {
		s.now = s.j.Deadline().Sub(s.zero)
		_, knock := s.j.Check(s.at(s.now))
		if len(knock) > 0 {
			at = append(at, s.now-heard)
			if want := []string{"sync"}; !slices.Equal(knock, want) {
				t.Errorf("knocks on %v, want %v: the other has no carrier", knock, want)
			}
		}
		s.verdict = s.j.verdict
	}
	want := []time.Duration{150 * ms, 200 * ms, 250 * ms, 300 * ms, 350 * ms, 400 * ms, 450 * ms}
	if diff := cmp.Diff(want, at); diff != "" {
		t.Errorf("knocks after the last beat (-want +got):\n%s", diff)
	}
}

// TestKernelDies is a peer whose program hangs first, and then its kernel.
func TestKernelDies(t *testing.T) {
	s := newScene(t, interval, "sync", "lan")
	s.answers = map[string]bool{"lan": true} // one path is enough
	s.calm(5, "sync", "lan")
	wantVerdicts(t, s, 1010*ms, "150 doubtful, 500 stunned")
	s.answers = nil
	wantVerdicts(t, s, time.Second, "540 dead") // since the knock at 40
}

// TestReadLate is a loop that finds frames in its socket after it was told that the peer is dead.
func TestReadLate(t *testing.T) {
	for _, c := range []struct {
		name string
		late func(*scene)
		want Verdict
	}{
		{"a beat from before", func(s *scene) { s.now -= 3 * ms; s.hear("lan"); s.now += 3 * ms }, Alive},
		{"an answer from before", func(s *scene) { s.j.Answer(s.at(s.now-3*ms), "lan") }, Stunned},
		{"an answer from later", func(s *scene) { s.j.Answer(s.at(s.now+ms), "lan") }, Dead},
		{"an answer from before the knock", func(s *scene) { s.j.Answer(s.at(s.now-360*ms), "lan") }, Dead},
		{"a beat from long before", func(s *scene) { s.now -= 505 * ms; s.hear("lan"); s.now += 505 * ms }, Dead},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, interval, "sync", "lan")
			s.calm(5, "sync", "lan")
			wantVerdicts(t, s, 500*ms, "150 doubtful, 500 dead")
			c.late(s)
			s.now += 2 * ms
			s.check()
			if s.verdict != c.want {
				t.Errorf("verdict = %v (%s), want %v", s.verdict, s.j.Why(), c.want)
			}
		})
	}
}

func TestOnePath(t *testing.T) {
	s := newScene(t, interval, "lan")
	s.calm(5, "lan")
	wantVerdicts(t, s, time.Second, "150 doubtful, 500 dead")
	if want := "no heartbeat on lan for 500 ms, its kernel does not answer"; s.j.Why() != want {
		t.Errorf("Why = %q, want %q", s.j.Why(), want)
	}
}

// TestOnePathSilent breaks one of two for good.
func TestOnePathSilent(t *testing.T) {
	s := newScene(t, interval, "sync", "lan")
	s.calm(5, "sync", "lan")
	if s.j.Silent("lan") || s.j.Silent("sync") || s.j.Silent("none") {
		t.Error("a path is silent that brings heartbeats")
	}
	broken := s.now
	for s.now < broken+time.Hour/60 {
		s.calm(1, "sync")
		if silent := s.now-broken >= 500*ms; s.j.Silent("lan") != silent {
			t.Fatalf("Silent(lan) = %t after %v", !silent, s.now-broken)
		}
	}
	if s.j.Silent("sync") {
		t.Error("Silent(sync) = true")
	}
	if s.knocks > 0 {
		t.Errorf("%d knocks because of one path", s.knocks)
	}
	if want := "heard on 1 of 2 paths"; s.j.Why() != want {
		t.Errorf("Why = %q, want %q", s.j.Why(), want)
	}
	// Now the other one falls silent as well: that the first one has been for long shortens nothing.
	wantVerdicts(t, s, time.Second, "150 doubtful, 500 dead")
	if s.j.Silent("lan") {
		t.Error("Silent(lan) = true though all are")
	}
}

// TestSilenceIsLookedAt says that a path falls silent without an event.
func TestSilenceIsLookedAt(t *testing.T) {
	s := newScene(t, interval, "sync", "lan")
	s.calm(1, "sync", "lan")
	s.until(s.now + 60*ms)
	s.hear("sync")
	for s.now < 600*ms {
		if due := s.j.Deadline().Sub(s.zero); due == 600*ms {
			return
		}
		s.until(s.now + 100*ms)
		s.hear("sync")
	}
	t.Error("no Check was due when lan had been silent for 500 ms")
}

func TestCarrier(t *testing.T) {
	t.Run("lost here", func(t *testing.T) {
		s := newScene(t, interval, "sync", "lan")
		s.calm(5, "sync", "lan")
		s.j.Carrier(s.at(s.now), "lan", false)
		s.j.Carrier(s.at(s.now+ms), "sync", false)
		if !s.j.Isolated() {
			t.Error("Isolated = false without any carrier")
		}
		wantVerdicts(t, s, time.Hour, "")
		if want := "no path has carrier at this end"; s.j.Why() != want {
			t.Errorf("Why = %q, want %q", s.j.Why(), want)
		}
		// From here on silence means something again.
		s.j.Carrier(s.at(s.now), "lan", true)
		wantVerdicts(t, s, time.Hour, "150 doubtful, 500 dead")
	})
	t.Run("cable pulled", func(t *testing.T) {
		s := newScene(t, interval, "sync", "lan")
		s.calm(5, "sync", "lan")
		s.j.Carrier(s.at(s.now), "sync", false)
		s.calm(5, "lan")
		wantVerdicts(t, s, time.Second, "150 doubtful, 500 dead")
		if want := "no heartbeat on lan for 500 ms, its kernel does not answer"; s.j.Why() != want {
			t.Errorf("Why = %q, want %q", s.j.Why(), want)
		}
	})
	t.Run("cable back", func(t *testing.T) {
		s := newScene(t, interval, "sync", "lan")
		s.calm(5, "sync", "lan")
		s.j.Carrier(s.at(s.now), "sync", false)
		s.j.Carrier(s.at(s.now+10*ms), "sync", true)
		wantVerdicts(t, s, time.Second, "150 doubtful, 500 dead")
	})
	t.Run("cable pulled while the rest is silent", func(t *testing.T) {
		s := newScene(t, interval, "sync", "lan")
		s.calm(5, "sync", "lan")
		s.calm(20, "sync")
		s.j.Carrier(s.at(s.now), "sync", false)
		wantVerdicts(t, s, time.Second, "150 doubtful, 500 dead")
	})
	t.Run("power lost between beats", func(t *testing.T) {
		s := newScene(t, interval, "sync", "lan")
		s.calm(5, "sync", "lan")
		s.until(s.now + 90*ms)
		s.j.Carrier(s.at(s.now), "sync", false)
		wantVerdicts(t, s, time.Second, "60 dead") // 150 after the beat; the knock has been out for 60
	})
	t.Run("power lost, fast", func(t *testing.T) {
		s := newScene(t, 10*ms, "sync", "lan")
		s.calm(5, "sync", "lan")
		s.until(s.now + 9*ms)
		s.j.Carrier(s.at(s.now), "sync", false)
		wantVerdicts(t, s, time.Second, "6 doubtful, 10 dead")
	})
	t.Run("flaps while the peer is dead", func(t *testing.T) {
		s := newScene(t, interval, "sync", "lan")
		s.calm(5, "sync", "lan")
		end := s.now + 650*ms // each flap takes its knocks back
		for s.now < end {
			s.j.Carrier(s.at(s.now), "lan", false)
			s.until(s.now + 30*ms)
			s.j.Carrier(s.at(s.now), "lan", true)
			s.until(s.now + 180*ms)
		}
		if s.verdict != Dead {
			t.Errorf("verdict = %v (%s), want dead", s.verdict, s.j.Why())
		}
	})
	t.Run("known late", func(t *testing.T) {
		j := NewJudge(JudgeConfig{Interval: interval, Paths: []PathConfig{{Name: "sync", Cable: true}, {Name: "lan"}}})
		now := time.Now()
		j.Beat(now, &Beat{Session: 1, Seq: 1, Path: "lan", Interval: interval})
		j.Check(now)
		j.Carrier(now, "sync", false) // it never had any
		j.Check(now)
		if v, knock := j.Check(now.Add(160 * ms)); v != Doubtful || !slices.Equal(knock, []string{"lan"}) {
			t.Errorf("verdict = %v, knocks on %v", v, knock)
		}
		if v, _ := j.Check(now.Add(300 * ms)); v != Doubtful {
			t.Errorf("verdict = %v (%s), want doubtful", v, j.Why())
		}
	})
}

func TestResetIsTakenBack(t *testing.T) {
	s := newScene(t, interval, "sync", "lan")
	s.calm(5, "sync", "lan")
	s.j.Reset(s.at(s.now))
	s.calm(2, "sync", "lan") // the program goes on
	wantVerdicts(t, s, time.Second, "150 doubtful, 500 dead")

	s = newScene(t, interval, "sync", "lan")
	s.calm(5, "sync", "lan")
	s.j.Reset(s.at(s.now))
	s.until(s.now + ms)
	s.hear("lan") // was on its way
	wantVerdicts(t, s, time.Second, "150 dead")
	if want := "the connection of the daemons broke, no heartbeat on any of 2 paths for 150 ms"; s.j.Why() != want {
		t.Errorf("Why = %q, want %q", s.j.Why(), want)
	}
}

func TestPeerInterval(t *testing.T) {
	s := newScene(t, interval, "lan")
	s.beat.Interval = time.Second
	s.calm(5, "lan")
	wantVerdicts(t, s, 10*time.Second, "1500 doubtful, 3000 dead")
	s.beat.Interval = 10 * ms
	s.hear("lan")
	wantVerdicts(t, s, 10*time.Second, "15 doubtful, 30 dead")
}

func TestGoodbyeIsQuicker(t *testing.T) {
	s := newScene(t, interval, "sync", "lan")
	s.calm(5, "sync", "lan")
	s.beat.Leaving, s.seq = true, s.seq+1
	s.hear("lan")
	s.beat.Leaving, s.seq = false, s.seq-2
	s.hear("sync") // it was sent before
	if s.verdict != Left {
		t.Errorf("verdict = %v, want left", s.verdict)
	}
	if want := "it said goodbye"; s.j.Why() != want {
		t.Errorf("Why = %q, want %q", s.j.Why(), want)
	}
}

// TestAsleep is a judge that wakes up after a second in which it lost frames.
func TestAsleep(t *testing.T) {
	for _, every := range []time.Duration{10 * ms, interval} {
		s := newScene(t, every, "sync", "lan")
		s.calm(5, "sync", "lan")
		s.now += 20 * every
		s.check()
		if s.verdict != Alive {
			t.Errorf("interval %v: verdict of who just woke up = %v (%s)", every, s.verdict, s.j.Why())
		}
		want := map[time.Duration]string{10 * ms: "15 doubtful, 30 dead", interval: "150 doubtful, 500 dead"}
		wantVerdicts(t, s, time.Second, want[every])
	}
}

// TestAlwaysLate is a judge that never comes when it is due.
func TestAlwaysLate(t *testing.T) {
	for _, late := range []time.Duration{15 * ms, 50 * ms} {
		s := newScene(t, 10*ms, "sync", "lan")
		s.calm(5, "sync", "lan")
		heard := s.now
		for s.verdict != Dead {
			due := s.j.Deadline()
			if due.IsZero() || s.now > heard+time.Second {
				t.Fatalf("late by %v: %v after %v", late, s.verdict, s.now-heard)
			}
			s.now = due.Add(late).Sub(s.zero)
			s.check()
		}
		if took := s.now - heard; took > 8*(late+20*ms) {
			t.Errorf("late by %v: dead after %v", late, took)
		}
		// And a living one is heard all the same.
		for range 100 {
			s.now += 10*ms + late
			s.hear("sync", "lan")
			if s.verdict != Alive {
				t.Fatalf("late by %v: verdict of a peer that is heard = %v", late, s.verdict)
			}
		}
	}
}

func TestConfigure(t *testing.T) {
	s := newScene(t, interval, "sync", "lan")
	s.calm(5, "sync", "lan")
	s.j.Configure(s.at(s.now), JudgeConfig{Interval: time.Second, Paths: []PathConfig{{Name: "wan"}, {Name: "lan"}}})
	states := s.j.PathStates()
	if len(states) != 2 || states[0].Name != "wan" || !states[0].Silent || states[1].Silent || states[1].Beat != s.at(s.now) {
		t.Errorf("paths = %+v: want wan, which was never heard, and lan as it was", states)
	}
	if s.j.Silent("wan") {
		t.Error("a path that is there for no time is silent for long")
	}
	wantVerdicts(t, s, time.Second, "150 doubtful, 500 dead")
}

func TestLoss(t *testing.T) {
	s := newScene(t, interval, "sync", "lan", "wan")
	check := func(what string, want ...float64) {
		t.Helper()
		for i, p := range s.j.PathStates() {
			if p.Lost < want[i]-1 || p.Lost > want[i]+1 {
				t.Errorf("%s: %.1f %% lost on %s, want %.0f", what, p.Lost, p.Name, want[i])
			}
		}
	}
	check("at the start", 0, 0, 0)
	for i := range 1200 {
		paths := []string{"sync"}
		if i%4 > 0 {
			paths = append(paths, "lan")
		}
		if i < 900 {
			paths = append(paths, "wan")
		}
		s.calm(1, paths...)
	}
	check("a fourth and a half", 0, 25, 50)
	s.calm(600, "sync", "lan", "wan")
	check("healed", 0, 0, 0)
	s.calm(300, "sync")
	s.j.Carrier(s.at(s.now), "lan", false)
	s.calm(300, "sync")
	check("without carrier none is expected", 0, 0, 100)
	s.beat.Session, s.seq = 2, 0
	s.until(s.now + 30*time.Second)
	s.hear("sync", "wan")
	s.calm(599, "sync", "wan")
	check("restarted", 0, 0, 0)
}

// TestNoFalseAlarm is a peer on a machine with both cores busy: its beats come with the gaps that were measured
// at a program with a timer of its own at nice -20 (per 20,000: 99 above 20 ms, 40 above 30, 21 above 50, 8
// above 100, 2 above 200, the longest 461 ms), and its kernel answers.
func TestNoFalseAlarm(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	gap := func() time.Duration {
		classes := []struct {
			in       int // 20,000
			from, to time.Duration
		}{{2, 200 * ms, 500 * ms}, {6, 100 * ms, 200 * ms}, {13, 50 * ms, 100 * ms}, {19, 30 * ms, 50 * ms}, {59, 20 * ms, 30 * ms}}
		n := random.IntN(20_000)
		for _, c := range classes {
			if n -= c.in; n < 0 {
				return c.from + time.Duration(random.Int64N(int64(c.to-c.from)))
			}
		}
		return 9*ms + time.Duration(random.Int64N(int64(2*ms)))
	}
	s := newScene(t, 10*ms, "sync", "lan", "wan")
	s.answers = map[string]bool{"sync": true, "lan": true, "wan": true}
	for range 100_000 {
		s.until(s.now + gap())
		s.hear("sync", "lan", "wan")
	}
	if s.seen[Dead] > 0 {
		t.Errorf("%d false alarms", s.seen[Dead])
	}
	if s.seen[Stunned] < 100 || s.seen[Doubtful] < 250 {
		t.Errorf("%d times stunned and %d times doubtful: the gaps are not what was measured", s.seen[Stunned], s.seen[Doubtful])
	}
}

func TestReadable(t *testing.T) {
	for d, want := range map[time.Duration]string{512 * ms: "512 ms", 9999 * ms: "9999 ms", 10 * time.Second: "10 s", time.Hour: "3600 s"} {
		if got := readable(d); got != want {
			t.Errorf("readable(%v) = %q, want %q", d, got, want)
		}
	}
}
