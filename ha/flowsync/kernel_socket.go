package flowsync

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/rempart/rempart/ha/flowwire"
	"golang.org/x/sys/unix"
)

const (
	// receiveBuffer holds a window of frames, and sendBuffer what a turn sends.
	receiveBuffer, sendBuffer = 8 << 20, 2 << 20
	// hops is the limit that proves that a frame comes from the cable itself.
	hops = 255
	// control is the class of service of what runs a network, RFC 4594.
	control = 0xc0
)

// socket is where frames go out and come in, on one device and with one peer.
type socket struct{ fd int }

// openSocket opens the socket of a target.
func openSocket(t *Target) (*socket, error) {
	family := unix.AF_INET6
	if t.Peer.Is4() {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open socket of flow sync: %w", err)
	}
	s := &socket{fd: fd}
	if err := s.prepare(t, family); err != nil {
		return nil, errors.Join(fmt.Errorf("open socket of flow sync on %s: %w", t.Device, err), s.close())
	}
	return s, nil
}

func (s *socket) prepare(t *Target, family int) error {
	for _, o := range []struct{ level, name, value int }{
		{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1},
		{unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer},
		{unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendBuffer},
	} {
		if err := unix.SetsockoptInt(s.fd, o.level, o.name, o.value); err != nil {
			return err
		}
	}
	if err := unix.BindToDevice(s.fd, t.Device); err != nil {
		return err
	}
	level, ttl, class := unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, unix.IPV6_TCLASS
	if family == unix.AF_INET {
		level, ttl, class = unix.IPPROTO_IP, unix.IP_TTL, unix.IP_TOS
	}
	if err := unix.SetsockoptInt(s.fd, level, ttl, hops); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(s.fd, level, class, control); err != nil {
		return err
	}
	device, err := net.InterfaceByName(t.Device)
	if err != nil {
		return err
	}
	if err := unix.Bind(s.fd, sockaddr(t.Local, device.Index)); err != nil {
		return err
	}
	return unix.Connect(s.fd, sockaddr(t.Peer, device.Index))
}

// sockaddr is where flow sync is at an address.
func sockaddr(a netip.Addr, device int) unix.Sockaddr {
	if a.Is4() {
		return &unix.SockaddrInet4{Port: flowwire.Port, Addr: a.As4()}
	}
	out := &unix.SockaddrInet6{Port: flowwire.Port, Addr: a.As16()}
	if a.IsLinkLocalUnicast() {
		out.ZoneId = uint32(device)
	}
	return out
}

// send sends a frame, or does not: whoever sends learns from what is acknowledged. An error says that the socket is of
// no use any more.
func (s *socket) send(frame []byte) error {
	_, err := unix.Write(s.fd, frame)
	for _, other := range []error{unix.ENODEV, unix.ENXIO, unix.EADDRNOTAVAIL, unix.EINVAL, unix.EBADF} {
		if errors.Is(err, other) {
			return err
		}
	}
	return nil
}

// receive is the next frame that waits; nil: none does.
func (s *socket) receive(room []byte) []byte {
	for range 8 { // each error that waits is told once, before the frames
		n, err := unix.Read(s.fd, room)
		if err == nil {
			return room[:n]
		}
		if errors.Is(err, unix.EAGAIN) {
			return nil
		}
	}
	return nil
}

func (s *socket) close() error { return unix.Close(s.fd) }
