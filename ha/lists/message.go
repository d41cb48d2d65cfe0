package lists

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// A message is changes, as they are on the wire. Numbers are varints (encoding/binary), texts and
// keys that may be missing have their length before them.
//
//	version     1
//	changes     any number of
//	  name, type
//	  flags       1   whole, with a lower bound, with an upper bound
//	  length of a key
//	  gone        how many, and their keys
//	  put         how many, and each: key, milliseconds left
//	  after, up to    where flags say so
const (
	version = 1

	flagWhole = 1 << 0
	flagAfter = 1 << 1
	flagUpTo  = 1 << 2
	flagsAll  = flagWhole | flagAfter | flagUpTo

	maxText = 255
	maxKey  = 64
	// maxLeft is longer than any policy has it, and keeps the number below leftBytes.
	maxLeft   = 100 * 365 * 24 * time.Hour
	leftBytes = 6
	// around is what a change takes beside its keys, at most: texts, flags, lengths, bounds.
	around = 2*(2+maxText) + 1 + 3*binary.MaxVarintLen64 + 2*maxKey
)

// What may be wrong with a message.
var (
	ErrVersion = errors.New("the message is of another version")
	errFormat  = errors.New("the message has no such form")
)

// Messages are changes in as many messages as it takes, none of which is longer than most. Each can
// be merged without the others. It fails when a change has no form on the wire.
func Messages(changes []Change, most int) ([][]byte, error) {
	var out [][]byte
	var message []byte
	for _, c := range changes {
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("list %q: %w", c.Name, err)
		}
		for _, piece := range c.pieces(most - 1 - around) {
			at := len(message)
			if at == 0 {
				message = append(message, version)
			}
			if message = piece.append(message); at > 0 && len(message) > most {
				out = append(out, message[:at:at])
				message = piece.append([]byte{version})
			}
		}
	}
	if len(message) > 0 {
		out = append(out, message)
	}
	return out, nil
}

// check says whether a change can be written.
func (c Change) check() error {
	size := c.keySize()
	if len(c.Name) > maxText || len(c.Type) > maxText || size > maxKey {
		return errors.New("its name, its type or its keys are too long")
	}
	fits := func(key []byte) bool { return len(key) == size && size > 0 }
	ok := c.Whole == nil || (c.Whole.After == nil || fits(c.Whole.After)) && (c.Whole.UpTo == nil || fits(c.Whole.UpTo))
	for _, key := range c.Gone {
		ok = ok && fits(key)
	}
	for _, e := range c.Put {
		ok = ok && fits(e.Key) && e.Left >= 0
	}
	if !ok {
		return errors.New("its keys are not of one length, or its time is negative")
	}
	return nil
}

func (c Change) keySize() int {
	switch {
	case len(c.Put) > 0:
		return len(c.Put[0].Key)
	case len(c.Gone) > 0:
		return len(c.Gone[0])
	case c.Whole != nil:
		return max(len(c.Whole.After), len(c.Whole.UpTo))
	}
	return 0
}

// pieces are changes that come to the same, each with no more than so many bytes of keys and times.
// Those of a whole list stand for one span each, so that none depends on another.
func (c Change) pieces(most int) []Change {
	size := c.keySize()
	if len(c.Gone)*size+len(c.Put)*(size+leftBytes) <= most {
		return []Change{c}
	}
	var out []Change
	each := max(1, most/size)
	for keys := range slices.Chunk(c.Gone, each) {
		out = append(out, Change{Name: c.Name, Type: c.Type, Gone: keys})
	}
	gone := len(out)
	each = max(1, most/(size+leftBytes))
	rest := c.Whole
	for put := c.Put; len(put) > 0 || rest != nil && len(out) == gone; {
		n := min(each, len(put))
		piece := Change{Name: c.Name, Type: c.Type, Put: put[:n]}
		if put = put[n:]; rest != nil {
			piece.Whole = &Span{After: rest.After, UpTo: rest.UpTo}
			if len(put) > 0 {
				piece.Whole.UpTo = piece.Put[n-1].Key
			}
			rest = &Span{After: piece.Whole.UpTo, UpTo: rest.UpTo}
		}
		out = append(out, piece)
	}
	return out
}

