package flowwire

import (
	"encoding/binary"
	"fmt"
)

// cursor takes values off a part of a body. Behind the end, and after a fault, it gives zeros: who reads asks once, with
// done.
type cursor struct {
	b    []byte
	i    int // where the next value begins; behind the end of b when one was missing
	base int // where b begins in the body
	err  error
}

// more says that there is more to read.
func (c *cursor) more() bool { return c.i < len(c.b) }

// done says that all that was read was there, and as it should be.
func (c *cursor) done() bool {
	if c.i > len(c.b) && c.err == nil {
		c.i = len(c.b)
		c.fail("ends too early")
	}
	return c.err == nil
}

// fail notes the first fault, and goes to the end.
func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		at := c.base + min(c.i, len(c.b))
		c.err = fmt.Errorf("%w: byte %d: %s", ErrMalformed, at, fmt.Sprintf(format, args...))
	}
	c.rest()
}

// rest goes to the end.
func (c *cursor) rest() { c.i = max(c.i, len(c.b)) }

func (c *cursor) byte() (v byte) {
	if c.i < len(c.b) {
		v = c.b[c.i]
	}
	c.i++
	return v
}

func (c *cursor) uint16() (v uint16) {
	if c.i+2 <= len(c.b) {
		v = binary.BigEndian.Uint16(c.b[c.i:])
	}
	c.i += 2
	return v
}

func (c *cursor) uint32() (v uint32) {
	if c.i+4 <= len(c.b) {
		v = binary.BigEndian.Uint32(c.b[c.i:])
	}
	c.i += 4
	return v
}

func (c *cursor) uint64() (v uint64) {
	if c.i+8 <= len(c.b) {
		v = binary.BigEndian.Uint64(c.b[c.i:])
	}
	c.i += 8
	return v
}

// bytes are the next n, or none.
func (c *cursor) bytes(n int) (v []byte) {
	if c.i+n <= len(c.b) {
		v = c.b[c.i : c.i+n]
	}
	c.i += n
	return v
}

func (c *cursor) uvarint() uint64 {
	v, n := binary.Uvarint(c.b[min(c.i, len(c.b)):])
	switch {
	case n > 0:
		c.i += n
	case n == 0:
		c.i = len(c.b) + 1
	default:
		c.fail("number of more than 64 bits")
	}
	return v
}

func (c *cursor) uvarint32() uint32 {
	if c.i < len(c.b) && c.b[c.i] < 0x80 {
		c.i++
		return uint32(c.b[c.i-1])
	}
	return c.longUvarint32()
}

func (c *cursor) longUvarint32() uint32 {
	v := c.uvarint()
	if v > 1<<32-1 {
		c.fail("%d is more than 32 bits", v)
		return 0
	}
	return uint32(v)
}

// part is the cursor of the next n bytes, which it passes.
func (c *cursor) part(n int) cursor {
	at := c.i
	return cursor{b: c.bytes(n), base: c.base + at}
}
