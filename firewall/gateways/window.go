package gateways

import "time"

const (
	// maxQuestions bounds the memory of a window. Questions that come so fast
	// that it cannot hold them all leave it early.
	maxQuestions = 4096
	// minInterval bounds how fast a target is asked.
	minInterval = 10 * time.Millisecond
	// few is how many questions a window holds at least, and how many answers it
	// takes to know delay and jitter: the first may have waited for a neighbour.
	few = 10
)

// Stats are the statistics of a target over a window of time.
type Stats struct {
	Sent int
	// Lost got no answer in time. One whose time is not over is neither lost nor answered.
	Lost     int
	Answered int
	Loss     float64       // percent of those that are lost or answered
	Delay    time.Duration // mean from question to answer
	// Jitter is the mean difference of the delays of successive answers, in the
	// order of their arrival.
	Jitter time.Duration
}

// window keeps the questions to one target for a while. Its memory is taken once.
type window struct {
	length  time.Duration // how long a question is kept
	timeout time.Duration // how long an answer may take
	half    int           // of the questions that it holds when it is full
	slots   []slot        // a ring, by serial number
	// first is the serial number of the oldest that is kept, open that of the
	// oldest without a verdict, next that of the next question.
	first, open, next uint64
	lost, answered    int
	void              int           // questions that do not count
	delays, steps     time.Duration // sums over those that are kept
	stepped           int           // how many of them have a step
	last              time.Duration // delay of the last answer that arrived
	any               bool          // there was one
}

type slot struct {
	id     uint64
	at     time.Time
	state  slotState
	delay  time.Duration
	step   time.Duration // difference of delay to that of the answer before
	paired bool          // there was one before
}

type slotState uint8

const (
	slotOpen slotState = iota
	slotLost
	slotAnswered
	slotVoid
)

// newWindow keeps questions for length, and for so long at least that a few of
// them have a verdict.
func newWindow(length, interval, timeout time.Duration) *window {
	interval = max(interval, minInterval)
	length = max(length, timeout+few*interval)
	size := (length+timeout)/interval + 2
	return &window{length: length, timeout: timeout, half: int(length / interval / 2), slots: make([]slot, min(size, maxQuestions))}
}

func (w *window) at(serial uint64) *slot { return &w.slots[serial%uint64(len(w.slots))] }

// ask takes in a question and returns its serial number, and the identity of an
// open one that there was no room for any more, or 0.
func (w *window) ask(now time.Time, id uint64) (serial, dropped uint64) {
	if w.next-w.first == uint64(len(w.slots)) {
		dropped = w.evict()
	}
	*w.at(w.next) = slot{id: id, at: now}
	w.next++
	return w.next - 1, dropped
}

// answer takes in the answer to a question. It is false when the question is
// not open: it was answered, or its time is over.
func (w *window) answer(now time.Time, serial uint64) bool {
	if serial < w.first || serial >= w.next {
		return false
	}
	s := w.at(serial)
	if s.state != slotOpen || now.Sub(s.at) >= w.timeout {
		return false
	}
	s.state, s.delay = slotAnswered, max(now.Sub(s.at), 0)
	w.answered++
	w.delays += s.delay
	if w.any {
		s.paired, s.step = true, (s.delay - w.last).Abs()
		w.stepped++
		w.steps += s.step
	}
	w.last, w.any = s.delay, true
	return true
}

// lose ends a question that cannot be answered any more. It is false when it
// is not open.
func (w *window) lose(serial uint64) bool {
	if serial < w.first || serial >= w.next || w.at(serial).state != slotOpen {
		return false
	}
	w.at(serial).state = slotLost
	w.lost++
	return true
}

// cancel has an open question not count: nobody waits for its answer.
func (w *window) cancel(serial uint64) {
	if serial >= w.first && serial < w.next && w.at(serial).state == slotOpen {
		w.at(serial).state = slotVoid
		w.void++
	}
}

// pass moves on to now, and returns the identities of those that are lost by
// it, the oldest first.
func (w *window) pass(now time.Time) (lost []uint64) {
	for ; w.open < w.next; w.open++ {
		s := w.at(w.open)
		if s.state != slotOpen {
			continue
		}
		if now.Sub(s.at) < w.timeout {
			break
		}
		w.lose(w.open)
		lost = append(lost, s.id)
	}
	for w.first < w.open && now.Sub(w.at(w.first).at) >= w.length {
		w.evict()
	}
	return lost
}

// evict forgets the oldest question, and returns its identity if it was open, else 0.
func (w *window) evict() (dropped uint64) {
	s := w.at(w.first)
	switch s.state {
	case slotOpen:
		dropped = s.id
	case slotVoid:
		w.void--
	case slotLost:
		w.lost--
	case slotAnswered:
		w.answered--
		w.delays -= s.delay
		if s.paired {
			w.stepped--
			w.steps -= s.step
		}
	}
	w.first++
	w.open = max(w.open, w.first)
	return dropped
}

// expiry is when the oldest open question is lost; zero: there is none.
func (w *window) expiry() time.Time {
	for ; w.open < w.next; w.open++ {
		if s := w.at(w.open); s.state == slotOpen {
			return s.at.Add(w.timeout)
		}
	}
	return time.Time{}
}

// restart forgets what was asked before a question, and the delay of the last
// answer. It returns the identities of those that were open.
func (w *window) restart(serial uint64) (dropped []uint64) {
	for w.first < min(serial, w.next) {
		if id := w.evict(); id != 0 {
			dropped = append(dropped, id)
		}
	}
	w.any = false
	return dropped
}

// shift moves the open questions to a later time, by as long as nobody listened.
func (w *window) shift(by time.Duration) {
	for i := w.open; i < w.next; i++ {
		if s := w.at(i); s.state == slotOpen {
			s.at = s.at.Add(by)
		}
	}
}

func (w *window) stats() Stats {
	s := Stats{Sent: int(w.next-w.first) - w.void, Lost: w.lost, Answered: w.answered}
	if judged := w.lost + w.answered; judged > 0 {
		s.Loss = 100 * float64(w.lost) / float64(judged)
	}
	if w.answered > 0 {
		s.Delay = w.delays / time.Duration(w.answered)
	}
	if w.stepped > 0 {
		s.Jitter = w.steps / time.Duration(w.stepped)
	}
	return s
}

// loss is the percentage that a target is judged by. A window that is not half
// full counts as half full: one lost of two says nothing.
func (w *window) loss() float64 {
	return 100 * float64(w.lost) / float64(max(w.lost+w.answered, w.half))
}
