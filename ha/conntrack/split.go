package conntrack

import "encoding/binary"

// Malformed says in which way bytes are not what the kernel sends. It is the error of Split and Message.Parse.
type Malformed uint8

// What bytes may be wrong in. The zero value is not used for an error.
const (
	sound           Malformed = iota
	BadLength                 // a message says that it is longer than it is, or shorter than its header
	BadAttribute              // an attribute says that it is longer than what holds it
	BadValue                  // an attribute's value has not the length of its kind
	BadFamily                 // neither IPv4 nor IPv6, or addresses of the other
	BadTuple                  // a tuple without protocol or address, or two of different protocols
	BadErrno                  // an answer without a number, or with one that is no error
	IncompleteEntry           // a flow or an expectation without the tuples that it must have
)

// Error says what is wrong.
func (m Malformed) Error() string {
	names := [...]string{
		BadLength:       "malformed netlink message: length",
		BadAttribute:    "malformed netlink message: attribute",
		BadValue:        "malformed netlink message: value",
		BadFamily:       "malformed netlink message: family",
		BadTuple:        "malformed netlink message: tuple",
		BadErrno:        "malformed netlink message: error number",
		IncompleteEntry: "malformed netlink message: entry without its tuples",
	}
	if m == sound || int(m) >= len(names) {
		return "malformed netlink message"
	}
	return names[m]
}

// Split cuts the first message, header included, from what was received. The rest begins where the next
// message does. Of nothing there is no message: split while there are bytes left.
func Split(b []byte) (msg, rest []byte, err error) {
	if len(b) < headerLen {
		return nil, nil, BadLength
	}
	n := binary.NativeEndian.Uint32(b)
	if n < headerLen || uint64(n) > uint64(len(b)) {
		return nil, nil, BadLength
	}
	return b[:n:n], b[min(aligned(int(n)), len(b)):], nil
}

// aligned rounds up to the four bytes at which messages and attributes begin.
func aligned(n int) int { return (n + 3) &^ 3 }

// attrs reads attributes one after the other. The first fault ends it and stays.
type attrs struct {
	b        []byte
	from, to int // the value
	after    int // where the next attribute begins
	kind     attr
	fault    Malformed
}

// attributes begins to read the attributes that b is made of.
func attributes(b []byte) attrs { return attrs{b: b} }

// next moves on to the next attribute, and reports false at the end and after a fault.
func (a *attrs) next() bool {
	at := a.after
	if at >= len(a.b) || a.fault != sound {
		return false
	}
	rest := a.b[at:]
	if len(rest) < attrLen {
		a.fault = BadAttribute
		return false
	}
	n := int(binary.NativeEndian.Uint16(rest))
	if n < attrLen || n > len(rest) {
		a.fault = BadAttribute
		return false
	}
	a.kind = attr(binary.NativeEndian.Uint16(rest[2:])) &^ (attrNested | attrOrder)
	a.from, a.to, a.after = at+attrLen, at+n, at+aligned(n)
	return true
}

// value is that of the attribute.
func (a *attrs) value() []byte { return a.b[a.from:a.to] }

// inside reads what the value holds; leave must be called after the last of it.
func (a *attrs) inside() attrs { return attributes(a.value()) }

// leave keeps the fault that in came upon.
func (a *attrs) leave(in *attrs) {
	if a.fault == sound {
		a.fault = in.fault
	}
}

// The kernel writes numbers in network order, and a value of another length is not the number that it is taken for.

func (a *attrs) uint8(to *uint8) {
	v := a.value()
	if len(v) != 1 {
		a.fault = BadValue
		return
	}
	*to = v[0]
}

func (a *attrs) uint16(to *uint16) {
	v := a.value()
	if len(v) != 2 {
		a.fault = BadValue
		return
	}
	*to = binary.BigEndian.Uint16(v)
}

func (a *attrs) uint32(to *uint32) {
	v := a.value()
	if len(v) != 4 {
		a.fault = BadValue
		return
	}
	*to = binary.BigEndian.Uint32(v)
}

func (a *attrs) uint64(to *uint64) {
	v := a.value()
	if len(v) != 8 {
		a.fault = BadValue
		return
	}
	*to = binary.BigEndian.Uint64(v)
}

// text copies a name that ends at its zero byte, if it has one, and must leave room for one.
func (a *attrs) text(to []byte) {
	v, n := a.value(), 0
	for n < len(v) && v[n] != 0 {
		n++
	}
	if n >= len(to) {
		a.fault = BadValue
		return
	}
	clear(to[copy(to, v[:n]):])
}
