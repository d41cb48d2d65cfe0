package gateways

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/rempart/rempart/config"
)

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
		index, err := unix.GetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX)
		if err != nil {
			return fmt.Errorf("bind to %s: %w", k.path.Device, err)
		}
		k.index = uint32(index)
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

// outcome is how a connection went. A refusal is no failure: it shows that
// somebody is there. When its first segment is lost the kernel sends another one
// after a second, so that the loss shows as delay.
func (k *socket) outcome() (refused bool, err error) {
	err = k.result
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
		return true, nil
	}
	return false, err
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
