package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ErrNoInjector says that the kernel cannot inject: it needs BPF with live XDP frames (Linux 5.18)
// and programs at the way out of a device (Linux 6.6), and lets root use them.
var ErrNoInjector = errors.New("the kernel cannot inject frames")

// Injector puts frames into a device of a host as if they had come in by it, one after the other on
// one processor, and counts and drops those that leave by another device. Nothing else is in the
// time that it measures: no sender, no receiver, no driver. It costs some 60 ns a packet itself.
type Injector struct {
	host    *Host
	in      netlink.Link
	program *os.File // writes the next frame
	frames  *bpfArray
	next    *bpfArray // index of the next frame
	passed  *bpfArray
	closers []io.Closer
}

// Injection is what became of packets.
type Injection struct {
	Packets int
	// Passed have left by the other device; the others were dropped, or delivered to the host.
	Passed int
	// Nanoseconds is what the kernel took for a packet, from its arrival until it had left or
	// was dropped, without the time in which the processor did other tasks.
	Nanoseconds int
}

// frameSize is the length of every frame. It holds the longest headers, Ethernet, IPv6 and TCP.
const frameSize = 80

// Attach types of linux/bpf.h that x/sys/unix lacks.
const bpfTCXEgress = 47

// Injector prepares to send packets of the host in by one device and to count those that go out by
// another. Frames are set by [Injector.Frames]. An error that is [ErrNoInjector] is no fault of the
// network. The injector is closed with the network at the latest.
func (h *Host) Injector(in, out string) (*Injector, error) {
	inject := &Injector{host: h}
	if err := inject.prepare(in, out); err != nil {
		return nil, h.wrap(fmt.Errorf("inject into %s: %w", in, errors.Join(err, inject.Close())))
	}
	if err := h.net.own(inject); err != nil {
		return nil, h.wrap(err)
	}
	return inject, nil
}

func (i *Injector) prepare(in, out string) (err error) {
	if i.in, err = i.host.space.find(in); err != nil {
		return err
	}
	exit, err := i.host.space.find(out)
	if err != nil {
		return err
	}
	if i.next, err = i.array(8, 1); err != nil {
		return unable(err)
	}
	if i.passed, err = i.array(8, 1); err != nil {
		return unable(err)
	}
	// A veth gets the queue that live frames come from only with a program of its own.
	pass, err := i.load(unix.BPF_PROG_TYPE_XDP, 0, []bpfCode{{op: bpfMoveConst, dst: 0, imm: xdpPass}, {op: bpfExit}})
	if err != nil {
		return unable(err)
	}
	err = i.host.Do(func() error {
		return netlink.LinkSetXdpFdWithFlags(i.in, int(pass.Fd()), unix.XDP_FLAGS_DRV_MODE)
	})
	if err != nil {
		return unable(fmt.Errorf("attach to %s: %w", in, err))
	}
	counter, err := i.load(unix.BPF_PROG_TYPE_SCHED_CLS, bpfTCXEgress, i.countAndDrop())
	if err != nil {
		return unable(err)
	}
	err = i.host.Do(func() error {
		_, err := bpfCommand(unix.BPF_PROG_ATTACH, &struct{ target, program, kind, flags uint32 }{
			uint32(exit.Attrs().Index), uint32(counter.Fd()), bpfTCXEgress, 0,
		})
		return err
	})
	if err != nil {
		return unable(fmt.Errorf("attach to %s: %w", out, err))
	}
	return nil
}

// unable marks the errors by which a kernel says that it cannot.
func unable(err error) error {
	for _, errno := range []unix.Errno{unix.EINVAL, unix.ENOSYS, unix.EPERM, unix.EOPNOTSUPP, unix.E2BIG} {
		if errors.Is(err, errno) {
			return fmt.Errorf("%w: %w", ErrNoInjector, err)
		}
	}
	return err
}

