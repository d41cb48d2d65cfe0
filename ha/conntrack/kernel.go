package conntrack

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// socket is one of netlink(7) that never waits, for one thread.
type socket struct {
	fd   int
	port uint32
}

// option is one of a socket.
type option struct{ level, name, value int }

// openSocket opens a socket in the network namespace of the calling thread, where it stays.
func openSocket(protocol int, options ...option) (socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return socket{}, fmt.Errorf("open netlink socket: %w", err)
	}
	s := socket{fd: fd}
	if err := s.prepare(options); err != nil {
		return socket{}, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *socket) prepare(options []option) error {
	// First, for it ends all memberships.
	if err := unix.Bind(s.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("bind netlink socket: %w", err)
	}
	name, err := unix.Getsockname(s.fd)
	if err != nil {
		return fmt.Errorf("name netlink socket: %w", err)
	}
	if name, ok := name.(*unix.SockaddrNetlink); ok {
		s.port = name.Pid
	}
	for _, o := range options {
		if err := s.set(o); err != nil {
			return err
		}
	}
	return nil
}

func (s *socket) set(o option) error {
	if err := unix.SetsockoptInt(s.fd, o.level, o.name, o.value); err != nil {
		return fmt.Errorf("set option %d of level %d: %w", o.name, o.level, err)
	}
	return nil
}

// send has the kernel handle a datagram of requests, and returns when it has.
func (s *socket) send(requests []byte) error {
	for {
		if _, err := unix.Write(s.fd, requests); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// receive takes the next datagram, or returns EAGAIN.
func (s *socket) receive(room []byte) (int, error) {
	for {
		if n, err := unix.Read(s.fd, room); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// Close gives the socket back. A second one does nothing.
func (s *socket) Close() error {
	if s.fd < 0 {
		return nil
	}
	fd := s.fd
	s.fd = -1
	return unix.Close(fd)
}

// eachMessage hands over the messages of a datagram.
func eachMessage(datagram []byte, take func(msg []byte)) error {
	for len(datagram) > 0 {
		msg, rest, err := Split(datagram)
		if err != nil {
			return err
		}
		take(msg)
		datagram = rest
	}
	return nil
}
