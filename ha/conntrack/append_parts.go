package conntrack

import (
	"encoding/binary"
	"slices"
)

// appendHeader appends struct nlmsghdr and struct nfgenmsg; appendLength completes them. The kernel knows the port of the sender.
func appendHeader(b []byte, what msg, flags flag, seq uint32, family uint8) []byte {
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, family, 0, 0, 0)
	h := b[len(b)-headerLen-familyLen:]
	binary.NativeEndian.PutUint16(h[4:], uint16(what))
	binary.NativeEndian.PutUint16(h[6:], uint16(flags|flagRequest))
	binary.NativeEndian.PutUint32(h[8:], seq)
	return b
}

// appendLength completes the message that begins at at.
func appendLength(b []byte, at int) []byte {
	binary.NativeEndian.PutUint32(b[at:], uint32(len(b)-at))
	return b
}

// appendAttr appends struct nlattr of a value of n bytes.
func appendAttr(b []byte, kind attr, n int) []byte {
	b = append(b, 0, 0, 0, 0)
	putAttr(b[len(b)-attrLen:], kind, n)
	return b
}

// appendNest begins an attribute that holds others; endNest ends the one that begins at at.
func appendNest(b []byte, kind attr) []byte { return appendAttr(b, kind|attrNested, 0) }

func endNest(b []byte, at int) []byte {
	binary.NativeEndian.PutUint16(b[at:], uint16(len(b)-at))
	return b
}

// putAttr writes struct nlattr of a value of n bytes.
func putAttr(b []byte, kind attr, n int) {
	binary.NativeEndian.PutUint16(b, uint16(attrLen+n))
	binary.NativeEndian.PutUint16(b[2:], uint16(kind))
}

// Values are in network order and filled up to four bytes. What is put returns what is left of the room.

func putUint8(b []byte, kind attr, v uint8) []byte {
	_ = b[7]
	putAttr(b, kind, 1)
	b[4], b[5], b[6], b[7] = v, 0, 0, 0
	return b[8:]
}

func putUint16(b []byte, kind attr, v uint16) []byte {
	_ = b[7]
	putAttr(b, kind, 2)
	b[4], b[5], b[6], b[7] = byte(v>>8), byte(v), 0, 0
	return b[8:]
}

// putFlags puts struct nf_ct_tcp_flags: the flags of the mask become those of v.
func putFlags(b []byte, kind attr, v, mask TCPFlags) []byte {
	return putUint16(b, kind, uint16(v)<<8|uint16(mask))
}

// putNest begins an attribute of others, which are n bytes in all.
func putNest(b []byte, kind attr, n int) []byte {
	putAttr(b, kind|attrNested, n)
	return b[attrLen:]
}

// putAddr puts an address as the attribute that it has in its family.
func putAddr(b []byte, family uint8, v4, v6 attr, a *[16]byte) []byte {
	if family == IPv4 {
		_ = b[7]
		putAttr(b, v4, 4)
		copy(b[4:8], a[:4])
		return b[8:]
	}
	_ = b[19]
	putAttr(b, v6, 16)
	copy(b[4:20], a[:])
	return b[20:]
}

// addrLen is how long the attribute of an address is.
func addrLen(family uint8) int {
	if family == IPv4 {
		return attrLen + 4
	}
	return attrLen + 16
}

// grow makes room for n bytes, all of which must be put.
func grow(b []byte, n int) (grown, room []byte) {
	at := len(b)
	b = slices.Grow(b, n)[:at+n]
	return b, b[at:]
}

func appendUint8(b []byte, kind attr, v uint8) []byte {
	b, room := grow(b, 8)
	putUint8(room, kind, v)
	return b
}

func appendUint16(b []byte, kind attr, v uint16) []byte {
	b, room := grow(b, 8)
	putUint16(room, kind, v)
	return b
}

func appendUint32(b []byte, kind attr, v uint32) []byte {
	b, room := grow(b, 8)
	putAttr(room, kind, 4)
	binary.BigEndian.PutUint32(room[4:], v)
	return b
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

// appendZone appends a zone, unless it is the one that flows have without.
func appendZone(b []byte, kind attr, zone uint16) []byte {
	if zone == 0 {
		return b
	}
	return appendUint16(b, kind, zone)
}

// appendTuple appends a tuple; zone is that of its direction alone.
func appendTuple(b []byte, kind attr, t *Tuple, family, proto uint8, zone uint16) []byte {
	ip, id := 2*addrLen(family), 3*8
	if proto == ICMP || proto == ICMPv6 {
		id = 4 * 8
	}
	n := attrLen + ip + attrLen + id
	if zone != 0 {
		n += 8
	}
	b, v := grow(b, attrLen+n)
	v = putNest(v, kind, n)
	v = putNest(v, ctaTupleIP, ip)
	v = putAddr(v, family, ctaIPv4Src, ctaIPv6Src, &t.Src)
	v = putAddr(v, family, ctaIPv4Dst, ctaIPv6Dst, &t.Dst)
	v = putNest(v, ctaTupleProto, id)
	v = putUint8(v, ctaProtoNum, proto)
	switch proto {
	case ICMP:
		v = putUint16(v, ctaICMPID, t.SrcPort)
		v = putUint8(v, ctaICMPType, uint8(t.DstPort>>8))
		v = putUint8(v, ctaICMPCode, uint8(t.DstPort))
	case ICMPv6:
		v = putUint16(v, ctaICMPv6ID, t.SrcPort)
		v = putUint8(v, ctaICMPv6Type, uint8(t.DstPort>>8))
		v = putUint8(v, ctaICMPv6Code, uint8(t.DstPort))
	default:
		// A protocol without ports, to this kernel, passes them over.
		v = putUint16(v, ctaSrcPort, t.SrcPort)
		v = putUint16(v, ctaDstPort, t.DstPort)
	}
	if zone != 0 {
		putUint16(v, ctaTupleZone, zone)
	}
	return b
}

// appendNAT appends one half of a translation: the only address and port, or ID, that it may have.
func appendNAT(b []byte, kind attr, family uint8, a *[16]byte, port uint16) []byte {
	const ports = 2 * 8
	n := 2*addrLen(family) + attrLen + ports
	b, v := grow(b, attrLen+n)
	v = putNest(v, kind, n)
	v = putAddr(v, family, ctaNATv4Min, ctaNATv6Min, a)
	v = putAddr(v, family, ctaNATv4Max, ctaNATv6Max, a)
	v = putNest(v, ctaNATProto, ports)
	v = putUint16(v, ctaNATPortMin, port)
	putUint16(v, ctaNATPortMax, port)
	return b
}
