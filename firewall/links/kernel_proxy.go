package links

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Proxies lists the proxy entries of all devices.
func (n *Netlink) Proxies() ([]FoundProxy, error) {
	names, err := n.names()
	if err != nil {
		return nil, err
	}
	var proxies []FoundProxy
	for _, family := range families {
		found, err := dump(func() ([][]byte, error) {
			req := n.request(unix.RTM_GETNEIGH, unix.NLM_F_DUMP)
			req.AddData(&netlink.Ndmsg{Family: uint8(family), Flags: netlink.NTF_PROXY})
			return req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNEIGH)
		})
		if err != nil {
			return nil, err
		}
		for _, m := range found {
			p, index, err := parseProxy(m)
			if err != nil {
				return nil, err
			}
			p.Device = names[index]
			proxies = append(proxies, p)
		}
	}
	return proxies, nil
}

func (n *Netlink) addProxy(p Proxy) error {
	return n.proxy(p, unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_ACK)
}

// deleteProxy takes it as removed where the device is gone.
func (n *Netlink) deleteProxy(p Proxy) error {
	return unlessMissing(unless(n.proxy(p, unix.RTM_DELNEIGH, unix.NLM_F_ACK), unix.ENOENT))
}

func (n *Netlink) proxy(p Proxy, kind, flags int) error {
	l, err := n.handle.LinkByName(p.Device)
	if err != nil {
		return fmt.Errorf("device %q: %w", p.Device, err)
	}
	req := n.request(kind, flags)
	req.Data = proxyMessage(p.Address, l.Attrs().Index)
	_, err = req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// addVoid makes the device that loses what is sent to it, without an address, if
// it is not there: a dummy, or where the kernel has none an ifb, which loses what
// tc(8) did not send there.
func (n *Netlink) addVoid() error {
	attrs := netlink.LinkAttrs{Name: VoidDevice}
	err := n.handle.LinkAdd(&netlink.Dummy{LinkAttrs: attrs})
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = n.handle.LinkAdd(&netlink.Ifb{LinkAttrs: attrs})
	}
	if err := unless(err, unix.EEXIST); err != nil {
		return err
	}
	// A kernel without IPv6 does not have it.
	_ = n.writeSysctl("net/ipv6/conf/"+VoidDevice+"/addr_gen_mode", "1")
	l, err := n.handle.LinkByName(VoidDevice)
	if err != nil {
		return err
	}
	return n.handle.LinkSetUp(l)
}
