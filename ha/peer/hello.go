package peer

import (
	"encoding/binary"
	"errors"
	"io"
)

// The versions of the link that this program speaks. A later one adds fields to the hello and bits to
// its features; only what cannot be said so needs another version.
const (
	newest = 1
	oldest = 1
)

const (
	helloLen = 2 + 2 + 8 + 8 // what every version has
	maxHello = 1024
	fieldLen = 2 + 2
)

// What may be wrong with a hello.
var (
	errMagic   = errors.New("it speaks another protocol")
	errVersion = errors.New("it speaks another version of the link")
)

// hello is what each end says first inside TLS:
//
//	length of what follows  2
//	newest version          2   that it speaks
//	oldest version          2
//	session                 8
//	features                8   bits; what both have is used
//	fields                      number 2, length 2, value; unknown ones are skipped
type hello struct {
	newest, oldest uint16
	session        uint64
	features       uint64
}

// ours is the hello of this program.
func ours(session uint64) hello { return hello{newest: newest, oldest: oldest, session: session} }

func (h hello) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, helloLen)
	b = binary.BigEndian.AppendUint16(b, h.newest)
	b = binary.BigEndian.AppendUint16(b, h.oldest)
	b = binary.BigEndian.AppendUint64(b, h.session)
	return binary.BigEndian.AppendUint64(b, h.features)
}

func readHello(r io.Reader) (hello, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return hello{}, err
	}
	n := binary.BigEndian.Uint16(length[:])
	if n < helloLen || n > maxHello {
		return hello{}, errMagic
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return hello{}, err
	}
	return parseHello(b)
}

// parseHello reads a hello without its length.
func parseHello(b []byte) (hello, error) {
	if len(b) < helloLen {
		return hello{}, errMagic
	}
	h := hello{
		newest: binary.BigEndian.Uint16(b), oldest: binary.BigEndian.Uint16(b[2:]),
		session: binary.BigEndian.Uint64(b[4:]), features: binary.BigEndian.Uint64(b[12:]),
	}
	// This version knows no fields, but they must be some.
	for b = b[helloLen:]; len(b) > 0; {
		if len(b) < fieldLen || len(b)-fieldLen < int(binary.BigEndian.Uint16(b[2:])) {
			return hello{}, errMagic
		}
		b = b[fieldLen+int(binary.BigEndian.Uint16(b[2:])):]
	}
	return h, nil
}

// version is the newest that both ends speak.
func (h hello) version(other hello) (uint16, error) {
	if other.oldest > other.newest {
		return 0, errMagic
	}
	v := min(h.newest, other.newest)
	if v < h.oldest || v < other.oldest {
		return 0, errVersion
	}
	return v, nil
}
