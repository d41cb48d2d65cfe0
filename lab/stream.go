package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

const (
	// streamBuffer is the receive buffer of streams and servers in bytes: what is lost is to be lost
	// on the way. A datagram takes about 1 KiB of it.
	streamBuffer = 16 << 20
	// beat is how often a fast stream sends: what is due then goes in one system call.
	beat = time.Millisecond
	// straggle is how long Stop waits for the last echoes.
	straggle = 250 * time.Millisecond
)

// Stats is what a stream has counted.
type Stats struct {
	// Sent are the datagrams sent, with those that the host's own kernel refused.
	Sent uint64
	// Received are those that reached a server of the same network, Echoed those that came back.
	// None is counted twice.
	Received, Echoed uint64
	// Duplicates are those that came back more than once.
	Duplicates uint64
	// Lost are those that have not come back. Before Stop some are still on their way.
	Lost uint64
	// LostRun is the longest run of datagrams, in the order sent, that have not come back.
	LostRun uint64
	// Gap is the longest time without an echo.
	Gap time.Duration
}

// String is the counts in one line.
func (s Stats) String() string {
	return fmt.Sprintf("sent %d, received %d, echoed %d, duplicates %d, lost %d, longest run lost %d, longest gap %s",
		s.Sent, s.Received, s.Echoed, s.Duplicates, s.Lost, s.LostRun, s.Gap.Round(10*time.Microsecond))
}

// Stream is one UDP flow of datagrams at a constant rate to a server made by ServeUDP.
type Stream struct {
	host *Host
	id   uint64
	rate int
	size int
	conn *net.UDPConn
	stop chan struct{}
	once sync.Once
	work sync.WaitGroup
	read sync.WaitGroup
	all  chan struct{} // closed when the sender has stopped and all is echoed

	mu       sync.Mutex
	sent     uint64
	dups     uint64
	gap      time.Duration
	lastEcho time.Time
	lastSent time.Time
	waiting  bool
	received marks
	echoed   marks
}

// Stream starts to send datagrams of 128 bytes, unless Size says otherwise, from one port to dst:
// rate a second, evenly, those of one millisecond together.
func (h *Host) Stream(dst netip.AddrPort, rate int, opts ...Option) *Stream {
	h.net.t.Helper()
	s := &Stream{host: h, rate: rate, stop: make(chan struct{}), all: make(chan struct{})}
	if err := s.start(dst, opts); err != nil {
		h.check(fmt.Errorf("stream to %s: %w", dst, err))
	}
	return s
}

func (s *Stream) start(dst netip.AddrPort, opts []Option) error {
	p, err := s.host.newProbe(dst, append([]Option{Size(128)}, opts...))
	if err != nil {
		return err
	}
	if s.rate <= 0 {
		return fmt.Errorf("rate %d: want more than zero", s.rate)
	}
	c, err := s.host.Dial(context.Background(), "udp", p.from, p.dst)
	if err != nil {
		return err
	}
	s.conn, s.size = c.(*net.UDPConn), p.size
	if err := setOption(s.conn, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, streamBuffer); err != nil {
		return errors.Join(err, c.Close())
	}
	now := time.Now()
	s.lastEcho, s.lastSent = now, now
	s.host.net.streams.add(s)
	s.work.Go(func() { s.sendAll(now) })
	s.read.Go(s.readAll)
	return s.host.net.own(s)
}

// streams are all that a network has started, by number.
type streams struct {
	mu  sync.RWMutex
	all []*Stream
}

// add gives a stream the number by which servers know it.
func (ss *streams) add(s *Stream) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s.id = uint64(len(ss.all))
	ss.all = append(ss.all, s)
}

// tally counts a datagram that has reached a server, if it is of a stream.
func (ss *streams) tally(payload []byte) {
	l, err := parseLabel(payload)
	if err != nil || l.kind != ofStream {
		return
	}
	ss.mu.RLock()
	defer ss.mu.RUnlock()
	if l.id >= uint64(len(ss.all)) {
		return
	}
	s := ss.all[l.id]
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.seq < s.sent {
		s.received.set(l.seq)
	}
}

// sendAll sends what is due at each beat until the stream is stopped.
func (s *Stream) sendAll(start time.Time) {
	pc := ipv4.NewPacketConn(s.conn)
	ms := make([]ipv4.Message, batch)
	for i := range ms {
		ms[i].Buffers = [][]byte{make([]byte, max(s.size, labelSize))}
	}
	ticker := time.NewTicker(max(beat, time.Second/time.Duration(s.rate)))
	defer ticker.Stop()
	var seq uint64
	for {
		due := uint64(time.Since(start)) * uint64(s.rate) / uint64(time.Second)
		for seq < due {
			n := min(due-seq, batch)
			for i := range ms[:n] {
				label{ofStream, s.id, seq + uint64(i)}.append(ms[i].Buffers[0][:0])
			}
			seq += n
			s.note(seq)
			writeAll(pc, ms[:n])
		}
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
	}
}

// note takes down how many were sent, before they are, so that no echo comes before its datagram.
func (s *Stream) note(sent uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent, s.lastSent = sent, time.Now()
}

// readAll takes echoes down until the connection is closed.
func (s *Stream) readAll() {
	pc := ipv4.NewPacketConn(s.conn)
	ms := newBatch(max(s.size, labelSize) + 256)
	for {
		n, err := pc.ReadBatch(ms, 0)
		if err != nil {
			if isClosed(err) {
				return
			}
			continue // an ICMP error to an earlier datagram
		}
		now := time.Now()
		s.mu.Lock()
		for _, m := range ms[:n] {
			s.take(m.Buffers[0][:m.N], now)
		}
		s.finishLocked()
		s.mu.Unlock()
	}
}

// take counts one echo.
func (s *Stream) take(answer []byte, now time.Time) {
	_, echo, err := parseBanner(answer)
	if err != nil {
		return
	}
	l, err := parseLabel(echo)
	if err != nil || l.kind != ofStream || l.id != s.id || l.seq >= s.sent {
		return
	}
	if !s.echoed.set(l.seq) {
		s.dups++
		return
	}
	s.gap = max(s.gap, now.Sub(s.lastEcho))
	s.lastEcho = now
}

// finishLocked tells Stop when there is nothing to wait for.
func (s *Stream) finishLocked() {
	if s.waiting && s.echoed.count == s.sent {
		s.waiting = false
		close(s.all)
	}
}

// Stats is what has been counted so far.
func (s *Stream) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{
		Sent:       s.sent,
		Received:   s.received.count,
		Echoed:     s.echoed.count,
		Duplicates: s.dups,
		Lost:       s.sent - s.echoed.count,
		LostRun:    s.echoed.longestGap(s.sent),
		Gap:        max(s.gap, s.lastSent.Sub(s.lastEcho)),
	}
}

// Stop stops sending, waits up to a quarter of a second for the last echoes, and returns the counts.
func (s *Stream) Stop() Stats {
	s.once.Do(func() {
		close(s.stop)
		s.work.Wait()
		s.mu.Lock()
		s.waiting = true
		s.finishLocked()
		s.mu.Unlock()
		timer := time.NewTimer(straggle)
		defer timer.Stop()
		select {
		case <-s.all:
		case <-timer.C:
		}
		if s.conn != nil {
			_ = s.conn.Close() // all that it had to say is read
		}
		s.read.Wait()
	})
	return s.Stats()
}

// Close stops the stream for its network.
func (s *Stream) Close() error {
	s.Stop()
	return nil
}

// isClosed reports whether a read or a write has failed for good.
func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }
