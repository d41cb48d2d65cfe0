package nft

import (
	"math/bits"
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
	ports map[word]uint16 // of MapPorts
}

// run translates a packet of its own family, and lets others go on.
func (n *translate) run(w *walk) outcome {
	t := Translation{Kind: n.Kind, PortLo: n.PortLo, PortHi: max(n.PortLo, n.PortHi)}
	if n.ports != nil {
		port, ok := w.load(n.PortField)
		if !ok {
			return fail
		}
		to, ok := n.ports[port]
		if !ok {
			return fail
		}
		t.PortLo, t.PortHi = to, to
	}
	if !w.flow || n.is6() != (w.p.nfproto() == nfprotoIPv6) {
		return proceed
	}
	switch {
	case n.Prefix.IsValid():
		t.To = []netip.Addr{moved(w.end(n.Kind), n.Prefix)}
	case len(n.Addrs) > 1 && n.Seed != 0:
		i := Spread(w.p.Src, n.Seed, len(n.Addrs))
		t.To = n.Addrs[i : i+1 : i+1]
	default:
		t.To = n.Addrs
	}
	w.translate(t)
	w.verdict = verdict{kind: Accept}
	return decide
}

type masquerade struct{}

func (masquerade) run(w *walk) outcome {
	if w.flow {
		w.translate(Translation{Kind: SNAT, Masquerade: true})
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

// Spread is the place among n targets that the kernel chooses for a source:
// nft_jhash_eval, on a machine whose words begin with their lowest byte.
func Spread(source netip.Addr, seed uint32, n int) int {
	h := jhash(source.AsSlice(), seed)
	return int(uint64(h) * uint64(n) >> 32)
}

// jhash is the kernel's (linux/jhash.h), Bob Jenkins' lookup3, on whole words of
// this machine's byte order as the kernel reads them.
func jhash(key []byte, seed uint32) uint32 {
	word := func(at int) uint32 {
		if at >= len(key) {
			return 0
		}
		return uint32(key[at]) | uint32(key[at+1])<<8 | uint32(key[at+2])<<16 | uint32(key[at+3])<<24
	}
	const golden = 0xdeadbeef
	a := golden + uint32(len(key)) + seed
	b, c := a, a
	for len(key) > 12 {
		a, b, c = jhashMix(a+word(0), b+word(4), c+word(8))
		key = key[12:]
	}
	return jhashFinal(a+word(0), b+word(4), c+word(8))
}

func jhashMix(a, b, c uint32) (_, _, _ uint32) {
	a, c = (a-c)^bits.RotateLeft32(c, 4), c+b
	b, a = (b-a)^bits.RotateLeft32(a, 6), a+c
	c, b = (c-b)^bits.RotateLeft32(b, 8), b+a
	a, c = (a-c)^bits.RotateLeft32(c, 16), c+b
	b, a = (b-a)^bits.RotateLeft32(a, 19), a+c
	c, b = (c-b)^bits.RotateLeft32(b, 4), b+a
	return a, b, c
}

func jhashFinal(a, b, c uint32) uint32 {
	c = (c ^ b) - bits.RotateLeft32(b, 14)
	a = (a ^ c) - bits.RotateLeft32(c, 11)
	b = (b ^ a) - bits.RotateLeft32(a, 25)
	c = (c ^ b) - bits.RotateLeft32(b, 16)
	a = (a ^ c) - bits.RotateLeft32(c, 4)
	b = (b ^ a) - bits.RotateLeft32(a, 14)
	return (c ^ b) - bits.RotateLeft32(b, 24)
}
