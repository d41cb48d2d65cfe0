package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Listen announces on an address of the host. The listener may be used from any goroutine, and is
// closed with the network at the latest. Networks are those of net.Listen; MPTCP is not used.
func (h *Host) Listen(network string, addr netip.AddrPort) (net.Listener, error) {
	var l net.Listener
	addr, err := h.scoped(addr)
	if err != nil {
		return nil, h.wrap(fmt.Errorf("listen on %s: %w", addr, err))
	}
	err = h.space.do(func() (err error) {
		var lc net.ListenConfig
		lc.SetMultipathTCP(false)
		l, err = lc.Listen(context.Background(), network, addr.String())
		return err
	})
	if err != nil {
		return nil, h.wrap(err)
	}
	if err := h.net.own(l); err != nil {
		return nil, h.wrap(err)
	}
	return l, nil
}

// ListenPacket announces on an address of the host, as Listen does.
func (h *Host) ListenPacket(network string, addr netip.AddrPort) (net.PacketConn, error) {
	var c net.PacketConn
	addr, err := h.scoped(addr)
	if err != nil {
		return nil, h.wrap(fmt.Errorf("listen on %s: %w", addr, err))
	}
	err = h.space.do(func() (err error) {
		c, err = net.ListenPacket(network, addr.String())
		return err
	})
	if err != nil {
		return nil, h.wrap(err)
	}
	if err := h.net.own(c); err != nil {
		return nil, h.wrap(err)
	}
	return c, nil
}

// Dial connects from the host, from local if that is valid. The connection may be used from any
// goroutine; closing it is the caller's.
func (h *Host) Dial(ctx context.Context, network string, local, remote netip.AddrPort) (net.Conn, error) {
	local, lerr := h.scoped(local)
	remote, rerr := h.scoped(remote)
	if err := errors.Join(lerr, rerr); err != nil {
		return nil, h.wrap(fmt.Errorf("dial %s: %w", remote, err))
	}
	var d net.Dialer
	d.SetMultipathTCP(false)
	if local.IsValid() {
		switch network {
		case "udp", "udp4", "udp6":
			d.LocalAddr = net.UDPAddrFromAddrPort(local)
		default:
			d.LocalAddr = net.TCPAddrFromAddrPort(local)
		}
	}
	var c net.Conn
	err := h.space.do(func() (err error) {
		c, err = d.DialContext(ctx, network, remote.String())
		return err
	})
	if err != nil {
		return nil, h.wrap(err)
	}
	return c, nil
}

// scoped replaces the zone of a link-local address, a device of the host, by its index: package net
// knows the devices of this process's namespace only.
func (h *Host) scoped(a netip.AddrPort) (netip.AddrPort, error) {
	if _, err := strconv.Atoi(a.Addr().Zone()); err == nil || a.Addr().Zone() == "" {
		return a, nil
	}
	l, err := h.space.find(a.Addr().Zone())
	if err != nil {
		return a, err
	}
	zone := strconv.Itoa(l.Attrs().Index)
	return netip.AddrPortFrom(a.Addr().WithZone(zone), a.Port()), nil
}

// socket is a socket in a host's namespace whose calls wait until the end of a context.
type socket struct {
	file *os.File
	rc   syscall.RawConn
	stop func() bool
}

// socket opens a socket that lives until Close. Its calls fail with os.ErrDeadlineExceeded once ctx
// has ended.
func (h *Host) socket(ctx context.Context, domain, typ, proto int) (*socket, error) {
	var fd int
	err := h.space.do(func() (err error) {
		fd, err = unix.Socket(domain, typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, proto)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	f := os.NewFile(uintptr(fd), "socket")
	rc, err := f.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s := &socket{file: f, rc: rc}
	s.stop = context.AfterFunc(ctx, s.interrupt)
	return s, nil
}

// interrupt ends calls that wait, and those to come.
func (s *socket) interrupt() {
	longAgo := time.Unix(1, 0)
	_ = s.file.SetDeadline(longAgo) // it fails if the socket is closed, which does the same
}

// Close closes the socket.
func (s *socket) Close() error {
	s.stop()
	return s.file.Close()
}

// option sets an integer socket option.
func (s *socket) option(level, name, value int) error {
	return s.control(func(fd int) error { return unix.SetsockoptInt(fd, level, name, value) })
}

// control runs fn with the descriptor.
func (s *socket) control(fn func(fd int) error) error {
	var inner error
	err := s.rc.Control(func(fd uintptr) { inner = fn(int(fd)) })
	return errors.Join(err, inner)
}

// connect connects to a peer, and waits for it if need be.
func (s *socket) connect(to unix.Sockaddr) error {
	err := s.control(func(fd int) error { return unix.Connect(fd, to) })
	if !errors.Is(err, unix.EINPROGRESS) {
		return err
	}
	var result error
	err = s.rc.Write(func(fd uintptr) bool {
		errno, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && errno != 0 {
			err = syscall.Errno(errno)
		}
		if err != nil {
			result = err
			return true
		}
		_, err = unix.Getpeername(int(fd))
		return err == nil
	})
	return errors.Join(err, result)
}

// recv receives one datagram.
func (s *socket) recv(b []byte) (int, error) {
	var n int
	var result error
	err := s.rc.Read(func(fd uintptr) bool {
		n, result = unix.Read(int(fd), b)
		return !errors.Is(result, unix.EAGAIN) && !errors.Is(result, unix.EINTR)
	})
	if err := errors.Join(err, result); err != nil {
		return 0, err
	}
	return n, nil
}

// send sends one datagram to the connected peer.
func (s *socket) send(b []byte) error {
	return s.control(func(fd int) error {
		_, err := unix.Write(fd, b)
		return err
	})
}

// local is the address that the socket is bound to.
func (s *socket) local() netip.AddrPort {
	var addr netip.AddrPort
	_ = s.control(func(fd int) error { // without a name there is no local address
		sa, err := unix.Getsockname(fd)
		addr = addrPort(sa)
		return err
	})
	return addr
}

// sockaddr is the kernel's form of an address whose zone is an index.
func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	// A zone that is no number is none; see scoped.
	zone, _ := strconv.ParseUint(a.Addr().Zone(), 10, 32)
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16(), ZoneId: uint32(zone)}
}

// addrPort is the inverse of sockaddr, without the zone.
func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	return netip.AddrPort{}
}
