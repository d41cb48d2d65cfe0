package pulse

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Ticker calls a function at equal intervals, as exactly as the kernel can wake somebody: from
// a timer of the kernel and a thread of its own that other work of the machine does not hold up. What
// it cannot help is that Go has to have a processor free for it: GOMAXPROCS above the number
// of the machine's processors gives it one.
type Ticker struct {
	mu       sync.Mutex
	timer    int // timerfd
	kick     int // eventfd
	closed   bool
	realtime string
	late     lateness
}

const (
	// priority is the lowest of SCHED_FIFO: above all ordinary work, below what the kernel and others may
	// run that way.
	priority = 1
	nicest   = -20
	// leastTick keeps a wrong interval from taking a processor for itself.
	leastTick = time.Millisecond
)

// NewTicker makes a Ticker. Run has to follow, which gives its files back.
func NewTicker() (*Ticker, error) {
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("create timer: %w", err)
	}
	kick, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(timer)
		return nil, fmt.Errorf("create event: %w", err)
	}
	return &Ticker{timer: timer, kick: kick, realtime: "not started"}, nil
}

// Run calls fire now and then after every interval, which is asked for after each call, until ctx ends; then it
// returns nil. Ticks are counted from the first one, so that they do not drift; those that were missed are
// made up for by one call. fire is called on the thread of the Ticker and has to be
// quick. A Ticker runs once.
func (t *Ticker) Run(ctx context.Context, interval func() time.Duration, fire func(at time.Time)) error {
	defer t.close()
	defer context.AfterFunc(ctx, t.Kick)()
	done := make(chan error, 1)
	go func() {
		// The thread ends with the goroutine, so nobody inherits its priority.
		runtime.LockOSThread()
		how := hasten()
		t.mu.Lock()
		t.realtime = how
		t.mu.Unlock()
		done <- t.run(ctx, interval, fire)
	}()
	return <-done
}

// Kick makes Run call fire at once. The next tick is when it was to be, or sooner where the interval has
// become shorter.
func (t *Ticker) Kick() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		// It can only fail because the counter is full, and then a call is under way.
		unix.Write(t.kick, binary.NativeEndian.AppendUint64(nil, 1))
	}
}

// Late is by how much a tick was late at worst in the last minute.
func (t *Ticker) Late() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.late.worst(monotonic())
}

// Realtime is how the kernel runs the thread, in words.
func (t *Ticker) Realtime() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.realtime
}

func (t *Ticker) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.closed = true
		unix.Close(t.timer)
		unix.Close(t.kick)
	}
}

func (t *Ticker) run(ctx context.Context, interval func() time.Duration, fire func(at time.Time)) error {
	due := monotonic()
	for {
		if err := t.arm(due); err != nil {
			return err
		}
		ticked, err := t.wait()
		if err != nil || ctx.Err() != nil {
			return err
		}
		if ticked {
			now := monotonic()
			t.mu.Lock()
			t.late.note(now, now-due)
			t.mu.Unlock()
		}
		fire(time.Now())
		if now := monotonic(); ticked {
			due = nextTick(due, now, interval())
		} else {
			due = min(due, now+max(interval(), leastTick))
		}
	}
}

// nextTick is the first tick after now of those that follow one that was due.
func nextTick(due, now, interval time.Duration) time.Duration {
	interval = max(interval, leastTick)
	return due + max((now-due)/interval+1, 1)*interval
}

// arm sets the timer to an instant of the monotonic clock. One that is over fires at once.
func (t *Ticker) arm(at time.Duration) error {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(1, int64(at)))} // zero would disarm it
	if err := unix.TimerfdSettime(t.timer, unix.TFD_TIMER_ABSTIME, &spec, nil); err != nil {
		return fmt.Errorf("set timer: %w", err)
	}
	return nil
}

// wait waits for the timer or a kick and says whether it was the timer.
func (t *Ticker) wait() (ticked bool, err error) {
	fds := []unix.PollFd{{Fd: int32(t.timer), Events: unix.POLLIN}, {Fd: int32(t.kick), Events: unix.POLLIN}}
	for {
		// The runtime preempts its threads with signals.
		_, err := unix.Poll(fds, -1)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return false, fmt.Errorf("wait for timer: %w", err)
		}
	}
	var count [8]byte
	if fds[1].Revents != 0 {
		unix.Read(t.kick, count[:])
	}
	if fds[0].Revents == 0 {
		return false, nil
	}
	// Arming takes back what expired, so there may be nothing to read.
	if _, err := unix.Read(t.timer, count[:]); err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
		return false, fmt.Errorf("read timer: %w", err)
	}
	return true, nil
}

// hasten gives the thread as much of the processor as the kernel lets it have, and says how much. Programs that it
// starts do not inherit it.
func hasten() string {
	fifo := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Flags: unix.SCHED_FLAG_RESET_ON_FORK, Priority: priority}
	err := unix.SchedSetAttr(0, &fifo, 0)
	if err == nil {
		return fmt.Sprintf("SCHED_FIFO %d", priority)
	}
	// A control group without a share of real time refuses (CONFIG_RT_GROUP_SCHED).
	nice := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Flags: unix.SCHED_FLAG_RESET_ON_FORK, Nice: nicest}
	if niceErr := unix.SchedSetAttr(0, &nice, 0); niceErr == nil {
		return fmt.Sprintf("nice %d (SCHED_FIFO: %v)", nicest, err)
	}
	return fmt.Sprintf("as any other (SCHED_FIFO: %v)", err)
}

// monotonic is the clock of the timer.
func monotonic() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("pulse: read clock: " + err.Error()) // every Linux has it
	}
	return time.Duration(ts.Nano())
}
