package conntrack

import "encoding/binary"

// appendHeader appends struct nlmsghdr and struct nfgenmsg; appendLength completes them. The kernel knows the port of the sender.
func appendHeader(b []byte, what msg, flags flag, seq uint32, family uint8) []byte {
	b = append(b, 0, 0, 0, 0)
	b = binary.NativeEndian.AppendUint16(b, uint16(what))
	b = binary.NativeEndian.AppendUint16(b, uint16(flags|flagRequest))
	b = binary.NativeEndian.AppendUint32(b, seq)
	return append(b, 0, 0, 0, 0, family, 0, 0, 0)
}

// appendLength completes the message that begins at at.
func appendLength(b []byte, at int) []byte {
	binary.NativeEndian.PutUint32(b[at:], uint32(len(b)-at))
	return b
}

// appendAttr appends struct nlattr of a value of n bytes.
func appendAttr(b []byte, kind attr, n int) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(attrLen+n))
	return binary.NativeEndian.AppendUint16(b, uint16(kind))
}

// appendNest begins an attribute that holds others; endNest ends the one that begins at at.
func appendNest(b []byte, kind attr) []byte { return appendAttr(b, kind|attrNested, 0) }

func endNest(b []byte, at int) []byte {
	binary.NativeEndian.PutUint16(b[at:], uint16(len(b)-at))
	return b
}

// Values are in network order and filled up to four bytes.

func appendUint8(b []byte, kind attr, v uint8) []byte {
	return append(appendAttr(b, kind, 1), v, 0, 0, 0)
}

func appendUint16(b []byte, kind attr, v uint16) []byte {
	return append(appendAttr(b, kind, 2), byte(v>>8), byte(v), 0, 0)
}

func appendUint32(b []byte, kind attr, v uint32) []byte {
	return binary.BigEndian.AppendUint32(appendAttr(b, kind, 4), v)
}

func appendUint64(b []byte, kind attr, v uint64) []byte {
	return binary.BigEndian.AppendUint64(appendAttr(b, kind, 8), v)
}

// appendText appends a name with the zero byte that ends it; name must have one.
func appendText(b []byte, kind attr, name []byte) []byte {
	n := 0
	for n < len(name)-1 && name[n] != 0 {
		n++
	}
	b = append(appendAttr(b, kind, n+1), name[:n]...)
	b = append(b, 0)
	for i := n + 1; i < aligned(n+1); i++ {
		b = append(b, 0)
	}
	return b
}

// appendFlags appends struct nf_ct_tcp_flags: the flags of the mask become those of v.
func appendFlags(b []byte, kind attr, v, mask TCPFlags) []byte {
	return append(appendAttr(b, kind, 2), byte(v), byte(mask), 0, 0)
}

// appendZone appends a zone, unless it is the one that flows have without.
func appendZone(b []byte, kind attr, zone uint16) []byte {
	if zone == 0 {
		return b
	}
	return appendUint16(b, kind, zone)
}

// appendAddr appends an address as the attribute that it has in its family.
func appendAddr(b []byte, family uint8, v4, v6 attr, a *[16]byte) []byte {
	if family == IPv4 {
		return append(appendAttr(b, v4, 4), a[:4]...)
	}
	return append(appendAttr(b, v6, 16), a[:]...)
}

// appendTuple appends a tuple; zone is that of its direction alone.
func appendTuple(b []byte, kind attr, t *Tuple, family, proto uint8, zone uint16) []byte {
	at := len(b)
	b = appendNest(b, kind)
	ip := len(b)
	b = appendNest(b, ctaTupleIP)
	b = appendAddr(b, family, ctaIPv4Src, ctaIPv6Src, &t.Src)
	b = appendAddr(b, family, ctaIPv4Dst, ctaIPv6Dst, &t.Dst)
	b = endNest(b, ip)
	inner := len(b)
	b = appendNest(b, ctaTupleProto)
	b = appendUint8(b, ctaProtoNum, proto)
	switch proto {
	case ICMP:
		b = appendUint16(b, ctaICMPID, t.SrcPort)
		b = appendUint8(b, ctaICMPType, uint8(t.DstPort>>8))
		b = appendUint8(b, ctaICMPCode, uint8(t.DstPort))
	case ICMPv6:
		b = appendUint16(b, ctaICMPv6ID, t.SrcPort)
		b = appendUint8(b, ctaICMPv6Type, uint8(t.DstPort>>8))
		b = appendUint8(b, ctaICMPv6Code, uint8(t.DstPort))
	default:
		// A protocol without ports, to this kernel, passes them over.
		b = appendUint16(b, ctaSrcPort, t.SrcPort)
		b = appendUint16(b, ctaDstPort, t.DstPort)
	}
	b = endNest(b, inner)
	b = appendZone(b, ctaTupleZone, zone)
	return endNest(b, at)
}

