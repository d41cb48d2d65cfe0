package conntrack

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// inboxDatagrams is how many datagrams are taken at once.
	inboxDatagrams = 64
	// inboxBytes is room for an event, an answer or a refusal. One flow with all it can have takes less than 1 KiB.
	inboxBytes = 4 << 10
)

// inbox is room for datagrams of one message each, recvmmsg(2).
type inbox struct {
	messages [inboxDatagrams]struct {
		header unix.Msghdr
		n      uint32
	}
	vectors [inboxDatagrams]unix.Iovec
	room    [inboxDatagrams][inboxBytes]byte
}

func newInbox() *inbox {
	in := new(inbox)
	for i := range in.messages {
		in.vectors[i].Base = &in.room[i][0]
		in.vectors[i].SetLen(inboxBytes)
		h := &in.messages[i].header
		h.Iov = &in.vectors[i]
		h.SetIovlen(1)
	}
	return in
}

// fill takes what waits and there is room for, or returns EAGAIN. Fewer than there is room for are all that were there, unless
// there is an error to come with the next ones.
func (in *inbox) fill(fd int) (n int, err error) {
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&in.messages[0])),
			inboxDatagrams, unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// hand hands over the messages of the first n datagrams. One that is malformed keeps no other back.
func (in *inbox) hand(n int, take func(msg []byte)) (err error) {
	for i := range n {
		if e := eachMessage(in.room[i][:min(in.messages[i].n, inboxBytes)], take); e != nil {
			err = e
		}
	}
	return err
}
