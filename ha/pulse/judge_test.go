package pulse

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// scene is a Judge under a clock that the test turns.
type scene struct {
	t    *testing.T
	j    *Judge
	zero time.Time
	now  time.Duration
	seq  uint64
	beat Beat
	// knocks are those that Check asked for.
	knocks int
	// answers are the paths by which the peer's kernel answers at once.
	answers map[string]bool
	verdict Verdict
	seen    map[Verdict]int // how often each was come to
}

const (
	ms       = time.Millisecond
	interval = 100 * ms
)

func newScene(t *testing.T, every time.Duration, names ...string) *scene {
	t.Helper()
	c := JudgeConfig{Interval: every}
	for _, n := range names {
		c.Paths = append(c.Paths, PathConfig{Name: n, Cable: n == "sync"})
	}
	s := &scene{
		t: t, j: NewJudge(c), zero: time.Now(), answers: map[string]bool{}, seen: map[Verdict]int{},
		beat: Beat{Session: 1, Node: "fw2", Interval: every},
	}
	for _, n := range names {
		s.j.Carrier(s.zero, n, true)
	}
	s.check()
	return s
}

func (s *scene) at(d time.Duration) time.Time { return s.zero.Add(d) }

func (s *scene) check() {
	v, knock := s.j.Check(s.at(s.now))
	if v != s.verdict {
		s.seen[v]++
	}
	s.verdict = v
	if len(knock) > 0 {
		s.knocks++
	}
	for _, p := range knock {
		if s.answers[p] {
			s.j.Answer(s.at(s.now), p)
		}
	}
}

// until lets time pass, with a Check at each Deadline.
func (s *scene) until(end time.Duration) {
	s.t.Helper()
	for range 100_000 {
		due := s.j.Deadline()
		if due.IsZero() || due.Sub(s.zero) > end {
			s.now = end
			return
		}
		s.now = max(s.now, due.Sub(s.zero))
		s.check()
	}
	s.t.Fatalf("the deadline stays at %v", s.j.Deadline().Sub(s.zero))
}

// hear brings a beat on each path.
func (s *scene) hear(paths ...string) {
	for _, p := range paths {
		s.seq++
		b := s.beat
		b.Seq, b.Path = s.seq, p
		s.j.Beat(s.at(s.now), &b)
	}
	s.check()
}

// calm is n intervals in which the peer is heard; the last beat is at the time that it returns.
func (s *scene) calm(n int, paths ...string) {
	s.t.Helper()
	for range n {
		s.until(s.now + s.beat.Interval)
		s.hear(paths...)
		if s.verdict != Alive {
			s.t.Fatalf("verdict of a peer that is heard = %v (%s)", s.verdict, s.j.Why())
		}
	}
}

// changes lets time pass until end and lists the verdicts, with the time since the start of the call.
func (s *scene) changes(length time.Duration) string {
	s.t.Helper()
	start, out, last := s.now, []string{}, s.verdict
	for range 100_000 {
		if s.verdict != last {
			last = s.verdict
			out = append(out, fmt.Sprintf("%d %s", (s.now-start).Milliseconds(), last))
		}
		due := s.j.Deadline()
		if due.IsZero() || due.Sub(s.zero) > start+length {
			s.now = start + length
			return strings.Join(out, ", ")
		}
		s.now = max(s.now, due.Sub(s.zero))
		s.check()
	}
	s.t.Fatalf("the deadline stays at %v", s.j.Deadline().Sub(s.zero))
	return ""
}

