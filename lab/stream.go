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
	// opening is how long the first datagram has the way for itself.
	opening = 100 * time.Millisecond
	// straggle is how long Stop waits for one more echo; a busy machine can be as late.
	straggle = 500 * time.Millisecond
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
	// Late is the longest time by which a datagram was sent late, because the machine was busy.
	Late time.Duration
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
	echo chan struct{} // holds one when there was an echo since it was last taken

	mu       sync.Mutex
	sent     uint64
	dups     uint64
	gap      time.Duration
	lastEcho time.Time
	lastSent time.Time
	late     time.Duration
	received marks
	echoed   marks
	times    []time.Time // when each was sent
}

// Stream starts to send datagrams of 128 bytes, unless Size says otherwise, from one port to dst:
// rate a second, evenly, those of one millisecond together. The first goes alone, so that neighbours
// are found and not flooded: the others follow its echo, or a tenth of a second later.
func (h *Host) Stream(dst netip.AddrPort, rate int, opts ...Option) *Stream {
	h.net.t.Helper()
	s := &Stream{host: h, rate: rate, stop: make(chan struct{}), echo: make(chan struct{}, 1)}
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
	s.work.Go(s.sendAll)
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
func (s *Stream) sendAll() {
	pc := ipv4.NewPacketConn(s.conn)
	ms := make([]ipv4.Message, batch)
	for i := range ms {
		ms[i].Buffers = [][]byte{make([]byte, max(s.size, labelSize))}
	}
	s.send(pc, ms[:1], 0)
	s.echoWithin(opening, s.stop)
	ticker := time.NewTicker(max(beat, time.Second/time.Duration(s.rate)))
	defer ticker.Stop()
	// What a busy machine has delayed is sent bit by bit: its kernel drops what it cannot pass on
	// at once beyond a thousand packets (net.core.netdev_max_backlog).
	atOnce := max(batch, 2*uint64(s.rate)*uint64(beat)/uint64(time.Second))
	start, seq := time.Now(), uint64(1)
	for {
		since := time.Since(start)
		due := 1 + uint64(since)*uint64(s.rate)/uint64(time.Second)
		if seq < due {
			s.note(since - time.Duration((seq-1)*uint64(time.Second)/uint64(s.rate)))
		}
		for due = min(due, seq+atOnce); seq < due; {
			n := min(due-seq, batch)
			s.send(pc, ms[:n], seq)
			seq += n
		}
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
	}
}

// note takes down by how much a datagram is late.
func (s *Stream) note(late time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late = max(s.late, late)
}

// send sends datagrams from seq on. They are counted before, so that no echo comes for one that is
// not sent yet.
func (s *Stream) send(pc *ipv4.PacketConn, ms []ipv4.Message, seq uint64) {
	for i := range ms {
		label{ofStream, s.id, seq + uint64(i)}.append(ms[i].Buffers[0][:0])
	}
	now := time.Now()
	s.mu.Lock()
	s.sent, s.lastSent = seq+uint64(len(ms)), now
	for range ms {
		s.times = append(s.times, now)
	}
	s.mu.Unlock()
	writeAll(pc, ms)
}

// echoWithin waits for an echo and reports whether one came within d and before stop.
func (s *Stream) echoWithin(d time.Duration, stop <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.echo:
		return true
	case <-timer.C:
	case <-stop:
	}
	return false
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
		s.mu.Unlock()
		select {
		case s.echo <- struct{}{}:
		default:
		}
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
		Late:       s.late,
	}
}

// Stop stops sending, waits until all is echoed or nothing more comes for half a second, and returns
// the counts.
func (s *Stream) Stop() Stats {
	s.once.Do(func() {
		close(s.stop)
		s.work.Wait()
		for s.Stats().Lost > 0 && s.echoWithin(straggle, nil) {
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
