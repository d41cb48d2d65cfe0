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

// readPut reads a whole flow.
func (r *Reader) readPut(head byte) {
	f := &r.flow
	*f = conntrack.Flow{}
	more := r.byte()
	r.slot += unzigzag(r.uvarint32())
	var rare byte
	if head&putRare != 0 {
		if rare = r.byte(); rare == 0 || rare >= rareEnd {
			r.fail("rare fields %#x", rare)
		}
	}
	if rare&rareExpect != 0 {
		f.Kind = conntrack.KindExpect
	}
	f.Family = conntrack.IPv4
	if head&putIPv6 != 0 {
		f.Family = conntrack.IPv6
	}
	class := head >> putClassShift & 3
	switch class {
	case classTCP:
		f.Proto = conntrack.TCP
	case classUDP:
		f.Proto = conntrack.UDP
	case classICMP:
		f.Proto = icmpOf(f.Family)
	case classOther:
		f.Proto = r.byte()
	}
	moved := head>>6 | more&(replySrcPortMoved|replyDstPortMoved)
	if f.Family == conntrack.IPv6 {
		r.readTuples6(f, more, moved)
	} else {
		r.readTuples4(f, more, moved)
	}
	r.readLife(&r.last[class], more)
	setLife(f, &r.last[class], moved)
	r.extra = nil
	if rare != 0 {
		r.readRareFields(f, rare)
	}
}

func (r *Reader) readTuples4(f *conntrack.Flow, more, moved byte) {
	binary.BigEndian.PutUint32(f.Orig.Src[:], r.address4(more&putSrcKnown != 0))
	binary.BigEndian.PutUint32(f.Orig.Dst[:], r.address4(more&putDstKnown != 0))
	var src, dst uint32
	if moved&destinationMoved != 0 {
		src = r.cached32(&r.v4)
	}
	if moved&sourceMoved != 0 {
		dst = r.cached32(&r.v4)
	}
	r.readPorts(f, moved)
	if moved&destinationMoved != 0 {
		binary.BigEndian.PutUint32(f.Reply.Src[:], src)
	}
	if moved&sourceMoved != 0 {
		binary.BigEndian.PutUint32(f.Reply.Dst[:], dst)
	}
}

func (r *Reader) address4(known bool) uint32 {
	if known {
		i := r.byte()
		if i >= cacheSize {
			r.fail("place %d", i)
			return 0
		}
		return r.v4[i]
	}
	v := r.uint32()
	r.v4.place(v)
	return v
}

func (r *Reader) readTuples6(f *conntrack.Flow, more, moved byte) {
	if more&(putSrcKnown|putDstKnown) != 0 {
		r.fail("flags of IPv4")
	}
	r.address6(&f.Orig.Src)
	r.address6(&f.Orig.Dst)
	var src, dst [16]byte
	if moved&destinationMoved != 0 {
		r.address6(&src)
	}
	if moved&sourceMoved != 0 {
		r.address6(&dst)
	}
	r.readPorts(f, moved)
	if moved&destinationMoved != 0 {
		f.Reply.Src = src
	}
	if moved&sourceMoved != 0 {
		f.Reply.Dst = dst
	}
}

func (r *Reader) address6(a *[16]byte) {
	binary.BigEndian.PutUint64(a[:], r.cached64(&r.prefixes))
	binary.BigEndian.PutUint64(a[8:], r.cached64(&r.hosts))
}

// readPorts reads the ports, and completes the reply with what follows from the original tuple.
func (r *Reader) readPorts(f *conntrack.Flow, moved byte) {
	ports := r.uint32()
	f.Orig.SrcPort, f.Orig.DstPort = uint16(ports>>16), uint16(ports)
	inverse(f, &f.Reply)
	if moved&replySrcPortMoved != 0 {
		f.Reply.SrcPort = r.uint16()
	}
	if moved&replyDstPortMoved != 0 {
		f.Reply.DstPort = r.uint16()
	}
}

func (r *Reader) readLife(last *life, more byte) {
	if more&putState != 0 {
		last.state = conntrack.State(r.byte())
	}
	if more&putStatus != 0 {
		last.status = r.cached32(&r.statuses)
	}
	if more&putMark != 0 {
		last.mark = r.cached32(&r.marks)
	}
	if more&putOptions != 0 {
		last.options = r.cached32(&r.options)
	}
}

func (r *Reader) readRareFields(f *conntrack.Flow, rare byte) {
	if rare&rareZone != 0 {
		f.Zone = r.uint16()
	}
	if rare&rareTimeout != 0 {
		f.Timeout = r.uvarint32()
	}
	if rare&rareExtra != 0 {
		r.readExtra(int(r.uint16()))
	}
	if rare&rareExtension != 0 {
		r.bytes(int(r.uint16()))
	}
}