func TestTiming(t *testing.T) {
	for _, c := range []Timing{
		{Interval: 10 * ms, Multiple: 3, Dead: 30 * ms, Confirmed: 15 * ms, Stunned: 3 * time.Second, Knock: 15 * ms},
		{Interval: 50 * ms, Multiple: 3, Dead: 150 * ms, Confirmed: 75 * ms, Stunned: 3 * time.Second, Knock: 75 * ms},
		{Interval: 100 * ms, Multiple: 5, Dead: 500 * ms, Confirmed: 150 * ms, Stunned: 5 * time.Second, Knock: 150 * ms},
		{Interval: 500 * ms, Multiple: 5, Dead: 2500 * ms, Confirmed: 750 * ms, Stunned: 25 * time.Second, Knock: 750 * ms},
		{Interval: 600 * ms, Multiple: 4, Dead: 2400 * ms, Confirmed: 900 * ms, Stunned: 24 * time.Second, Knock: 900 * ms},
		{Interval: time.Second, Multiple: 3, Dead: 3 * time.Second, Confirmed: 1500 * ms, Stunned: 30 * time.Second, Knock: 1500 * ms},
		{Interval: 10 * time.Second, Multiple: 3, Dead: 30 * time.Second, Confirmed: 15 * time.Second, Stunned: time.Minute, Knock: 15 * time.Second},
	} {
		if diff := cmp.Diff(c, TimingFor(c.Interval)); diff != "" {
			t.Errorf("TimingFor(%v) (-want +got):\n%s", c.Interval, diff)
		}
	}
	for i := time.Duration(0); i < 2*time.Minute; i += 7*ms + i/10 {
		c := TimingFor(i)
		if c.Knock >= c.Dead || c.Confirmed >= c.Dead || c.Dead >= c.Stunned || c.Knock+c.patience() > c.Dead ||
			c.repeat() > c.patience() || c.repeat() > c.hasty() || c.hasty() > c.patience() || c.repeat() <= 0 {
			t.Errorf("TimingFor(%v) = %+v, patience %v, hasty %v, repeat %v: out of order", i, c, c.patience(), c.hasty(), c.repeat())
		}
	}
}

