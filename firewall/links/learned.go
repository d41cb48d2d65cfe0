package links

import (
	"fmt"
	"net/netip"
	"slices"
)

// Learned is what others put on the machine, by the names of Links.
type Learned struct {
	// Addresses are those of a device that no State asks for: of a DHCP or PPP
	// client (the own end), of router advertisements, of an administrator. Those that
	// are link-local, tentative or deprecated are left out, and temporary ones
	// come last.
	Addresses map[string][]netip.Prefix
	// Hops are the next hops of default routes in the main table that are not
	// ours: of a DHCP or PPP client, of router advertisements, of an administrator.
	// An unspecified address is a default route without a next hop, as of PPP. Of
	// several by one link it is the one of the best metric.
	Hops4, Hops6 map[string]netip.Addr
	// Carrier says which links are up and have carrier.
	Carrier map[string]bool
}

// Learned reads from the machine what others put on the links of want. A link
// that is not found has nothing and no carrier.
func (o *Owner) Learned(want State) (Learned, error) {
	devices, err := o.kernel.Devices()
	if err != nil {
		return Learned{}, fmt.Errorf("list devices: %w", err)
	}
	defaults, err := o.kernel.Defaults()
	if err != nil {
		return Learned{}, fmt.Errorf("list default routes: %w", err)
	}
	o.mu.Lock()
	owned := o.owned
	o.mu.Unlock()
	return learn(devices, defaults, want, owned), nil
}

// Changed tells that something of Learned may be other than before, while Run
// runs. News that waits already is enough, so that it holds one.
func (o *Owner) Changed() <-chan struct{} { return o.changed }

func learn(devices []Device, defaults []Route, want State, owned Owned) Learned {
	l := Learned{
		Addresses: make(map[string][]netip.Prefix),
		Hops4:     make(map[string]netip.Addr), Hops6: make(map[string]netip.Addr),
		Carrier: make(map[string]bool),
	}
	names := make(map[string]string) // of links, by device
	for _, p := range resolve(devices, State{Links: want.Links}).links {
		name, d := p.link.Name, p.device
		names[d.Name] = name
		l.Carrier[name] = d.Up && d.Carrier
		for _, prefix := range d.Addresses {
			if d.speaks(prefix) && !p.link.has(prefix.Addr()) && !p.link.moves(prefix.Addr()) && !owned.address(d.Index, prefix) {
				l.Addresses[name] = append(l.Addresses[name], prefix)
			}
		}
	}
	slices.SortStableFunc(defaults, func(a, b Route) int { return a.Metric - b.Metric })
	for _, r := range defaults {
		hops := l.Hops4
		if r.Dst.Addr().Is6() {
			hops = l.Hops6
		}
		for _, h := range r.hops() {
			name, ok := names[h.Device]
			if _, better := hops[name]; ok && !better {
				hops[name] = h.next(r.Dst.Addr())
			}
		}
	}
	return l
}

// next is the next hop, or the unspecified address of the family where there is
// none.
func (h Hop) next(unspecified netip.Addr) netip.Addr {
	if h.Via.IsValid() {
		return h.Via
	}
	return unspecified
}

func (l Link) has(a netip.Addr) bool { return hasAddr(l.Addresses, a) }

func (l Link) moves(a netip.Addr) bool { return hasAddr(l.Moving, a) }

func hasAddr(all []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(all, func(p netip.Prefix) bool { return p.Addr() == a })
}

// speaks reports whether the address is one to speak from, and to others than
// neighbours.
func (d Device) speaks(prefix netip.Prefix) bool {
	return !prefix.Addr().IsLinkLocalUnicast() && !slices.Contains(d.Unsettled, prefix)
}
