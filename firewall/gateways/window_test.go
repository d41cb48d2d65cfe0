package gateways

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const ms = time.Millisecond

// start is when tests begin.
func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// seconds is a time of a test.
func seconds(s float64) time.Time { return start().Add(time.Duration(s * float64(time.Second))) }

func TestWindow(t *testing.T) {
	w := newWindow(10*time.Second, 500*ms, 2*time.Second)
	check := func(what string, want Stats) {
		t.Helper()
		if diff := cmp.Diff(want, w.stats()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	check("nothing was asked", Stats{})
	a, _ := w.ask(seconds(0), 1)
	check("one is open", Stats{Sent: 1})
	if !w.answer(seconds(0.1), a) {
		t.Error("an answer in time is refused")
	}
	if w.answer(seconds(0.2), a) {
		t.Error("a second answer is taken")
	}
	check("one is answered", Stats{Sent: 1, Answered: 1, Delay: 100 * ms})
	b, _ := w.ask(seconds(1), 2)
	c, _ := w.ask(seconds(2), 3)
	w.answer(seconds(2.3), c)
	check("one is open, one overtook it", Stats{Sent: 3, Answered: 2, Delay: 200 * ms, Jitter: 200 * ms})
	if got := w.expiry(); !got.Equal(seconds(3)) {
		t.Errorf("the open one is lost at %v", got)
	}
	if lost := w.pass(seconds(2.999)); lost != nil {
		t.Errorf("lost before its time: %v", lost)
	}
	if w.answer(seconds(3), b) {
		t.Error("an answer at the end of its time is taken")
	}
	if lost := w.pass(seconds(3)); !slices.Equal(lost, []uint64{2}) {
		t.Errorf("lost: %v", lost)
	}
	if w.answer(seconds(3.1), b) {
		t.Error("a late answer is taken")
	}
	check("one is lost", Stats{Sent: 3, Lost: 1, Answered: 2, Loss: 100.0 / 3, Delay: 200 * ms, Jitter: 200 * ms})
	d, _ := w.ask(seconds(4), 4)
	if !w.lose(d) || w.lose(d) {
		t.Error("what failed at once is not lost once")
	}
	w.pass(seconds(10.5))
	check("the first has left", Stats{Sent: 3, Lost: 2, Answered: 1, Loss: 200.0 / 3, Delay: 300 * ms, Jitter: 200 * ms})
	w.pass(seconds(20))
	check("all have left", Stats{})
	if !w.expiry().IsZero() {
		t.Error("something is open")
	}
}

func TestWindowRestart(t *testing.T) {
	w := newWindow(10*time.Second, 500*ms, 2*time.Second)
	for i := range 4 {
		w.ask(seconds(float64(i)*0.5), uint64(i+1))
	}
	w.pass(seconds(2.2)) // the first is lost, the others are open
	w.answer(seconds(2.2), 2)
	if dropped := w.restart(2); !slices.Equal(dropped, []uint64{2}) {
		t.Errorf("dropped %v", dropped)
	}
	want := Stats{Sent: 2, Answered: 1, Delay: 1200 * ms}
	if diff := cmp.Diff(want, w.stats()); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	if w.answer(seconds(2.2), 1) {
		t.Error("an answer to what is forgotten is taken")
	}
}

func TestWindowIsFixed(t *testing.T) {
	w := newWindow(time.Hour, time.Nanosecond, time.Minute)
	if len(w.slots) != maxQuestions {
		t.Errorf("%d slots", len(w.slots))
	}
	for i := range uint64(maxQuestions) {
		if _, dropped := w.ask(seconds(0), i+1); dropped != 0 {
			t.Fatalf("question %d drops %d", i+1, dropped)
		}
	}
	if _, dropped := w.ask(seconds(0), 1<<40); dropped != 1 {
		t.Errorf("one too many drops %d, and the oldest is 1", dropped)
	}
	if got := w.stats(); got.Sent != maxQuestions {
		t.Errorf("%+v", got)
	}
}

func TestWindowHoldsAFew(t *testing.T) {
	w := newWindow(time.Second, time.Second, 2*time.Second)
	for i := range 20 {
		w.ask(seconds(float64(i)), uint64(i+1))
		w.pass(seconds(float64(i)))
	}
	if got := w.stats(); got.Lost < few {
		t.Errorf("it knows of %d that are lost", got.Lost)
	}
}

// TestLossOfAYoungWindow: it takes a tenth of what a window holds to be a tenth.
func TestLossOfAYoungWindow(t *testing.T) {
	w := newWindow(30*time.Second, 500*ms, 2*time.Second)
	lose := func(n int) {
		for range n {
			serial, _ := w.ask(start(), 1)
			w.lose(serial)
		}
	}
	for _, c := range []struct {
		more int
		want float64
	}{{0, 0}, {1, 100.0 / 30}, {2, 10}, {27, 100}, {30, 100}} {
		lose(c.more)
		if got := w.loss(); got != c.want {
			t.Errorf("%d more are lost: %v %%, want %v", c.more, got, c.want)
		}
	}
}

func TestCancelled(t *testing.T) {
	w := newWindow(10*time.Second, 500*ms, 2*time.Second)
	serial, _ := w.ask(seconds(0), 1)
	w.cancel(serial)
	if got := w.stats(); got != (Stats{}) || w.answer(seconds(0.1), serial) || !w.expiry().IsZero() {
		t.Errorf("%+v of a question that does not count", got)
	}
	if w.pass(seconds(11)); w.first != w.next || w.void != 0 {
		t.Errorf("it has not left: %+v", w)
	}
}

// ledger is a window that forgets nothing and reckons everything anew.
type ledger struct {
	length, timeout time.Duration
	asked           []time.Time
	delay           map[uint64]time.Duration // of the answered
	step            map[uint64]time.Duration
	last            *time.Duration
}

func (l *ledger) answer(now time.Time, serial uint64) {
	if _, twice := l.delay[serial]; twice || now.Sub(l.asked[serial]) >= l.timeout {
		return
	}
	d := now.Sub(l.asked[serial])
	l.delay[serial] = d
	if l.last != nil {
		l.step[serial] = (d - *l.last).Abs()
	}
	l.last = &d
}

func (l *ledger) stats(now time.Time) Stats {
	var s Stats
	var delays, steps time.Duration
	stepped := 0
	for i, at := range l.asked {
		if now.Sub(at) >= l.length {
			continue
		}
		s.Sent++
		delay, answered := l.delay[uint64(i)]
		switch {
		case answered:
			s.Answered++
			delays += delay
			if step, ok := l.step[uint64(i)]; ok {
				stepped++
				steps += step
			}
		case now.Sub(at) >= l.timeout:
			s.Lost++
		}
	}
	if n := s.Lost + s.Answered; n > 0 {
		s.Loss = 100 * float64(s.Lost) / float64(n)
	}
	if s.Answered > 0 {
		s.Delay = delays / time.Duration(s.Answered)
	}
	if stepped > 0 {
		s.Jitter = steps / time.Duration(stepped)
	}
	return s
}

// TestWindowAgreesWithLedger holds the sums that are kept against those that
// are reckoned anew, over random questions and answers.
func TestWindowAgreesWithLedger(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 0))
		w := newWindow(20*time.Second, 500*ms, 2*time.Second)
		l := ledger{
			length: w.length, timeout: w.timeout,
			delay: make(map[uint64]time.Duration), step: make(map[uint64]time.Duration),
		}
		now := start()
		for range 500 {
			now = now.Add(time.Duration(r.IntN(600)) * ms)
			w.pass(now)
			if len(l.asked) == 0 || r.IntN(2) == 0 && now.Sub(l.asked[len(l.asked)-1]) >= 500*ms {
				w.ask(now, uint64(len(l.asked)+1))
				l.asked = append(l.asked, now)
			} else {
				serial := uint64(max(0, len(l.asked)-1-r.IntN(6)))
				w.answer(now, serial)
				l.answer(now, serial)
			}
			if diff := cmp.Diff(l.stats(now), w.stats()); diff != "" {
				t.Fatalf("seed %d, %v (-reckoned +kept):\n%s", seed, now.Sub(start()), diff)
			}
		}
	}
}
