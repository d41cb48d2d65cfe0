package links

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

func device(l netlink.Link) Device {
	a := l.Attrs()
	d := Device{
		Index: a.Index, Name: a.Name, Kind: l.Type(), MAC: a.HardwareAddr, MTU: a.MTU,
		Up: a.Flags&net.FlagUp != 0, Carrier: a.RawFlags&unix.IFF_LOWER_UP != 0, State: OperState(a.OperState),
	}
	if s := a.Statistics; s != nil {
		d.Counters = Counters{
			RxBytes: s.RxBytes, RxPackets: s.RxPackets, RxErrors: s.RxErrors, RxDrops: s.RxDropped,
			TxBytes: s.TxBytes, TxPackets: s.TxPackets, TxErrors: s.TxErrors, TxDrops: s.TxDropped,
		}
	}
	return d
}

// kindTypes is how rtnetlink numbers the kinds of routes.
var kindTypes = [...]int{Unicast: unix.RTN_UNICAST, Blackhole: unix.RTN_BLACKHOLE, Unreachable: unix.RTN_UNREACHABLE, Prohibit: unix.RTN_PROHIBIT}

// fromKernel is false for a route of a kind that is not made here.
func fromKernel(r netlink.Route, names map[int]string) (Route, bool) {
	kind := slices.Index(kindTypes[:], r.Type)
	if kind < 0 {
		return Route{}, false
	}
	route := Route{Kind: RouteKind(kind), Metric: r.Priority, Table: r.Table, Dst: destination(r)}
	if len(r.MultiPath) == 0 {
		h := fromHop(r.Gw, r.LinkIndex, r.Flags, names)
		route.Via, route.Device, route.OnLink = h.Via, h.Device, h.OnLink
	}
	for _, nh := range r.MultiPath {
		h := fromHop(nh.Gw, nh.LinkIndex, nh.Flags, names)
		h.Weight = nh.Hops + 1
		route.Hops = append(route.Hops, h)
	}
	return route.canonical(), true
}

func destination(r netlink.Route) netip.Prefix {
	if dst, ok := fromIPNet(r.Dst); ok {
		return dst
	}
	if r.Family == netlink.FAMILY_V6 {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
}

func fromHop(gateway net.IP, index, flags int, names map[int]string) Hop {
	via, _ := netip.AddrFromSlice(gateway)
	return Hop{Via: via, Device: names[index], OnLink: flags&unix.RTNH_F_ONLINK != 0}
}

// addAddresses gives the device those that are its own.
func (d *Device) addAddresses(all []netlink.Addr) {
	var temporary []netip.Prefix
	for _, a := range all {
		prefix, ok := fromIPNet(a.IPNet)
		if !ok || a.LinkIndex != d.Index {
			continue
		}
		if a.Flags&unix.IFA_F_TEMPORARY != 0 && prefix.Addr().Is6() { // IPv4 calls it secondary
			temporary = append(temporary, prefix)
		} else {
			d.Addresses = append(d.Addresses, prefix)
		}
		if a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED|unix.IFA_F_DEPRECATED) != 0 {
			d.Unsettled = append(d.Unsettled, prefix)
		}
	}
	d.Addresses = append(d.Addresses, temporary...)
}

// concerns reports whether a message may be about something of ours. Of routes,
// that is those of ours, default routes, and any that took the place of another
// one: the kernel does not say which. A full table that is learned makes no work.
func concerns(m syscall.NetlinkMessage) bool {
	switch m.Header.Type {
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		if len(m.Data) < unix.SizeofRtMsg {
			return false
		}
		r := nl.DeserializeRtMsg(m.Data)
		return r.Protocol == Protocol || r.Dst_len == 0 || m.Header.Flags&unix.NLM_F_REPLACE != 0
	}
	return true
}

// explain says what the kernel's number means for a route.
func explain(err error) error {
	if errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH) {
		return fmt.Errorf("the gateway is in no subnet of the device: %w", err)
	}
	return err
}

// unless is err, or nil when it is one of those.
func unless(err error, those ...error) error {
	for _, e := range those {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}

func unlessMissing(err error) error {
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil
	}
	return unless(err, unix.ENODEV, fs.ErrNotExist)
}

func linkAt(index int) netlink.Link {
	return &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: index}}
}

func toIPNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func fromIPNet(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	bits, size := n.Mask.Size()
	ip := n.IP
	if size == 32 {
		// The default route comes as 0.0.0.0 in sixteen bytes.
		ip = ip.To4()
	}
	addr, ok := netip.AddrFromSlice(ip)
	if !ok || size == 0 {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(addr, bits), true
}
