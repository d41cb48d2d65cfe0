package ha

import (
	"net/netip"
	"slices"
)

// meet chooses by which addresses two nodes speak on the cable. Each of them knows its own and those that the other
// tells, in whatever order, and both come to the same pair: one that shares a network first, link-local ones next, and
// then the lowest.
func meet(own []netip.Prefix, theirs []netip.Addr) (from, to netip.Addr) {
	type pair struct{ from, to netip.Addr }
	rank := func(network netip.Prefix, to netip.Addr) int {
		switch {
		case network.Addr().IsLinkLocalUnicast():
			return 1
		case network.Masked().Contains(to):
			return 0
		}
		return 2
	}
	low := func(p pair) netip.Addr { return slices.MinFunc([]netip.Addr{p.from, p.to}, netip.Addr.Compare) }
	high := func(p pair) netip.Addr { return slices.MaxFunc([]netip.Addr{p.from, p.to}, netip.Addr.Compare) }
	best := -1
	var chosen pair
	for _, o := range own {
		for _, t := range theirs {
			p := pair{o.Addr().WithZone(""), t.WithZone("")}
			if p.from.Is6() != p.to.Is6() || p.from.IsLinkLocalUnicast() != p.to.IsLinkLocalUnicast() {
				continue
			}
			r := rank(o, p.to)
			before := low(p).Compare(low(chosen))
			if before == 0 {
				before = high(p).Compare(high(chosen))
			}
			if best < 0 || r < best || r == best && before < 0 {
				best, chosen = r, p
			}
		}
	}
	return chosen.from, chosen.to
}
