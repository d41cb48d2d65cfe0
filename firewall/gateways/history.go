package gateways

import (
	"math"
	"slices"
	"time"

	"github.com/rempart/rempart/rules/steer"
)

const (
	fineStep, fineCount     = 10 * time.Second, 24 * 60 * 60 / 10
	coarseStep, coarseCount = 5 * time.Minute, 30 * 24 * 60 / 5
	maxTransitions          = 100

	// patience is how many samples are not taken because the clock stands before
	// the last one: it may have been set back, or not be set yet after a boot.
	patience = int(time.Hour / fineStep)
)

// Sample is how a gateway was in the time up to At.
type Sample struct {
	At            time.Time
	State         steer.State // the worst
	Loss          int         // percent
	Delay, Jitter time.Duration
}

// History is what is remembered of a gateway, the oldest first.
type History struct {
	// Samples are ten seconds apart for the last day, and five minutes before that.
	Samples     []Sample
	Transitions []Transition // the last hundred
}

// point is a Sample in sixteen bytes.
type point struct {
	at            uint32 // seconds since 1970
	delay, jitter uint32 // microseconds
	loss          uint8
	state         uint8
}

func newPoint(now time.Time, worst steer.State, l line) point {
	return point{
		at: uint32(now.Unix()), state: uint8(worst), loss: uint8(math.Round(l.loss)),
		delay: micros(l.delay), jitter: micros(l.jitter),
	}
}

func micros(d time.Duration) uint32 {
	return uint32(min(max(d.Microseconds(), 0), math.MaxUint32))
}

func (p point) sample() Sample {
	return Sample{
		At: time.Unix(int64(p.at), 0), State: steer.State(p.state), Loss: int(p.loss),
		Delay: time.Duration(p.delay) * time.Microsecond, Jitter: time.Duration(p.jitter) * time.Microsecond,
	}
}

// ring keeps the last points, in the order of their times.
type ring struct {
	points []point // the oldest at next, once there are most
	next   int
	most   int
}

func (r *ring) add(p point) {
	if len(r.points) < r.most {
		r.points = append(r.points, p)
		return
	}
	r.points[r.next] = p
	r.next = (r.next + 1) % r.most
}

// all are the points, the oldest first.
func (r *ring) all() []point { return slices.Concat(r.points[r.next:], r.points[:r.next]) }

// last is the time of the newest point; 0: there is none.
func (r *ring) last() uint32 {
	if len(r.points) == 0 {
		return 0
	}
	return r.points[(r.next+len(r.points)-1)%len(r.points)].at
}

// forget drops the points at a time and after.
func (r *ring) forget(from uint32) {
	r.points = slices.DeleteFunc(r.all(), func(p point) bool { return p.at >= from })
	r.next = 0
}

// history is what is remembered of one gateway.
type history struct {
	fine, coarse ring
	transitions  []Transition
	behind       int // samples in a row for which the clock stood before the last one
	// What the next coarse point is made of.
	count               int
	loss, delay, jitter uint64 // sums
	worst               uint8
	bucket              uint32 // number of its coarse step
}

func newHistory() *history {
	return &history{fine: ring{most: fineCount}, coarse: ring{most: coarseCount}}
}

// add takes in a sample. While the clock stands before the last one none is
// taken, for an hour; then the clock is right, and what is after it goes.
func (h *history) add(p point) {
	if p.at <= h.fine.last() {
		h.behind++
		if h.behind < patience {
			return
		}
		h.fine.forget(p.at)
		h.coarse.forget(p.at)
		h.count = 0
	}
	h.behind = 0
	h.fine.add(p)
	if bucket := p.at / uint32(coarseStep/time.Second); bucket != h.bucket {
		h.sum()
		h.bucket = bucket
	}
	h.count++
	h.loss += uint64(p.loss)
	h.delay += uint64(p.delay)
	h.jitter += uint64(p.jitter)
	h.worst = max(h.worst, p.state)
}

// sum makes a coarse point of what was added since the last one.
func (h *history) sum() {
	if n := uint64(h.count); n > 0 {
		p := point{
			at: (h.bucket + 1) * uint32(coarseStep/time.Second), state: h.worst,
			loss: uint8(h.loss / n), delay: uint32(h.delay / n), jitter: uint32(h.jitter / n),
		}
		if p.at > h.coarse.last() {
			h.coarse.add(p)
		}
	}
	h.count, h.loss, h.delay, h.jitter, h.worst = 0, 0, 0, 0, 0
}

func (h *history) pass(t Transition) {
	if len(h.transitions) == maxTransitions {
		h.transitions = slices.Delete(h.transitions, 0, 1)
	}
	h.transitions = append(h.transitions, t)
}

// since is what is remembered of the time from then on: coarse for as long as
// nothing finer is there.
func (h *history) since(then time.Time) History {
	var out History
	fine := h.fine.all()
	for _, p := range h.coarse.all() {
		if len(fine) > 0 && p.at >= fine[0].at {
			break
		}
		if s := p.sample(); !s.At.Before(then) {
			out.Samples = append(out.Samples, s)
		}
	}
	for _, p := range fine {
		if s := p.sample(); !s.At.Before(then) {
			out.Samples = append(out.Samples, s)
		}
	}
	for _, t := range h.transitions {
		if !t.At.Before(then) {
			out.Transitions = append(out.Transitions, t)
		}
	}
	return out
}

// precede puts what was remembered earlier before what there is.
func (h *history) precede(earlier *history) {
	for _, t := range h.transitions {
		earlier.pass(t)
	}
	for _, p := range h.fine.all() {
		earlier.add(p)
	}
	*h = *earlier
}

// newest is the time of the last thing that is remembered.
func (h *history) newest() time.Time {
	at := time.Unix(int64(max(h.fine.last(), h.coarse.last())), 0)
	if n := len(h.transitions); n > 0 && h.transitions[n-1].At.After(at) {
		at = h.transitions[n-1].At
	}
	return at
}
