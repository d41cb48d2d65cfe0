package lab

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

const (
	// maxDatagram is the longest payload that servers and probes take, in bytes.
	maxDatagram = 9216
	// batch is how many datagrams one system call moves at most.
	batch = 32
)

// UDP sends one datagram to dst and waits for the answer of a server made by ServeUDP.
func (h *Host) UDP(ctx context.Context, dst netip.AddrPort, opts ...Option) Result {
	p, err := h.newProbe(dst, opts)
	if err != nil {
		return Result{Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, p.within)
	defer cancel()
	s, err := h.open(ctx, p, unix.SOCK_DGRAM, unix.IPPROTO_UDP)
	if err != nil {
		return Result{Err: err}
	}
	defer s.Close()
	if err := s.connect(sockaddr(p.dst)); err != nil {
		return s.judge(err)
	}
	request := label{kind: oneProbe, id: rand.Uint64()}
	var greeting banner
	start := time.Now()
	r := s.judge(s.exchange(request.payload(p.size), func(answer []byte) bool {
		w, echo, err := parseBanner(answer)
		if err != nil {
			return false
		}
		got, err := parseLabel(echo)
		greeting = w
		return err == nil && got == request
	}))
	r.From, r.Took = s.local(), time.Since(start)
	greeting.fill(&r)
	return r
}

// label is what the payload of our datagrams begins with, so that an answer finds its question.
type label struct {
	kind    string
	id, seq uint64
}

// The kinds of labels, of eight bytes each.
const (
	oneProbe = "labprobe"
	ofStream = "labflood"
)

// labelSize is the length of a label in bytes.
const labelSize = 24

// append adds the label's bytes.
func (l label) append(b []byte) []byte {
	b = append(b, l.kind...)
	b = binary.BigEndian.AppendUint64(b, l.id)
	return binary.BigEndian.AppendUint64(b, l.seq)
}

// payload is the label with zeros up to size.
func (l label) payload(size int) []byte {
	b := make([]byte, max(size, labelSize))
	l.append(b[:0])
	return b
}

// parseLabel reads a label off the front of b.
func parseLabel(b []byte) (label, error) {
	if len(b) < labelSize {
		return label{}, fmt.Errorf("label: %d bytes, want %d", len(b), labelSize)
	}
	l := label{id: binary.BigEndian.Uint64(b[8:]), seq: binary.BigEndian.Uint64(b[16:])}
	switch string(b[:8]) {
	case oneProbe:
		l.kind = oneProbe
	case ofStream:
		l.kind = ofStream
	default:
		return label{}, fmt.Errorf("label: kind %q", b[:8])
	}
	return l, nil
}

// ServeUDP starts a server that answers every datagram, from the address that it came to, with who
// it is and whom it sees, and then an echo. The answer is as long as the question where both fit.
func (h *Host) ServeUDP(addr netip.AddrPort) *Server {
	h.net.t.Helper()
	s := &Server{host: h, addr: addr}
	c, err := h.listenUDP(addr)
	if err != nil {
		s.closed = true
		h.net.check(fmt.Errorf("serve udp: %w", err))
		return s
	}
	s.addr, s.conn = netip.AddrPortFrom(addr.Addr(), addrPortOf(c.LocalAddr()).Port()), c
	s.work.Go(func() { s.answer(c) })
	if err := h.net.own(s); err != nil {
		h.check(fmt.Errorf("serve udp: %w", err))
	}
	return s
}

// listenUDP opens a server's socket: it tells where each datagram came to, and holds a burst.
func (h *Host) listenUDP(addr netip.AddrPort) (*net.UDPConn, error) {
	pc, err := h.ListenPacket(familyOf("udp", addr), addr)
	if err != nil {
		return nil, err
	}
	c := pc.(*net.UDPConn)
	level, name := unix.IPPROTO_IP, unix.IP_PKTINFO
	if addr.Addr().Is6() {
		level, name = unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO
	}
	if err := setOption(c, level, name, 1); err != nil {
		return nil, err
	}
	return c, setOption(c, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, streamBuffer)
}

// setOption sets an integer option of a connection of package net.
func setOption(c *net.UDPConn, level, name, value int) error {
	rc, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := rc.Control(func(fd uintptr) {
		inner = unix.SetsockoptInt(int(fd), level, name, value)
	}); err != nil {
		return err
	}
	return inner
}

// answer serves datagrams until the connection is closed. ReadBatch does not care for the family.
func (s *Server) answer(c *net.UDPConn) {
	pc := ipv4.NewPacketConn(c)
	in := newBatch(maxDatagram)
	out := make([]ipv4.Message, batch)
	greetings := make([][]byte, batch)
	for {
		n, err := pc.ReadBatch(in, 0)
		if err != nil {
			if isClosed(err) {
				return
			}
			continue // an ICMP error to an earlier answer
		}
		for i := range in[:n] {
			m := &in[i]
			request, oob := m.Buffers[0][:m.N], m.OOB[:m.NN]
			s.host.net.streams.tally(request)
			w := banner{s.host.name, s.addr, addrPortOf(m.Addr)}
			if to, ok := returnAddress(oob); ok {
				w.at = netip.AddrPortFrom(to, s.addr.Port())
			}
			greetings[i] = w.append(greetings[i][:0])
			echo := echoed(request, len(greetings[i]))
			out[i] = ipv4.Message{Buffers: [][]byte{greetings[i], echo}, OOB: oob, Addr: m.Addr}
		}
		writeAll(pc, out[:n])
	}
}

// echoed cuts a request so that the answer, behind a banner, is as long as the request was, unless
// that would cut its label.
func echoed(request []byte, banner int) []byte {
	return request[:min(len(request), max(len(request)-banner, labelSize))]
}

// returnAddress finds the address that a datagram came to, and turns the control message that told
// it into one that sends from there.
func returnAddress(oob []byte) (netip.Addr, bool) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return netip.Addr{}, false
	}
	for _, m := range msgs {
		switch {
		case m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_PKTINFO && len(m.Data) >= unix.SizeofInet4Pktinfo:
			// Without the interface, the answer takes the route.
			clear(m.Data[:4])
			return netip.AddrFrom4([4]byte(m.Data[4:])), true
		case m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_PKTINFO && len(m.Data) >= unix.SizeofInet6Pktinfo:
			a := netip.AddrFrom16([16]byte(m.Data))
			if !a.IsLinkLocalUnicast() {
				clear(m.Data[16:20])
			}
			return a, true
		}
	}
	return netip.Addr{}, false
}

// newBatch makes messages to read into.
func newBatch(size int) []ipv4.Message {
	ms := make([]ipv4.Message, batch)
	for i := range ms {
		ms[i].Buffers = [][]byte{make([]byte, size)}
		ms[i].OOB = make([]byte, 64)
	}
	return ms
}

// writeAll sends each message once. The kernel stops at one that it refuses, with an error only if
// that is the first, sendmmsg(2); it is passed over, for a rule that drops it is not to be asked
// again.
func writeAll(pc *ipv4.PacketConn, ms []ipv4.Message) {
	for len(ms) > 0 {
		n, err := pc.WriteBatch(ms, 0)
		if isClosed(err) {
			return
		}
		ms = ms[min(max(n, 0)+1, len(ms)):]
	}
}
