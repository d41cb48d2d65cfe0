package failover_test

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
	"golang.org/x/sys/unix"
)

const (
	// probeInterval is from one probe to the next.
	probeInterval = time.Millisecond
	// probeSize is the least that a server of package lab sends back whole.
	probeSize = 24
	// straggle is how long the last answers have.
	straggle = 200 * time.Millisecond
)

// prober asks a server of package lab a thousand times a second, over one flow.
type prober struct {
	conn *net.UDPConn
	stop chan struct{}
	work sync.WaitGroup

	mu     sync.Mutex
	probes []probe
}

// probe is one question.
type probe struct {
	sent     time.Time
	answered bool
}

func startProber(tb testing.TB, h *lab.Host, dst netip.AddrPort) *prober {
	tb.Helper()
	c, err := h.Dial(tb.Context(), "udp4", netip.AddrPort{}, dst)
	if err != nil {
		tb.Fatal(err)
	}
	p := &prober{conn: c.(*net.UDPConn), stop: make(chan struct{})}
	rc, err := p.conn.SyscallConn()
	if err == nil {
		err = errors.Join(rc.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20)
		}), err)
	}
	if err != nil {
		tb.Fatal(errors.Join(err, p.conn.Close()))
	}
	p.work.Go(p.sendAll)
	go p.readAll() // it ends with the connection
	tb.Cleanup(func() { p.end() })
	return p
}

// sendAll sends what is due until the prober is stopped, on a thread that a busy machine lets run
// first: the pair is measured, not the one who measures.
func (p *prober) sendAll() {
	runtime.LockOSThread()                          // for good: the thread ends with the goroutine
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -20) // without it probes are late, and outageSince says so
	question := make([]byte, probeSize)
	start := time.Now()
	for seq := 0; ; {
		for due := int(time.Since(start) / probeInterval); seq <= due; seq++ {
			binary.BigEndian.PutUint64(question[probeSize-8:], uint64(seq))
			p.mu.Lock()
			p.probes = append(p.probes, probe{sent: time.Now()})
			p.mu.Unlock()
			if _, err := p.conn.Write(question); err != nil {
				_, _ = p.conn.Write(question) // the error was an ICMP error to an earlier one
			}
		}
		select {
		case <-p.stop:
			return
		default:
		}
		next := unix.NsecToTimespec(int64(time.Until(start.Add(time.Duration(seq) * probeInterval))))
		_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &next, nil) // woken early, it looks again
	}
}

// readAll takes answers down until the connection is closed.
func (p *prober) readAll() {
	answer := make([]byte, 512)
	for {
		n, err := p.conn.Read(answer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n < probeSize {
			continue // an ICMP error to an earlier probe
		}
		seq := binary.BigEndian.Uint64(answer[n-8:])
		p.mu.Lock()
		if seq < uint64(len(p.probes)) {
			p.probes[seq].answered = true
		}
		p.mu.Unlock()
	}
}

// answeredSince counts the probes sent after an instant that came back.
func (p *prober) answeredSince(at time.Time) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	count := 0
	for i := len(p.probes) - 1; i >= 0 && p.probes[i].sent.After(at); i-- {
		if p.probes[i].answered {
			count++
		}
	}
	return count
}

// end stops the prober and returns what became of its probes.
func (p *prober) end() []probe {
	p.mu.Lock()
	select {
	case <-p.stop:
	default:
		close(p.stop)
	}
	p.mu.Unlock()
	p.work.Wait()
	lab.Poll(straggle, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.probes[len(p.probes)-1].answered
	})
	_ = p.conn.Close() // all that it had to say is read
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.probes
}

// outage is what a flow noticed.
type outage struct {
	// gap is the longest time between two answered probes with unanswered ones between them, less the
	// time from one probe to the next. How late an answer is does not count: servers are late as well.
	gap  time.Duration
	lost int // probes without an answer
	// slept is the longest time between two probes, less what it should have been.
	slept time.Duration
}

// outageSince is what a flow noticed since an instant, with what was on its way then.
func outageSince(probes []probe, at time.Time) outage {
	var o outage
	last := -1 // that was answered
	for i, p := range probes {
		if p.sent.Before(at.Add(-straggle)) {
			last = i
			continue
		}
		if i > 0 {
			o.slept = max(o.slept, p.sent.Sub(probes[i-1].sent)-probeInterval)
		}
		if !p.answered {
			o.lost++
		}
		if last >= 0 && last < i-1 && (p.answered || i == len(probes)-1) {
			o.gap = max(o.gap, p.sent.Sub(probes[last].sent)-probeInterval)
		}
		if p.answered {
			last = i
		}
	}
	return o
}
