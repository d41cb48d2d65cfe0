package nft

import (
	"net/netip"
)

// Translation is what becomes of a flow's source (SNAT) or destination (DNAT).
type Translation struct {
	Kind NATKind // 0: nothing
	// To is the new address. Several: the kernel chooses among them by a number that
	// only it knows. None: the address stays, or, with Masquerade, becomes that of the
	// interface that the packet leaves by.
	To         []netip.Addr
	Masquerade bool
	// PortLo and PortHi are the new port or the range that it is in; 0: it stays.
	PortLo, PortHi uint16
	// Strict says that the port stays, or the flow is dropped where another has it.
	Strict bool
}

// translates says whether the chains of type nat are asked about the packet: once
// for each end of a flow, when the flow begins. What is related to a flow, ICMP
// aside, begins one of its own.
func (w *walk) translates() bool {
	icmp := w.p.Protocol == protoICMP || w.p.Protocol == protoICMPv6
	begins := w.p.state() == StateNew || w.p.state() == StateRelated && !icmp
	return begins && w.Translation.Kind == 0
}

type translate struct {
	NAT
	spread *spread         // over several targets; nil: there are none, or one
	ports  map[word]uint16 // of MapPorts
}

// run translates a packet of its own family, and lets others go on.
func (n *translate) run(w *walk) outcome {
	t := Translation{Kind: n.Kind}
	if !w.newPorts(&t, n.toPorts(), n.ports) {
		return fail
	}
	var to []netip.Addr
	if n.spread != nil {
		var how outcome
		if to, how = n.spread.targets(w); how != proceed {
			return how
		}
	}
	if !w.flow || n.is6() != (w.p.nfproto() == nfprotoIPv6) {
		return proceed
	}
	switch {
	case n.Prefix.IsValid():
		t.To = []netip.Addr{moved(w.end(n.Kind), n.Prefix)}
	case n.spread != nil:
		t.To = to
	default:
		t.To = n.Addrs
	}
	w.translate(t)
	w.verdict = verdict{kind: Accept}
	return decide
}

// newPorts is what becomes of the port; false when there is none for it.
func (w *walk) newPorts(t *Translation, p newPorts, mapped map[word]uint16) bool {
	if p.field == 0 {
		t.PortLo, t.PortHi = p.lo, max(p.lo, p.hi)
		return true
	}
	port, ok := w.load(p.field)
	if !ok {
		return false
	}
	to, ok := uint16(port.lo), true
	if mapped != nil {
		to, ok = mapped[port]
	}
	t.PortLo, t.PortHi, t.Strict = to, to, mapped == nil
	return ok
}

type masquerade struct{ ports newPorts }

func (m masquerade) run(w *walk) outcome {
	t := Translation{Kind: SNAT, Masquerade: true}
	if !w.newPorts(&t, m.ports, nil) {
		return fail
	}
	if w.flow {
		w.translate(t)
	}
	w.verdict = verdict{kind: Accept}
	return decide
}

// end is the address that a translation changes.
func (w *walk) end(kind NATKind) netip.Addr {
	if kind == SNAT {
		return w.p.Src
	}
	return w.p.Dst
}

// translate changes the packet, and ct status if that made a difference. Where
// the kernel has a choice, the first address and port stand for all.
func (w *walk) translate(t Translation) {
	w.Translation = t
	addr, port, bit := &w.p.Dst, &w.p.DstPort, StatusDNAT
	if t.Kind == SNAT {
		addr, port, bit = &w.p.Src, &w.p.SrcPort, StatusSNAT
	}
	changed := t.Masquerade
	if len(t.To) > 0 && t.To[0] != *addr {
		*addr, changed = t.To[0], true
	}
	if t.PortLo != 0 && (*port < t.PortLo || *port > t.PortHi) {
		*port, changed = t.PortLo, true
	}
	if changed {
		w.p.Status |= bit
	}
}

// moved is an address with another network before its host part.
func moved(a netip.Addr, to netip.Prefix) netip.Addr {
	if a.BitLen() != to.Addr().BitLen() {
		return a
	}
	network, host := to.Masked().Addr().AsSlice(), a.AsSlice()
	for i := range network {
		bits := min(max(to.Bits()-8*i, 0), 8)
		network[i] |= host[i] & byte(0xff>>bits)
	}
	out, _ := netip.AddrFromSlice(network)
	return out
}
