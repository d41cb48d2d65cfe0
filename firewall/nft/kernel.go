package nft

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Kernel is the running table. Open gives that of Linux.
type Kernel interface {
	// State reads the table as one consistent picture.
	State(ctx context.Context) (State, error)
	// Commit puts a batch in, all or nothing. A refusal is a *CommitError. With a
	// generation other than zero it is ErrGeneration when the ruleset has changed since.
	Commit(ctx context.Context, b Batch, generation uint32) error
	// Counters reads the named counters.
	Counters(ctx context.Context) (map[string]Counter, error)
	// Elements reads a set, such as one that rules fill.
	Elements(ctx context.Context, set string) ([]Element, error)
	// Generation counts the transactions on all tables of the network namespace.
	Generation(ctx context.Context) (uint32, error)
	// Features says what the kernel can do.
	Features(ctx context.Context) (Features, error)
	// Foreign lists the base chains of other tables.
	Foreign(ctx context.Context) ([]ForeignChain, error)
	// Watch tells of changes of the table by others until ctx ends. It blocks.
	Watch(ctx context.Context, changed func(Event)) error
	// Delete removes the table with all that is in it; none is no fault.
	Delete(ctx context.Context) error
}

// ErrGeneration says that the ruleset has changed since the generation that was given.
var ErrGeneration = errors.New("the ruleset has changed in the meantime")

// ErrPermission says that the process may not change the ruleset.
var ErrPermission = errors.New("not permitted: CAP_NET_ADMIN in the network namespace is needed")

// CommitError says which command the kernel refused. Nothing of its batch took effect.
type CommitError struct {
	Op    Op
	Errno syscall.Errno
}

// Error names the command and the kernel's reason.
func (e *CommitError) Error() string {
	text := e.Op.String()
	const most = 300
	if len(text) > most {
		text = text[:most] + " ..."
	}
	return text + ": " + e.Errno.Error()
}

// Unwrap is the kernel's reason.
func (e *CommitError) Unwrap() error { return e.Errno }

// Netlink is the table of the running kernel, in the network namespace of the thread
// that calls. It holds no socket open between calls.
type Netlink struct {
	table     string
	namespace int
	ports     *portRing
}

var _ Kernel = (*Netlink)(nil)

// Open is the table inet NAME, whether it exists or not. It does nothing yet.
func Open(table string) *Netlink { return &Netlink{table: table, ports: &portRing{}} }

// In is the same table in the network namespace of a file descriptor, which must stay open.
func (n *Netlink) In(namespace int) *Netlink {
	return &Netlink{table: n.table, namespace: namespace, ports: n.ports}
}

// readSize is the most that the kernel gives at once, if it sees that there is room.
// For each piece it walks over a set or a chain anew, so larger pieces are fewer walks.
const readSize = 32 << 10

func (n *Netlink) dial() (*netlink.Conn, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: n.namespace, MessageBufferSize: readSize})
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	return c, nil
}

// Commit sends the batch in one message: no part asks for an answer, so only faults come back.
func (n *Netlink) Commit(ctx context.Context, b Batch, generation uint32) error {
	if err := ctx.Err(); err != nil || len(b) == 0 {
		return err
	}
	message, err := encode(b, generation)
	if err != nil {
		return err
	}
	return n.exchange(b, message)
}

// exchange sends a batch and collects the faults. When it returns the kernel is done.
func (n *Netlink) exchange(b Batch, message encoded) error {
	c, err := n.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	return n.transact(c, b, message)
}

// transact is exchange over a socket that stays open.
func (n *Netlink) transact(c *netlink.Conn, b Batch, message encoded) error {
	n.ports.add(c.PID())
	if err := send(c, message.bytes); err != nil {
		return fmt.Errorf("send %d bytes: %w", len(message.bytes), err)
	}
	return faults(c, b, message)
}

// answerBuffer has room for the faults of a batch in which thousands of rules name a
// set that is missing.
const answerBuffer = 4 << 20

// send hands the kernel the batch; it is done with it when this returns.
func send(c *netlink.Conn, message []byte) error {
	const overhead = 4096
	if err := c.SetWriteBuffer(len(message) + overhead); err != nil {
		return permission(err)
	}
	if err := c.SetReadBuffer(answerBuffer); err != nil {
		return permission(err)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		// The kernel would send each refused message back whole.
		if failed = unix.SetsockoptInt(int(fd), unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1); failed != nil {
			return
		}
		failed = unix.Sendto(int(fd), message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	})
	return errors.Join(err, permission(failed))
}

func permission(err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return ErrPermission
	}
	return err
}

// faults reads what the kernel refused; the first message in the order of the batch counts.
func faults(c *netlink.Conn, b Batch, message encoded) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var first fault
	buf := make([]byte, 64<<10)
	var failed error
	err = raw.Control(func(fd uintptr) {
		for {
			size, _, err := unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT)
			switch {
			case errors.Is(err, unix.EINTR):
				continue
			case errors.Is(err, unix.EAGAIN):
				return
			case err != nil:
				failed = err
				return
			}
			first = first.earliest(buf[:size])
		}
	})
	if first.errno == 0 {
		return errors.Join(err, failed)
	}
	return first.explain(b, message)
}

// fault is a message that the kernel refused.
type fault struct {
	seq   uint32
	errno syscall.Errno
}

// earliest is the fault of the lowest sequence among f and those in a datagram.
func (f fault) earliest(datagram []byte) fault {
	for len(datagram) >= headerLen+4 {
		size := int(binary.NativeEndian.Uint32(datagram))
		if size < headerLen+4 || size > len(datagram) {
			return f
		}
		seq := binary.NativeEndian.Uint32(datagram[8:])
		errno := syscall.Errno(-int32(binary.NativeEndian.Uint32(datagram[headerLen:])))
		isError := binary.NativeEndian.Uint16(datagram[4:]) == unix.NLMSG_ERROR
		if isError && errno != 0 && (f.errno == 0 || seq < f.seq) {
			f = fault{seq, errno}
		}
		datagram = datagram[min((size+3)&^3, len(datagram)):]
	}
	return f
}

// explain says what a fault means. Those of the frame around the batch are no command's.
func (f fault) explain(b Batch, message encoded) error {
	if i, ok := message.op(f.seq); ok {
		return &CommitError{Op: b[i], Errno: f.errno}
	}
	switch f.errno {
	case unix.EPERM:
		return ErrPermission
	case unix.ERESTART:
		return ErrGeneration
	}
	return fmt.Errorf("commit: %w", f.errno)
}

// Delete removes the table.
func (n *Netlink) Delete(ctx context.Context) error {
	// Adding first makes it no fault when there is none.
	return n.Commit(ctx, Batch{AddTable{n.table}, DeleteTable{n.table}}, 0)
}
