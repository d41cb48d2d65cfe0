package pulse

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// start runs a Ticker and gives the calls of fire, and a way to end it that waits for Run.
func start(t *testing.T, interval func() time.Duration) (tick *Ticker, fired <-chan time.Time, stop func() error) {
	t.Helper()
	tick, err := NewTicker()
	if err != nil {
		t.Fatal(err)
	}
	calls := make(chan time.Time, 10_000)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- tick.Run(ctx, interval, func(at time.Time) {
			select {
			case calls <- at:
			default:
			}
		})
	}()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { stop() })
	return tick, calls, stop
}

func every(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

func wantCall(t *testing.T, fired <-chan time.Time, what string) time.Time {
	t.Helper()
	select {
	case at := <-fired:
		return at
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: not called in 10 s", what)
		return time.Time{}
	}
}

// TestTickerKeepsTime counts ticks while all processors are busy with goroutines of this program.
func TestTickerKeepsTime(t *testing.T) {
	const interval, ticks = 10 * time.Millisecond, 100
	var busy sync.WaitGroup
	end := make(chan struct{})
	for range runtime.GOMAXPROCS(0) {
		busy.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-end:
					return
				default:
				}
			}
		})
	}
	defer busy.Wait()
	defer close(end)

	tick, fired, stop := start(t, every(interval))
	first := wantCall(t, fired, "first tick")
	var last time.Time
	for range ticks {
		last = wantCall(t, fired, "tick")
	}
	// Missed ticks are not made up for one by one, so there are never too many.
	took := last.Sub(first)
	if least := (ticks - 2) * interval; took < least {
		t.Errorf("%d ticks in %v, want no less than %v", ticks, took, least)
	}
	if most := 5 * ticks * interval; took > most {
		t.Errorf("%d ticks in %v, want no more than %v", ticks, took, most)
	}
	if got := tick.Late(); got <= 0 || got > took {
		t.Errorf("worst delay = %v, want more than none and at most %v", got, took)
	}
	t.Logf("%d ticks of %v in %v, %v late at worst, %s", ticks, interval, took, tick.Late(), tick.Realtime())
	if err := stop(); err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

func TestTickerStops(t *testing.T) {
	tick, fired, stop := start(t, every(time.Hour))
	if got := tick.Realtime(); got == "" {
		t.Error("Realtime before the start is empty")
	}
	wantCall(t, fired, "first tick")
	if got := tick.Realtime(); !strings.Contains(got, "SCHED_FIFO") {
		t.Errorf("Realtime = %q, want how it went with SCHED_FIFO", got)
	}
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Run goes on 10 s after the end of its context")
	}
	tick.Kick() // whose files are gone: nothing happens
}

func TestTickerKick(t *testing.T) {
	tick, fired, _ := start(t, every(time.Hour))
	wantCall(t, fired, "first tick")
	tick.Kick()
	wantCall(t, fired, "kick")
	select {
	case <-fired:
		t.Error("one kick calls twice")
	default:
	}
	tick.Kick()
	wantCall(t, fired, "second kick")
}

// TestTickerKickHastens has a kick find the interval shorter than it was at the last tick.
func TestTickerKickHastens(t *testing.T) {
	var interval atomic.Int64
	interval.Store(int64(time.Hour))
	tick, fired, _ := start(t, func() time.Duration { return time.Duration(interval.Load()) })
	wantCall(t, fired, "first tick")
	interval.Store(int64(time.Millisecond))
	tick.Kick()
	for range 3 {
		wantCall(t, fired, "kick, and ticks after it")
	}
}

// TestTickerInterval shortens the interval from one tick to the next.
func TestTickerInterval(t *testing.T) {
	next := make(chan time.Duration, 3)
	next <- time.Millisecond
	next <- time.Millisecond
	next <- time.Hour
	_, fired, _ := start(t, func() time.Duration { return <-next })
	for range 3 {
		wantCall(t, fired, "tick")
	}
	select {
	case <-fired:
		t.Error("a tick after an hour came at once")
	default:
	}
}

func TestNextTick(t *testing.T) {
	for _, c := range []struct{ due, now, interval, want time.Duration }{
		{100, 100, 10 * ms, 100 + 10*ms},
		{10 * ms, 13 * ms, 10 * ms, 20 * ms},
		{10 * ms, 20 * ms, 10 * ms, 30 * ms},
		{10 * ms, 47 * ms, 10 * ms, 50 * ms},
		{10 * ms, 47 * ms, time.Second, 10*ms + time.Second},
		{10 * ms, 11 * ms, 0, 12 * ms},
		{10 * ms, 11 * ms, -time.Second, 12 * ms},
		{10 * ms, 9 * ms, 10 * ms, 20 * ms},
	} {
		if got := nextTick(c.due, c.now, c.interval); got != c.want {
			t.Errorf("due %v, now %v, interval %v: %v, want %v", c.due, c.now, c.interval, got, c.want)
		}
	}
}

func TestLateness(t *testing.T) {
	var l lateness
	l.note(5*time.Second, 30*ms)
	l.note(5*time.Second+ms, 10*ms)
	l.note(20*time.Second, 20*ms)
	for _, c := range []struct{ now, want time.Duration }{
		{20 * time.Second, 30 * ms}, {64 * time.Second, 30 * ms}, {65 * time.Second, 20 * ms}, {80 * time.Second, 0},
	} {
		if got := l.worst(c.now); got != c.want {
			t.Errorf("worst at %v = %v, want %v", c.now, got, c.want)
		}
	}
	l.note(65*time.Second, 5*ms) // in the place of second 5
	if got := l.worst(65 * time.Second); got != 20*ms {
		t.Errorf("worst = %v, want 20 ms", got)
	}
}
