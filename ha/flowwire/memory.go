package flowwire

import (
	"encoding/binary"

	"github.com/rempart/rempart/ha/conntrack"
)

// memory is what both ends remember of the records of a frame so far.
type memory struct {
	slot     uint32 // of the last record
	v4       cache[uint32]
	prefixes cache[uint64] // upper halves of IPv6 addresses
	hosts    cache[uint64] // lower halves
	statuses cache[uint32]
	marks    cache[uint32]
	options  cache[uint32]
	last     [classes]life // of the last Put of each class
	change   life          // of the last Change
}

// reset is for a new frame.
func (m *memory) reset() {
	*m = memory{}
	for i := range m.last {
		m.last[i].status = usualStatus
	}
	m.change.status = usualStatus
	m.last[classTCP].state, m.last[classTCP].options = conntrack.Established, usualOptions
	m.change.options = usualOptions
}

// cache are values of which few differ, each at a place that follows from it.
type cache[T uint32 | uint64] [cacheSize]T

const (
	cacheBits = 7
	cacheSize = 1 << cacheBits
	// literal stands before a value that the cache has not; what is less is a place in it. The cache of a new frame has
	// zero everywhere.
	literal = cacheSize
)

// place is where v is, and whether it was there already.
func (c *cache[T]) place(v T) (byte, bool) {
	i := uint64(v) * 0x9e3779b97f4a7c15 >> (64 - cacheBits)
	known := c[i] == v
	c[i] = v
	return byte(i), known
}

func append32(b []byte, c *cache[uint32], v uint32) []byte {
	if i, known := c.place(v); known {
		return append(b, i)
	}
	return binary.BigEndian.AppendUint32(append(b, literal), v)
}

func append64(b []byte, c *cache[uint64], v uint64) []byte {
	if i, known := c.place(v); known {
		return append(b, i)
	}
	return binary.BigEndian.AppendUint64(append(b, literal), v)
}

// take32 is the value that begins at i, and where the next begins.
func take32(c *cache[uint32], b []byte, i int) (uint32, int) {
	if at := b[i]; at < literal {
		return c[at], i + 1
	}
	v := binary.BigEndian.Uint32(b[i+1:])
	c.place(v)
	return v, i + 5
}

func take64(c *cache[uint64], b []byte, i int) (uint64, int) {
	if at := b[i]; at < literal {
		return c[at], i + 1
	}
	v := binary.BigEndian.Uint64(b[i+1:])
	c.place(v)
	return v, i + 9
}
