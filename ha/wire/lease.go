package wire

import (
	"net/netip"
	"time"
)

// forEver is the life of an address that has no end, RFC 4861 section 4.6.2.
const forEver = 1<<32 - 1

// wholeSeconds rounds up to what the kernel counts leases in.
func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// leaseSeconds is a lease as the kernel has it.
func leaseSeconds(d time.Duration) uint32 {
	if s := wholeSeconds(d) / time.Second; s > 0 && s < forEver {
		return uint32(s)
	}
	return forEver
}

// broadcastOf is the broadcast address of an IPv4 subnet that has one.
func broadcastOf(p netip.Prefix) (netip.Addr, bool) {
	if !p.Addr().Is4() || p.Bits() > 30 {
		return netip.Addr{}, false
	}
	b := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	return netip.AddrFrom4(b), true
}
