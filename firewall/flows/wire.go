package flows

import (
	"encoding/binary"
	"net/netip"
)

// What linux/netfilter/nfnetlink_conntrack.h calls IPCTNL_MSG_CT_, and CTA_ by the attribute that they stand in.
const (
	subsystem   = 1 << 8 // NFNL_SUBSYS_CTNETLINK
	msgNew      = subsystem
	msgGet      = subsystem | 1
	msgDelete   = subsystem | 2
	msgGetStats = subsystem | 5

	attrTupleOrig     = 1
	attrTupleReply    = 2
	attrStatus        = 3
	attrProtoInfo     = 4
	attrTimeout       = 7
	attrMark          = 8
	attrCountersOrig  = 9
	attrCountersReply = 10
	attrID            = 12
	attrZone          = 18
	attrTimestamp     = 20
	attrMarkMask      = 21
	attrStatusMask    = 26

	attrTupleIP    = 1
	attrTupleProto = 2

	attrIPv4Src = 1
	attrIPv4Dst = 2
	attrIPv6Src = 3
	attrIPv6Dst = 4

	attrProtoNum   = 1
	attrSrcPort    = 2
	attrDstPort    = 3
	attrICMPID     = 4
	attrICMPType   = 5
	attrICMPCode   = 6
	attrICMPv6ID   = 7
	attrICMPv6Type = 8
	attrICMPv6Code = 9

	attrProtoInfoTCP = 1
	attrTCPState     = 1

	attrPackets = 1
	attrBytes   = 2

	attrTimeStart = 1

	attrStatsEntries = 1
	attrStatsMax     = 2
)

// What linux/netlink.h calls NLMSG_, NLM_F_ and NLA_.
const (
	headerLen = 16 // struct nlmsghdr
	genmsgLen = 4  // struct nfgenmsg
	attrLen   = 4  // struct nlattr

	msgError = 2
	msgDone  = 3

	flagRequest     = 0x1
	flagAck         = 0x4
	flagInterrupted = 0x10
	flagDump        = 0x300

	nested = 0x8000
)

// The address families of struct nfgenmsg.
const (
	familyBoth = 0
	familyIPv4 = 2
	familyIPv6 = 10
)

// family is that of both ends of a tuple that is whole.
func (t Tuple) family() uint8 {
	if t.Src.Addr().Is4() {
		return familyIPv4
	}
	return familyIPv6
}

// header is the part of struct nlmsghdr that differs between our requests.
type header struct {
	kind, flags uint16
	seq         uint32
	family      uint8
}

// appendMessage appends a request with the attributes that fill appends.
func appendMessage(b []byte, h header, fill func([]byte) []byte) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.NativeEndian.AppendUint16(b, h.kind)
	b = binary.NativeEndian.AppendUint16(b, h.flags|flagRequest)
	b = binary.NativeEndian.AppendUint32(b, h.seq)
	b = append(b, 0, 0, 0, 0) // the kernel knows which socket it answers
	b = append(b, h.family, 0, 0, 0)
	b = fill(b)
	binary.NativeEndian.PutUint32(b[at:], uint32(len(b)-at))
	return b
}

// appendEnd appends the request to end the flow. The original tuple must be whole: without one the kernel ends all flows.
func appendEnd(b []byte, h header, f Flow) []byte {
	h.kind, h.family = msgDelete, f.Orig.family()
	return appendMessage(b, h, f.appendName)
}

// appendRemark appends the request to change bits of the mark. Being a request for a new flow without NLM_F_CREATE, it changes
// one that is there and names nothing that the kernel would refuse to change (translation, master).
func appendRemark(b []byte, h header, m Marked) []byte {
	h.kind, h.family = msgNew, m.Flow.Orig.family()
	return appendMessage(b, h, func(b []byte) []byte {
		b = m.Flow.appendName(b)
		// The kernel clears the bits of the mask and then turns those of the value over.
		b = appendUint32(b, attrMark, m.Bits.Value&m.Bits.Mask)
		return appendUint32(b, attrMarkMask, m.Bits.Mask)
	})
}

// appendName appends what names a flow in a request.
func (f Flow) appendName(b []byte) []byte {
	b = f.Orig.appendAttr(b, attrTupleOrig)
	b = appendUint32(b, attrID, f.ID)
	if f.Zone != 0 {
		b = appendUint16(b, attrZone, f.Zone)
	}
	return b
}

// appendAttr appends the tuple as the attribute.
func (t Tuple) appendAttr(b []byte, attr uint16) []byte {
	return appendNested(b, attr, func(b []byte) []byte {
		b = appendNested(b, attrTupleIP, t.appendAddrs)
		return appendNested(b, attrTupleProto, t.appendProto)
	})
}

func (t Tuple) appendAddrs(b []byte) []byte {
	src, dst := t.Src.Addr(), t.Dst.Addr()
	if src.Is4() {
		return appendAddr(appendAddr(b, attrIPv4Src, src), attrIPv4Dst, dst)
	}
	return appendAddr(appendAddr(b, attrIPv6Src, src), attrIPv6Dst, dst)
}

func (t Tuple) appendProto(b []byte) []byte {
	b = appendUint8(b, attrProtoNum, uint8(t.Proto))
	switch {
	case t.Proto == ProtoICMP:
		b = appendUint16(b, attrICMPID, t.ICMP.ID)
		b = appendUint8(b, attrICMPType, t.ICMP.Type)
		return appendUint8(b, attrICMPCode, t.ICMP.Code)
	case t.Proto == ProtoICMPv6:
		b = appendUint16(b, attrICMPv6ID, t.ICMP.ID)
		b = appendUint8(b, attrICMPv6Type, t.ICMP.Type)
		return appendUint8(b, attrICMPv6Code, t.ICMP.Code)
	case t.Proto.ports():
		return appendUint16(appendUint16(b, attrSrcPort, t.Src.Port()), attrDstPort, t.Dst.Port())
	}
	return b
}

// appendNested appends an attribute that holds the attributes that fill appends.
func appendNested(b []byte, attr uint16, fill func([]byte) []byte) []byte {
	at := len(b)
	b = fill(appendAttrHeader(b, attr|nested, 0))
	binary.NativeEndian.PutUint16(b[at:], uint16(len(b)-at))
	return b
}

// appendAttrHeader appends struct nlattr for a value of n bytes.
func appendAttrHeader(b []byte, attr uint16, n int) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(attrLen+n))
	return binary.NativeEndian.AppendUint16(b, attr)
}

// Values are in network order, and filled up to four bytes.

func appendUint8(b []byte, attr uint16, v uint8) []byte {
	return append(appendAttrHeader(b, attr, 1), v, 0, 0, 0)
}

func appendUint16(b []byte, attr, v uint16) []byte {
	return append(binary.BigEndian.AppendUint16(appendAttrHeader(b, attr, 2), v), 0, 0)
}

func appendUint32(b []byte, attr uint16, v uint32) []byte {
	return binary.BigEndian.AppendUint32(appendAttrHeader(b, attr, 4), v)
}

func appendAddr(b []byte, attr uint16, a netip.Addr) []byte {
	if a.Is4() {
		v := a.As4()
		return append(appendAttrHeader(b, attr, len(v)), v[:]...)
	}
	v := a.As16()
	return append(appendAttrHeader(b, attr, len(v)), v[:]...)
}
