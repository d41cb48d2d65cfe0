package links

import (
	"net/netip"
	"slices"
)

// anchor is IPv4's dummy address (RFC 7600 4.8): no packet is ever sent to it.
var anchor = netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 0, 8}), 32)

// anchored is a link with an address that stays where all others of IPv4 move. With
// the last one of a device the kernel drops all routes by it, and a node that
// gives an address back would have no way out until they are made anew. The scope
// host keeps it from being spoken from.
func (l Link) anchored() Link {
	is4 := func(p netip.Prefix) bool { return p.Addr().Is4() }
	if slices.ContainsFunc(l.Moving, is4) && !slices.ContainsFunc(l.Addresses, is4) {
		l.Addresses = append(slices.Clip(l.Addresses), anchor)
	}
	return l
}
