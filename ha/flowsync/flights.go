package flowsync

import (
	"time"

	"github.com/rempart/rempart/ha/flowwire"
)

const (
	// firstWindow is how many frames may be on their way at the start, and leastWindow and mostWindow
	// what becomes of it: as many as fit into the peer's socket, and into its patience.
	firstWindow, leastWindow, mostWindow = 64, 8, 512
	// reorder is by how many frames one may be overtaken, and overtaken for how long, before it is taken for lost.
	reorder  = 3
	overtake = time.Millisecond
	// leastWait and mostWait bound how long an acknowledgment is waited for. The peer may hold it for ackHold.
	leastWait, mostWait = 25 * time.Millisecond, time.Second
)

// flight is a frame on its way.
type flight struct {
	seq   uint64
	at    time.Time
	slots []uint32
}

// flights is what is on its way, the oldest first.
type flights struct {
	all    []flight
	spare  [][]uint32
	window int
	trip   time.Duration // smoothed time until an acknowledgment came, RFC 6298
	vary   time.Duration
	tries  int // times in a row that nothing was heard
}

// room says whether one more may go.
func (f *flights) room() bool { return len(f.all) < max(f.window, leastWindow) }

// next is room for the slots of a frame.
func (f *flights) next(seq uint64, at time.Time) flight {
	out := flight{seq: seq, at: at}
	if n := len(f.spare); n > 0 {
		out.slots, f.spare = f.spare[n-1][:0], f.spare[:n-1]
	}
	return out
}

func (f *flights) launch(one flight) { f.all = append(f.all, one) }

// wait is how long an acknowledgment may take.
func (f *flights) wait() time.Duration {
	d := leastWait
	if f.trip > 0 {
		d = max(d, f.trip+4*f.vary)
	}
	return min(d<<min(f.tries, 6), mostWait)
}

// due is when the oldest is overdue; zero: nothing is on its way.
func (f *flights) due() time.Time {
	if len(f.all) == 0 {
		return time.Time{}
	}
	return f.all[0].at.Add(f.wait())
}

// heard takes in an acknowledgment. Each frame that it settles is given to arrived or to vanished.
func (f *flights) heard(now time.Time, a *flowwire.Ack, arrived, vanished func(*flight)) {
	highest := a.Upto
	for _, r := range a.Ranges[:a.N] {
		highest = max(highest, r.Last)
	}
	kept, progress := f.all[:0], false
	for i := range f.all {
		one := f.all[i]
		switch {
		case one.seq <= a.Upto || inRanges(a, one.seq):
			f.measure(now.Sub(one.at))
			arrived(&one)
			f.spare = append(f.spare, one.slots)
			progress = true
		case one.seq+reorder <= highest && now.Sub(one.at) >= overtake:
			vanished(&one)
			f.spare = append(f.spare, one.slots)
			f.window = max(leastWindow, f.window*7/8)
		default:
			kept = append(kept, one)
		}
	}
	f.all = kept
	if progress {
		f.tries = 0
		f.window = min(mostWindow, f.window+1)
	}
}

func inRanges(a *flowwire.Ack, seq uint64) bool {
	for _, r := range a.Ranges[:a.N] {
		if seq >= r.First && seq <= r.Last {
			return true
		}
	}
	return false
}

// measure takes in how long a frame took.
func (f *flights) measure(took time.Duration) {
	if f.trip == 0 {
		f.trip, f.vary = took, took/2
		return
	}
	f.vary += ((took - f.trip).Abs() - f.vary) / 4
	f.trip += (took - f.trip) / 8
}

// expire gives what is overdue to vanished.
func (f *flights) expire(now time.Time, vanished func(*flight)) {
	if len(f.all) == 0 || now.Before(f.due()) {
		return
	}
	wait := f.wait()
	kept := f.all[:0]
	for i := range f.all {
		if one := f.all[i]; now.Sub(one.at) >= wait {
			vanished(&one)
			f.spare = append(f.spare, one.slots)
		} else {
			kept = append(kept, one)
		}
	}
	f.all = kept
	f.tries++
	f.window = max(leastWindow, f.window/2)
}

// settled is up to which frame all have arrived or were made dirty again, when last was sent last.
func (f *flights) settled(last uint64) uint64 {
	if len(f.all) > 0 {
		return f.all[0].seq - 1
	}
	return last
}

// clear forgets all.
func (f *flights) clear() {
	for _, one := range f.all {
		f.spare = append(f.spare, one.slots)
	}
	f.all = f.all[:0]
}
