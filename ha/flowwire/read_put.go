package flowwire

import (
	"encoding/binary"

	"github.com/rempart/rempart/ha/conntrack"
)

// readPut reads a whole flow into f. It has no cursor, which would cost half of its time: ahead makes sure that there are
// bytes to read.
func (r *Reader) readPut(f *conntrack.Flow) {
	b := r.ahead()
	head, more := b[0], b[1]
	i := r.readSlot(b, 2)
	rare := byte(0)
	if head&putRare != 0 {
		rare = b[i]
		i++
	}
	class := head >> putClassShift % classes
	i = readKind(f, b, i, head, rare, class)
	moved := head>>6 | more&(replySrcPortMoved|replyDstPortMoved)
	if f.Family == conntrack.IPv6 {
		i = r.readTuples6(f, b, i, moved)
	} else {
		i = r.readTuples4(f, b, i, more, moved)
	}
	last := &r.last[class]
	if more >= putState {
		i = r.readLife(last, b, i, more)
	}
	setLife(f, last, moved)
	if r.i += i; rare != 0 {
		r.readRare(f, rare)
	}
}

// ahead are at least headSize bytes from where the next record begins, with zeros behind the end.
func (r *Reader) ahead() []byte {
	b := r.b[min(r.i, len(r.b)):]
	if len(b) >= headSize {
		return b
	}
	r.tail = [headSize]byte{}
	copy(r.tail[:], b)
	return r.tail[:]
}

// readSlot reads the slot, which begins at i, and says where it ends.
func (r *Reader) readSlot(b []byte, i int) int {
	if d := uint32(b[i]); d < 0x80 {
		r.slot += unzigzag(d)
		return i + 1
	}
	return r.readFarSlot(b, i)
}

func (r *Reader) readFarSlot(b []byte, i int) int {
	d, n := binary.Uvarint(b[i : i+5])
	if n <= 0 || d > 1<<32-1 {
		r.fail("slot of more than 32 bits")
		return i
	}
	r.slot += unzigzag(uint32(d))
	return i + n
}

// readKind reads what a flow is of.
func readKind(f *conntrack.Flow, b []byte, i int, head, rare, class byte) int {
	if rare&rareExpect != 0 {
		f.Kind = conntrack.KindExpect
	}
	f.Family = conntrack.IPv4
	if head&putIPv6 != 0 {
		f.Family = conntrack.IPv6
	}
	switch class {
	case classTCP:
		f.Proto = conntrack.TCP
	case classUDP:
		f.Proto = conntrack.UDP
	case classICMP:
		f.Proto = icmpOf(f.Family)
	default:
		f.Proto = b[i]
		i++
	}
	return i
}

// readTuples4 reads the tuples of IPv4.
func (r *Reader) readTuples4(f *conntrack.Flow, b []byte, i int, more, moved byte) int {
	var src, dst, replySrc, replyDst uint32
	if more&putSrcKnown != 0 {
		src = r.v4[b[i]%cacheSize]
		i++
	} else {
		src = binary.BigEndian.Uint32(b[i:])
		r.v4.place(src)
		i += 4
	}
	if more&putDstKnown != 0 {
		dst = r.v4[b[i]%cacheSize]
		i++
	} else {
		dst = binary.BigEndian.Uint32(b[i:])
		r.v4.place(dst)
		i += 4
	}
	if moved&destinationMoved != 0 {
		replySrc, i = take32(&r.v4, b, i)
	}
	if moved&sourceMoved != 0 {
		replyDst, i = take32(&r.v4, b, i)
	}
	binary.BigEndian.PutUint32(f.Orig.Src[:], src)
	binary.BigEndian.PutUint32(f.Orig.Dst[:], dst)
	i = readPorts(f, b, i, moved)
	if moved&destinationMoved != 0 {
		binary.BigEndian.PutUint32(f.Reply.Src[:], replySrc)
	}
	if moved&sourceMoved != 0 {
		binary.BigEndian.PutUint32(f.Reply.Dst[:], replyDst)
	}
	return i
}

// readTuples6 reads the tuples of IPv6.
func (r *Reader) readTuples6(f *conntrack.Flow, b []byte, i int, moved byte) int {
	i = r.readAddress6(&f.Orig.Src, b, i)
	i = r.readAddress6(&f.Orig.Dst, b, i)
	var src, dst [16]byte
	if moved&destinationMoved != 0 {
		i = r.readAddress6(&src, b, i)
	}
	if moved&sourceMoved != 0 {
		i = r.readAddress6(&dst, b, i)
	}
	i = readPorts(f, b, i, moved)
	if moved&destinationMoved != 0 {
		f.Reply.Src = src
	}
	if moved&sourceMoved != 0 {
		f.Reply.Dst = dst
	}
	return i
}

func (r *Reader) readAddress6(a *[16]byte, b []byte, i int) int {
	prefix, i := take64(&r.prefixes, b, i)
	host, i := take64(&r.hosts, b, i)
	binary.BigEndian.PutUint64(a[:], prefix)
	binary.BigEndian.PutUint64(a[8:], host)
	return i
}

// readPorts reads the ports, and completes the reply with what follows from the original tuple.
func readPorts(f *conntrack.Flow, b []byte, i int, moved byte) int {
	ports := binary.BigEndian.Uint32(b[i:])
	i += 4
	f.Orig.SrcPort, f.Orig.DstPort = uint16(ports>>16), uint16(ports)
	inverse(f, &f.Reply)
	if moved&replySrcPortMoved != 0 {
		f.Reply.SrcPort = binary.BigEndian.Uint16(b[i:])
		i += 2
	}
	if moved&replyDstPortMoved != 0 {
		f.Reply.DstPort = binary.BigEndian.Uint16(b[i:])
		i += 2
	}
	return i
}

// readLife reads what is not as in the last flow of the class.
func (r *Reader) readLife(last *life, b []byte, i int, more byte) int {
	if more&putState != 0 {
		last.state = conntrack.State(b[i])
		i++
	}
	if more&putStatus != 0 {
		last.status, i = take32(&r.statuses, b, i)
	}
	if more&putMark != 0 {
		last.mark, i = take32(&r.marks, b, i)
	}
	if more&putOptions != 0 {
		last.options, i = take32(&r.options, b, i)
	}
	return i
}

// readRare reads what few have.
func (r *Reader) readRare(f *conntrack.Flow, rare byte) {
	if rare >= rareEnd {
		r.fail("rare fields %#x", rare)
	}
	if rare&rareZone != 0 {
		f.Zone = r.uint16()
	}
	if rare&rareTimeout != 0 {
		f.Timeout = r.uvarint32()
	}
	if rare&rareExtra != 0 {
		r.readExtra(f.Family)
	}
	if rare&rareExtension != 0 {
		r.bytes(int(r.uint16()))
	}
}
