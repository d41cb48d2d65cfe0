package peer

import "net/netip"

// aim is where the other node is, and by what this one speaks to it.
type aim struct {
	device      string
	local, peer netip.Addr
}

// newAim brings addresses into the form that sockets have them in: of a link-local
// one the zone is the device.
func newAim(device string, local, peer netip.Addr) aim {
	zoned := func(a netip.Addr) netip.Addr {
		a = a.Unmap().WithZone("")
		if a.Is6() && a.IsLinkLocalUnicast() {
			a = a.WithZone(device)
		}
		return a
	}
	return aim{device: device, local: zoned(local), peer: zoned(peer)}
}

func (a aim) listens() bool { return a.device != "" && a.local.IsValid() }

func (a aim) dials() bool { return a.device != "" && a.peer.IsValid() }

// allows says whether who calls from an address may be the peer. Any may while it is
// not known where the peer is.
func (a aim) allows(from netip.Addr) bool {
	return !a.peer.IsValid() || from.Unmap().WithZone("") == a.peer.WithZone("")
}

// keeps says whether a connection that was made under an earlier aim is still the right one.
func (a aim) keeps(c *conn) bool {
	return a.device == c.device && a.allows(c.remote) &&
		(!a.local.IsValid() || c.local.Unmap().WithZone("") == a.local.WithZone(""))
}
