package wire

import (
	"errors"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// inboxFrames is how many frames are taken at once.
const inboxFrames = 32

// controlBytes has room for the time of a frame.
const controlBytes = 64

// inbox is room for frames of a packet socket, recvmmsg(2).
type inbox struct {
	messages [inboxFrames]struct {
		header unix.Msghdr
		n      uint32
	}
	vectors  [inboxFrames]unix.Iovec
	frames   [inboxFrames][frameBytes]byte
	controls [inboxFrames][controlBytes]byte
	// empty is when there was nothing left: what is taken later has come since.
	empty time.Time
}

func newInbox() *inbox {
	in := &inbox{empty: time.Now()}
	for i := range in.messages {
		in.vectors[i].Base = &in.frames[i][0]
		in.vectors[i].SetLen(frameBytes)
		h := &in.messages[i].header
		h.Iov = &in.vectors[i]
		h.SetIovlen(1)
		h.Control = &in.controls[i][0]
	}
	return in
}

// fill waits for frames and takes as many as there is room for. The error is os.ErrClosed, or what
// the kernel has to tell once.
func (in *inbox) fill(raw syscall.RawConn) (n int, err error) {
	outer := raw.Read(func(fd uintptr) bool {
		for i := range in.messages {
			in.messages[i].header.SetControllen(controlBytes)
		}
		asked := time.Now()
		n, err = in.take(int(fd))
		if errors.Is(err, unix.EAGAIN) {
			in.empty = asked
		}
		return !waits(err)
	})
	if outer != nil {
		return 0, os.ErrClosed // nothing else keeps the runtime from waiting
	}
	return n, err
}

func (in *inbox) take(fd int) (int, error) {
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&in.messages[0])),
			inboxFrames, unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// frame is one of those that were taken, and when the kernel had it by the machine's clock.
func (in *inbox) frame(i int) (frame []byte, stamp time.Time) {
	m := &in.messages[i]
	control := in.controls[i][:min(m.header.Controllen, controlBytes)]
	messages, err := unix.ParseSocketControlMessage(control)
	if err == nil {
		for _, c := range messages {
			if c.Header.Level == unix.SOL_SOCKET && c.Header.Type == unix.SO_TIMESTAMPNS && len(c.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
				stamp = time.Unix((*unix.Timespec)(unsafe.Pointer(&c.Data[0])).Unix())
			}
		}
	}
	return in.frames[i][:min(m.n, frameBytes)], stamp
}

// when is a stamp on the monotonic clock, seen from now.
func (in *inbox) when(now, stamp time.Time) time.Time { return arrival(now, stamp, in.empty) }
