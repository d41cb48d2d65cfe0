package replication_test

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// mostTogether is how many flows go to the kernel in one system call at most: more are no quicker.
const mostTogether = 50

// load is messages that make flows, ready to be sent at a rate.
type load struct {
	rate     int // a second; 0: as fast as the kernel takes them
	together int // flows in one system call
	batches  []message
}

// prepare builds the messages of flows from..to, so that building them is in no time that is measured. What is due
// in one millisecond goes together.
func prepare(source [4]byte, from, to, rate int) load {
	l := load{rate: rate, together: mostTogether}
	if rate > 0 {
		l.together = min(max(rate/1000, 1), mostTogether)
	}
	for at := from; at < to; at += l.together {
		var b message
		for i := at; i < min(to, at+l.together); i++ {
			b = madeFlow(source, i).create(b)
		}
		l.batches = append(l.batches, b)
	}
	return l
}

// inject makes the flows of a load in a node's kernel until stop is closed, and returns how long it took. It runs on
// a thread that a busy machine lets run first: who measures is not measured.
func inject(tb testing.TB, n *node, l load, stop <-chan struct{}) time.Duration {
	tb.Helper()
	h := openHandle(tb, n.host, 1<<20)
	defer h.close()
	var took time.Duration
	var failed error
	inFront(func() { took, failed = h.sendAll(l, stop) })
	if failed != nil {
		tb.Fatal(failed)
	}
	if refused, first := h.refusals(); refused > 0 {
		tb.Fatalf("make flows on %s: %d refused: %v", n.host.Name(), refused, first)
	}
	return took
}

func (h *handle) sendAll(l load, stop <-chan struct{}) (time.Duration, error) {
	p := pacer{time.Now(), l.rate}
	for i, b := range l.batches {
		select {
		case <-stop:
			return time.Since(p.start), nil
		default:
		}
		p.wait(i * l.together)
		if err := h.send(b); err != nil {
			return 0, err
		}
	}
	return time.Since(p.start), nil
}

// fill makes flows from..to in a node's kernel, as many as one likes.
func fill(tb testing.TB, n *node, from, to int) {
	tb.Helper()
	const part = 100_000 // of which the messages take 20 MB
	for at := from; at < to; at += part {
		inject(tb, n, prepare(loadSource, at, min(to, at+part), 0), nil)
	}
}

// pacer says when something is due.
type pacer struct {
	start time.Time
	rate  int // a second; 0: all is due at once
}

// wait waits until number i is due. What is late is sent at once.
func (p pacer) wait(i int) {
	if p.rate <= 0 {
		return
	}
	for due := p.start.Add(time.Duration(i) * time.Second / time.Duration(p.rate)); ; {
		left := time.Until(due)
		if left <= 0 {
			return
		}
		nap := unix.NsecToTimespec(int64(left))
		_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &nap, nil) // woken early, it looks again
	}
}

// inFront runs fn on a thread that a busy machine lets run first, and waits for it.
func inFront(fn func()) {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		defer close(done)
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -20) // without it the achieved rate is lower, which is shown
		fn()
	}()
	<-done
}
