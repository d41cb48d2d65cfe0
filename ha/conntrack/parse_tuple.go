package conntrack

// side is what the attribute of a tuple says besides the tuple.
type side struct {
	zone  uint16
	proto uint8
	known bool
}

// tuple reads a tuple and what its attribute says besides. One without address or protocol is a fault.
func (a *attrs) tuple(t *Tuple, s *side, family uint8) {
	*t, *s = Tuple{}, side{}
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
	if len(a.value) != n {
		a.fault = BadValue
		return false
	}
	copy(to[:], a.value)
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
