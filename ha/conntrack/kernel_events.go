package conntrack

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// ErrOverrun says that events came faster than they were read, and that the kernel dropped some.
var ErrOverrun = errors.New("the kernel dropped events")

// Events hears what happens in the table of a network namespace. One thread may use it.
type Events struct {
	socket
	in  *inbox
	all bool
	// dropped says that the kernel drops events, or did, and that Read has yet to tell. From then on it drops all,
	// without telling again, until everything that was waiting has been read.
	dropped bool
}

// OpenEvents hears the namespace of the calling thread, and needs CAP_NET_ADMIN. Only the end of flows is heard at
// first. Into buffer, in bytes, go the events that wait; the kernel counts almost a kilobyte for each, and twice the buffer.
//
// Flows report nothing for life that were made when nobody listened, unless nf_conntrack_events is 1.
func OpenEvents(buffer int) (*Events, error) {
	s, err := openSocket(unix.NETLINK_NETFILTER,
		option{unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer},
		option{unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, unix.NFNLGRP_CONNTRACK_DESTROY})
	if err != nil {
		return nil, fmt.Errorf("open conntrack events: %w", err)
	}
	return &Events{socket: s, in: newInbox()}, nil
}

// FD is for poll(2): it is readable when there is something for Read.
func (e *Events) FD() int { return e.fd }

// Hear chooses what is heard: all, or only the end of flows, which costs those who make flows
// nothing. All costs them half of their speed. What waits already stays.
func (e *Events) Hear(all bool) error {
	// The kernel counts listeners, and would count one twice.
	if all == e.all {
		return nil
	}
	how := unix.NETLINK_DROP_MEMBERSHIP
	if all {
		how = unix.NETLINK_ADD_MEMBERSHIP
	}
	// Expectations are never updated: no kernel sends to NFNLGRP_CONNTRACK_EXP_UPDATE.
	for _, group := range []int{unix.NFNLGRP_CONNTRACK_NEW, unix.NFNLGRP_CONNTRACK_UPDATE,
		unix.NFNLGRP_CONNTRACK_EXP_NEW, unix.NFNLGRP_CONNTRACK_EXP_DESTROY} {
		if err := e.set(option{unix.SOL_NETLINK, how, group}); err != nil {
			return fmt.Errorf("hear conntrack events: %w", err)
		}
	}
	e.all = all
	return nil
}

// Read hands over the messages of up to 64 datagrams, and returns of how many: none wait if that is zero. The
// messages are valid until take returns.
//
// ErrOverrun tells of a gap. It comes when all from before the gap has been handed over, maybe some calls
// after the kernel dropped the first event: what happens from then on is heard, so that a walk that
// begins now sees what was missed.
func (e *Events) Read(take func(msg []byte)) (n int, err error) {
	for n, err = e.in.fill(e.fd); errors.Is(err, unix.ENOBUFS); n, err = e.in.fill(e.fd) {
		e.dropped = true // the kernel says so before it gives what was waiting
	}
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		return 0, fmt.Errorf("read conntrack events: %w", err)
	}
	if err := e.in.hand(n, take); err != nil {
		return n, fmt.Errorf("read conntrack events: %w", err)
	}
	if e.dropped && (n < inboxDatagrams || !e.waits()) {
		e.dropped = false
		return n, ErrOverrun
	}
	return n, nil
}

// waits says whether there is another datagram.
func (e *Events) waits() bool {
	at := []unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLIN}}
	n, err := unix.Poll(at, 0)
	return err != nil || n > 0 && at[0].Revents&unix.POLLIN != 0
}

// Ignore has the kernel drop what these ports cause, instead of those that were ignored before. What
// waits already stays, so that Message.Port is still to be looked at.
func (e *Events) Ignore(ports ...uint32) error {
	program, err := bpf.Assemble(notCausedBy(ports))
	if err != nil {
		return fmt.Errorf("ignore conntrack events: %w", err)
	}
	code := make([]unix.SockFilter, len(program))
	for i, p := range program {
		code[i] = unix.SockFilter{Code: p.Op, Jt: p.Jt, Jf: p.Jf, K: p.K}
	}
	all := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	if err := unix.SetsockoptSockFprog(e.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &all); err != nil {
		return fmt.Errorf("ignore conntrack events: %w", err)
	}
	return nil
}

// notCausedBy is the program that drops a message whose nlmsg_pid is one of the ports.
func notCausedBy(ports []uint32) []bpf.Instruction {
	program := []bpf.Instruction{bpf.LoadAbsolute{Off: atPort, Size: 4}}
	for _, p := range ports {
		// What the program loads is taken for big endian.
		inMessage := binary.NativeEndian.AppendUint32(nil, p)
		program = append(program,
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: binary.BigEndian.Uint32(inMessage), SkipFalse: 1},
			bpf.RetConstant{Val: 0})
	}
	return append(program, bpf.RetConstant{Val: inboxBytes})
}

// atPort is where a message says who caused it, struct nlmsghdr.
const atPort = 12
