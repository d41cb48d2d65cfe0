package flowwire

import "encoding/binary"

// Digest is what the slots of a bucket hold together.
type Digest struct {
	// Bucket is the number of the bucket: its slots begin with Bucket*BucketSlots.
	Bucket uint32
	// Count is how many of its slots are in use, and Sum the XOR of Hash over them.
	Count uint32
	Sum   uint64
}

// append appends a digest to others, of which the last is of the bucket before.
func (d Digest) append(b []byte, before uint32) []byte {
	b = binary.AppendUvarint(b, uint64(zigzag(d.Bucket-before)))
	b = binary.AppendUvarint(b, uint64(d.Count))
	return binary.BigEndian.AppendUint64(b, d.Sum)
}

func (d *Digest) read(c *cursor, before uint32) {
	d.Bucket = before + unzigzag(c.uvarint32())
	d.Count = c.uvarint32()
	d.Sum = c.uint64()
}

// zigzag makes a small number of a small difference, up or down.
func zigzag(d uint32) uint32   { return d<<1 ^ uint32(int32(d)>>31) }
func unzigzag(z uint32) uint32 { return z>>1 ^ -(z & 1) }
