package nft

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Packet is a packet as rules can see it at a hook. The zero values are those of
// the first packet of a flow.
type Packet struct {
	In, Out  string     // devices; empty: none
	Src, Dst netip.Addr // of one family
	Protocol uint8
	// SrcPort and DstPort are the ports, and of a protocol without ports the first four
	// bytes after the IP header, for that is where th sport and th dport look. Of ICMP
	// and ICMPv6 only DstPort counts, their checksum: type and code stand before it.
	SrcPort, DstPort   uint16
	ICMPType, ICMPCode uint8
	TCPFlags           uint8 // as in the header
	HopLimit           uint8 // of IPv6
	// Bare says that nothing follows the IP header, so that no field of a transport header can be read.
	Bare bool

	State    StateBits // one of them; 0 is StateNew. An invalid and an untracked packet have no flow
	Status   StatusBits
	CTMark   uint32
	OrigDst  netip.Addr // where the flow's first packet was sent to; invalid: Dst
	OrigSrc  netip.Addr // where it came from; invalid: Src
	Reply    bool       // ct direction: it goes against the flow's first packet
	Mark     uint32     // meta mark
	DstType  uint32     // fib daddr type, as the number of an RTN_, unless Options.DstType says it
	RouteOut string     // fib daddr oifname, unless Options.RouteOut says it; empty: none, or the machine takes it itself
	Received time.Time  // for meta time
}

// state is the one bit of ct state that the packet has.
func (p *Packet) state() StateBits {
	if p.State == 0 {
		return StateNew
	}
	return p.State
}

// tracked says that the packet belongs to a flow or begins one.
func (p *Packet) tracked() bool { return p.state()&(StateInvalid|StateUntracked) == 0 }

// nfproto is the family; 0 for a packet without addresses.
func (p *Packet) nfproto() uint8 {
	switch {
	case p.Dst.Is4():
		return nfprotoIPv4
	case p.Dst.Is6():
		return nfprotoIPv6
	}
	return 0
}

// head is the first four bytes after the IP header.
func (p *Packet) head() uint32 {
	if p.Protocol == protoICMP || p.Protocol == protoICMPv6 {
		return uint32(p.ICMPType)<<24 | uint32(p.ICMPCode)<<16 | uint32(p.DstPort)
	}
	return uint32(p.SrcPort)<<16 | uint32(p.DstPort)
}

// word is a value of any type as one number, in which values are equal and in
// order where the kernel finds them so.
type word struct{ hi, lo uint64 }

func (a word) less(b word) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// within says whether a word is of a range, both ends in it.
func (a word) within(lo, hi word) bool { return !a.less(lo) && !hi.less(a) }

func (a word) and(mask word) word { return word{a.hi & mask.hi, a.lo & mask.lo} }

// wholeWord leaves all bits.
var wholeWord = word{^uint64(0), ^uint64(0)}

func number(n uint32) word { return word{lo: uint64(n)} }

// wordOf is one end of a value as the kernel compares it in a set of a type.
func wordOf(v Value, t Type, end bound) word {
	var raw [16]byte
	return wordOfBytes(v.appendWire(raw[:0], t, end, true))
}

// wordOfBytes is the number that at most 16 bytes are.
func wordOfBytes(b []byte) word {
	var raw [16]byte
	copy(raw[len(raw)-len(b):], b)
	return word{binary.BigEndian.Uint64(raw[:8]), binary.BigEndian.Uint64(raw[8:])}
}

func wordOfName(device string) word {
	var raw [16]byte
	copy(raw[:], device)
	return wordOfBytes(raw[:])
}

func wordOfAddr(a netip.Addr) word {
	if a.Is4() {
		raw := a.As4()
		return number(binary.BigEndian.Uint32(raw[:]))
	}
	raw := a.As16()
	return wordOfBytes(raw[:])
}

// load is what the kernel has in a register after it loaded the field; false:
// there is no such thing, and the rule does not match. Matches that the field
// implies are expressions of their own.
func (w *walk) load(f Field) (word, bool) {
	switch f.info().from {
	case fromMeta:
		return w.loadMeta(f), true
	case fromNetwork:
		return w.loadNetwork(f)
	case fromTransport:
		return w.loadTransport(f)
	case fromCT:
		return w.loadCT(f)
	case fromFIB:
		if f == FIBDaddrOIFName {
			return wordOfName(w.routeOut()), true
		}
		if w.o.DstType != nil {
			return number(w.o.DstType(w.p.Dst)), true
		}
		return number(w.p.DstType), true
	}
	return word{}, false
}

// routeOut is the device by which the routing table sends to where the packet goes now.
func (w *walk) routeOut() string {
	if w.o.RouteOut != nil {
		return w.o.RouteOut(w.p.Dst)
	}
	return w.p.RouteOut
}

func (w *walk) loadMeta(f Field) word {
	switch f {
	case IIFName:
		return wordOfName(w.p.In)
	case OIFName:
		return wordOfName(w.p.Out)
	case NFProto:
		return number(uint32(w.p.nfproto()))
	case L4Proto:
		return number(uint32(w.p.Protocol))
	case MetaMark:
		return number(w.p.Mark)
	}
	return word{lo: uint64(w.p.Received.UnixNano())} // meta time
}

func (w *walk) loadNetwork(f Field) (word, bool) {
	if w.p.nfproto() != f.info().nfproto {
		return word{}, false
	}
	switch f {
	case IPSaddr, IP6Saddr:
		return wordOfAddr(w.p.Src), true
	case IPDaddr, IP6Daddr:
		return wordOfAddr(w.p.Dst), true
	}
	return number(uint32(w.p.HopLimit)), true
}

func (w *walk) loadTransport(f Field) (word, bool) {
	info := f.info()
	shift := 32 - 8*(int(info.at)+info.typ.datatype().size)
	return number(w.p.head() >> shift & (1<<(8*info.typ.datatype().size) - 1)), !w.p.Bare
}

func (w *walk) loadCT(f Field) (word, bool) {
	if !w.flow {
		return word{}, false
	}
	switch f {
	case CTMark:
		return number(w.p.CTMark), true
	case CTDirection:
		if w.p.Reply {
			return number(1), true
		}
		return number(0), true
	case CTOrigSaddr, CTOrigSaddr6:
		return loadAddr(w.p.OrigSrc, f)
	case CTOrigDaddr, CTOrigDaddr6:
		return loadAddr(w.p.OrigDst, f)
	}
	return word{}, false // the first ports are not known
}

// loadAddr is an address for a field of its family.
func loadAddr(a netip.Addr, f Field) (word, bool) {
	return wordOfAddr(a), a.IsValid() && a.Is4() == (f.info().typ == TypeIPv4)
}
