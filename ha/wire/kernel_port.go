package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// hearingBuffer, in bytes of the kernel's memory, holds some 5,000 frames.
	hearingBuffer = 4 << 20
	// frameBytes is how much of a frame is read. All that we are told is shorter.
	frameBytes = 2048
	// urgent is the priority of frames among those that leave by a device.
	urgent = 7
)

// port is a packet socket, and sockets of the IP stack beside it.
type port struct {
	device string
	file   *os.File
	raw    syscall.RawConn
	stack  *stack
	heard  func(Heard)

	mu      sync.Mutex
	dropped uint64
}

// Open opens a port. Close does not wait for a call of heard that is under way, so heard may wait
// for who closes. When the device is removed, nothing is heard any more and to send is ErrNoDevice: a
// port is of one device, not of the next one of its name.
func (n *Netlink) Open(device string, heard func(Heard)) (Port, error) {
	l, err := n.link(device)
	if err != nil {
		return nil, fmt.Errorf("open port on %s: %w", device, err)
	}
	p := &port{device: device, heard: heard}
	err = n.inside(func() (err error) {
		if p.stack, err = openStack(l.Attrs().Index); err == nil {
			err = p.open(l.Attrs().Index)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open port on %s: %w", device, errors.Join(err, p.Close()))
	}
	go p.receive()
	return p, nil
}

// open opens the packet socket. Without a protocol it hears nothing before it is bound.
func (p *port) open(index int) error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open packet socket: %w", err)
	}
	p.file = os.NewFile(uintptr(fd), "packet")
	if p.raw, err = p.file.SyscallConn(); err != nil {
		return err
	}
	if err := attachFilter(fd, slices.Concat(forUs(), onlyKinds())); err != nil {
		return err
	}
	for _, o := range []struct {
		name               string
		level, opt, number int
	}{
		{"hear nothing of our own", unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1},
		{"ask for times", unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1},
		{"set buffer", unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, hearingBuffer},
		{"set priority", unix.SOL_SOCKET, unix.SO_PRIORITY, urgent},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.opt, o.number); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
	}
	// The IP stack asks the device for the groups as well, unless it has no
	// business there: a device need not have IPv4 or IPv6.
	for _, group := range []netip.Addr{group4, group6} {
		mac := groupMAC(group)
		m := unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_MULTICAST, Alen: uint16(len(mac))}
		copy(m.Address[:], mac[:])
		if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
			return fmt.Errorf("hear %s: %w", mac, err)
		}
	}
	all := &unix.SockaddrLinklayer{Ifindex: index, Protocol: networkOrder(unix.ETH_P_ALL)}
	if err := unix.Bind(fd, all); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	return nil
}

// networkOrder is a 16-bit number in the byte order of the network, as packet(7) wants it.
func networkOrder(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

// Send sends a whole frame.
func (p *port) Send(frame []byte) error {
	err := p.write(frame)
	if errors.Is(err, unix.ENETDOWN) {
		// The socket tells once that the device was down some time ago.
		err = p.write(frame)
	}
	if err != nil {
		return fmt.Errorf("send on %s: %w", p.device, p.reason(err))
	}
	return nil
}

// reason is ErrNoDevice, and err, if nothing can be sent any more.
func (p *port) reason(err error) error {
	if p.gone() {
		return fmt.Errorf("%w: %w", ErrNoDevice, err)
	}
	return err
}

func (p *port) write(frame []byte) error {
	var inner error
	err := p.raw.Control(func(fd uintptr) {
		for inner = unix.EINTR; errors.Is(inner, unix.EINTR); {
			_, inner = unix.Write(int(fd), frame)
		}
	})
	return errors.Join(err, inner)
}

// SendTo sends a payload to one host by the sockets of the IP stack.
func (p *port) SendTo(k Kind, to netip.Addr, payload []byte) error {
	h, err := unicast(k, to)
	if err == nil {
		err = p.stack.send(h, payload)
	}
	if err != nil {
		return fmt.Errorf("send %s to %s on %s: %w", k, to, p.device, p.reason(err))
	}
	return nil
}

// Dropped is how many frames there was no room for.
func (p *port) Dropped() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	// The kernel counts from one question to the next. Of a closed port it has nothing to say.
	_ = p.raw.Control(func(fd uintptr) {
		s, err := unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err == nil {
			p.dropped += uint64(s.Drops)
		}
	})
	return p.dropped
}

// Close ends the port. Once it is closed it stays so, without an error.
func (p *port) Close() error {
	var errs []error
	if p.file != nil {
		errs = append(errs, unless(p.file.Close(), os.ErrClosed))
	}
	if p.stack != nil {
		errs = append(errs, p.stack.close())
	}
	return errors.Join(errs...)
}

// receive hands over what is heard until the port is closed or its device is gone.
func (p *port) receive() {
	in := newInbox()
	for {
		n, err := in.fill(p.raw)
		switch {
		case errors.Is(err, os.ErrClosed):
			return
		case err != nil && p.gone():
			return
		case err != nil:
			continue // the device is down, and may come up again
		}
		now := time.Now()
		for i := range n {
			frame, stamp := in.frame(i)
			if got, err := Parse(frame); err == nil {
				p.heard(Heard{Packet: got, At: in.when(now, stamp)})
			}
		}
	}
}

// gone says whether the device was removed: the kernel unbinds a socket from one that is.
func (p *port) gone() (gone bool) {
	// Of a closed socket there is nothing to be known.
	_ = p.raw.Control(func(fd uintptr) {
		name, err := unix.Getsockname(int(fd))
		ll, ok := name.(*unix.SockaddrLinklayer)
		gone = err == nil && ok && ll.Ifindex <= 0
	})
	return gone
}
