package links

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const (
	// dumpTries bounds how often a list is asked for anew because the machine
	// changed while it was given.
	dumpTries = 5
	// replyTimeout is how long the kernel may take for an answer.
	replyTimeout = 10 * time.Second
	// newsBuffer, in bytes, bridges some thousand changes while one is looked
	// at. Lost news costs no more than a look.
	newsBuffer = 1 << 20

	procSys    = "/proc/sys"
	bootIDPath = "/proc/sys/kernel/random/boot_id"
)

// ErrAddressTaken is why an address cannot be added: the device has it
// already, with another length of the subnet.
var ErrAddressTaken = errors.New("the device has this address with another prefix length, and not from us")

// Netlink is the Kernel of a network namespace.
type Netlink struct {
	handle  *netlink.Handle
	sockets map[int]*nl.SocketHandle // for messages that handle cannot make
	ns      netns.NsHandle           // netns.None is the process's own
}

var families = [...]int{netlink.FAMILY_V4, netlink.FAMILY_V6}

// OpenNetlink opens the network namespace of the process.
func OpenNetlink() (*Netlink, error) { return OpenNetlinkAt(netns.None()) }

// OpenNetlinkAt opens the network namespace ns, which has to stay open. Close
// ends it.
func OpenNetlinkAt(ns netns.NsHandle) (*Netlink, error) {
	h, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	// With strict checks the kernel lists our routes only, not a whole
	// routing table to be sifted here. One that is too old sends all.
	_ = h.SetStrictCheck(true)
	err = h.SetSocketTimeout(replyTimeout)
	var s *nl.NetlinkSocket
	if err == nil {
		s, err = openSocket(ns)
	}
	if err != nil {
		h.Close()
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	return &Netlink{handle: h, sockets: map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: s}}, ns: ns}, nil
}

