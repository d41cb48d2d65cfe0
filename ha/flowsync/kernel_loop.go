package flowsync

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/ha/conntrack"
	"github.com/rempart/rempart/ha/view"
	"golang.org/x/sys/unix"
)

// Loop is flow sync as it runs: a thread that waits for the kernel's events, for frames and for the clock.
// One thread, because a flow that has to change threads on its way costs more there than in all the rest.
type Loop struct {
	log    hclog.Logger
	buffer int
	wake   int // eventfd

	mu      sync.Mutex // of what follows
	target  Target
	resync  bool
	first   chan struct{} // something was set
	pending atomic.Bool   // target or resync is new

	report      atomic.Pointer[view.Sync]
	born        time.Time
	publishedAt atomic.Int64 // since born; zero: not yet, or no more
	changed     chan struct{}

	// What follows belongs to the thread.
	conntrack *Conntrack
	socket    *socket
	engine    *Engine
	frame     []byte
	message   conntrack.Message
	now       time.Time
	moved     bool      // addresses did
	rested    time.Time // when events are looked at again
	published time.Time
	opened    time.Time // when the socket was last tried
	aimed     Target    // what it was opened for
}

// Option changes a Loop.
type Option func(*Loop)

// EventBuffer is the room for events that wait, in bytes, in place of 64 MiB.
func EventBuffer(bytes int) Option { return func(l *Loop) { l.buffer = bytes } }

// New returns a loop; it does nothing until Run.
func New(log hclog.Logger, options ...Option) *Loop {
	l := &Loop{log: log, buffer: eventBuffer, wake: -1, changed: make(chan struct{}, 1), first: make(chan struct{}, 1), frame: make([]byte, 1<<16), born: time.Now()}
	for _, o := range options {
		o(l)
	}
	l.report.Store(&view.Sync{State: view.SyncOff})
	return l
}

// Set makes a target the one of the loop. It waits for nothing, and what the kernel tells after it has returned is
// judged by it.
func (l *Loop) Set(t Target) {
	l.mu.Lock()
	l.target = t
	l.mu.Unlock()
	l.rouse()
}

// Resync makes both nodes tell everything anew.
func (l *Loop) Resync() {
	l.mu.Lock()
	l.resync = true
	l.mu.Unlock()
	l.rouse()
}

// Report is how it stands, as of at most half a second ago. If the thread has been held up for longer than a peer
// waits it says so, and that nobody knows.
func (l *Loop) Report() view.Sync {
	r := *l.report.Load()
	if at := l.publishedAt.Load(); at != 0 && r.State != view.SyncOff && time.Since(l.born)-time.Duration(at) > silent {
		r.Why = "flow sync of this node does not get on: the kernel or the machine holds it up"
		if r.State == view.SyncComplete {
			r.State = view.SyncIncomplete
		}
	}
	return r
}

// Changed receives when the state of Report is another one. It holds one.
func (l *Loop) Changed() <-chan struct{} { return l.changed }

