package flowsync

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"

	"github.com/rempart/rempart/ha/conntrack"
)

// entry is a slot: one flow, and what its table keeps of it. A table of the sender uses the bits of own.go, a
// mirror those of mirror.go.
type entry struct {
	flow conntrack.Flow
	sum  uint64 // of the content that was sent last, or that is here; zero: none
	seq  uint32 // of the frame that brought it over, its lower half; zero: none
	bits uint16
	walk uint8 // the last walk that saw it
}

// chunkLen is how many slots are made at once. What is there stays where it is when the table
// grows, so entries may be pointed to.
const chunkLen = 4096

// table is flows by slot and by key. The zero value is empty and ready for use.
type table struct {
	chunks []*[chunkLen]entry
	next   uint32   // the first slot that was never used
	free   []uint32 // slots below next that nobody has
	index  []uint32 // by hash of the key, slot + 1; open addressing, linear probing
	keys   int      // in the index
	seed   uint64
	extra  map[uint32]*conntrack.Extra
}

// at is a slot that was used before.
func (t *table) at(slot uint32) *entry { return &t.chunks[slot/chunkLen][slot%chunkLen] }

// reach makes room up to a slot and returns it.
func (t *table) reach(slot uint32) *entry {
	for uint32(len(t.chunks))*chunkLen <= slot {
		t.chunks = append(t.chunks, new([chunkLen]entry))
	}
	t.next = max(t.next, slot+1)
	return t.at(slot)
}

// take is a slot that nobody has.
func (t *table) take() uint32 {
	if n := len(t.free); n > 0 {
		slot := t.free[n-1]
		t.free = t.free[:n-1]
		return slot
	}
	slot := t.next
	t.reach(slot)
	return slot
}

// put sets what few flows have; nil: nothing.
func (t *table) put(slot uint32, x *conntrack.Extra) {
	switch {
	case x == nil || *x == (conntrack.Extra{}):
		delete(t.extra, slot)
		return
	case t.extra == nil:
		t.extra = map[uint32]*conntrack.Extra{}
	}
	kept := *x
	t.extra[slot] = &kept
}

// find is the slot of a key.
func (t *table) find(k *conntrack.Key) (slot uint32, ok bool) {
	if len(t.index) == 0 {
		return 0, false
	}
	mask := uint32(len(t.index) - 1)
	for i := t.hash(k) & mask; t.index[i] != 0; i = (i + 1) & mask {
		if slot := t.index[i] - 1; t.at(slot).flow.Key == *k {
			return slot, true
		}
	}
	return 0, false
}

// link makes a slot the one of its flow's key, in place of any other.
func (t *table) link(slot uint32) {
	if 2*(t.keys+1) > len(t.index) {
		t.grow()
	}
	k := &t.at(slot).flow.Key
	mask := uint32(len(t.index) - 1)
	i := t.hash(k) & mask
	for ; t.index[i] != 0; i = (i + 1) & mask {
		if t.at(t.index[i]-1).flow.Key == *k {
			t.index[i] = slot + 1
			return
		}
	}
	t.index[i] = slot + 1
	t.keys++
}

// unlink forgets the key of a slot, unless the key is another slot's by now. It says whether it did.
func (t *table) unlink(slot uint32) bool {
	if len(t.index) == 0 {
		return false
	}
	mask := uint32(len(t.index) - 1)
	i := t.hash(&t.at(slot).flow.Key) & mask
	for ; t.index[i] != slot+1; i = (i + 1) & mask {
		if t.index[i] == 0 {
			return false
		}
	}
	t.keys--
	// Those behind it move up where a search would stop at the hole (Knuth, 6.4, algorithm R).
	for j := (i + 1) & mask; t.index[j] != 0; j = (j + 1) & mask {
		home := t.hash(&t.at(t.index[j]-1).flow.Key) & mask
		if (j-home)&mask >= (j-i)&mask {
			t.index[i] = t.index[j]
			i = j
		}
	}
	t.index[i] = 0
	return true
}

// firstIndex is how large an index begins.
const firstIndex = 1024

func (t *table) grow() {
	old := t.index
	if t.seed == 0 {
		t.seed = rand.Uint64() | 1 // who chooses tuples cannot choose where they are
	}
	t.index = make([]uint32, max(firstIndex, 2*len(old)))
	mask := uint32(len(t.index) - 1)
	for _, v := range old {
		if v == 0 {
			continue
		}
		i := t.hash(&t.at(v-1).flow.Key) & mask
		for t.index[i] != 0 {
			i = (i + 1) & mask
		}
		t.index[i] = v
	}
}

func (t *table) hash(k *conntrack.Key) uint32 {
	word := binary.LittleEndian.Uint64
	h := t.seed
	for _, w := range [...]uint64{
		word(k.Orig.Src[:8]), word(k.Orig.Src[8:]), word(k.Orig.Dst[:8]), word(k.Orig.Dst[8:]),
		uint64(k.Orig.SrcPort)<<48 | uint64(k.Orig.DstPort)<<32 | uint64(k.Zone)<<16 | uint64(k.Proto)<<8 | uint64(k.Kind)<<4 | uint64(k.Family),
	} {
		high, low := bits.Mul64(h^w, 0x9e3779b97f4a7c15^t.seed<<1|1)
		h = high ^ low
	}
	return uint32(h ^ h>>32)
}

// sums are what two tables are compared by: how many flows, and the XOR of their hashes, all together and by bucket.
type sums struct {
	count   uint64
	sum     uint64
	buckets []bucket
}

type bucket struct {
	count uint32
	sum   uint64
}

// change takes a slot's old hash out and its new one in; zero is an empty slot.
func (s *sums) change(slot uint32, was, is uint64) {
	b := int(slot / bucketSlots)
	for len(s.buckets) <= b {
		s.buckets = append(s.buckets, bucket{})
	}
	if was != 0 {
		s.count--
		s.buckets[b].count--
	}
	if is != 0 {
		s.count++
		s.buckets[b].count++
	}
	s.sum ^= was ^ is
	s.buckets[b].sum ^= was ^ is
}

// bucket is one bucket; empty where there is none yet.
func (s *sums) bucket(i uint32) bucket {
	if int(i) < len(s.buckets) {
		return s.buckets[i]
	}
	return bucket{}
}

// queue is slots in the order in which they came, with the time at which they did.
type queue struct {
	ring       []queued
	head, tail uint32 // count up; the ring's length is a power of two
}

type queued struct {
	slot uint32
	at   uint32 // microseconds, its lower half
}

func (q *queue) len() int { return int(q.tail - q.head) }

func (q *queue) push(slot, at uint32) {
	if q.len() == len(q.ring) {
		grown := make([]queued, max(firstIndex, 2*len(q.ring)))
		for i := q.head; i != q.tail; i++ {
			grown[i&uint32(len(grown)-1)] = q.ring[i&uint32(len(q.ring)-1)]
		}
		q.ring = grown
	}
	q.ring[q.tail&uint32(len(q.ring)-1)] = queued{slot, at}
	q.tail++
}

// first is the oldest one; there is one.
func (q *queue) first() queued { return q.ring[q.head&uint32(len(q.ring)-1)] }

func (q *queue) drop() { q.head++ }