func openSocket(ns netns.NsHandle) (*nl.NetlinkSocket, error) {
	s, err := nl.GetNetlinkSocketAt(ns, netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	timeout := unix.NsecToTimeval(replyTimeout.Nanoseconds())
	if err := errors.Join(s.SetSendTimeout(&timeout), s.SetReceiveTimeout(&timeout)); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close frees the sockets.
func (n *Netlink) Close() error {
	n.handle.Close()
	for _, s := range n.sockets {
		s.Close()
	}
	return nil
}

// Identity is the boot's random number and the namespace's cookie, which the
// kernel gives out once a boot.
func (n *Netlink) Identity() (string, error) {
	boot, err := os.ReadFile(bootIDPath)
	if err != nil {
		return "", err
	}
	s, err := nl.SubscribeAt(n.ns, netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return "", fmt.Errorf("open rtnetlink: %w", err)
	}
	defer s.Close()
	// A kernel before 5.14 has no cookie: namespaces look alike there.
	cookie, err := unix.GetsockoptUint64(s.GetFd(), unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if err != nil && !errors.Is(err, unix.ENOPROTOOPT) {
		return "", fmt.Errorf("cookie of the network namespace: %w", err)
	}
	return fmt.Sprintf("%s/%d", strings.TrimSpace(string(boot)), cookie), nil
}

// Devices lists every network device.
func (n *Netlink) Devices() ([]Device, error) {
	found, err := dump(n.handle.LinkList)
	if err != nil {
		return nil, err
	}
	addresses, err := dump(func() ([]netlink.Addr, error) { return n.handle.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, err
	}
	devices := make([]Device, 0, len(found))
	for _, l := range found {
		d := device(l)
		d.addAddresses(addresses)
		devices = append(devices, d)
	}
	return devices, nil
}

// Sysctl reads a setting of the namespace.
func (n *Netlink) Sysctl(path string) (value string, err error) {
	err = n.inside(func() error {
		text, err := os.ReadFile(filepath.Join(procSys, path))
		value = strings.TrimSpace(string(text))
		return err
	})
	return value, err
}

// Settable says whether a setting can be written, and writes nothing.
func (n *Netlink) Settable(path string) (settable bool, err error) {
	err = n.inside(func() error {
		f, err := os.OpenFile(filepath.Join(procSys, path), os.O_WRONLY, 0)
		switch {
		case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
			return nil
		case err != nil:
			return err
		}
		settable = true
		return f.Close()
	})
	return settable, err
}

// Do makes one change.
func (n *Netlink) Do(op Op) error {
	switch op := op.(type) {
	case AddAddress:
		return n.addAddress(op)
	case DeleteAddress:
		return n.deleteAddress(op)
	case SetMTU:
		return n.handle.LinkSetMTU(linkAt(op.Index), op.To)
	case SetUp:
		if op.Up {
			return n.handle.LinkSetUp(linkAt(op.Index))
		}
		return n.handle.LinkSetDown(linkAt(op.Index))
	case AddRoute:
		return n.addRoute(op.Route)
	case ReplaceRoute:
		return n.replaceRoute(op.Old, op.New)
	case DeleteRoute:
		return n.deleteRoute(op.Route)
	case AddRule:
		return n.addRule(op.Rule)
	case DeleteRule:
		return n.deleteRule(op.Rule)
	case AddProxy:
		return n.addProxy(op.Proxy)
	case DeleteProxy:
		return n.deleteProxy(op.Proxy)
	case AddVoid:
		return n.addVoid()
	case DeleteVoid:
		return unless(n.handle.LinkDel(linkAt(op.Index)), unix.ENODEV)
	case SetSysctl:
		return n.writeSysctl(op.Path, op.To)
	}
	panic(fmt.Sprintf("links: unknown op %T", op))
}

// addAddress skips duplicate address detection: an address that is tentative for
// a second answers nobody, and a node that takes over needs it now.
func (n *Netlink) addAddress(op AddAddress) error {
	a := &netlink.Addr{IPNet: toIPNet(op.Prefix), LinkIndex: op.Index}
	if op.Prefix.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	if op.Prefix == anchor {
		a.Scope = unix.RT_SCOPE_HOST
	}
	err := n.handle.AddrAdd(nil, a)
	switch {
	case errors.Is(err, unix.EEXIST):
		return ErrAddressTaken
	case op.Prefix.Addr().Is6() && errors.Is(err, unix.EACCES):
		return fmt.Errorf("net/ipv6/conf/%s/disable_ipv6 is set: %w", op.Device, err)
	}
	return err
}

// deleteAddress keeps the other addresses of the subnet: without
// promote_secondaries the kernel removes them with their first.
func (n *Netlink) deleteAddress(op DeleteAddress) error {
	if op.Prefix.Addr().Is4() {
		path := Sysctl{Path: "net/ipv4/conf/{device}/promote_secondaries"}.on(op.Device).Path
		before, err := n.Sysctl(path)
		if err == nil && before == "0" {
			if err := n.writeSysctl(path, "1"); err != nil {
				return fmt.Errorf("keep other addresses of the subnet: %w", err)
			}
			defer func() { _ = n.writeSysctl(path, before) }()
		}
	}
	err := n.handle.AddrDel(nil, &netlink.Addr{IPNet: toIPNet(op.Prefix), LinkIndex: op.Index})
	return unless(err, unix.EADDRNOTAVAIL, unix.ENODEV)
}

func (n *Netlink) writeSysctl(path, value string) error {
	return n.inside(func() error {
		return os.WriteFile(filepath.Join(procSys, path), []byte(value), 0)
	})
}

// inside runs f in the namespace: /proc/sys/net shows that of the thread that
// opens it. The thread is not given back, for it may not be possible to return.
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

// Watch listens to devices, addresses, routes, rules, and the settings that the
// kernel announces: forwarding and rp_filter.
func (n *Netlink) Watch(ctx context.Context, changed func()) error {
	s, err := nl.SubscribeAt(n.ns, netns.None(), unix.NETLINK_ROUTE,
		unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR,
		unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE,
		unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE,
		unix.RTNLGRP_IPV4_NETCONF, unix.RTNLGRP_IPV6_NETCONF)
	if err != nil {
		return fmt.Errorf("subscribe to rtnetlink: %w", err)
	}
	stop := context.AfterFunc(ctx, s.Close)
	defer func() {
		if stop() {
			s.Close()
		}
	}()
	// The default buffer only loses news sooner.
	_ = s.SetReceiveBufferSize(newsBuffer, true)
	changed()
	known := renewals{}
	for {
		msgs, _, err := s.Receive()
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("receive from rtnetlink: %w", err)
		}
		for _, m := range msgs {
			if concerns(m) && !known.renews(m) {
				changed()
			}
		}
	}
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
