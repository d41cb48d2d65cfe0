package gateways

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"unsafe"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/rempart/rempart/config"
)

// Sockets is the Kernel of a network namespace: a raw ICMP socket for each
// device and family, and a socket of its own for each TCP or UDP question, all
// of which one goroutine listens to.
type Sockets struct {
	ns    netns.NsHandle // netns.None is the process's own
	epoll *os.File
	bell  int // eventfd(2) that ends Receive

	// Touched by Receive alone.
	events []unix.EpollEvent
	packet []byte

	mu     sync.Mutex // guards what follows
	closed bool
	echoes map[echoKey]*socket
	single map[uint64]*socket // by the question's identity
	byFD   map[int32]*socket
	opened int32 // sockets so far: tells a descriptor from an earlier one of its number
}

// echoKey is what an ICMP socket serves. Each of them gets a copy of every echo
// reply of its device, so they are not one for each path.
type echoKey struct {
	device string
	is6    bool
}

// OpenSockets opens the network namespace of the process. Close ends it.
func OpenSockets() (*Sockets, error) { return OpenSocketsAt(netns.None()) }

// OpenSocketsAt opens the network namespace ns, which has to stay open. Close ends it.
func OpenSocketsAt(ns netns.NsHandle) (*Sockets, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open epoll: %w", err)
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err == nil {
		e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(bell)}
		err = unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, bell, &e)
	}
	if err == nil {
		// A file that does not block waits in Go's own poller, and holds no thread.
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		_ = unix.Close(fd)
		_ = unix.Close(bell) // -1 if there is none
		return nil, fmt.Errorf("open epoll: %w", err)
	}
	return &Sockets{
		ns: ns, epoll: os.NewFile(uintptr(fd), "epoll"), bell: bell,
		events: make([]unix.EpollEvent, maxEvents), packet: make([]byte, maxPacket),
		echoes: make(map[echoKey]*socket), single: make(map[uint64]*socket), byFD: make(map[int32]*socket),
	}, nil
}

// Close ends everything that is open.
func (s *Sockets) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	for _, k := range s.byFD {
		s.endLocked(k)
	}
	return errors.Join(unix.Close(s.bell), s.epoll.Close())
}

// Send sends a question.
func (s *Sockets) Send(q Question) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return os.ErrClosed
	}
	if q.Kind == config.ProbeICMP {
		return s.echoLocked(q)
	}
	return s.callLocked(q)
}

// Drop ends the socket of a question.
func (s *Sockets) Drop(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.single[id]; k != nil {
		s.endLocked(k)
	}
}

// Keep ends the sockets of other paths.
func (s *Sockets) Keep(paths []Path) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.byFD {
		kept := func(p Path) bool { return p == k.path || k.kind == config.ProbeICMP && p.Device == k.path.Device }
		if !slices.ContainsFunc(paths, kept) {
			s.endLocked(k)
		}
	}
}

// echoLocked sends an echo request by the socket of its device. A socket is bound
// to a device by number, so one whose device has another number now would ask by
// a device that is gone, or by the wrong one.
func (s *Sockets) echoLocked(q Question) error {
	key := echoKey{q.Path.Device, q.To.Addr().Is6()}
	k := s.echoes[key]
	if k != nil && key.device != "" {
		if index, err := deviceIndex(k.fd, key.device); err != nil || index != k.index {
			s.endLocked(k)
			k = nil
		}
	}
	if k == nil {
		var err error
		if k, err = s.openLocked(q, echoKind(key.is6)); err != nil {
			return err
		}
		s.echoes[key] = k
	}
	_, err := unix.SendmsgN(k.fd, q.Packet, control(q.Path, key.is6), sockaddr(q.To), 0)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		s.endLocked(k) // the next question finds out whether another one fares better
	}
	return err
}

// control is what makes a packet of a family take a path: its mark and its source.
func control(p Path, is6 bool) []byte {
	var b []byte
	if p.Mark != 0 {
		b = make([]byte, unix.CmsgSpace(4), unix.CmsgSpace(4)+unix.CmsgSpace(unix.SizeofInet6Pktinfo))
		h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
		h.Level, h.Type = unix.SOL_SOCKET, unix.SO_MARK
		h.SetLen(unix.CmsgLen(4))
		binary.NativeEndian.PutUint32(b[unix.CmsgLen(0):], p.Mark)
	}
	switch {
	case p.Source.Is6() != is6:
	case p.Source.Is4():
		b = append(b, unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: p.Source.As4()})...)
	case p.Source.Is6():
		b = append(b, unix.PktInfo6(&unix.Inet6Pktinfo{Addr: p.Source.As16()})...)
	}
	return b
}

// callLocked asks by a socket of the question's own.
func (s *Sockets) callLocked(q Question) error {
	kind := socketKind{domain: domain(q.To.Addr().Is6()), typ: unix.SOCK_STREAM, proto: unix.IPPROTO_TCP}
	if q.Kind == config.ProbeDNS {
		kind.typ, kind.proto = unix.SOCK_DGRAM, unix.IPPROTO_UDP
	}
	k, err := s.openLocked(q, kind)
	if err != nil {
		return err
	}
	s.single[q.ID] = k
	err = unix.Connect(k.fd, sockaddr(q.To))
	switch {
	case q.Kind == config.ProbeTCP && errors.Is(err, unix.EINPROGRESS):
		err = nil
	case q.Kind == config.ProbeTCP:
		k.early, k.result, err = true, err, nil
	case err == nil:
		_, err = unix.Write(k.fd, q.Packet)
	}
	if err == nil {
		err = s.listenLocked(k)
	}
	if err != nil {
		s.endLocked(k)
	}
	return err
}

// listenLocked has epoll tell of the socket: TCP is heard of when it may be
// written to, the others when there is something to be read.
func (s *Sockets) listenLocked(k *socket) error {
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(k.fd), Pad: k.serial}
	if k.kind == config.ProbeTCP {
		e.Events = unix.EPOLLOUT
	}
	return s.onEpoll(func(fd int) error { return unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, k.fd, &e) })
}

func (s *Sockets) onEpoll(f func(fd int) error) error {
	raw, err := s.epoll.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	return errors.Join(raw.Control(func(fd uintptr) { inner = f(int(fd)) }), inner)
}

// endLocked closes a socket, by which epoll forgets it.
func (s *Sockets) endLocked(k *socket) {
	if s.byFD[int32(k.fd)] != k {
		return
	}
	delete(s.byFD, int32(k.fd))
	if key := (echoKey{k.path.Device, k.is6}); s.echoes[key] == k {
		delete(s.echoes, key)
	}
	if s.single[k.id] == k {
		delete(s.single, k.id)
	}
	_ = unix.Close(k.fd) // nothing was written that could be lost
}
