package conntrack

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// BatchBytes is how long a batch for Table.Do may be. More than a hundred requests in one gain nothing.
const BatchBytes = 128 << 10

// answersBuffer holds the answers to a batch, whatever it asks for: for a flow, which 90 bytes ask for, the kernel counts 5 KiB.
const answersBuffer = 8 << 20

// Table tells the kernel what to do with its flows, many at a time. One thread may use it.
type Table struct {
	socket
	in *inbox
}

// OpenTable is about the network namespace of the calling thread, and needs CAP_NET_ADMIN.
func OpenTable() (*Table, error) {
	s, err := openSocket(unix.NETLINK_NETFILTER,
		option{unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, BatchBytes},
		option{unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, answersBuffer},
		option{unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1}) // without it the kernel repeats each request that it refuses
	if err != nil {
		return nil, fmt.Errorf("open conntrack table: %w", err)
	}
	return &Table{socket: s, in: newInbox()}, nil
}

// Port is what the events carry that are caused by this table.
func (t *Table) Port() uint32 { return t.port }

// Do has the kernel handle a batch of requests in their order, and hands over what it answers: what was
// refused, what was asked for, and the acknowledgments that were. One that is refused keeps it from no other.
// Each answer has the sequence number of its request, and is valid until take returns.
//
// An error says that nothing was done (EMSGSIZE: longer than BatchBytes), or that answers were lost.
func (t *Table) Do(batch []byte, take func(msg []byte)) error {
	if len(batch) == 0 {
		return nil
	}
	if err := t.send(batch); err != nil {
		return fmt.Errorf("change conntrack table: %w", err)
	}
	// The kernel answers before send returns: what does not wait by now never comes.
	var lost error
	for {
		n, err := t.in.fill(t.fd)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return lost
		case errors.Is(err, unix.ENOBUFS):
			lost = fmt.Errorf("change conntrack table: answers were lost: %w", err)
		case err != nil:
			return fmt.Errorf("change conntrack table: %w", err)
		default:
			if err := t.in.hand(n, take); err != nil {
				lost = fmt.Errorf("change conntrack table: %w", err)
			}
		}
	}
}
