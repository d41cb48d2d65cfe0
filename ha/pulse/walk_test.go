package pulse

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// world is a peer, paths and a judge, in steps of time.
type world struct {
	*rand.Rand
	j        *Judge
	zero     time.Time
	now      time.Duration
	interval time.Duration
	names    []string
	loss     float64

	// The peer.
	program, kernel bool
	stall           time.Duration // its program does nothing until then
	next            time.Duration // its next beat
	seq             uint64
	spoke           time.Duration // its last beat that was heard

	asleep  time.Duration // the judge does nothing until then
	flight  []arrival
	verdict Verdict
	history []string
}

// arrival is a frame on its way.
type arrival struct {
	at   time.Duration
	path string
	beat *Beat // nil: an answer
}

func newWorld(seed uint64, interval time.Duration) *world {
	w := &world{
		Rand: rand.New(rand.NewPCG(seed, 1)), zero: time.Now(), interval: interval,
		names: []string{"sync", "lan", "wan"}, program: true, kernel: true, loss: 0.2,
	}
	c := JudgeConfig{Interval: interval}
	for _, n := range w.names {
		c.Paths = append(c.Paths, PathConfig{Name: n, Cable: n == "sync"})
	}
	w.j = NewJudge(c)
	for _, n := range w.names {
		w.j.Carrier(w.zero, n, true)
	}
	return w
}

func (w *world) upTo(d time.Duration) time.Duration { return time.Duration(w.Int64N(int64(d) + 1)) }

// step is what happens in a twentieth of an interval.
func (w *world) step() {
	w.now += w.interval / 20
	if w.program && w.now >= w.stall && w.now >= w.next {
		w.next = w.now + w.interval
		w.speak()
	}
	if w.now < w.asleep {
		return
	}
	w.hear()
	due := w.j.Deadline()
	if due.IsZero() || w.zero.Add(w.now).Before(due) {
		return
	}
	v, knock := w.j.Check(w.zero.Add(w.now))
	if v != w.verdict {
		w.history = append(w.history, fmt.Sprintf("%v %v: %s", w.now, v, w.j.Why()))
	}
	w.verdict = v
	for _, p := range knock {
		if w.kernel && w.Float64() >= w.loss/4 {
			w.flight = append(w.flight, arrival{at: w.now + w.upTo(2*time.Millisecond), path: p})
		}
	}
}

// speak sends a beat on each path: some are lost, late or doubled.
func (w *world) speak() {
	for _, p := range w.names {
		w.seq++
		if w.Float64() < w.loss {
			continue
		}
		for range 1 + w.IntN(2) {
			b := &Beat{Session: 1, Seq: w.seq, Path: p, Interval: w.interval}
			w.flight = append(w.flight, arrival{w.now + w.upTo(w.interval/2), p, b})
		}
	}
}

// hear gives the judge what has arrived, with the kernel's times.
func (w *world) hear() {
	slices.SortStableFunc(w.flight, func(a, b arrival) int { return int(a.at - b.at) })
	n := 0
	for _, f := range w.flight {
		if f.at > w.now {
			break
		}
		n++
		at := w.zero.Add(f.at)
		if f.beat == nil {
			w.j.Answer(at, f.path)
			continue
		}
		w.j.Beat(at, f.beat)
		w.spoke = max(w.spoke, f.at)
	}
	w.flight = slices.Delete(w.flight, 0, n)
}

// TestWalkAlive lets a peer stall and a judge sleep, paths lose frames and carrier: never dead while
// the peer's kernel answers and its program is not silent for too long.
func TestWalkAlive(t *testing.T) {
	for _, interval := range []time.Duration{10 * ms, 100 * ms} {
		timing := TimingFor(interval)
		stunned := 0
		for seed := range uint64(10) {
			w := newWorld(seed, interval)
			for range 20_000 {
				w.step()
				switch w.IntN(1500) {
				case 0:
					// All that was sent before has arrived when the stall is over.
					w.stall = w.now + w.upTo(timing.Stunned-2*interval)
				case 1:
					w.asleep = w.now + w.upTo(4*timing.Dead)
				case 2, 3:
					w.j.Carrier(w.zero.Add(w.now), w.names[w.IntN(3)], w.IntN(2) == 0)
				case 4:
					w.j.Slept(w.zero.Add(w.now), w.upTo(timing.Dead))
				}
				if w.verdict == Dead && w.now-w.spoke < timing.Stunned {
					t.Fatalf("interval %v, seed %d: dead %v after the last beat:\n%v", interval, seed, w.now-w.spoke, w.history)
				}
			}
			stunned += len(w.history)
		}
		if stunned < 100 {
			t.Errorf("interval %v: %d changes of the verdict are not much of a walk", interval, stunned)
		}
	}
}

// TestWalkDead ends the peer at any moment of such a walk: it is dead in time.
func TestWalkDead(t *testing.T) {
	for _, interval := range []time.Duration{10 * ms, 100 * ms} {
		timing := TimingFor(interval)
		var sum, n time.Duration
		for seed := range uint64(300) {
			w := newWorld(seed, interval)
			for range 1000 + w.IntN(200) {
				w.step()
			}
			if w.verdict == Dead {
				t.Fatalf("interval %v, seed %d: %v before the end", interval, seed, w.history)
			}
			w.program, w.kernel = false, false
			died := w.now
			limit := died + timing.Dead + interval // what is on its way may take half of one
			how := w.IntN(3)
			if how == 1 {
				w.j.Reset(w.zero.Add(w.now))
				limit = died + timing.Confirmed + interval
			} else if how == 2 {
				w.asleep = w.now + w.upTo(8*timing.Dead)
				limit += max(0, w.asleep-died) + timing.Dead
			}
			for w.verdict != Dead {
				if w.step(); w.now > limit {
					t.Fatalf("interval %v, seed %d: %v is not dead %v after the end, want at most %v:\n%v", interval, seed, w.verdict, w.now-died, limit-died, w.history)
				}
			}
			if how == 0 {
				sum += w.now - died
				n++
			}
			for dead, i := w.now, 0; i < 1000; i++ {
				if w.step(); w.spoke > dead {
					break // its last words were on their way
				}
				if w.verdict != Dead {
					t.Fatalf("interval %v, seed %d: %v after it was dead:\n%v", interval, seed, w.verdict, w.history)
				}
			}
		}
		t.Logf("interval %v: dead %v after the end in the mean", interval, sum/n)
	}
}
