package flowdiff

import (
	"encoding/binary"

	"github.com/rempart/rempart/ha/conntrack"
)

// What stands in a record beside what each has, in its first byte and in this order.
const (
	hasReply   = 1 << iota // it is not the plain inverse
	hasOptions             // of TCP
	hasHelper
	hasLabels
	hasAdjust
	hasEnd
)

// append adds a record:
//
//	has 1, key, state 1, status 4, mark 4, and as has says:
//	reply, flags and scales 4, helper 16, labels 16, adjustments 24
func (r *Record) append(b []byte) []byte {
	f, at := &r.Flow, len(b)
	b = appendKey(append(b, 0), &f.Key)
	b = append(b, byte(f.State))
	b = binary.BigEndian.AppendUint32(b, uint32(f.Status))
	b = binary.BigEndian.AppendUint32(b, f.Mark)
	if f.Reply != f.Orig.Inverse(f.Proto) {
		b[at] |= hasReply
		b = appendTuple(b, f.Family, &f.Reply)
	}
	if f.Flags != [2]conntrack.TCPFlags{} || f.Scale != [2]uint8{} {
		b[at] |= hasOptions
		b = append(b, byte(f.Flags[0]), byte(f.Flags[1]), f.Scale[0], f.Scale[1])
	}
	if r.Rare != (Rare{}) {
		more, has := r.Rare.append(b, b[at])
		b = more
		b[at] = has
	}
	return b
}

// append adds what is there of it, and says in has what that is.
func (r *Rare) append(b []byte, has byte) ([]byte, byte) {
	if r.Helper != [16]byte{} {
		has |= hasHelper
		b = append(b, r.Helper[:]...)
	}
	if r.Labels != [16]byte{} {
		has |= hasLabels
		b = append(b, r.Labels[:]...)
	}
	if r.Adjust != [2]conntrack.Adjust{} {
		has |= hasAdjust
		for _, a := range r.Adjust {
			b = binary.BigEndian.AppendUint32(b, a.Pos)
			b = binary.BigEndian.AppendUint32(b, a.Before)
			b = binary.BigEndian.AppendUint32(b, a.After)
		}
	}
	return b, has
}

// record reads what append wrote.
func (r *reader) record() Record {
	has := r.uint8()
	if has >= hasEnd {
		r.fail(errFormat)
	}
	f := conntrack.Flow{Key: r.key(), State: conntrack.State(r.uint8()), Status: conntrack.Status(r.uint32()), Mark: r.uint32()}
	if f.Reply = f.Orig.Inverse(f.Proto); has&hasReply != 0 {
		f.Reply = r.tuple(f.Family)
	}
	if has&hasOptions != 0 {
		f.Flags = [2]conntrack.TCPFlags{conntrack.TCPFlags(r.uint8()), conntrack.TCPFlags(r.uint8())}
		f.Scale = [2]uint8{r.uint8(), r.uint8()}
	}
	return Record{Flow: f, Rare: r.rare(has)}
}

func (r *reader) rare(has byte) (out Rare) {
	if has&hasHelper != 0 {
		copy(out.Helper[:], r.take(len(out.Helper)))
	}
	if has&hasLabels != 0 {
		copy(out.Labels[:], r.take(len(out.Labels)))
	}
	if has&hasAdjust != 0 {
		for i := range out.Adjust {
			out.Adjust[i] = conntrack.Adjust{Pos: r.uint32(), Before: r.uint32(), After: r.uint32()}
		}
	}
	return out
}

// appendKey adds a key: family 1, protocol 1, zone 2, tuple. Its kind is that of flows.
func appendKey(b []byte, k *conntrack.Key) []byte {
	b = append(b, k.Family, k.Proto)
	b = binary.BigEndian.AppendUint16(b, k.Zone)
	return appendTuple(b, k.Family, &k.Orig)
}

func (r *reader) key() conntrack.Key {
	k := conntrack.Key{Family: r.uint8(), Proto: r.uint8(), Zone: r.uint16()}
	if k.Family != conntrack.IPv4 && k.Family != conntrack.IPv6 {
		r.fail(errFormat)
	}
	k.Orig = r.tuple(k.Family)
	return k
}

func appendTuple(b []byte, family uint8, t *conntrack.Tuple) []byte {
	n := addressLen(family)
	b = append(append(b, t.Src[:n]...), t.Dst[:n]...)
	b = binary.BigEndian.AppendUint16(b, t.SrcPort)
	return binary.BigEndian.AppendUint16(b, t.DstPort)
}

func (r *reader) tuple(family uint8) (t conntrack.Tuple) {
	n := addressLen(family)
	copy(t.Src[:], r.take(n))
	copy(t.Dst[:], r.take(n))
	t.SrcPort, t.DstPort = r.uint16(), r.uint16()
	return t
}

// addressLen is how long addresses of a family are in an answer.
func addressLen(family uint8) int {
	if family == conntrack.IPv4 {
		return 4
	}
	return 16
}
