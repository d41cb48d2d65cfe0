package conntrack

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Walk goes through all that the kernel has, piece by piece. The table may change meanwhile: what is there all the
// time is seen once, unless the kernel resizes its table. One thread may use it.
type Walk struct {
	dump    dump
	request []byte
	seq     uint32
}

// OpenWalk is about the network namespace of the calling thread, and needs CAP_NET_ADMIN.
func OpenWalk() (*Walk, error) {
	d, err := openDump(unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("open conntrack walk: %w", err)
	}
	return &Walk{dump: d}, nil
}

// Start begins a walk through the flows or expectations of a family; zero is both. One that has not
// ended is given up, at once if the thread is in the namespace that the walk is about.
func (w *Walk) Start(kind Kind, family uint8) error {
	w.seq++
	w.request = AppendWalk(w.request[:0], w.seq, kind, family)
	if err := w.dump.start(w.request); err != nil {
		return fmt.Errorf("walk conntrack table: %w", err)
	}
	return nil
}

// Read hands over the next piece, up to 32 KiB of messages, each valid until take returns. It never
// waits, but until it has a piece the kernel looks into one bucket of its table after the other: some
// milliseconds for 262,144 that are empty. An error ends the walk.
func (w *Walk) Read(take func(msg []byte)) (done bool, err error) {
	if done, err = w.dump.read(take); err != nil {
		return false, fmt.Errorf("walk conntrack table: %w", err)
	}
	return done, nil
}

// Close gives the socket back.
func (w *Walk) Close() error { return w.dump.Close() }
