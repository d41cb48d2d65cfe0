package nat

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
	"go4.org/netipx"
)

// Outside is the address by which flows leave an interface, or by which its
// port forwards are known: the virtual address that it shares with a peer, else
// its first own, else a further one that the policy gives it. Invalid when the
// interface has none of the family now.
func Outside(w *rules.World, iface string, f rules.Family) netip.Addr {
	if a := virtual(w, iface, f, config.VIPCARP); a.IsValid() {
		return a
	}
	if a := firstOwn(w, iface, f); a.IsValid() {
		return a
	}
	return virtual(w, iface, f, config.VIPAlias)
}

// virtual is the first virtual address of a kind on an interface that is known beyond it.
func virtual(w *rules.World, iface string, f rules.Family, kind config.VIPKind) netip.Addr {
	for _, v := range w.Config.VIPs {
		if v.Interface == iface && v.Kind == kind && f.Has(v.Address.Addr()) && !v.Address.Addr().IsLinkLocalUnicast() {
			return v.Address.Addr()
		}
	}
	return netip.Addr{}
}

// firstOwn is the first address of an interface that is written, or that it has
// learned where none is.
func firstOwn(w *rules.World, iface string, f rules.Family) netip.Addr {
	i := w.Config.Interface(iface)
	if i == nil {
		return netip.Addr{}
	}
	for _, p := range w.AddressesOf(*i) {
		if f.Has(p.Addr()) && !p.Addr().IsLinkLocalUnicast() {
			return p.Addr()
		}
	}
	return netip.Addr{}
}

// settled says whether the outside address of an interface changes only with the policy.
func settled(w *rules.World, iface string, f rules.Family) bool {
	return !w.Learns(iface) || virtual(w, iface, f, config.VIPCARP).IsValid()
}

// anyLearns says whether some interface has its addresses from elsewhere.
func anyLearns(w *rules.World) bool {
	return slices.ContainsFunc(w.Config.Interfaces, func(i config.Interface) bool { return w.Learns(i.Name) })
}

// insideMoves says whether the inside networks change while the policy stays.
func insideMoves(w *rules.World) bool {
	inner := func(i config.Interface) bool { return !i.External && w.Learns(i.Name) }
	return slices.ContainsFunc(w.Config.Interfaces, inner) || slices.ContainsFunc(w.Config.Routes, func(r config.Route) bool {
		return r.Alias != "" && w.Learned([]config.AddressTerm{{Kind: config.TermAlias, Name: r.Alias}})
	})
}

// leavesAs is the address that the kernel gives a flow that leaves by an
// interface as its own, where that can be told beforehand: what is settled, or
// the only one that the interface has learned.
func leavesAs(w *rules.World, iface string, f rules.Family) netip.Addr {
	if settled(w, iface, f) {
		return Outside(w, iface, f)
	}
	only := netip.Addr{}
	for _, p := range w.Addresses[iface] {
		switch a := p.Addr(); {
		case !f.Has(a) || a.IsLinkLocalUnicast():
		case only.IsValid():
			return netip.Addr{}
		default:
			only = a
		}
	}
	return only
}

// of is one family of some addresses.
func of(set *netipx.IPSet, f rules.Family) []netipx.IPRange {
	var out []netipx.IPRange
	for _, r := range set.Ranges() {
		if f.Has(r.From()) {
			out = append(out, r)
		}
	}
	return out
}
