package wire

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// stack is what the IP stack sees of a port: sockets that send to one host, hold the memberships of
// the groups, and are there for CARP and heartbeats to go to. Without them the stack would
// answer that these are unreachable. They take nothing in.
type stack struct {
	sockets map[stackKind]*stackSocket
}

// stackKind tells the sockets of a port apart.
type stackKind struct {
	protocol uint8
	is6      bool
}

type stackSocket struct {
	file *os.File
	raw  syscall.RawConn
}

// openStack opens the sockets of a device. A kernel without IPv6 does without those.
func openStack(index int) (*stack, error) {
	s := &stack{sockets: make(map[stackKind]*stackSocket)}
	for _, k := range []stackKind{{protocolCARP, false}, {protocolUDP, false}, {protocolCARP, true}, {protocolUDP, true}} {
		socket, err := k.open(index)
		if k.is6 && errors.Is(err, unix.EAFNOSUPPORT) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("open socket of the IP stack: %w", errors.Join(err, s.close()))
		}
		s.sockets[k] = socket
	}
	return s, nil
}

func (k stackKind) open(index int) (*stackSocket, error) {
	domain, typ := unix.AF_INET, unix.SOCK_RAW
	if k.is6 {
		domain = unix.AF_INET6
	}
	if k.protocol == protocolUDP {
		typ = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(domain, typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, int(k.protocol))
	if err != nil {
		return nil, err
	}
	s := &stackSocket{file: os.NewFile(uintptr(fd), "stack")}
	if s.raw, err = s.file.SyscallConn(); err == nil {
		err = k.prepare(fd, index)
	}
	if err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	return s, nil
}

// prepare binds the socket and joins the group. To filter comes first, so that nothing gets in.
func (k stackKind) prepare(fd, index int) error {
	if err := attachFilter(fd, []bpf.Instruction{bpf.RetConstant{Val: 0}}); err != nil {
		return err
	}
	for _, o := range k.options(index) {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return fmt.Errorf("set option %d of level %d: %w", o.name, o.level, err)
		}
	}
	if k.protocol == protocolUDP {
		return k.bind(fd)
	}
	return k.join(fd, index)
}

type option struct{ level, name, value int }

func (k stackKind) options(index int) []option {
	common := []option{
		{unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, index},
		{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1}, // a port that is opened anew need not wait for the old one
		{unix.SOL_SOCKET, unix.SO_PRIORITY, urgent},
	}
	if k.is6 {
		if k.protocol == protocolUDP { // raw sockets are of one family anyhow, and refuse to be told
			common = append(common, option{unix.SOL_IPV6, unix.IPV6_V6ONLY, 1})
		}
		return append(common,
			option{unix.SOL_IPV6, unix.IPV6_UNICAST_HOPS, linkTTL},
			option{unix.SOL_IPV6, unix.IPV6_TCLASS, lowDelay})
	}
	return append(common,
		option{unix.SOL_IP, unix.IP_TTL, linkTTL},
		option{unix.SOL_IP, unix.IP_TOS, lowDelay},
		option{unix.SOL_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO}) // do not fragment
}

func (k stackKind) bind(fd int) error {
	var at unix.Sockaddr = &unix.SockaddrInet4{Port: BeatPort}
	if k.is6 {
		at = &unix.SockaddrInet6{Port: BeatPort}
	}
	if err := unix.Bind(fd, at); err != nil {
		return fmt.Errorf("bind to port %d: %w", BeatPort, err)
	}
	return nil
}

// join has switches that watch IGMP and MLD send the group's frames here. A device
// that the family is off on has nobody to tell them.
func (k stackKind) join(fd, index int) error {
	var err error
	if k.is6 {
		m := &unix.IPv6Mreq{Multiaddr: group6.As16(), Interface: uint32(index)}
		err = unix.SetsockoptIPv6Mreq(fd, unix.SOL_IPV6, unix.IPV6_JOIN_GROUP, m)
	} else {
		m := &unix.IPMreqn{Multiaddr: group4.As4(), Ifindex: int32(index)}
		err = unix.SetsockoptIPMreqn(fd, unix.SOL_IP, unix.IP_ADD_MEMBERSHIP, m)
	}
	if err = unless(err, unix.ENODEV, unix.EINVAL); err != nil {
		return fmt.Errorf("join %s: %w", Group(k.is6), err)
	}
	return nil
}

// send sends a payload to the host that h goes to.
func (s *stack) send(h headers, payload []byte) error {
	k := stackKind{protocol: h.protocol, is6: h.dst.Is6()}
	socket := s.sockets[k]
	if socket == nil {
		return unix.EAFNOSUPPORT
	}
	var to unix.Sockaddr
	port := 0 // of a raw socket
	if k.protocol == protocolUDP {
		port = BeatPort
	}
	if k.is6 {
		to = &unix.SockaddrInet6{Addr: h.dst.As16(), Port: port}
	} else {
		to = &unix.SockaddrInet4{Addr: h.dst.As4(), Port: port}
	}
	var inner error
	err := socket.raw.Control(func(fd uintptr) {
		for inner = unix.EINTR; errors.Is(inner, unix.EINTR); {
			inner = unix.Sendto(int(fd), payload, unix.MSG_DONTWAIT, to)
		}
	})
	return errors.Join(err, inner)
}

func (s *stack) close() error {
	var errs []error
	for _, socket := range s.sockets {
		errs = append(errs, unless(socket.file.Close(), os.ErrClosed))
	}
	return errors.Join(errs...)
}
