package flowdiff

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// version is of the form of answers and of what counts of a flow: nodes of which each means something
// else cannot compare.
const version = 1

const (
	// maxRecords is how many flows an answer has at most. With the longest records it is still below the
	// 1 MiB of a message between the daemons.
	maxRecords = 6000
)

// What may be wrong with an answer.
var (
	errShort   = errors.New("it is cut short")
	errLong    = errors.New("something stands behind its end")
	errVersion = errors.New("the peer compares flows in another way: install the same version on both nodes")
	errFormat  = errors.New("it has no such form")
)

// Append adds digests as they are sent: version, and count and sum of each.
func (d *Digests) Append(b []byte) []byte {
	b = append(b, version)
	for _, digest := range d {
		b = binary.BigEndian.AppendUint32(b, digest.Count)
		b = binary.BigEndian.AppendUint64(b, digest.Sum)
	}
	return b
}

// ParseDigests reads what Append wrote.
func ParseDigests(b []byte) (*Digests, error) {
	r := reader{b: b}
	r.version()
	d := new(Digests)
	for i := range d {
		d[i] = Digest{Count: r.uint32(), Sum: r.uint64()}
	}
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("read digests of flows: %w", err)
	}
	return d, nil
}

// Append adds a part as it is sent: version, the buckets that it covers, how many flows, and these.
func (p *Part) Append(b []byte) []byte {
	b = append(b, version)
	b = append(b, p.Covers[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.Flows)))
	for i := range p.Flows {
		b = p.Flows[i].append(b)
	}
	return b
}

// ParsePart reads what Append wrote.
func ParsePart(b []byte) (*Part, error) {
	r := reader{b: b}
	r.version()
	p := new(Part)
	copy(p.Covers[:], r.take(len(p.Covers)))
	n := r.uint32()
	if n > maxRecords {
		r.fail(errFormat)
	}
	for i := uint32(0); i < n && r.err == nil; i++ {
		p.Flows = append(p.Flows, r.record())
	}
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("read flows: %w", err)
	}
	return p, nil
}

// reader takes an answer apart. After the first fault all that it reads is zero.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.b, r.err = nil, err
	}
}

// take is the next n bytes, or nil.
func (r *reader) take(n int) []byte {
	if len(r.b) < n {
		r.fail(errShort)
		return nil
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *reader) version() {
	if v := r.uint8(); r.err == nil && v != version {
		r.fail(errVersion)
	}
}

func (r *reader) uint8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// end is the first fault, or that there is more than there should be.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		r.err = errLong
	}
	return r.err
}
