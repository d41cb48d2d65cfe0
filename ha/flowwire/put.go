package flowwire

import (
	"encoding/binary"

	"github.com/rempart/rempart/ha/conntrack"
)

// The first byte of a record: what it is in the lowest two bits, and of a Put what follows.
const (
	opPut    = 0
	opChange = 1
	opEnd    = 2
	opOther  = 3 // of a newer version: length and content follow
	opMask   = 3

	putIPv6       = 1 << 2
	putClassShift = 3 // two bits
	putRare       = 1 << 5
	putSrcMoved   = 1 << 6
	putDstMoved   = 1 << 7
)

// The second byte of a Put: which values follow, because the frame has not just said them.
const (
	putSrcKnown = 1 << iota // of IPv4: the address is in the memory
	putDstKnown
	putReplySrcPort
	putReplyDstPort
	putState
	putStatus
	putMark
	putOptions
)

// The third byte of a Put with putRare: what few have.
const (
	rareExpect = 1 << iota
	rareZone
	rareTimeout
	rareExtra
	rareExtension // of a newer version: length and content follow
	rareEnd
)

// headSize is the most that a Put takes without what is rare: head, slot, rare fields, protocol, addresses, ports, life.
const headSize = 2 + 5 + 1 + 1 + 4*2*9 + 8 + 1 + 3*5

// The classes of protocols. Flows of one class are alike.
const (
	classTCP = iota
	classUDP
	classICMP // of the family
	classOther
	classes
)

func classOf(k *conntrack.Key) byte {
	switch {
	case k.Proto == conntrack.TCP:
		return classTCP
	case k.Proto == conntrack.UDP:
		return classUDP
	case k.Proto == icmpOf(k.Family):
		return classICMP
	}
	return classOther
}

func icmpOf(family uint8) uint8 {
	if family == conntrack.IPv6 {
		return conntrack.ICMPv6
	}
	return conntrack.ICMP
}

// put appends a whole flow.
func (m *memory) put(b []byte, slot uint32, f *conntrack.Flow, x *conntrack.Extra) []byte {
	class, moved := classOf(&f.Key), moved(f)
	rare := rareOf(f, x)
	at := len(b)
	b = append(b, opPut|class<<putClassShift|moved<<6, moved&(replySrcPortMoved|replyDstPortMoved))
	b = binary.AppendUvarint(b, uint64(zigzag(slot-m.slot)))
	if rare != 0 {
		b[at] |= putRare
		b = append(b, rare)
	}
	if class == classOther {
		b = append(b, f.Proto)
	}
	if f.Family == conntrack.IPv6 {
		b[at] |= putIPv6
		b = m.put6(b, f, moved)
	} else {
		b = m.put4(b, at, f, moved)
	}
	b = m.putLife(b, at, &m.last[class], f, moved)
	if rare != 0 {
		b = putRareFields(b, rare, f, x)
	}
	return b
}

func rareOf(f *conntrack.Flow, x *conntrack.Extra) (rare byte) {
	if f.Kind == conntrack.KindExpect {
		rare |= rareExpect
	}
	if f.Zone != 0 {
		rare |= rareZone
	}
	if f.Timeout != 0 {
		rare |= rareTimeout
	}
	if x != nil && *x != (conntrack.Extra{}) {
		rare |= rareExtra
	}
	return rare
}

// put4 appends the tuples of IPv4.
func (m *memory) put4(b []byte, at int, f *conntrack.Flow, moved byte) []byte {
	src, dst := binary.BigEndian.Uint32(f.Orig.Src[:]), binary.BigEndian.Uint32(f.Orig.Dst[:])
	if i, known := m.v4.place(src); known {
		b[at+1] |= putSrcKnown
		b = append(b, i)
	} else {
		b = binary.BigEndian.AppendUint32(b, src)
	}
	if i, known := m.v4.place(dst); known {
		b[at+1] |= putDstKnown
		b = append(b, i)
	} else {
		b = binary.BigEndian.AppendUint32(b, dst)
	}
	if moved&destinationMoved != 0 {
		b = append32(b, &m.v4, binary.BigEndian.Uint32(f.Reply.Src[:]))
	}
	if moved&sourceMoved != 0 {
		b = append32(b, &m.v4, binary.BigEndian.Uint32(f.Reply.Dst[:]))
	}
	return putPorts(b, f, moved)
}

// put6 appends the tuples of IPv6.
func (m *memory) put6(b []byte, f *conntrack.Flow, moved byte) []byte {
	b = m.putAddress6(m.putAddress6(b, &f.Orig.Src), &f.Orig.Dst)
	if moved&destinationMoved != 0 {
		b = m.putAddress6(b, &f.Reply.Src)
	}
	if moved&sourceMoved != 0 {
		b = m.putAddress6(b, &f.Reply.Dst)
	}
	return putPorts(b, f, moved)
}

func (m *memory) putAddress6(b []byte, a *[16]byte) []byte {
	b = append64(b, &m.prefixes, binary.BigEndian.Uint64(a[:]))
	return append64(b, &m.hosts, binary.BigEndian.Uint64(a[8:]))
}

func putPorts(b []byte, f *conntrack.Flow, moved byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(f.Orig.SrcPort)<<16|uint32(f.Orig.DstPort))
	if moved&replySrcPortMoved != 0 {
		b = binary.BigEndian.AppendUint16(b, f.Reply.SrcPort)
	}
	if moved&replyDstPortMoved != 0 {
		b = binary.BigEndian.AppendUint16(b, f.Reply.DstPort)
	}
	return b
}

// putLife appends what is not as in the last flow of the class.
func (m *memory) putLife(b []byte, at int, last *life, f *conntrack.Flow, moved byte) []byte {
	now := lifeOf(f, moved)
	if now == *last {
		return b
	}
	if now.state != last.state {
		b[at+1] |= putState
		b = append(b, byte(now.state))
	}
	if now.status != last.status {
		b[at+1] |= putStatus
		b = append32(b, &m.statuses, now.status)
	}
	if now.mark != last.mark {
		b[at+1] |= putMark
		b = append32(b, &m.marks, now.mark)
	}
	if now.options != last.options {
		b[at+1] |= putOptions
		b = append32(b, &m.options, now.options)
	}
	*last = now
	return b
}

func putRareFields(b []byte, rare byte, f *conntrack.Flow, x *conntrack.Extra) []byte {
	if rare&rareZone != 0 {
		b = binary.BigEndian.AppendUint16(b, f.Zone)
	}
	if rare&rareTimeout != 0 {
		b = binary.AppendUvarint(b, uint64(f.Timeout))
	}
	if rare&rareExtra != 0 {
		at := len(b)
		b = append(b, 0, 0)
		b = appendExtra(b, f.Family, x)
		binary.BigEndian.PutUint16(b[at:], uint16(len(b)-at-2))
	}
	return b
}
