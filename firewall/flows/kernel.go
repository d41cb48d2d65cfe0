package flows

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"sync"
	"syscall"

	"github.com/florianl/go-conntrack"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	// batchLen is how many flows one datagram asks for. The gain from more is small, and the answers must fit into the socket.
	batchLen = 128
	// readBuffer holds the answers to a batch of which every part is refused: the kernel counts almost a kilobyte for each.
	readBuffer = 1 << 20
	// dumpBuffer is the largest datagram that the kernel fills with a dump.
	dumpBuffer = 32 << 10
)

// Kernel is the Table of a network namespace.
type Kernel struct {
	nfct *conntrack.Nfct
	raw  syscall.RawConn

	mu  sync.Mutex // one request at a time: answers are read from one socket
	seq uint32     // of the last request
	in  []byte     // room for what is received
	out []byte     // room for what is sent
}

// Open returns the table of the network namespace that the calling thread is in. It needs CAP_NET_ADMIN. The methods may be
// called from any thread.
func Open() (*Kernel, error) {
	nfct, err := conntrack.Open(&conntrack.Config{Logger: log.New(io.Discard, "", 0)})
	if err != nil {
		return nil, fmt.Errorf("open conntrack: %w", err)
	}
	k := &Kernel{nfct: nfct, in: make([]byte, dumpBuffer)}
	if err := k.prepare(); err != nil {
		nfct.Close()
		return nil, fmt.Errorf("open conntrack: %w", err)
	}
	return k, nil
}

// prepare sets up the socket that the library opened for requests of our own, which it can send only one by one.
func (k *Kernel) prepare() (err error) {
	if k.raw, err = k.nfct.Con.SyscallConn(); err != nil {
		return err
	}
	// Without it the kernel repeats each request that it refuses.
	if err := k.nfct.SetOption(netlink.CapAcknowledge, true); err != nil {
		return err
	}
	return k.nfct.Con.SetReadBuffer(readBuffer)
}

// Close gives the socket back.
func (k *Kernel) Close() error { return k.nfct.Close() }

// dumpAttempts bounds how often a dump that the kernel calls inconsistent is taken again.
const dumpAttempts = 3

var errInterrupted = errors.New("the table changed under the dump")

// List walks through both families and keeps what the filter picks. What marks, states and addresses of one family tell of the
// picked flows is compared by the kernel already.
func (k *Kernel) List(ctx context.Context, filter Filter) ([]Flow, error) {
	for range dumpAttempts {
		var picked []Flow
		err := k.walk(ctx, filter, func(f Flow) { picked = append(picked, f) })
		if err == nil {
			return picked, nil
		}
		if !errors.Is(err, errInterrupted) {
			return nil, fmt.Errorf("list flows: %w", err)
		}
	}
	return nil, fmt.Errorf("list flows: %w %d times", errInterrupted, dumpAttempts)
}

// Walk walks through both families once; what List says of the kernel holds here too.
func (k *Kernel) Walk(ctx context.Context, filter Filter, fn func(Flow)) error {
	if err := k.walk(ctx, filter, fn); err != nil {
		return fmt.Errorf("walk flows: %w", err)
	}
	return nil
}

func (k *Kernel) walk(ctx context.Context, filter Filter, fn func(Flow)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.seq++
	if err := k.send(appendList(k.out[:0], header{seq: k.seq}, filter.hint())); err != nil {
		return err
	}
	w := walker{seq: k.seq, stopped: ctx.Err, filter: filter, fn: fn}
	return k.answers(w.take)
}

// End asks the kernel for many flows at once.
func (k *Kernel) End(ctx context.Context, flows []Flow) (ended int, err error) {
	ended, err = k.each(ctx, len(flows), func(i int) Flow { return flows[i] },
		func(b []byte, h header, i int) []byte { return appendEnd(b, h, flows[i]) })
	if err != nil {
		return ended, fmt.Errorf("end flows: %w", err)
	}
	return ended, nil
}

// Remark asks the kernel for many flows at once.
func (k *Kernel) Remark(ctx context.Context, flows []Marked) (changed int, err error) {
	changed, err = k.each(ctx, len(flows), func(i int) Flow { return flows[i].Flow },
		func(b []byte, h header, i int) []byte { return appendRemark(b, h, flows[i]) })
	if err != nil {
		return changed, fmt.Errorf("mark flows: %w", err)
	}
	return changed, nil
}

// each sends one request for each of n flows, a batch at a time, and returns how many were done.
func (k *Kernel) each(ctx context.Context, n int, flow func(int) Flow, request func([]byte, header, int) []byte) (done int, err error) {
	for i := range n {
		if err := nameable(flow(i)); err != nil {
			return 0, err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var refused refusals
	for first := 0; first < n; first += batchLen {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		b := batch{first: k.seq + 1, len: min(batchLen, n-first)}
		out := k.out[:0]
		for i := range b.len {
			out = request(out, b.header(i), first+i)
		}
		k.seq += uint32(b.len)
		if err := k.send(out); err != nil {
			return done, err
		}
		if err := k.answers(b.take); err != nil {
			return done, err
		}
		done += b.done()
		if b.refused > 0 {
			refused.add(b, flow(first+b.worst))
		}
	}
	return done, refused.err()
}

// Count asks the kernel for its own counter.
func (k *Kernel) Count(context.Context) (Count, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.seq++
	if err := k.send(appendMessage(k.out[:0], header{kind: msgGetStats, seq: k.seq}, nothing)); err != nil {
		return Count{}, fmt.Errorf("count flows: %w", err)
	}
	q := counting{seq: k.seq}
	if err := k.answers(q.take); err != nil {
		return Count{}, fmt.Errorf("count flows: %w", err)
	}
	return q.count, nil
}

// send sends requests in one datagram, and keeps their memory for the next ones.
func (k *Kernel) send(requests []byte) error {
	k.out = requests
	var sent error
	err := k.raw.Write(func(fd uintptr) bool {
		sent = unix.Sendto(int(fd), requests, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		return sent != unix.EAGAIN
	})
	return errors.Join(err, sent)
}

// answers gives take one message after the other until it is done, and returns what it then says.
func (k *Kernel) answers(take func(message) (done bool, err error)) error {
	for {
		rest, err := k.receive()
		if err != nil {
			return err
		}
		for len(rest) > 0 {
			var m message
			if m, rest, err = splitMessage(rest); err != nil {
				return err
			}
			if done, err := take(m); done {
				return err
			}
		}
	}
}

// receive reads one datagram, past the library: it would wait for ever for the end of the answer to Count, and copies dumps whole.
func (k *Kernel) receive() ([]byte, error) {
	n := 0
	var received error
	err := k.raw.Read(func(fd uintptr) bool {
		n, _, received = unix.Recvfrom(int(fd), k.in, unix.MSG_TRUNC)
		return received != unix.EAGAIN
	})
	switch err := errors.Join(err, received); {
	case err != nil:
		return nil, err
	case n > len(k.in):
		return nil, fmt.Errorf("%w: a datagram of %d bytes", errMalformed, n)
	}
	return k.in[:n], nil
}
