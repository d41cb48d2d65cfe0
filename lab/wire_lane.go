package lab

import (
	"bytes"
	"math/rand/v2"
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

// Impairment is what a wire does to frames; the zero Impairment is a good wire. Frames never
// overtake each other.
type Impairment struct {
	// Loss is in percent. Which frames it takes is the same in each run. At 100 the wire is silent:
	// nothing passes, what is on its way is lost as well, and both ends keep their carrier.
	Loss float64
	// Delay is how long a frame takes, and Jitter up to how much longer, evenly distributed.
	Delay, Jitter time.Duration
	// Rate is in bits a second; zero is no bound.
	Rate int
}

// Frames counts the frames of one way of a wire. Those that are neither passed nor lost are on their
// way.
type Frames struct {
	Sent, Passed, Lost uint64
}

// lane is one way of a wire: what it does to frames, and the frames that are on their way.
type lane struct {
	impairment Impairment
	cut        bool // nothing passes, whatever the impairment
	rand       *rand.Rand
	held       []heldFrame // in the order that they came in, hence that they are due
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
	if i.Loss >= 100 {
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
	if l.cut || i.Loss > 0 && l.rand.Float64()*100 < i.Loss {
		l.count.Lost++
		return false
	}
	due := now
	if i.Rate > 0 {
		if l.free.Before(now) {
			l.free = now
		}
		if l.free.Sub(now) > rateQueue {
			l.count.Lost++
			return false
		}
		l.free = l.free.Add(time.Duration(len(frame)) * 8 * time.Second / time.Duration(i.Rate))
		due = l.free
	}
	due = due.Add(i.Delay)
	if i.Jitter > 0 {
		due = due.Add(time.Duration(l.rand.Int64N(int64(i.Jitter))))
	}
	if due.Before(l.last) {
		due = l.last
	}
	if len(l.held) == 0 && !due.After(now) {
		return true
	}
	size := len(frame) + laneOverhead
	if l.bytes+size > laneBytes {
		l.count.Lost++
		return false
	}
	l.bytes += size
	l.last = due
	l.held = append(l.held, heldFrame{due, bytes.Clone(frame)})
	return false
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