func (i *Injector) array(size, n int) (*bpfArray, error) {
	a, err := newBPFArray(size, n)
	if err == nil {
		i.closers = append(i.closers, a)
	}
	return a, err
}

func (i *Injector) load(kind, attach uint32, program []bpfCode) (*os.File, error) {
	f, err := loadBPF(kind, attach, program)
	if err == nil {
		i.closers = append(i.closers, f)
	}
	return f, err
}

// xdpPass hands a frame to the kernel's stack.
const xdpPass = 2

// countAndDrop is the program at the way out. What the host itself sends goes on its way: only a
// packet that came in knows a device that it came in by.
func (i *Injector) countAndDrop() []bpfCode {
	const (
		ingressDevice = 36 // in struct __sk_buff
		drop          = 2  // TCX_DROP
		next          = -1 // TCX_NEXT
	)
	return slices.Concat(
		[]bpfCode{
			{op: bpfMoveConst, dst: 0, imm: next},
			{op: bpfLoadWord, dst: 1, src: 1, off: ingressDevice},
			{op: bpfJumpEqual, dst: 1, imm: 0, off: 6},
		},
		bpfLoadMap(1, unix.BPF_PSEUDO_MAP_VALUE, i.passed),
		[]bpfCode{
			{op: bpfLoadDouble, dst: 2, src: 1},
			{op: bpfAddConst, dst: 2, imm: 1},
			{op: bpfStoreDouble, dst: 1, src: 2},
			{op: bpfMoveConst, dst: 0, imm: drop},
			{op: bpfExit},
		},
	)
}

// writeNext is the program that makes the next frame of a buffer: it copies one of the frames over
// whatever a packet before it has left there.
func (i *Injector) writeNext(n int) []bpfCode {
	pass := []bpfCode{{op: bpfMoveConst, dst: 0, imm: xdpPass}, {op: bpfExit}}
	var write []bpfCode
	for at := int16(0); at < frameSize; at += 8 {
		write = append(write, bpfCode{op: bpfLoadDouble, dst: 1, src: 0, off: at}, bpfCode{op: bpfStoreDouble, dst: 6, src: 1, off: at})
	}
	choose := slices.Concat(
		bpfLoadMap(1, unix.BPF_PSEUDO_MAP_VALUE, i.next),
		[]bpfCode{
			{op: bpfLoadDouble, dst: 2, src: 1},
			{op: bpfStoreWord, dst: 10, src: 2, off: -4},
			{op: bpfAddConst, dst: 2, imm: 1},
			{op: bpfJumpLess, dst: 2, imm: int32(n), off: 1},
			{op: bpfMoveConst, dst: 2, imm: 0},
			{op: bpfStoreDouble, dst: 1, src: 2},
		},
		bpfLoadMap(1, unix.BPF_PSEUDO_MAP_FD, i.frames),
		[]bpfCode{
			{op: bpfMove, dst: 2, src: 10},
			{op: bpfAddConst, dst: 2, imm: -4},
			{op: bpfCall, imm: bpfMapLookup},
			{op: bpfJumpEqual, dst: 0, imm: 0, off: int16(len(write))},
		},
	)
	inBounds := []bpfCode{
		{op: bpfLoadWord, dst: 6, src: 1, off: 0}, // data of struct xdp_md
		{op: bpfLoadWord, dst: 3, src: 1, off: 4}, // data_end
		{op: bpfMove, dst: 4, src: 6},
		{op: bpfAddConst, dst: 4, imm: frameSize},
		{op: bpfJumpGreater, dst: 4, src: 3, off: int16(len(choose) + len(write))},
	}
	return slices.Concat(inBounds, choose, write, pass)
}

