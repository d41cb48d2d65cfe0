package wire

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const (
	// dumpTries bounds how often a list is asked for anew because the machine
	// changed while it was given.
	dumpTries = 5
	// replyTimeout is how long the kernel may take for an answer.
	replyTimeout = 10 * time.Second
)

// Netlink is the Kernel of a network namespace.
type Netlink struct {
	handle *netlink.Handle
	places *places
	ns     netns.NsHandle // netns.None is the process's own
}

var _ Kernel = (*Netlink)(nil)

// OpenNetlink opens the network namespace of the caller, which for a goroutine that is not locked
// to a thread is that of the process. Close ends it; ports outlive it.
func OpenNetlink() (*Netlink, error) {
	ns, err := callersNamespace()
	if err != nil {
		return nil, fmt.Errorf("find network namespace: %w", err)
	}
	n := &Netlink{ns: ns}
	if n.handle, err = netlink.NewHandle(unix.NETLINK_ROUTE); err == nil {
		err = n.handle.SetSocketTimeout(replyTimeout)
	}
	if err == nil {
		n.places, err = openPlaces()
	}
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink: %w", errors.Join(err, n.Close()))
	}
	return n, nil
}

// callersNamespace is the namespace of the calling thread, none if that is the
// process's own: to get there costs a privilege that a daemon can do without.
func callersNamespace() (netns.NsHandle, error) {
	here, err := netns.Get()
	if err != nil {
		return netns.None(), err
	}
	own, err := netns.GetFromPid(os.Getpid())
	if err != nil {
		return netns.None(), errors.Join(err, here.Close())
	}
	if !here.Equal(own) {
		return here, own.Close()
	}
	return netns.None(), errors.Join(here.Close(), own.Close())
}

// Close frees the sockets.
func (n *Netlink) Close() error {
	var err error
	if n.handle != nil {
		n.handle.Close()
	}
	if n.places != nil {
		err = n.places.close()
	}
	if n.ns.IsOpen() {
		err = errors.Join(err, n.ns.Close())
	}
	return err
}

// inside runs f in the namespace. The thread is not given back, for it may not be
// possible to return.
func (n *Netlink) inside(f func() error) error {
	if !n.ns.IsOpen() {
		return f()
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := netns.Set(n.ns); err != nil {
			done <- fmt.Errorf("enter network namespace: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}

// Device reads a device.
func (n *Netlink) Device(name string) (Device, error) {
	l, err := n.link(name)
	if err != nil {
		return Device{}, fmt.Errorf("read device %s: %w", name, err)
	}
	found, err := dump(func() ([]netlink.Addr, error) { return n.handle.AddrList(l, netlink.FAMILY_ALL) })
	if err != nil {
		return Device{}, fmt.Errorf("read addresses of %s: %w", name, err)
	}
	at := l.Attrs()
	d := Device{
		Index: at.Index, Name: at.Name, MTU: at.MTU,
		Up: at.RawFlags&unix.IFF_UP != 0, Carrier: at.RawFlags&unix.IFF_LOWER_UP != 0,
	}
	copy(d.MAC[:], at.HardwareAddr)
	if at.Statistics != nil {
		d.Received = at.Statistics.RxPackets
	}
	for _, a := range found {
		if ip, ok := netip.AddrFromSlice(a.IP); ok {
			bits, _ := a.Mask.Size()
			d.Addresses = append(d.Addresses, netip.PrefixFrom(ip.Unmap(), bits))
		}
	}
	return d, nil
}

func (n *Netlink) link(name string) (netlink.Link, error) {
	for range dumpTries {
		l, err := n.handle.LinkByName(name)
		var missing netlink.LinkNotFoundError
		switch {
		case errors.As(err, &missing):
			return nil, ErrNoDevice
		case errors.Is(err, unix.EINTR):
			continue
		}
		return l, err
	}
	return nil, unix.EINTR
}

// Neighbours are the hosts that answered by a device of late.
func (n *Netlink) Neighbours(index int) ([]netip.Addr, error) {
	found, err := dump(func() ([]netlink.Neigh, error) {
		return n.handle.NeighListExecute(netlink.Ndmsg{Index: uint32(index)})
	})
	if err != nil {
		return nil, fmt.Errorf("list neighbours: %w", err)
	}
	const reached = netlink.NUD_REACHABLE | netlink.NUD_STALE | netlink.NUD_DELAY | netlink.NUD_PROBE
	var all []netip.Addr
	for _, neighbour := range found {
		if a, ok := netip.AddrFromSlice(neighbour.IP); ok && neighbour.State&reached != 0 {
			all = append(all, a.Unmap())
		}
	}
	return all, nil
}

// dump asks for a list again while the machine changes under it, and takes what
// it got in the end: news of the change follows.
func dump[T any](list func() ([]T, error)) (got []T, err error) {
	for range dumpTries {
		got, err = list()
		if !errors.Is(err, netlink.ErrDumpInterrupted) && !errors.Is(err, unix.EINTR) {
			return got, err
		}
	}
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		return got, nil
	}
	return nil, err
}
