package gateways

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"
	"unsafe"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/rempart/rempart/config"
)

const (
	maxEvents = 64      // taken from epoll(7) at once
	maxPacket = 1 << 16 // of IP
)

// Sockets is the Kernel of a network namespace: a raw ICMP socket for each
// device and family, and a socket of its own for each TCP or UDP question, all
// of which one goroutine listens to.
type Sockets struct {
	ns    netns.NsHandle // netns.None is the process's own
	epoll *os.File

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

// socket is one that is open.
type socket struct {
	fd     int
	serial int32
	kind   config.ProbeKind
	is6    bool
	path   Path   // of ProbeICMP, its device alone
	index  uint32 // of that device
	id     uint64 // of the question, but for ProbeICMP
	// early is the outcome of a connect that did not have to wait.
	early  bool
	result error
}

// OpenSockets opens the network namespace of the process. Close ends it.
func OpenSockets() (*Sockets, error) { return OpenSocketsAt(netns.None()) }

// OpenSocketsAt opens the network namespace ns, which has to stay open. Close ends it.
func OpenSocketsAt(ns netns.NsHandle) (*Sockets, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open epoll: %w", err)
	}
	// A file that does not block waits in Go's own poller, and holds no thread.
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("open epoll: %w", err)
	}
	return &Sockets{
		ns: ns, epoll: os.NewFile(uintptr(fd), "epoll"),
		echoes: make(map[echoKey]*socket), single: make(map[uint64]*socket), byFD: make(map[int32]*socket),
	}, nil
}

// Close ends everything that is open.
func (s *Sockets) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, k := range s.byFD {
		s.endLocked(k)
	}
	return s.epoll.Close()
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
	_, err := unix.SendmsgN(k.fd, q.Packet, control(q.Path), sockaddr(q.To), 0)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		s.endLocked(k) // the next question finds out whether another one fares better
	}
	return err
}

// control is what makes a packet take a path: its mark and its source.
func control(p Path) []byte {
	var b []byte
	if p.Mark != 0 {
		b = make([]byte, unix.CmsgSpace(4), unix.CmsgSpace(4)+unix.CmsgSpace(unix.SizeofInet6Pktinfo))
		h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
		h.Level, h.Type = unix.SOL_SOCKET, unix.SO_MARK
		h.SetLen(unix.CmsgLen(4))
		binary.NativeEndian.PutUint32(b[unix.CmsgLen(0):], p.Mark)
	}
	switch {
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

type socketKind struct{ domain, typ, proto int }

func echoKind(is6 bool) socketKind {
	if is6 {
		return socketKind{unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6}
	}
	return socketKind{unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP}
}

func domain(is6 bool) int {
	if is6 {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// openLocked opens a socket that is bound to the question's path.
func (s *Sockets) openLocked(q Question, kind socketKind) (*socket, error) {
	fd, err := s.socket(kind)
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	s.opened++
	k := &socket{
		fd: fd, serial: s.opened, kind: q.Kind, is6: kind.domain == unix.AF_INET6, path: q.Path, id: q.ID,
	}
	s.byFD[int32(fd)] = k
	if q.Kind == config.ProbeICMP {
		k.path, k.id = Path{Device: q.Path.Device}, 0
	}
	err = k.bind()
	if err == nil && q.Kind == config.ProbeICMP {
		err = k.filter(q.Packet)
	}
	if err == nil && q.Kind == config.ProbeICMP {
		err = s.listenLocked(k)
	}
	if err != nil {
		s.endLocked(k)
		return nil, err
	}
	return k, nil
}

// socket opens one in the namespace. The thread that goes there is not given
// back, for it may not be possible to return.
func (s *Sockets) socket(kind socketKind) (fd int, err error) {
	open := func() (int, error) {
		return unix.Socket(kind.domain, kind.typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, kind.proto)
	}
	if !s.ns.IsOpen() {
		return open()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err = netns.Set(s.ns); err == nil {
			fd, err = open()
		}
	}()
	<-done
	return fd, err
}

// bind ties the socket to its path.
func (k *socket) bind() error {
	if k.path.Mark != 0 {
		if err := unix.SetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_MARK, int(k.path.Mark)); err != nil {
			return fmt.Errorf("mark: %w", err)
		}
	}
	if k.path.Device != "" {
		if err := unix.BindToDevice(k.fd, k.path.Device); err != nil {
			return fmt.Errorf("bind to %s: %w", k.path.Device, err)
		}
		index, err := deviceIndex(k.fd, k.path.Device)
		if err != nil {
			return fmt.Errorf("bind to %s: %w", k.path.Device, err)
		}
		k.index = index
	}
	if k.kind == config.ProbeTCP {
		// A reset leaves nothing behind, here or there.
		if err := unix.SetsockoptLinger(k.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
			return fmt.Errorf("linger: %w", err)
		}
	}
	if k.path.Source.IsValid() && k.path.Source.Is6() == k.is6 {
		if err := unix.Bind(k.fd, sockaddr(netip.AddrPortFrom(k.path.Source, 0))); err != nil {
			return fmt.Errorf("bind to %s: %w", k.path.Source, err)
		}
	}
	return nil
}

// deviceIndex is the number of a device in the namespace of a socket.
func deviceIndex(fd int, name string) (uint32, error) {
	r, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, r); err != nil {
		return 0, err
	}
	return r.Uint32(), nil
}

func sockaddr(to netip.AddrPort) unix.Sockaddr {
	if to.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
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

// Receive listens to all sockets until ctx ends.
func (s *Sockets) Receive(ctx context.Context, got func(Reply)) error {
	if err := s.epoll.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("wait for answers: %w", err)
	}
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(fired)
		_ = s.epoll.SetReadDeadline(time.Unix(1, 0)) // fails when it is closed, which ends Receive as well
	})
	defer func() {
		if !stop() {
			<-fired
		}
	}()
	raw, err := s.epoll.SyscallConn()
	if err != nil {
		return fmt.Errorf("wait for answers: %w", err)
	}
	events := make([]unix.EpollEvent, maxEvents)
	packet := make([]byte, maxPacket)
	for {
		n, err := wait(raw, events)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("wait for answers: %w", err)
		}
		for _, e := range events[:n] {
			// One packet of each in turn: epoll tells again of those that have more.
			if r, ok := s.read(e, packet); ok {
				got(r)
			}
		}
	}
}

// read takes one thing from the socket of an event; ok is false when there is
// nothing, or the socket is gone.
func (s *Sockets) read(e unix.EpollEvent, packet []byte) (r Reply, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.byFD[e.Fd]
	if k == nil || k.serial != e.Pad {
		return Reply{}, false
	}
	r = Reply{Kind: k.kind, ID: k.id, Device: k.path.Device}
	if k.kind == config.ProbeTCP {
		r.Err = k.outcome()
		s.endLocked(k)
		return r, true
	}
	n, from, err := unix.Recvfrom(k.fd, packet, 0)
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
	r.From, r.Packet = address(from), packet[:n]
	return r, true
}

// outcome is how a connection went. A refusal shows that somebody is there.
func (k *socket) outcome() error {
	err := k.result
	if !k.early {
		number, failed := unix.GetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		switch {
		case failed != nil:
			err = failed
		case number != 0:
			err = unix.Errno(number)
		}
	}
	if errors.Is(err, unix.ECONNREFUSED) {
		return nil
	}
	return err
}

func address(from unix.Sockaddr) netip.Addr {
	switch from := from.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(from.Addr)
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(from.Addr)
	}
	return netip.Addr{}
}
