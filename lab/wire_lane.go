package lab

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// laneBytes is what a lane holds of frames on their way, with their overhead; more are lost.
	laneBytes = 32 << 20
	// laneOverhead is what holding a frame costs besides its bytes.
	laneOverhead = 64
	// rateQueue is how long a frame waits for its turn where a rate bounds them; what would wait
	// longer is lost, as at the queue of a modem.
	rateQueue = 100 * time.Millisecond
)

// Impairment is what a wire does to frames; the zero Impairment is a good wire.
type Impairment struct {
	// Loss is in percent. Which frames it takes is the same in each run. At 100 the wire is silent:
	// nothing passes, what is on its way is lost as well, and both ends keep their carrier.
	Loss float64
	// Delay is how long a frame takes, and Jitter up to how much longer, evenly distributed.
	Delay, Jitter time.Duration
	// Rate is in bits a second; zero is no bound.
	Rate int
	// Double is in percent, of the frames that arrive twice. The second takes as long as another frame would.
	Double float64
	// Overtake lets a frame that takes longer be overtaken by those behind it; else all keep their order.
	Overtake bool
	// Only says which frames it is done to, the others pass them by; nil: to all. It must not hold on to a frame.
	Only func(frame []byte) bool
}

// Frames counts the frames of one way of a wire. Those that are neither passed nor lost are on their
// way. What is doubled was sent once.
type Frames struct {
	Sent, Passed, Lost uint64
}

// lane is one way of a wire: what it does to frames, and the frames that are on their way.
type lane struct {
	impairment Impairment
	cut        bool // nothing passes, whatever the impairment
	rand       *rand.Rand
	held       []heldFrame // in the order that they are due
	bytes      int         // of held
	last       time.Time   // when the last frame is due
	free       time.Time   // when the next frame has its turn, of a rate
	count      Frames
}

// heldFrame is a frame that arrives when it is due.
type heldFrame struct {
	due   time.Time
	bytes []byte
}

func newLane(seed uint64) *lane { return &lane{rand: rand.New(rand.NewPCG(seed, 0))} }

// set changes what the lane does from now on. Frames on their way keep their times.
func (l *lane) set(i Impairment) {
	l.impairment = i
	if i.Loss >= 100 && i.Only == nil {
		l.clear()
	}
}

// clear loses all that is on its way.
func (l *lane) clear() {
	l.count.Lost += uint64(len(l.held))
	l.held, l.bytes, l.last, l.free = nil, 0, time.Time{}, time.Time{}
}

// admit takes a frame in and says whether it is through at once. If not it is lost, or a copy is
// kept for take.
func (l *lane) admit(now time.Time, frame []byte) (through bool) {
	l.count.Sent++
	i := l.impairment
	if i.Only != nil && !i.Only(frame) {
		i = Impairment{Overtake: true}
	}
	if l.cut || l.happens(i.Loss) {
		l.count.Lost++
		return false
	}
	turn, ok := l.turn(now, i.Rate, len(frame))
	if !ok {
		l.count.Lost++
		return false
	}
	due := l.due(turn, i)
	if !due.After(now) && (i.Overtake || len(l.held) == 0) {
		through = true
	} else if !l.hold(due, frame) {
		l.count.Lost++
		return false
	}
	if l.happens(i.Double) {
		l.hold(l.due(turn, i), frame) // for what there is no room it comes once
	}
	return through
}

// happens is true in so many percent of the cases.
func (l *lane) happens(percent float64) bool {
	return percent > 0 && l.rand.Float64()*100 < percent
}

// turn is when a frame has passed the bottleneck of a rate, and false if it would wait there for too long.
func (l *lane) turn(now time.Time, rate, size int) (time.Time, bool) {
	if rate <= 0 {
		return now, true
	}
	if l.free.Before(now) {
		l.free = now
	}
	if l.free.Sub(now) > rateQueue {
		return now, false
	}
	l.free = l.free.Add(time.Duration(size) * 8 * time.Second / time.Duration(rate))
	return l.free, true
}

// due is when a frame arrives that has had its turn.
func (l *lane) due(turn time.Time, i Impairment) time.Time {
	due := turn.Add(i.Delay)
	if i.Jitter > 0 {
		due = due.Add(time.Duration(l.rand.Int64N(int64(i.Jitter))))
	}
	if i.Overtake {
		return due
	}
	if due.Before(l.last) {
		due = l.last
	}
	l.last = due
	return due
}

// hold keeps a copy of a frame until it is due, if there is room.
func (l *lane) hold(due time.Time, frame []byte) bool {
	size := len(frame) + laneOverhead
	if l.bytes+size > laneBytes {
		return false
	}
	l.bytes += size
	behind := len(l.held)
	for behind > 0 && l.held[behind-1].due.After(due) {
		behind--
	}
	l.held = slices.Insert(l.held, behind, heldFrame{due, bytes.Clone(frame)})
	return true
}

// take gives out the next frame that is due, nil if there is none.
func (l *lane) take(now time.Time) []byte {
	if len(l.held) == 0 || l.held[0].due.After(now) {
		return nil
	}
	frame := l.held[0].bytes
	l.held[0] = heldFrame{}
	l.held = l.held[1:]
	l.bytes -= len(frame) + laneOverhead
	return frame
}

// next is when the next frame is due; zero if none is on its way.
func (l *lane) next() time.Time {
	if len(l.held) == 0 {
		return time.Time{}
	}
	return l.held[0].due
}