// rouse has the thread look at what is pending.
func (l *Loop) rouse() {
	l.pending.Store(true)
	select {
	case l.first <- struct{}{}:
	default:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wake >= 0 {
		one := [8]byte{1}
		unix.Write(l.wake, one[:]) // a full counter wakes as well
	}
}

// Run is the loop until ctx ends. It needs CAP_NET_ADMIN and works in the namespace of the program.
func (l *Loop) Run(ctx context.Context) error {
	if !l.needed(ctx) {
		return nil
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := l.open(); err != nil {
		return err
	}
	defer l.close()
	stop := context.AfterFunc(ctx, l.rouse)
	defer stop()
	l.pending.Store(true)
	next := l.now
	for ctx.Err() == nil {
		if err := l.wait(next); err != nil {
			return err
		}
		l.now = time.Now()
		l.obey()
		if l.moved {
			l.look()
		}
		l.hear()
		l.receive()
		next = l.engine.Turn(l.now)
		l.publish()
	}
	return nil
}

// needed waits for the first target that is one: on a single gateway each flow would cost something, for nobody.
func (l *Loop) needed(ctx context.Context) bool {
	for {
		l.mu.Lock()
		t := l.target
		l.mu.Unlock()
		if t.Speak || t.usable() {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-l.first:
		}
	}
}

func (l *Loop) open() (err error) {
	if l.conntrack, err = OpenConntrack(l.buffer); err != nil {
		return err
	}
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		l.conntrack.Close()
		return fmt.Errorf("open flow sync: %w", err)
	}
	l.mu.Lock()
	l.wake = wake
	l.mu.Unlock()
	l.now = time.Now()
	l.engine = NewEngine(l.now, l.conntrack, l.send, l.log)
	return nil
}

func (l *Loop) close() {
	l.publishedAt.Store(0)
	l.mu.Lock()
	unix.Close(l.wake)
	l.wake = -1
	l.mu.Unlock()
	if l.socket != nil {
		l.socket.close()
	}
	l.conntrack.Close()
}

// For how long events are left to gather once there were some: each look costs as much as five of them. One that came
// alone may be the first after a silence; where there were several there will be more; and when most of them were no new
// flows but what became of old ones, there is less hurry.
const (
	restAlone   = 200 * time.Microsecond
	restCrowd   = 250 * time.Microsecond
	restDetails = time.Millisecond
)

// wait returns when something happens, or it is time.
func (l *Loop) wait(next time.Time) error {
	fds := [4]unix.PollFd{
		{Fd: int32(l.wake), Events: unix.POLLIN}, {Fd: int32(l.conntrack.locals.FD()), Events: unix.POLLIN},
		{Fd: -1, Events: unix.POLLIN}, {Fd: int32(l.conntrack.events.FD()), Events: unix.POLLIN},
	}
	if l.socket != nil {
		fds[2].Fd = int32(l.socket.fd)
	}
	now := time.Now()
	if now.Before(l.rested) {
		fds[3].Fd = -1
		next = earlier(next, l.rested)
	}
	ts := unix.NsecToTimespec(max(0, next.Sub(now).Nanoseconds()))
	if _, err := unix.Ppoll(fds[:], &ts, nil); err != nil && err != unix.EINTR {
		return fmt.Errorf("wait for flows: %w", err)
	}
	if fds[0].Revents != 0 {
		// Whether or not something is pending: what was set may have been obeyed before its wake-up came.
		var count [8]byte
		unix.Read(l.wake, count[:])
	}
	l.moved = fds[1].Revents != 0
	return nil
}

// obey takes over what was set.
func (l *Loop) obey() {
	if l.pending.Swap(false) {
		l.mu.Lock()
		t, resync := l.target, l.resync
		l.resync = false
		l.mu.Unlock()
		l.engine.Set(l.now, t)
		if resync {
			l.engine.Resync(l.now)
		}
	}
	l.aim()
}

// aim keeps the socket that of the target.
func (l *Loop) aim() {
	t := &l.engine.target
	same := l.aimed.Device == t.Device && l.aimed.Local == t.Local && l.aimed.Peer == t.Peer
	if same && (l.socket != nil || !t.usable() || l.now.Sub(l.opened) < time.Second) {
		return
	}
	if l.socket != nil {
		l.socket.close()
		l.socket = nil
	}
	l.aimed, l.opened = *t, l.now
	if !t.usable() {
		return
	}
	var err error
	if l.socket, err = openSocket(t); err != nil {
		l.socket = nil
		l.engine.complain(l.now, "open socket", err)
	}
}

func (l *Loop) send(frame []byte) error {
	if l.socket == nil {
		return nil
	}
	err := l.socket.send(frame)
	if err != nil { // the device is another one now, or has another address
		l.socket.close()
		l.socket, l.opened = nil, l.now
	}
	return err
}

// mostReads bounds how many bunches of events, and mostFramesIn how many frames, are taken in one turn. Full ones bring
// 2,000 flows, which take the kernel ten milliseconds: the master must not wait for its acknowledgments until it takes
// them for lost.
const (
	mostReads    = 16
	mostFramesIn = 32
)

// look takes notice of addresses that came or went.
func (l *Loop) look() {
	if _, err := l.conntrack.locals.Read(); err != nil {
		l.engine.complain(l.now, "read own addresses", err)
	}
}

// hear takes in what the kernel tells.
func (l *Loop) hear() {
	if l.now.Before(l.rested) {
		return
	}
	for range mostReads {
		whole := l.engine.own.urgent.tail
		n, err := l.conntrack.events.Read(l.event)
		if err == conntrack.ErrOverrun {
			l.engine.Overrun(l.now)
		} else if err != nil {
			l.engine.complain(l.now, "read events", err)
			l.rested = l.now.Add(time.Millisecond)
			return
		}
		switch fresh := int(l.engine.own.urgent.tail - whole); {
		case n > 2*fresh:
			l.rested = l.now.Add(restDetails)
		case n > 1:
			l.rested = l.now.Add(restCrowd)
		case n == 1:
			l.rested = l.now.Add(restAlone)
		}
		if n < 64 {
			return
		}
	}
}

// event is one message of the kernel. What was set before it was caused is known by then.
func (l *Loop) event(msg []byte) {
	if l.message.Parse(msg) != nil {
		return // of a kind that this version does not know
	}
	if l.pending.Load() {
		l.obey()
	}
	if l.message.Port == l.conntrack.table.Port() {
		l.engine.stats.Echoes++
		return
	}
	l.engine.Event(l.now, &l.message)
}

// receive takes in the frames that wait.
func (l *Loop) receive() {
	if l.socket == nil {
		return
	}
	for range mostFramesIn {
		frame := l.socket.receive(l.frame)
		if frame == nil {
			return
		}
		l.engine.Frame(l.now, frame)
	}
}

// reportEvery is how old a report gets while nothing changes in it that matters.
const reportEvery = 50 * time.Millisecond

// publish makes the report the one of now.
func (l *Loop) publish() {
	was := l.report.Load()
	l.publishedAt.Store(int64(max(1, l.now.Sub(l.born))))
	if l.now.Sub(l.published) < reportEvery && was.State == l.engine.state() {
		return
	}
	l.published = l.now
	r := l.engine.Report(l.now)
	l.report.Store(&r)
	if was.State != r.State {
		select {
		case l.changed <- struct{}{}:
		default:
		}
	}
}
