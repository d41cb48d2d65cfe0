package conntrack

import (
	"errors"
	"fmt"
	"maps"

	"golang.org/x/sys/unix"
)

// Locals knows all addresses of a network namespace. One thread may use it.
type Locals struct {
	news  socket
	asked dump
	seq   uint32
	stale bool // something changed since the kernel was asked

	now, next map[local]bool
}

// OpenLocals knows the addresses of the namespace of the calling thread.
func OpenLocals() (*Locals, error) {
	l := &Locals{stale: true, now: make(map[local]bool), next: make(map[local]bool)}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("open local addresses: %w", err)
	}
	return l, nil
}

func (l *Locals) open() (err error) {
	if l.news, err = openSocket(unix.NETLINK_ROUTE,
		option{unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, unix.RTNLGRP_IPV4_IFADDR},
		option{unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, unix.RTNLGRP_IPV6_IFADDR}); err != nil {
		return err
	}
	if l.asked, err = openDump(unix.NETLINK_ROUTE); err != nil {
		return errors.Join(err, l.news.Close())
	}
	if _, err = l.ask(); err != nil {
		return errors.Join(err, l.Close())
	}
	return nil
}

// FD is for poll(2): it is readable when there is something for Read.
func (l *Locals) FD() int { return l.news.fd }

// Read takes notice of what changed, and says whether there are other addresses now. After an error the
// addresses are the ones from before it, and Read is to be called again.
func (l *Locals) Read() (changed bool, err error) {
	if err := l.hear(); err != nil {
		return false, fmt.Errorf("hear of local addresses: %w", err)
	}
	if !l.stale {
		return false, nil
	}
	if changed, err = l.ask(); err != nil {
		return false, fmt.Errorf("ask for local addresses: %w", err)
	}
	return changed, nil
}

// newsMost bounds what is taken at once; what is left keeps the socket readable.
const newsMost = 1024

// hear empties the socket. What the news say is not looked at: some may be missing (ENOBUFS), and the kernel can be asked.
func (l *Locals) hear() error {
	for range newsMost {
		_, err := l.news.receive(l.asked.room)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case err != nil && !errors.Is(err, unix.ENOBUFS):
			return err
		}
		l.stale = true
	}
	return nil
}

// ask asks for all addresses. What changes meanwhile may be missing; the news of it then wait.
func (l *Locals) ask() (changed bool, err error) {
	l.seq++
	if err := l.asked.start(appendLocals(nil, l.seq)); err != nil {
		return false, err
	}
	clear(l.next)
	for done := false; !done; {
		done, err = l.asked.read(func(msg []byte) {
			if a, ok := parseLocal(msg); ok {
				l.next[a] = true
			}
		})
		if err != nil {
			return false, err
		}
	}
	changed = !maps.Equal(l.now, l.next)
	l.now, l.next, l.stale = l.next, l.now, false
	return changed, nil
}

// Has says whether an address, as a Tuple has it, is one of this machine: of a device, or from 127.0.0.0/8.
func (l *Locals) Has(family uint8, a [16]byte) bool {
	if family == IPv4 && a[0] == 127 {
		return true
	}
	return l.now[local{family, a}]
}

// Close gives the sockets back.
func (l *Locals) Close() error { return errors.Join(l.news.Close(), l.asked.Close()) }