// appendNAT appends one half of a translation: the only address and port, or ID, that it may have.
func appendNAT(b []byte, kind attr, family uint8, a *[16]byte, port uint16) []byte {
	at := len(b)
	b = appendNest(b, kind)
	b = appendAddr(b, family, ctaNATv4Min, ctaNATv6Min, a)
	b = appendAddr(b, family, ctaNATv4Max, ctaNATv6Max, a)
	inner := len(b)
	b = appendNest(b, ctaNATProto)
	b = appendUint16(b, ctaNATPortMin, port)
	b = appendUint16(b, ctaNATPortMax, port)
	b = endNest(b, inner)
	return endNest(b, at)
}

// appendInfo appends what TCP, SCTP and DCCP keep besides their tuple.
func (f *Flow) appendInfo(b []byte, x *Extra) []byte {
	if f.Proto != TCP && (f.State == 0 || f.Proto != SCTP && f.Proto != DCCPNum) {
		return b
	}
	at := len(b)
	b = appendNest(b, ctaProtoInfo)
	switch f.Proto {
	case TCP:
		b = f.appendTCP(b)
	case SCTP:
		b = f.appendSCTP(b, x)
	case DCCPNum:
		b = f.appendDCCP(b, x)
	}
	return endNest(b, at)
}

// state is the one that counts: of an offloaded TCP flow the kernel tells none, and it is established.
func (f *Flow) state() State {
	if f.State == 0 && f.Proto == TCP && f.Status&(Offload|HWOffload) != 0 {
		return Established
	}
	return f.State
}

// appendTCP appends both scales, which count only if both directions agreed on scaling, and of the flags those that were agreed on. The
// mask clears the others: they tell what the other kernel saw of the windows.
func (f *Flow) appendTCP(b []byte) []byte {
	at := len(b)
	b = appendNest(b, ctaInfoTCP)
	if s := f.state(); s != 0 {
		b = appendUint8(b, ctaTCPState, uint8(s))
	}
	b = appendUint8(b, ctaTCPScaleOrig, f.Scale[0])
	b = appendUint8(b, ctaTCPScaleReply, f.Scale[1])
	b = appendFlags(b, ctaTCPFlagsOrig, f.Flags[0]&(WindowScale|SACK)|Liberal, 0xff)
	b = appendFlags(b, ctaTCPFlagsReply, f.Flags[1]&(WindowScale|SACK)|Liberal, 0xff)
	return endNest(b, at)
}

// appendSCTP appends state and tags: the kernel takes them only together.
func (f *Flow) appendSCTP(b []byte, x *Extra) []byte {
	var tags [2]uint32
	if x != nil {
		tags = x.VTag
	}
	at := len(b)
	b = appendNest(b, ctaInfoSCTP)
	b = appendUint8(b, ctaSCTPState, uint8(f.State))
	b = appendUint32(b, ctaSCTPVTagOrig, tags[0])
	b = appendUint32(b, ctaSCTPVTagReply, tags[1])
	return endNest(b, at)
}

func (f *Flow) appendDCCP(b []byte, x *Extra) []byte {
	var d DCCP
	if x != nil {
		d = x.DCCP
	}
	at := len(b)
	b = appendNest(b, ctaInfoDCCP)
	b = appendUint8(b, ctaDCCPState, uint8(f.State))
	b = appendUint8(b, ctaDCCPRole, d.Role)
	b = appendUint64(b, ctaDCCPHandshake, d.Handshake)
	return endNest(b, at)
}