// TestJudge is what follows from each event in each situation, with a beat every 100 ms, the last one at 0.
func TestJudge(t *testing.T) {
	all := []string{"sync", "lan", "wan"}
	silence := "150 doubtful, 500 dead"
	stunned := "150 doubtful, 500 stunned, 5000 dead"
	alive := func(s *scene) { s.calm(10, all...) }
	answering := func(s *scene) {
		s.answers = map[string]bool{"sync": true, "lan": true, "wan": true}
		alive(s)
	}
	situations := []struct {
		name  string
		enter func(*scene)
		// what follows from each event
		want map[string]string
	}{
		{"never heard", func(*scene) {}, map[string]string{
			"nothing": "", "answer": "", "ad": "", "beat": "0 alive, " + silence, "goodbye": "0 left", "patience": "0 alive, 2150 doubtful, 2500 dead",
			"reset": "", "connected": "", "cable lost": "", "lan lost": "", "all lost": "", "sync silent": "0 alive, " + silence, "restart": "0 alive, " + silence, "stopped": "",
		}},
		{"alive", alive, map[string]string{
			"nothing": silence, "answer": silence, "ad": silence, "beat": silence, "goodbye": "0 left", "patience": "2150 doubtful, 2500 dead",
			"reset": "150 dead", "connected": silence, "cable lost": "150 dead", "lan lost": silence, "all lost": "", "sync silent": silence, "restart": silence, "stopped": silence,
		}},
		{"alive, and its kernel", answering, map[string]string{
			"nothing": stunned, "answer": stunned, "ad": stunned, "beat": stunned, "goodbye": "0 left", "patience": "2150 doubtful, 2500 stunned, 7000 dead",
			"reset": "150 dead", "connected": stunned, "cable lost": stunned, "lan lost": stunned, "all lost": "", "sync silent": stunned, "restart": stunned, "stopped": stunned,
		}},
		{"doubtful", func(s *scene) { alive(s); s.until(s.now + 300*ms) }, map[string]string{
			"nothing": "200 dead", "answer": "200 stunned, 550 dead", "ad": "0 alive, " + silence, "beat": "0 alive, " + silence, "goodbye": "0 left", "patience": "0 alive, 2150 doubtful, 2500 dead",
			"reset": "0 dead", "connected": "200 dead", "cable lost": "0 dead", "lan lost": "200 dead", "all lost": "", "sync silent": "0 alive, " + silence, "restart": "0 alive, " + silence, "stopped": "500 dead",
		}},
		{"stunned", func(s *scene) { answering(s); s.until(s.now + time.Second) }, map[string]string{
			"nothing": "4000 dead", "answer": "4000 dead", "ad": "0 alive, " + stunned, "beat": "0 alive, " + stunned, "goodbye": "0 left", "patience": "0 alive, 2150 doubtful, 2500 stunned, 7000 dead",
			"reset": "0 dead", "connected": "4000 dead", "cable lost": "4000 dead", "lan lost": "4000 dead", "all lost": "", "sync silent": "0 alive, " + stunned, "restart": "0 alive, " + stunned, "stopped": "5000 dead",
		}},
		{"dead", func(s *scene) { alive(s); s.until(s.now + time.Second) }, map[string]string{
			"nothing": "", "answer": "", "ad": "0 alive, " + silence, "beat": "0 alive, " + silence, "goodbye": "0 left", "patience": "0 alive, 2150 doubtful, 2500 dead",
			"reset": "", "connected": "", "cable lost": "", "lan lost": "", "all lost": "", "sync silent": "0 alive, " + silence, "restart": "0 alive, " + silence, "stopped": "",
		}},
		{"left", func(s *scene) { alive(s); s.beat.Leaving = true; s.hear("lan"); s.beat.Leaving = false }, map[string]string{
			"nothing": "", "answer": "", "ad": "", "beat": "0 alive, " + silence, "goodbye": "", "patience": "0 alive, 2150 doubtful, 2500 dead",
			"reset": "", "connected": "", "cable lost": "", "lan lost": "", "all lost": "", "sync silent": "0 alive, " + silence, "restart": "0 alive, " + silence, "stopped": "",
		}},
		{"asked for patience", func(s *scene) { alive(s); s.beat.Hold = 2 * time.Second; s.hear(all...); s.beat.Hold = 0 }, map[string]string{
			"nothing": "2150 doubtful, 2500 dead", "answer": "2150 doubtful, 2500 dead", "ad": "2150 doubtful, 2500 dead", "beat": silence, "goodbye": "0 left", "patience": "2150 doubtful, 2500 dead",
			"reset": "150 dead", "connected": "2150 doubtful, 2500 dead", "cable lost": "2150 dead", "lan lost": "2150 doubtful, 2500 dead", "all lost": "", "sync silent": silence, "restart": silence, "stopped": "2150 doubtful, 2500 dead",
		}},
		{"asked for patience, and its kernel answers", func(s *scene) { answering(s); s.beat.Hold = 2 * time.Second; s.hear(all...); s.beat.Hold = 0 }, map[string]string{
			"reset": "2150 dead",
		}},
	}
	events := map[string]func(*scene){
		"nothing":     func(*scene) {},
		"answer":      func(s *scene) { s.j.Answer(s.at(s.now), "lan") },
		"ad":          func(s *scene) { s.j.Sign(s.at(s.now), "lan") },
		"beat":        func(s *scene) { s.hear(all...) },
		"goodbye":     func(s *scene) { s.beat.Leaving = true; s.hear("lan") },
		"patience":    func(s *scene) { s.beat.Hold = 2 * time.Second; s.hear("lan") },
		"reset":       func(s *scene) { s.j.Reset(s.at(s.now)) },
		"connected":   func(s *scene) { s.j.Connected(s.at(s.now)) },
		"cable lost":  func(s *scene) { s.j.Carrier(s.at(s.now), "sync", false) },
		"lan lost":    func(s *scene) { s.j.Carrier(s.at(s.now), "lan", false) },
		"sync silent": func(s *scene) { s.hear("lan", "wan") },
		"restart":     func(s *scene) { s.beat.Session, s.seq = 2, 0; s.hear(all...) },
		"stopped":     func(s *scene) { s.j.Slept(s.at(s.now), time.Second) },
		"all lost": func(s *scene) {
			for _, p := range all {
				s.j.Carrier(s.at(s.now), p, false)
			}
		},
	}
	for i, situation := range situations {
		for name, event := range events {
			want, ok := situation.want[name]
			if !ok {
				if i < 8 {
					t.Errorf("%s: nothing is said of %q", situation.name, name)
				}
				continue
			}
			t.Run(situation.name+"/"+name, func(t *testing.T) {
				s := newScene(t, interval, all...)
				situation.enter(s)
				before := s.verdict
				event(s)
				// What the event itself made of it stands first.
				at, after := s.now, s.verdict
				s.verdict = before
				var got []string
				if after != before {
					got = append(got, fmt.Sprintf("0 %s", after))
				}
				s.verdict, s.now = after, at
				if rest := s.changes(20 * time.Second); rest != "" {
					got = append(got, rest)
				}
				if diff := cmp.Diff(want, strings.Join(got, ", ")); diff != "" {
					t.Errorf("verdicts by ms (-want +got), %s:\n%s", s.j.Why(), diff)
				}
			})
		}
	}
}
