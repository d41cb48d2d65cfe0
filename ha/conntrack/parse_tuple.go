package conntrack

import "encoding/binary"

// side is what the attribute of a tuple says besides the tuple.
type side struct {
	zone  uint16
	proto uint8
	known bool
}

// tuple reads a tuple and what its attribute says besides. One without address or protocol is a fault.
func (a *attrs) tuple(t *Tuple, s *side, family uint8) {
	*t, *s = Tuple{}, side{}
	if t.plain(a.value(), family, &s.proto) {
		s.known = true
		return
	}
	hasAddrs, hasProto := false, false
	in := a.inside()
	for in.next() {
		switch in.kind {
		case ctaTupleIP:
			hasAddrs = t.addrs(&in, family)
		case ctaTupleProto:
			hasProto = t.proto(&in, &s.proto)
		case ctaTupleZone:
			in.uint16(&s.zone)
		}
	}
	a.leave(&in)
	s.known = hasAddrs && hasProto
	if a.fault == sound && !s.known {
		a.fault = BadTuple
	}
}

// addrs reads the addresses and tells whether both are there.
func (t *Tuple) addrs(a *attrs, family uint8) bool {
	src, dst := false, false
	in := a.inside()
	for in.next() {
		switch in.kind {
		case ctaIPv4Src:
			src = in.addr(&t.Src, family, IPv4)
		case ctaIPv4Dst:
			dst = in.addr(&t.Dst, family, IPv4)
		case ctaIPv6Src:
			src = in.addr(&t.Src, family, IPv6)
		case ctaIPv6Dst:
			dst = in.addr(&t.Dst, family, IPv6)
		}
	}
	a.leave(&in)
	return src && dst
}

// addr reads an address of the family is into a tuple of the family want.
func (a *attrs) addr(to *[16]byte, want, is uint8) bool {
	if want != is {
		a.fault = BadFamily
		return false
	}
	n := 16
	if is == IPv4 {
		n = 4
	}
	v := a.value()
	if len(v) != n {
		a.fault = BadValue
		return false
	}
	copy(to[:], v)
	return true
}

// proto reads the protocol and its part of the tuple, and tells whether the number of the protocol is there.
func (t *Tuple) proto(a *attrs, number *uint8) bool {
	has := false
	var kind, code uint8
	icmp := false
	in := a.inside()
	for in.next() {
		switch in.kind {
		case ctaProtoNum:
			in.uint8(number)
			has = true
		case ctaSrcPort, ctaICMPID, ctaICMPv6ID:
			in.uint16(&t.SrcPort)
		case ctaDstPort:
			in.uint16(&t.DstPort)
		case ctaICMPType, ctaICMPv6Type:
			in.uint8(&kind)
			icmp = true
		case ctaICMPCode, ctaICMPv6Code:
			in.uint8(&code)
			icmp = true
		}
	}
	a.leave(&in)
	if icmp {
		t.DstPort = uint16(kind)<<8 | uint16(code)
	}
	return has
}

// plain reads the tuple of a protocol with ports if it is laid out as the kernel does, and changes nothing if it is not. Nearly
// all are, and to walk through their attributes takes ten times as long.
func (t *Tuple) plain(v []byte, family uint8, proto *uint8) bool {
	n, src, dst := 4, ctaIPv4Src, ctaIPv4Dst
	if family == IPv6 {
		n, src, dst = 16, ctaIPv6Src, ctaIPv6Dst
	}
	one := attrLen + n // an address
	ip, ports := attrLen+2*one, attrLen+24
	if len(v) != ip+ports || !lies(v, ip, ctaTupleIP|attrNested) || !lies(v[ip:], ports, ctaTupleProto|attrNested) {
		return false
	}
	a, b, p := v[attrLen:attrLen+one], v[attrLen+one:ip], v[ip+attrLen:]
	if !lies(a, one, src) || !lies(b, one, dst) ||
		!lies(p, 5, ctaProtoNum) || !lies(p[8:], 6, ctaSrcPort) || !lies(p[16:], 6, ctaDstPort) {
		return false
	}
	copy(t.Src[:], a[attrLen:])
	copy(t.Dst[:], b[attrLen:])
	*proto = p[4]
	t.SrcPort, t.DstPort = binary.BigEndian.Uint16(p[12:]), binary.BigEndian.Uint16(p[20:])
	return true
}

// lies tells whether an attribute of n bytes with its header begins here.
func lies(b []byte, n int, kind attr) bool {
	return len(b) >= attrLen && int(binary.NativeEndian.Uint16(b)) == n && attr(binary.NativeEndian.Uint16(b[2:])) == kind
}
