package failover_test

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
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

// probe is one question, by the clock on the wall.
type probe struct {
	sent time.Time
	back time.Time // zero: not answered; when the kernel had the answer
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
			err = errors.Join(
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20),
			)
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

// sendAll sends what is due until the prober is stopped.
func (p *prober) sendAll() {
	ticker := time.NewTicker(probeInterval)
	defer ticker.Stop()
	question := make([]byte, probeSize)
	start := time.Now()
	for seq := uint64(0); ; {
		for due := uint64(time.Since(start) / probeInterval); seq <= due; seq++ {
			binary.BigEndian.PutUint64(question[probeSize-8:], seq)
			p.mu.Lock()
			p.probes = append(p.probes, probe{sent: time.Now().Round(0)})
			p.mu.Unlock()
			if _, err := p.conn.Write(question); err != nil {
				_, _ = p.conn.Write(question) // the error was an ICMP error to an earlier one
			}
		}
		select {
		case <-p.stop:
			return
		case <-ticker.C:
		}
	}
}

// readAll takes answers down until the connection is closed.
func (p *prober) readAll() {
	answer, oob := make([]byte, 512), make([]byte, 64)
	for {
		n, oobn, _, _, err := p.conn.ReadMsgUDP(answer, oob)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n < probeSize {
			continue // an ICMP error to an earlier probe
		}
		seq := binary.BigEndian.Uint64(answer[n-8:])
		p.mu.Lock()
		if seq < uint64(len(p.probes)) && p.probes[seq].back.IsZero() {
			p.probes[seq].back = arrival(oob[:oobn])
		}
		p.mu.Unlock()
	}
}

// arrival is when the kernel had a datagram, now if it did not say.
func arrival(oob []byte) time.Time {
	msgs, _ := unix.ParseSocketControlMessage(oob)
	for _, m := range msgs {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		}
	}
	return time.Now().Round(0)
}

// answeredSince counts the probes sent after an instant that came back.
func (p *prober) answeredSince(at time.Time) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	count := 0
	for i := len(p.probes) - 1; i >= 0 && p.probes[i].sent.After(at); i-- {
		if !p.probes[i].back.IsZero() {
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
	within(straggle, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return !p.probes[len(p.probes)-1].back.IsZero()
	})
	_ = p.conn.Close() // all that it had to say is read
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.probes
}

// outage is what a flow noticed.
type outage struct {
	gap  time.Duration // longest time between two answers, less the time between two questions
	lost int           // probes without an answer
}

// outageSince is what a flow noticed since an instant: of the answers that came after it, and the last
// before, with the time after the last answer of all.
func outageSince(probes []probe, at time.Time) outage {
	var o outage
	var last, end time.Time
	for _, p := range probes {
		if p.back.IsZero() {
			// What was on its way then is lost by what happened then.
			if !p.sent.Before(at.Add(-straggle)) {
				o.lost++
			}
			end = p.sent
			continue
		}
		if p.back.After(at) && !last.IsZero() {
			o.gap = max(o.gap, p.back.Sub(last)-probeInterval)
		}
		if p.back.After(last) {
			last = p.back
		}
	}
	if !last.IsZero() && end.After(at) {
		o.gap = max(o.gap, end.Sub(last))
	}
	return o
}
