package nft

import (
	"net/netip"
	"strconv"
)

// String is the expression as nft lists it.
func (d Deal) String() string { return d.slot() + " vmap @" + d.Set }

// slot is the text of how a packet gets its slot.
func (d Deal) slot() string {
	slots := strconv.FormatUint(uint64(d.Slots), 10)
	switch d.By {
	case DealRoundRobin:
		return "numgen inc mod " + slots
	case DealRandom:
		return "numgen random mod " + slots
	}
	text := "jhash " + d.Field.String() + " mod " + slots
	if d.Seed != 0 {
		text += " seed 0x" + strconv.FormatUint(uint64(d.Seed), 16)
	}
	return text
}

// String is the translation.
func (n NAT) String() string {
	text := n.verb() + " " + n.familyName()
	if n.Prefix.IsValid() {
		return text + " prefix to " + n.Prefix.Masked().String()
	}
	return text + " to " + n.addrText() + n.toPorts().String()
}

func (n NAT) verb() string {
	if n.Kind == SNAT {
		return "snat"
	}
	return "dnat"
}

// is6 says which family is translated.
func (n NAT) is6() bool {
	switch {
	case n.Prefix.IsValid():
		return n.Prefix.Addr().Is6()
	case n.Deal != nil:
		return n.Is6
	}
	return len(n.Addrs) > 0 && n.Addrs[0].Is6()
}

func (n NAT) familyName() string {
	if n.is6() {
		return "ip6"
	}
	return "ip"
}

// hashed is the field that several targets are spread by.
func (n NAT) hashed() Field {
	if n.is6() {
		return IP6Saddr
	}
	return IPSaddr
}

// dealt is how the address is chosen among several.
func (n NAT) dealt() (d Deal, ok bool) {
	switch {
	case n.Deal != nil:
		d = *n.Deal
		d.Field = n.hashed()
		return d, true
	case len(n.Addrs) > 1:
		return Deal{By: DealSource, Slots: uint32(len(n.Addrs)), Field: n.hashed(), Seed: n.Seed}, true
	}
	return Deal{}, false
}

func (n NAT) addrText() string {
	if d, ok := n.dealt(); ok && d.Set != "" {
		return d.slot() + " map @" + d.Set
	} else if ok {
		return d.slot() + " map { " + string(n.targets().appendElements(nil, ", ")) + " }"
	}
	var target netip.Addr
	if len(n.Addrs) == 1 {
		target = n.Addrs[0]
	}
	text := string(appendAddr(nil, target))
	if n.is6() && n.toPorts().some() {
		return "[" + text + "]"
	}
	return text
}

// newPorts is what becomes of a port: nothing, a port of a range, one that a map
// has for it, or the one that a field has.
type newPorts struct {
	lo, hi uint16
	field  Field
	pairs  []PortPair
}

func (n NAT) toPorts() newPorts { return newPorts{n.PortLo, n.PortHi, n.PortField, n.MapPorts} }

func (m Masquerade) toPorts() newPorts {
	return newPorts{lo: m.PortLo, hi: m.PortHi, field: m.PortField}
}

// some says whether a port is translated at all.
func (p newPorts) some() bool { return p.lo != 0 || p.field != 0 }

// String is the text behind the address.
func (p newPorts) String() string {
	switch {
	case len(p.pairs) > 0:
		return ":" + p.field.String() + " map { " + string(p.mapped().appendElements(nil, ", ")) + " }"
	case p.field != 0:
		return ":" + p.field.String()
	case p.lo == 0:
		return ""
	case p.hi <= p.lo:
		return ":" + strconv.Itoa(int(p.lo))
	}
	return ":" + strconv.Itoa(int(p.lo)) + "-" + strconv.Itoa(int(p.hi))
}

// mapped is the anonymous map from a port to a port.
func (p newPorts) mapped() Set {
	s := Set{Key: []Type{TypePort}, Data: TypePort, Elements: make([]Element, len(p.pairs))}
	for i, pair := range p.pairs {
		s.Elements[i] = Element{
			Key:  []Value{Number(TypePort, uint32(pair.From))},
			Data: Number(TypePort, uint32(pair.To)),
		}
	}
	return s
}

// String is the statement; without ports it has no more to say.
func (m Masquerade) String() string {
	if ports := m.toPorts().String(); ports != "" {
		return "masquerade to " + ports
	}
	return "masquerade"
}

// targets is the anonymous map from a hash to an address.
func (n NAT) targets() Set {
	s := Set{Key: []Type{TypeSlot}, Data: TypeIPv4, Elements: make([]Element, len(n.Addrs))}
	if n.is6() {
		s.Data = TypeIPv6
	}
	for i, a := range n.Addrs {
		s.Elements[i] = Element{Key: []Value{Number(TypeSlot, uint32(i))}, Data: Address(a)}
	}
	return s
}
