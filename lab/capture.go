package lab

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const (
	// captureBuffer is the kernel's memory for a capture, and captureBytes ours, in bytes.
	captureBuffer = 8 << 20
	captureBytes  = 32 << 20
	// captureOverhead is what keeping a packet costs besides its bytes.
	captureOverhead = 64
	// maxFrame is the longest frame that a capture sees whole.
	maxFrame = 1<<16 + etherHeader
)

// etherHeader is the length of an Ethernet header without tags.
const etherHeader = 14

// Packet is one frame that a capture has seen.
type Packet struct {
	// At is when the kernel saw it.
	At time.Time
	// Out says that the host sent it.
	Out bool
	// Frame is the frame from its Ethernet header on. Checksums that a network card would fill in
	// may be missing.
	Frame []byte
}

// IP is the packet from its IP header on, nil if it is not IP.
func (p Packet) IP() []byte {
	if len(p.Frame) < etherHeader {
		return nil
	}
	switch binary.BigEndian.Uint16(p.Frame[etherHeader-2:]) {
	case unix.ETH_P_IP, unix.ETH_P_IPV6:
		return p.Frame[etherHeader:]
	}
	return nil
}

// Datagram is what the packet says as IP.
func (p Packet) Datagram() (Datagram, error) { return ParseDatagram(p.IP()) }

// Capture collects the packets that pass a device.
type Capture struct {
	sock   *socket
	keep   func(frame []byte) bool
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	packets []Packet
	bytes   int
	dropped uint64
	more    chan struct{} // closed when a packet is added
}

// Capture starts to collect the frames that pass a device in either direction and that the filter
// keeps; a nil filter keeps all. The filter must not hold on to a frame. Beyond 32 MiB the capture
// counts what it drops.
func (h *Host) Capture(dev string, filter func(frame []byte) bool) *Capture {
	h.net.t.Helper()
	return h.capture(dev, filter, nil)
}

// CaptureIf is Capture with a filter that the kernel runs: what passes besides costs little, and cannot make the
// capture drop what it is there for, however much it is.
func (h *Host) CaptureIf(dev string, filter []bpf.Instruction) *Capture {
	h.net.t.Helper()
	return h.capture(dev, nil, filter)
}

func (h *Host) capture(dev string, keep func(frame []byte) bool, filter []bpf.Instruction) *Capture {
	h.net.t.Helper()
	c := &Capture{keep: keep, cancel: func() {}, done: make(chan struct{}), more: make(chan struct{})}
	if err := c.start(h, dev, filter); err != nil {
		h.check(fmt.Errorf("capture on %s: %w", dev, err))
	}
	return c
}

func (c *Capture) start(h *Host, dev string, filter []bpf.Instruction) error {
	l, err := h.space.find(dev)
	if err != nil {
		close(c.done)
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	if c.sock, err = h.tap(ctx, l.Attrs().Index, filter); err != nil {
		cancel()
		close(c.done)
		return err
	}
	go c.collect()
	return h.net.own(c)
}

// tap opens a socket that sees every frame of a device that a filter keeps, with timestamps; no filter keeps all.
func (h *Host) tap(ctx context.Context, index int, filter []bpf.Instruction) (*socket, error) {
	// Protocol 0 sees nothing, so nothing of other devices is queued before bind.
	s, err := h.socket(ctx, unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		s.filter(filter),
		s.option(unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, captureBuffer),
		s.option(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		s.control(func(fd int) error {
			all := &unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_PROMISC}
			return unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, all)
		}),
		s.control(func(fd int) error {
			return unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: index, Protocol: networkOrder(unix.ETH_P_ALL)})
		}),
	)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// filter has the kernel run a program over what the socket receives. No program is none.
func (s *socket) filter(program []bpf.Instruction) error {
	if len(program) == 0 {
		return nil
	}
	raw, err := bpf.Assemble(program)
	if err != nil {
		return fmt.Errorf("assemble filter: %w", err)
	}
	code := make([]unix.SockFilter, len(raw))
	for i, in := range raw {
		code[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return s.control(func(fd int) error {
		prog := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog)
	})
}

// networkOrder is a 16-bit number in the byte order of the network, as packet(7) wants it.
func networkOrder(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

// collect reads frames until the capture is stopped, and then those that were seen before.
func (c *Capture) collect() {
	defer close(c.done)
	frame, oob := make([]byte, maxFrame), make([]byte, 128)
	drain := func(fd uintptr) bool {
		for c.readOne(int(fd), frame, oob) {
		}
		return false
	}
	_ = c.sock.rc.Read(drain) // it ends when the capture is stopped
	_ = c.sock.control(func(fd int) error {
		drain(uintptr(fd))
		stats, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err == nil {
			c.mu.Lock()
			c.dropped += uint64(stats.Drops)
			c.mu.Unlock()
		}
		return err
	})
	_ = c.sock.Close()
}

// readOne reads a frame, if one waits.
func (c *Capture) readOne(fd int, frame, oob []byte) bool {
	n, oobn, _, from, err := unix.Recvmsg(fd, frame, oob, unix.MSG_DONTWAIT)
	if err != nil {
		// ENETDOWN says once that the device was set down.
		return errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENETDOWN)
	}
	if c.keep != nil && !c.keep(frame[:n]) {
		return true
	}
	p := Packet{At: timestamp(oob[:oobn])}
	if ll, ok := from.(*unix.SockaddrLinklayer); ok {
		p.Out = ll.Pkttype == unix.PACKET_OUTGOING
	}
	c.add(p, frame[:n])
	return true
}

// add keeps a packet with a copy of its frame, if there is room.
func (c *Capture) add(p Packet, frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	size := len(frame) + captureOverhead
	if c.bytes+size > captureBytes {
		c.dropped++
		return
	}
	c.bytes += size
	p.Frame = bytes.Clone(frame)
	c.packets = append(c.packets, p)
	close(c.more)
	c.more = make(chan struct{})
}

// timestamp is the time in a control message, or now.
func timestamp(oob []byte) time.Time {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return time.Now()
	}
	for _, m := range msgs {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		}
	}
	return time.Now()
}

// Await waits until the capture has kept n packets, and reports false if ctx ends first.
func (c *Capture) Await(ctx context.Context, n int) bool {
	for {
		c.mu.Lock()
		have, more := len(c.packets), c.more
		c.mu.Unlock()
		if have >= n {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-more:
		}
	}
}

// Packets are those kept so far, in the order seen.
func (c *Capture) Packets() []Packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.packets[:len(c.packets):len(c.packets)]
}

// Dropped is how many packets there was no room for. It is complete once the capture is stopped.
func (c *Capture) Dropped() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropped
}

// Stop ends the capture and returns all that it kept. What passed before Stop is in it.
func (c *Capture) Stop() []Packet {
	c.cancel()
	<-c.done
	return c.Packets()
}

// Close stops the capture for its network.
func (c *Capture) Close() error {
	c.Stop()
	return nil
}

// Between is a filter for a capture: IP packets between two addresses, in either direction.
func Between(a, b netip.Addr) func(frame []byte) bool {
	return func(frame []byte) bool {
		d, err := Packet{Frame: frame}.Datagram()
		src, dst := d.Src.Addr(), d.Dst.Addr()
		return err == nil && (src == a && dst == b || src == b && dst == a)
	}
}
