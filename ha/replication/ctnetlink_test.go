package replication_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/rempart/rempart/lab"
	"golang.org/x/sys/unix"
)

// Messages of ctnetlink, linux/netfilter/nfnetlink_conntrack.h. The benchmark has a hand and an eye of
// its own, so that what it finds depends on neither contender.
const (
	conntrackNew  = 1 << 8
	conntrackGet  = 1<<8 | 1
	nestedAttr    = unix.NLA_F_NESTED
	attrTypeMask  = 0x3fff
	familyHeader  = 4 // struct nfgenmsg: family, version, resource
	messageHeader = unix.SizeofNlMsghdr + familyHeader
)

// Attributes of a flow.
const (
	attrOrig, attrReply, attrStatus, attrProtoInfo = 1, 2, 3, 4
	attrNATSrc, attrTimeout                        = 6, 7
)

// handle is a ctnetlink socket in a host's namespace.
type handle struct {
	fd  int
	buf []byte
}

// openHandle opens a socket that ends with the test.
func openHandle(tb testing.TB, h *lab.Host, receive int) *handle {
	tb.Helper()
	n := &handle{fd: -1, buf: make([]byte, 64<<10)}
	err := h.Do(func() (err error) {
		n.fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
		if err != nil {
			return err
		}
		return errors.Join(
			unix.SetsockoptInt(n.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receive),
			unix.SetsockoptInt(n.fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 4<<20),
			unix.Bind(n.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
		)
	})
	if err != nil {
		tb.Fatalf("open ctnetlink: %v", err)
	}
	return n
}

func (h *handle) close() { _ = unix.Close(h.fd) } // nothing is written that could be lost

// send sends messages, each of which the kernel has carried out when it returns.
func (h *handle) send(messages []byte) error {
	if _, err := unix.Write(h.fd, messages); err != nil {
		return fmt.Errorf("send to ctnetlink: %w", err)
	}
	return nil
}

// refusals reads what the kernel had against messages that asked for no answer: how many, and the first.
func (h *handle) refusals() (count int, first error) {
	for {
		n, _, err := unix.Recvfrom(h.fd, h.buf, unix.MSG_DONTWAIT)
		if err != nil {
			if errors.Is(err, unix.ENOBUFS) {
				continue
			}
			return count, first
		}
		eachMessage(h.buf[:n], func(kind uint16, body []byte) {
			if kind != unix.NLMSG_ERROR || len(body) < 4 {
				return
			}
			if errno := -int32(binary.NativeEndian.Uint32(body)); errno != 0 {
				count++
				if first == nil {
					first = unix.Errno(errno)
				}
			}
		})
	}
}

// eachMessage calls fn with the type and the body of each netlink message.
func eachMessage(b []byte, fn func(kind uint16, body []byte)) {
	for len(b) >= unix.SizeofNlMsghdr {
		n := int(binary.NativeEndian.Uint32(b))
		if n < unix.SizeofNlMsghdr || n > len(b) {
			return
		}
		fn(binary.NativeEndian.Uint16(b[4:]), b[unix.SizeofNlMsghdr:n])
		b = b[min(len(b), (n+3)&^3):]
	}
}

// eachAttr calls fn with each attribute.
func eachAttr(b []byte, fn func(kind uint16, value []byte)) {
	for len(b) >= unix.SizeofNlAttr {
		n := int(binary.NativeEndian.Uint16(b))
		if n < unix.SizeofNlAttr || n > len(b) {
			return
		}
		fn(binary.NativeEndian.Uint16(b[2:])&attrTypeMask, b[unix.SizeofNlAttr:n])
		b = b[min(len(b), (n+3)&^3):]
	}
}

// message is a netlink message in the making.
type message []byte

// begin appends the headers of a message, which end completes.
func begin(b message, kind, flags uint16) (message, int) {
	at := len(b)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = append(b, make([]byte, 8)...) // sequence and port
	return append(b, unix.AF_INET, 0, 0, 0), at
}

func (b message) end(at int) message {
	binary.NativeEndian.PutUint32(b[at:], uint32(len(b)-at))
	return b
}

// attr appends an attribute.
func (b message) attr(kind uint16, value ...byte) message {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofNlAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// nest appends an attribute of attributes.
func (b message) nest(kind uint16, inner func(message) message) message {
	at := len(b)
	b = b.attr(kind | nestedAttr)
	b = inner(b)
	binary.NativeEndian.PutUint16(b[at:], uint16(len(b)-at))
	return b
}

func (b message) short(kind, value uint16) message { return b.attr(kind, byte(value>>8), byte(value)) }

func (b message) long(kind uint16, value uint32) message {
	return b.attr(kind, byte(value>>24), byte(value>>16), byte(value>>8), byte(value))
}
