package lab

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// AddAddr gives a device addresses, which are usable when it returns if the device is.
func (h *Host) AddAddr(dev string, addrs ...netip.Prefix) {
	h.net.t.Helper()
	for _, p := range addrs {
		if err := h.addr(dev, p, (*netlink.Handle).AddrAdd); err != nil {
			h.check(fmt.Errorf("add %s to %s: %w", p, dev, err))
		}
	}
	h.check(end{h.space, dev}.settle())
}

// DelAddr takes addresses from a device.
func (h *Host) DelAddr(dev string, addrs ...netip.Prefix) {
	h.net.t.Helper()
	for _, p := range addrs {
		if err := h.addr(dev, p, (*netlink.Handle).AddrDel); err != nil {
			h.check(fmt.Errorf("delete %s from %s: %w", p, dev, err))
		}
	}
}

func (h *Host) addr(dev string, p netip.Prefix, do func(*netlink.Handle, netlink.Link, *netlink.Addr) error) error {
	l, err := h.space.find(dev)
	if err != nil {
		return err
	}
	return do(h.space.link, l, &netlink.Addr{IPNet: ipNet(p)})
}

// Route sends what is for dst to via, in place of an earlier route to dst. The zone of a link-local
// via names the device.
func (h *Host) Route(dst netip.Prefix, via netip.Addr) {
	h.net.t.Helper()
	if err := h.route(dst, via); err != nil {
		h.check(fmt.Errorf("route %s via %s: %w", dst, via, err))
	}
}

// Default makes via the default gateway for its family.
func (h *Host) Default(via netip.Addr) {
	h.net.t.Helper()
	if via.Is4() {
		h.Route(netip.PrefixFrom(netip.IPv4Unspecified(), 0), via)
	} else {
		h.Route(netip.PrefixFrom(netip.IPv6Unspecified(), 0), via)
	}
}

func (h *Host) route(dst netip.Prefix, via netip.Addr) error {
	if h.space == nil {
		return errNotMade
	}
	r := &netlink.Route{Dst: ipNet(dst.Masked()), Gw: via.AsSlice()}
	if via.Zone() != "" {
		l, err := h.space.find(via.Zone())
		if err != nil {
			return err
		}
		r.LinkIndex = l.Attrs().Index
	}
	return h.space.link.RouteReplace(r)
}

// Neighbour tells the host the hardware address of another behind a device, so that it need not ask.
func (h *Host) Neighbour(dev string, addr netip.Addr, mac net.HardwareAddr) {
	h.net.t.Helper()
	l, err := h.space.find(dev)
	if err == nil {
		err = h.space.link.NeighSet(&netlink.Neigh{
			LinkIndex: l.Attrs().Index, State: netlink.NUD_PERMANENT, IP: addr.AsSlice(), HardwareAddr: mac,
		})
	}
	if err != nil {
		h.check(fmt.Errorf("set neighbour %s of %s: %w", addr, dev, err))
	}
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
