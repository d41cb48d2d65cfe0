package nft

import (
	"net/netip"
	"slices"
)

// given is the packet's slot, and whether more is known of it than that it is one of all.
func (d Deal) given(w *walk) (slot uint32, known bool) {
	switch {
	case d.By == DealSource && d.Seed != 0:
		return uint32(Spread(w.p.Src, d.Seed, int(d.Slots))), true
	case w.o.Slot != nil && d.Slots > 0:
		return w.o.Slot(d) % d.Slots, true
	}
	return 0, false
}

// deal goes on as a named verdict map says of the slot.
type deal struct {
	Deal
	slot     int // of the map
	verdicts []verdict
}

func (d *deal) run(w *walk) outcome {
	if d.slot == missing {
		return w.broken()
	}
	slot, _ := d.given(w)
	w.key[0] = number(slot)
	return w.goOn(w.e.indexes[d.slot], w.key[:1], d.verdicts)
}

// spread chooses a target for a translation.
type spread struct {
	Deal
	slot  int    // of a named map
	index *index // of an anonymous one
	addrs []netip.Addr
}

func (b *builder) spread(n NAT, d Deal) *spread {
	if n.Deal == nil {
		return &spread{Deal: d, slot: missing, index: newIndex(n.targets()), addrs: n.Addrs}
	}
	return &spread{Deal: d, slot: b.slot(d.Set), addrs: b.shared.targets[d.Set]}
}

// targets is the address of the slot, or all that there are while it is not known.
func (s *spread) targets(w *walk) ([]netip.Addr, outcome) {
	x := s.index
	if x == nil {
		if s.slot == missing {
			return nil, w.broken()
		}
		x = w.e.indexes[s.slot]
	}
	slot, known := s.given(w)
	if !known && len(s.addrs) > 0 {
		return distinct(s.addrs), proceed
	}
	w.key[0] = number(slot)
	i, found := x.find(w.key[:1])
	if !found || i >= len(s.addrs) {
		return nil, fail
	}
	return s.addrs[i : i+1 : i+1], proceed
}

// distinct are the addresses without those that came before.
func distinct(addrs []netip.Addr) []netip.Addr {
	var out []netip.Addr
	for _, a := range addrs {
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// addressesOf is the data of a map to addresses.
func addressesOf(elements []Element) []netip.Addr {
	out := make([]netip.Addr, len(elements))
	for i, e := range elements {
		out[i] = e.Data.From
	}
	return out
}
