package flowwire

import (
	"encoding/binary"
	"math/bits"

	"github.com/rempart/rempart/ha/conntrack"
)

// Hash is of what a Put of that slot says, without Timeout: equal on both nodes when they have the same. It
// is never zero. It is no defence against who chooses the content.
func Hash(slot uint32, f *conntrack.Flow, x *conntrack.Extra) uint64 {
	h := hashKey(&f.Key)
	if f.Family == conntrack.IPv6 {
		h = mix(h^word(f.Reply.Src[:]), word(f.Reply.Src[8:]))
		h = mix(h^word(f.Reply.Dst[:]), word(f.Reply.Dst[8:]))
	} else {
		h = mix(h^half(f.Reply.Src[:]), half(f.Reply.Dst[:]))
	}
	h = mix(h^(uint64(f.Status)<<32|uint64(f.Mark)),
		uint64(f.Flags[0])|uint64(f.Flags[1])<<8|uint64(f.Scale[0])<<16|uint64(f.Scale[1])<<24|
			uint64(f.State)<<32)
	h = mix(h^(uint64(f.Reply.SrcPort)<<16|uint64(f.Reply.DstPort)), uint64(slot))
	if x != nil && *x != (conntrack.Extra{}) {
		h = hashExtra(h, f.Family, x)
	}
	return max(h, 1)
}

// Tag is 16 bits of the key of a flow: of two flows that had one slot, they tell which one is meant.
func Tag(k *conntrack.Key) uint16 { return uint16(mix(hashKey(k), 0)) }

func hashKey(k *conntrack.Key) uint64 {
	ports := uint64(k.Orig.SrcPort)<<16 | uint64(k.Orig.DstPort)
	rest := uint64(k.Zone)<<16 | uint64(k.Proto)<<8 | uint64(k.Kind)<<4 | uint64(k.Family)
	if k.Family == conntrack.IPv6 {
		h := mix(ports, rest)
		h = mix(h^word(k.Orig.Src[:]), word(k.Orig.Src[8:]))
		return mix(h^word(k.Orig.Dst[:]), word(k.Orig.Dst[8:]))
	}
	return mix(ports<<32|half(k.Orig.Src[:]), rest<<32|half(k.Orig.Dst[:]))
}

// hashExtra hashes x as it is on the wire.
func hashExtra(h uint64, family uint8, x *conntrack.Extra) uint64 {
	var room [MaxRecord]byte
	b := appendExtra(room[:0], family, x)
	if len(b) > 0 {
		h = mix(h, uint64(len(b)))
	}
	for b = room[:(len(b)+7)&^7]; len(b) > 0; b = b[8:] {
		h = mix(h^word(b), 0)
	}
	return h
}

// mix makes 64 bits of 128, each of which depends on all, with two odd numbers of no meaning.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xd6e8feb86659fd93)
	return hi ^ lo
}

func word(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
func half(b []byte) uint64 { return uint64(binary.LittleEndian.Uint32(b)) }
