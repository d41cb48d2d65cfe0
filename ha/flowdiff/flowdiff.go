// Package flowdiff finds what differs between the flows that two kernels share, without sending
// either table across: what both have is known by its digests, and only what hides behind different
// ones is sent and compared.
//
//	Table --> Record --> Digests  of 4,096 buckets, by a hash of the key    both nodes
//	                 --> Part     the flows of the buckets that differ      both nodes
//	Compare: digests, parts, a moment, the same parts again --> view.FlowsDiff
//
// Tables change while they are read, so that a first look finds much that is no difference: what is
// named differed twice.
package flowdiff

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"

	"github.com/rempart/rempart/ha/conntrack"
)

// Buckets is into how many parts the flows of a node are divided.
const Buckets = 4096

// Table is the kernel's table of flows.
type Table interface {
	// Walk shows every flow. What it shows is its own, and another one after fn returns. An error of fn ends it.
	Walk(ctx context.Context, fn func(*conntrack.Flow, *conntrack.Extra) error) error
}

// Side is one of the two nodes. A salt is part of every hash: nobody outside can know which flows share
// a bucket.
type Side interface {
	Digests(ctx context.Context, salt uint64) (*Digests, error)
	// Flows are those of the buckets that are asked for, as many as fit into an answer.
	Flows(ctx context.Context, q Query) (*Part, error)
}

// Digest is of one bucket: two that are equal are of the same flows.
type Digest struct {
	Count uint32
	Sum   uint64 // XOR of the flows' hashes
}

// Digests are those of a node.
type Digests [Buckets]Digest

// Total is how many flows there are.
func (d *Digests) Total() int {
	n := 0
	for _, b := range d {
		n += int(b.Count)
	}
	return n
}

// Set is some of the buckets.
type Set [Buckets / 8]byte

// Add puts a bucket in, or does nothing when it is.
func (s *Set) Add(bucket uint16) { s[bucket/8] |= 1 << (bucket % 8) }

// Has says whether a bucket is in.
func (s *Set) Has(bucket uint16) bool { return s[bucket/8]&(1<<(bucket%8)) != 0 }

// Len is how many buckets are in.
func (s *Set) Len() int {
	n := 0
	for _, b := range s {
		n += bits.OnesCount8(b)
	}
	return n
}

// Query asks for flows.
type Query struct {
	Salt uint64 `json:"salt"`
	Set  Set    `json:"set"`
}

// Part is flows of some buckets.
type Part struct {
	Covers Set // the buckets of which these are all flows
	Flows  []Record
}

// hasher puts flows into buckets. It is used by one goroutine.
type hasher struct {
	buf []byte
}

func newHasher(salt uint64) *hasher { return &hasher{binary.BigEndian.AppendUint64(nil, salt)} }

// bucket is where a flow is, by its key alone: a change does not move it.
func (h *hasher) bucket(k *conntrack.Key) uint16 {
	return uint16(h.sum(appendKey(h.buf[:8], k)) % Buckets)
}

// content is a hash of all that counts of a flow.
func (h *hasher) content(r *Record) uint64 { return h.sum(r.append(h.buf[:8])) }

func (h *hasher) sum(b []byte) uint64 {
	h.buf = b
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:8])
}
