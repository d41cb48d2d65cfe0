package peer

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// network opens what a Link speaks and listens by.
type network interface {
	// listen listens on the address of a device, for what comes in by that device.
	listen(a aim) (*net.TCPListener, error)
	// dial calls the peer by the device.
	dial(ctx context.Context, a aim) (*net.TCPConn, error)
	// index is the number of a device, which a new one of the same name does not have.
	index(device string) (int, error)
}

const (
	// userTimeout is for how long sent data may stay unacknowledged (tcp(7), TCP_USER_TIMEOUT). It holds
	// for keepalive as well, so that an end that went without a word is noticed in as long.
	userTimeout = 3 * time.Second
	keepalive   = time.Second
	dialTime    = 2 * time.Second
)

// sockets is the network of the kernel.
type sockets struct {
	within func(open func() error) error
}

func (s sockets) do(open func() error) error {
	if s.within == nil {
		return open()
	}
	return s.within(open)
}

func (s sockets) listen(a aim) (*net.TCPListener, error) {
	config := net.ListenConfig{Control: bindTo(a.device), KeepAliveConfig: alive()}
	config.SetMultipathTCP(false) // one path, whose end is the connection's
	var l net.Listener
	err := s.do(func() (err error) {
		l, err = config.Listen(context.Background(), "tcp", netip.AddrPortFrom(a.local, Port).String())
		return err
	})
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

func (s sockets) dial(ctx context.Context, a aim) (*net.TCPConn, error) {
	dialer := net.Dialer{Timeout: dialTime, Control: bindTo(a.device), KeepAliveConfig: alive()}
	if a.local.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(a.local, 0))
	}
	var c net.Conn
	err := s.do(func() (err error) {
		c, err = dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(a.peer, Port).String())
		return err
	})
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

func (s sockets) index(device string) (int, error) {
	var index int
	err := s.do(func() error {
		d, err := net.InterfaceByName(device)
		if err == nil {
			index = d.Index
		}
		return err
	})
	return index, err
}

// outage is the shortest time without any acknowledgement after which an end may have given up. While
// the network is fine, keepalive sees to one in each second.
const outage = userTimeout - keepalive - keepalive/5

// quiet is since when nothing was acknowledged (tcp(7), TCP_INFO); zero when that is not known.
func quiet(c *net.TCPConn) time.Duration {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	var since time.Duration
	err = raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			since = time.Duration(info.Last_ack_recv) * time.Millisecond
		}
	})
	if err != nil {
		return 0
	}
	return since
}

func alive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: keepalive, Interval: keepalive, Count: int(userTimeout / keepalive)}
}

// bindTo keeps a socket, and those that a listening one accepts, on a device, and has it give up
// after userTimeout. TCP_NODELAY is what package net sets by itself.
func bindTo(device string) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var fault error
		err := c.Control(func(fd uintptr) {
			fault = unix.BindToDevice(int(fd), device)
			if fault == nil {
				fault = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds()))
			}
		})
		if err != nil {
			return err
		}
		return fault
	}
}