func (c Change) append(b []byte) []byte {
	b = appendText(b, c.Name)
	b = appendText(b, c.Type)
	flags := byte(0)
	if c.Whole != nil {
		flags = flagWhole
		if c.Whole.After != nil {
			flags |= flagAfter
		}
		if c.Whole.UpTo != nil {
			flags |= flagUpTo
		}
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(c.keySize()))
	b = binary.AppendUvarint(b, uint64(len(c.Gone)))
	for _, key := range c.Gone {
		b = append(b, key...)
	}
	b = binary.AppendUvarint(b, uint64(len(c.Put)))
	for _, e := range c.Put {
		b = append(b, e.Key...)
		b = binary.AppendUvarint(b, uint64(millis(e.Left)))
	}
	if c.Whole != nil {
		b = append(append(b, c.Whole.After...), c.Whole.UpTo...)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// millis rounds up: what has an end must not become what has none.
func millis(d time.Duration) int64 {
	return int64((min(d, maxLeft) + time.Millisecond - 1) / time.Millisecond)
}

// Decode reads a message. Its keys are parts of b. The error is ErrVersion when the sender speaks
// another version, which it is not to be blamed for.
func Decode(b []byte) ([]Change, error) {
	if len(b) == 0 {
		return nil, errFormat
	}
	if b[0] != version {
		return nil, fmt.Errorf("version %d: %w", b[0], ErrVersion)
	}
	r := reader{rest: b[1:]}
	var out []Change
	for len(r.rest) > 0 && !r.failed {
		out = append(out, r.change())
	}
	if r.failed {
		return nil, errFormat
	}
	return out, nil
}

// reader takes a message apart. After a failure all it gives is empty.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) change() Change {
	c := Change{Name: string(r.take(r.number(maxText))), Type: string(r.take(r.number(maxText)))}
	flags := r.flags()
	size := r.number(maxKey)
	gone := r.count(size)
	for range gone {
		c.Gone = append(c.Gone, r.take(size))
	}
	put := r.count(size + 1)
	if put > 0 {
		c.Put = make([]Element, 0, put)
	}
	for range put {
		e := Element{Key: r.take(size)}
		e.Left = time.Duration(r.number(int(maxLeft/time.Millisecond))) * time.Millisecond
		c.Put = append(c.Put, e)
	}
	if flags&flagWhole != 0 {
		c.Whole = &Span{After: r.bound(flags&flagAfter != 0, size), UpTo: r.bound(flags&flagUpTo != 0, size)}
	}
	r.failed = r.failed || size == 0 && (gone > 0 || put > 0 || flags&(flagAfter|flagUpTo) != 0)
	return c
}

func (r *reader) flags() byte {
	b := r.take(1)
	if len(b) == 0 || b[0]&^flagsAll != 0 || b[0]&flagWhole == 0 && b[0] != 0 {
		r.failed = true
		return 0
	}
	return b[0]
}

func (r *reader) bound(there bool, size int) []byte {
	if !there {
		return nil
	}
	return r.take(size)
}

// count reads how many things follow that take so many bytes each at least: a message
// must not make its reader set aside more than it brings.
func (r *reader) count(size int) int {
	return r.number(len(r.rest) / max(1, size))
}

// number reads one that is no larger than most.
func (r *reader) number(most int) int {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > math.MaxInt64 || int64(n) > int64(most) {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return int(n)
}

func (r *reader) take(n int) []byte {
	if n > len(r.rest) {
		r.failed, r.rest = true, nil
		return nil
	}
	out := r.rest[:n:n]
	r.rest = r.rest[n:]
	return out
}
