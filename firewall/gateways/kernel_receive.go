package gateways

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rempart/rempart/config"
)

const (
	maxEvents = 64      // taken from epoll(7) at once
	maxReads  = 64      // packets taken from one socket at once
	maxPacket = 1 << 16 // of IP
)

// Receive listens to all sockets.
func (s *Sockets) Receive(until time.Time, got func(Reply)) error {
	raw, err := s.epoll.SyscallConn()
	if err == nil {
		err = s.epoll.SetReadDeadline(until)
	}
	if err != nil {
		return fmt.Errorf("wait for answers: %w", err)
	}
	for {
		n, err := wait(raw, s.events)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("wait for answers: %w", err)
		}
		woken := false
		for _, e := range s.events[:n] {
			if int(e.Fd) == s.bell {
				woken = true
				continue
			}
			s.drain(e, got)
		}
		if woken {
			return s.silence()
		}
	}
}

// Wake rings the bell.
func (s *Sockets) Wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		// It fails when it has rung so often that nobody needs to ring again.
		_, _ = unix.Write(s.bell, []byte{7: 1})
	}
}

// silence takes the ringing of the bell off.
func (s *Sockets) silence() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return os.ErrClosed
	}
	var rung [8]byte
	if _, err := unix.Read(s.bell, rung[:]); err != nil && !errors.Is(err, unix.EAGAIN) {
		return fmt.Errorf("wait for answers: %w", err)
	}
	return nil
}

// drain hands over what a socket has, but not so much that others wait for long:
// epoll tells again of one that has more.
func (s *Sockets) drain(e unix.EpollEvent, got func(Reply)) {
	for range maxReads {
		r, ok := s.read(e)
		if !ok {
			return
		}
		got(r)
		if r.Kind != config.ProbeICMP {
			return // there is one answer to expect
		}
	}
}

// read takes one thing from the socket of an event; ok is false when there is
// nothing, or the socket is gone.
func (s *Sockets) read(e unix.EpollEvent) (r Reply, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.byFD[e.Fd]
	if k == nil || k.serial != e.Pad {
		return Reply{}, false
	}
	r = Reply{Kind: k.kind, ID: k.id, Device: k.path.Device}
	if k.kind == config.ProbeTCP {
		r.Refused, r.Err = k.outcome()
		s.endLocked(k)
		return r, true
	}
	n, from, err := unix.Recvfrom(k.fd, s.packet, 0)
	switch {
	case errors.Is(err, unix.EINTR):
		return Reply{}, false // epoll tells of it again
	case errors.Is(err, unix.EAGAIN):
		if e.Events&^unix.EPOLLIN != 0 {
			s.endLocked(k) // it would be told of for ever
		}
		return Reply{}, false
	case err != nil:
		s.endLocked(k)
		r.Err = err
		return r, k.kind != config.ProbeICMP
	}
	r.From, r.Packet = address(from), s.packet[:n]
	return r, true
}

// wait waits for events without holding a thread.
func wait(epoll syscall.RawConn, events []unix.EpollEvent) (n int, err error) {
	outer := epoll.Read(func(fd uintptr) bool {
		n, err = unix.EpollWait(int(fd), events, 0)
		if errors.Is(err, unix.EINTR) {
			n, err = 0, nil
		}
		return n > 0 || err != nil
	})
	if outer != nil {
		return 0, outer
	}
	return n, err
}
