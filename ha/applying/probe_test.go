package applying_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// probeInterval is from one probe to the next.
const probeInterval = time.Millisecond

// probes go through gateways at the same moments, all of them to one port, until they are ended.
type probes struct {
	bed   *bed
	conns []net.Conn       // by gateway
	sinks []net.PacketConn // where they lead
	stop  chan struct{}
	work  sync.WaitGroup

	mu     sync.Mutex
	sent   []time.Time // by number
	passed []int       // by gateway, the number of the first that got through; negative: none has
}

// probe begins to probe a port behind gateways.
func (b *bed) probe(through []*gateway, port int) *probes {
	b.Helper()
	p := &probes{bed: b, stop: make(chan struct{})}
	for i, g := range through {
		to := netip.AddrPortFrom(g.behind(), uint16(port))
		sink, err := b.site.ListenPacket("udp", to)
		if err != nil {
			b.Fatal(err)
		}
		conn, err := b.client.Dial(b.Context(), "udp", netip.AddrPort{}, to)
		if err != nil {
			b.Fatal(err)
		}
		p.sinks, p.conns, p.passed = append(p.sinks, sink), append(p.conns, conn), append(p.passed, -1)
		p.work.Go(func() { p.receive(i) })
	}
	p.work.Go(p.send)
	return p
}

// send sends what is due until the probes are ended, on a thread that a busy machine lets run first: it is the gateways
// that are measured, not the one who measures.
func (p *probes) send() {
	runtime.LockOSThread()                          // for good: the thread ends with the goroutine
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -20) // without it probes are late, and blind says so
	start := time.Now()
	for seq := uint64(0); ; seq++ {
		p.mu.Lock()
		p.sent = append(p.sent, time.Now())
		p.mu.Unlock()
		for _, c := range p.conns {
			_, _ = c.Write(binary.BigEndian.AppendUint64(nil, seq)) // what is not sent does not get through
		}
		select {
		case <-p.stop:
			return
		default:
		}
		next := unix.NsecToTimespec(int64(time.Until(start.Add(time.Duration(seq+1) * probeInterval))))
		_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &next, nil) // woken early, it sends early
	}
}

// receive notes the first probe that got through a gateway.
func (p *probes) receive(gateway int) {
	buf := make([]byte, 16)
	for {
		n, _, err := p.sinks[gateway].ReadFrom(buf)
		if err != nil {
			return // closed
		}
		if n != 8 {
			continue
		}
		p.mu.Lock()
		if p.passed[gateway] < 0 {
			p.passed[gateway] = int(binary.BigEndian.Uint64(buf))
		}
		p.mu.Unlock()
	}
}

// opened says when a probe first got through each gateway, and for how long before that none had tried; false: not
// through all of them yet.
func (p *probes) opened() (at []time.Time, blind time.Duration, all bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, first := range p.passed {
		if first < 0 {
			return at, blind, false
		}
		at = append(at, p.sent[first])
		blind = max(blind, p.sent[first].Sub(p.sent[max(first-1, 0)]))
	}
	return at, blind, true
}

// tried is how many went through each, or did not.
func (p *probes) tried() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sent)
}

// end ends the probes.
func (p *probes) end() {
	close(p.stop)
	for i := range p.conns {
		_, _ = p.conns[i].Close(), p.sinks[i].Close() // all is said
	}
	p.work.Wait()
}
