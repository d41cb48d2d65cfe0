package flowwire

import (
	"encoding/binary"
	"fmt"
)

// cursor takes values off a body. After the first fault it gives zeros, so that who reads asks
// once, at the end.
type cursor struct {
	b     []byte
	whole int // length of the body
	end   int // bytes of the body behind b
	err   error
}

// at is how far into the body it is.
func (c *cursor) at() int { return c.whole - c.end - len(c.b) }

// fail notes the first fault.
func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: byte %d: %s", ErrMalformed, c.at(), fmt.Sprintf(format, args...))
	}
	c.b = nil
}

// short is out of line so that what calls it is inlined.
//
//go:noinline
func (c *cursor) short() { c.fail("ends too early") }

func (c *cursor) rest() { c.b = nil }

func (c *cursor) byte() byte {
	if len(c.b) < 1 {
		c.short()
		return 0
	}
	v := c.b[0]
	c.b = c.b[1:]
	return v
}

func (c *cursor) uint16() uint16 {
	if len(c.b) < 2 {
		c.short()
		return 0
	}
	v := binary.BigEndian.Uint16(c.b)
	c.b = c.b[2:]
	return v
}

func (c *cursor) uint32() uint32 {
	if len(c.b) < 4 {
		c.short()
		return 0
	}
	v := binary.BigEndian.Uint32(c.b)
	c.b = c.b[4:]
	return v
}

func (c *cursor) uint64() uint64 {
	if len(c.b) < 8 {
		c.short()
		return 0
	}
	v := binary.BigEndian.Uint64(c.b)
	c.b = c.b[8:]
	return v
}

// bytes are the next n, or none.
func (c *cursor) bytes(n int) []byte {
	if len(c.b) < n {
		c.short()
		return nil
	}
	v := c.b[:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) uvarint() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.short()
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) uvarint32() uint32 {
	if len(c.b) > 0 && c.b[0] < 0x80 {
		v := c.b[0]
		c.b = c.b[1:]
		return uint32(v)
	}
	return c.longUvarint32()
}

func (c *cursor) longUvarint32() uint32 {
	v := c.uvarint()
	if v > 1<<32-1 {
		c.fail("%d is too large", v)
		return 0
	}
	return uint32(v)
}

// part is the cursor of the next n bytes, which it passes.
func (c *cursor) part(n int) cursor {
	b := c.bytes(n)
	return cursor{b: b, whole: c.whole, end: c.end + len(c.b), err: c.err}
}