// Frames sets the packets that [Injector.Run] injects in turn, from the first on. Their payloads are
// filled up to the same length of frame; the headers must fit.
func (i *Injector) Frames(packets []Datagram) error {
	if i.frames != nil {
		if err := i.forget(); err != nil {
			return i.host.wrap(err)
		}
	}
	var err error
	if i.frames, err = newBPFArray(frameSize, len(packets)); err != nil {
		return i.host.wrap(err)
	}
	mac := i.in.Attrs().HardwareAddr
	for k, p := range packets {
		if err := p.frame(mac, i.frames.value(k)); err != nil {
			return i.host.wrap(err)
		}
	}
	i.next.setNumber(0)
	i.program, err = loadBPF(unix.BPF_PROG_TYPE_XDP, 0, i.writeNext(len(packets)))
	if err != nil {
		return i.host.wrap(err)
	}
	return nil
}

// forget gives up the frames.
func (i *Injector) forget() error {
	var err error
	if i.program != nil {
		err = i.program.Close()
	}
	if i.frames != nil {
		err = errors.Join(err, i.frames.Close())
	}
	i.program, i.frames = nil, nil
	return err
}

// frame writes the datagram with an Ethernet header to a device and a payload that fills all of it.
func (d Datagram) frame(to net.HardwareAddr, frame []byte) error {
	d.Payload = nil
	bare := len(d.Append(nil))
	if etherHeader+bare > len(frame) {
		return fmt.Errorf("frame %s: %d bytes of headers, %d are the most", d, bare, len(frame)-etherHeader)
	}
	d.Payload = make([]byte, len(frame)-etherHeader-bare)
	copy(frame, to)
	copy(frame[6:], []byte{2, 0, 0, 0, 0, 1})
	kind := uint16(unix.ETH_P_IP)
	if d.Src.Addr().Is6() {
		kind = unix.ETH_P_IPV6
	}
	binary.BigEndian.PutUint16(frame[12:], kind)
	copy(frame[etherHeader:], d.Append(nil))
	return nil
}

// Run injects n packets and returns when the kernel is done with them.
func (i *Injector) Run(n int) (Injection, error) {
	if i.program == nil {
		return Injection{}, i.host.wrap(errors.New("inject: no frames"))
	}
	blank := make([]byte, frameSize)
	// struct xdp_md: the frames' length, and the device that they come in by.
	context := make([]byte, 24)
	binary.NativeEndian.PutUint32(context[4:], frameSize)
	binary.NativeEndian.PutUint32(context[12:], uint32(i.in.Attrs().Index))
	attributes := struct {
		program, result             uint32
		size, sizeOut               uint32
		data, dataOut               uint64
		repeat, duration            uint32
		contextSize, contextSizeOut uint32
		context, contextOut         uint64
		flags, cpu, batch, _        uint32
	}{
		program: uint32(i.program.Fd()), size: frameSize, data: bpfPointer(blank), repeat: uint32(n),
		contextSize: uint32(len(context)), context: bpfPointer(context), flags: unix.BPF_F_TEST_XDP_LIVE_FRAMES,
	}
	before := i.passed.number()
	err := i.host.Do(func() error {
		return undisturbed(func() error {
			_, err := bpfCommand(unix.BPF_PROG_TEST_RUN, &attributes)
			return err
		})
	})
	runtime.KeepAlive(blank)
	runtime.KeepAlive(context)
	if err != nil {
		return Injection{}, i.host.wrap(fmt.Errorf("inject: %w", unable(err)))
	}
	return Injection{Packets: n, Passed: int(i.passed.number() - before), Nanoseconds: int(attributes.duration)}, nil
}

// undisturbed runs fn with all signals blocked: the kernel breaks off a run at the first, and Go sends
// itself some all the time.
func undisturbed(fn func() error) error {
	var all, before unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &before); err != nil {
		return fmt.Errorf("block signals: %w", err)
	}
	err := fn()
	return errors.Join(err, unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil))
}

// Close takes the programs away.
func (i *Injector) Close() error {
	err := i.forget()
	for _, c := range i.closers {
		err = errors.Join(err, c.Close())
	}
	i.closers = nil
	return err
}
