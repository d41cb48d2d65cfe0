package links

import (
	"fmt"
	"net/netip"

	attribute "github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ndaProtocol is NDA_PROTOCOL of linux/neighbour.h, since Linux 5.0.
const ndaProtocol = 12

// proxyMessage is the entry as rtnetlink takes it. The library leaves out who
// made it.
func proxyMessage(a netip.Addr, index int) []nl.NetlinkRequestData {
	header := &netlink.Ndmsg{Family: unix.AF_INET, Index: uint32(index), Flags: netlink.NTF_PROXY}
	if a.Is6() {
		header.Family = unix.AF_INET6
	}
	return []nl.NetlinkRequestData{
		header,
		nl.NewRtAttr(unix.NDA_DST, a.AsSlice()),
		nl.NewRtAttr(ndaProtocol, nl.Uint8Attr(Protocol)),
	}
}

// parseProxy reads what rtnetlink lists, and the index of its device.
func parseProxy(m []byte) (p FoundProxy, index int, err error) {
	if len(m) < unix.SizeofNdMsg {
		return FoundProxy{}, 0, fmt.Errorf("parse proxy: %d bytes", len(m))
	}
	attrs, err := attribute.NewAttributeDecoder(m[unix.SizeofNdMsg:])
	if err != nil {
		return FoundProxy{}, 0, fmt.Errorf("parse proxy: %w", err)
	}
	for attrs.Next() {
		switch attrs.Type() {
		case unix.NDA_DST:
			p.Address, _ = netip.AddrFromSlice(attrs.Bytes())
		case ndaProtocol:
			p.Ours = attrs.Uint8() == Protocol
		}
	}
	if err := attrs.Err(); err != nil {
		return FoundProxy{}, 0, fmt.Errorf("parse proxy: %w", err)
	}
	return p, int(nl.NativeEndian().Uint32(m[4:])), nil
}
