package flows

import "net/netip"

// hint is what all flows that a filter picks have in common, as far as the kernel can compare it: it leaves the others out of a
// dump. It may be too wide, never too narrow; the filter itself looks at what comes. The zero hint leaves nothing out.
type hint struct {
	mark, status Bits
	family       uint8 // familyBoth for any
}

// hint joins what the terms say, all of which hold.
func (f Filter) hint() hint {
	var all hint
	for _, t := range f {
		all = all.and(t.hint())
	}
	return all
}

func (a hint) and(b hint) hint {
	return hint{a.mark.and(b.mark), a.status.and(b.status), max(a.family, b.family)}
}

// and is the bits of both. Where they contradict each other no flow has them, so it does not matter what is compared.
func (b Bits) and(c Bits) Bits { return Bits{c.On(b.Value), b.Mask | c.Mask} }

// or is what flows have of which one has all of a and another all of b.
func (a hint) or(b hint) hint {
	family := a.family
	if a.family != b.family {
		family = familyBoth
	}
	return hint{a.mark.or(b.mark), a.status.or(b.status), family}
}

func (b Bits) or(c Bits) Bits {
	mask := b.Mask & c.Mask &^ (b.Value ^ c.Value)
	return Bits{b.Value & mask, mask}
}

// oneOf is what the members of a list have in common.
func oneOf[E any](list []E, member func(E) hint) hint {
	if len(list) == 0 {
		return hint{}
	}
	common := member(list[0])
	for _, e := range list[1:] {
		common = common.or(member(e))
	}
	return common
}

func (a Any) hint() hint   { return oneOf(a, Filter.hint) }
func (r Rules) hint() hint { return oneOf(r, func(n uint16) hint { return hint{mark: RuleBits(n)} }) }
func (g Gateways) hint() hint {
	return oneOf(g, func(n uint8) hint { return hint{mark: GatewayBits(n)} })
}
func (m Marks) hint() hint   { return oneOf(m, func(b Bits) hint { return hint{mark: b} }) }
func (h Hosts) hint() hint   { return oneOf(h, familyHint) }
func (s Sources) hint() hint { return oneOf(s, familyHint) }
func (p Ports) hint() hint   { return hint{} }
func (p Protos) hint() hint  { return hint{} } // the kernel compares it within one family alone
func (s States) hint() hint  { return oneOf(s, State.hint) }

func (d Destinations) hint() hint { return oneOf(d, familyHint) }

func (s State) hint() hint { return hint{status: Bits{uint32(s.With), uint32(s.With | s.Without)}} }

// familyHint is of a prefix. One that is not valid holds no address.
func familyHint(p netip.Prefix) hint {
	if p.Addr().Is4() {
		return hint{family: familyIPv4}
	}
	return hint{family: familyIPv6}
}

// appendList appends the request to dump the flows that the hint does not leave out.
func appendList(b []byte, h header, which hint) []byte {
	h.kind, h.flags, h.family = msgGet, flagDump, which.family
	return appendMessage(b, h, func(b []byte) []byte {
		if which.mark.Mask != 0 {
			b = appendUint32(b, attrMark, which.mark.Value&which.mark.Mask)
			b = appendUint32(b, attrMarkMask, which.mark.Mask)
		}
		if which.status.Mask != 0 {
			b = appendUint32(b, attrStatus, which.status.Value)
			b = appendUint32(b, attrStatusMask, which.status.Mask)
		}
		return b
	})
}
