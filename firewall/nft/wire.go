package nft

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Numbers of linux/netfilter/nfnetlink.h and nf_tables.h that x/sys/unix lacks or
// gives under names that say less.
const (
	familyInet    = 1
	familyAny     = 0
	nestedFlag    = 0x8000
	attrTypeMask  = 0x3fff
	subsystem     = 10 << 8 // NFNL_SUBSYS_NFTABLES
	headerLen     = 16      // of struct nlmsghdr
	nfHeaderLen   = 4       // of struct nfgenmsg
	attrHeaderLen = 4
)

// wire builds netlink messages one after the other in one buffer, and remembers the
// first fault.
type wire struct {
	buf     []byte
	message int // where the open message begins
	err     error
}

func (w *wire) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// begin opens a message of a type of nf_tables.
func (w *wire) begin(kind, flags uint16, seq uint32) {
	w.header(subsystem|kind, flags, seq, familyInet, 0)
}

// header opens a message of any type.
func (w *wire) header(kind, flags uint16, seq uint32, family uint8, resource uint16) {
	w.message = len(w.buf)
	w.buf = binary.NativeEndian.AppendUint32(w.buf, 0)
	w.buf = binary.NativeEndian.AppendUint16(w.buf, kind)
	w.buf = binary.NativeEndian.AppendUint16(w.buf, flags)
	w.buf = binary.NativeEndian.AppendUint32(w.buf, seq)
	w.buf = binary.NativeEndian.AppendUint32(w.buf, 0) // the kernel fills in the port
	w.buf = append(w.buf, family, 0)
	w.buf = binary.BigEndian.AppendUint16(w.buf, resource)
}

// end closes the open message.
func (w *wire) end() {
	binary.NativeEndian.PutUint32(w.buf[w.message:], uint32(len(w.buf)-w.message))
}

// open begins an attribute and returns where it stands.
func (w *wire) open(kind uint16) int {
	at := len(w.buf)
	w.buf = binary.NativeEndian.AppendUint16(w.buf, 0)
	w.buf = binary.NativeEndian.AppendUint16(w.buf, kind)
	return at
}

// nest begins an attribute that holds attributes.
func (w *wire) nest(kind uint16) int { return w.open(kind | nestedFlag) }

// close ends the attribute that stands at at and pads it to four bytes.
func (w *wire) close(at int) {
	n := len(w.buf) - at
	if n > math.MaxUint16 {
		kind := binary.NativeEndian.Uint16(w.buf[at+2:]) & attrTypeMask
		w.fail(fmt.Errorf("attribute %d: %d bytes are too many", kind, n))
	}
	binary.NativeEndian.PutUint16(w.buf[at:], uint16(n))
	for len(w.buf)%4 != 0 {
		w.buf = append(w.buf, 0)
	}
}

func (w *wire) bytes(kind uint16, b []byte) {
	at := w.open(kind)
	w.buf = append(w.buf, b...)
	w.close(at)
}

// text writes a string with the NUL that the kernel wants.
func (w *wire) text(kind uint16, s string) {
	at := w.open(kind)
	w.buf = append(append(w.buf, s...), 0)
	w.close(at)
}

func (w *wire) uint32(kind uint16, n uint32) {
	at := w.open(kind)
	w.buf = binary.BigEndian.AppendUint32(w.buf, n)
	w.close(at)
}

func (w *wire) uint64(kind uint16, n uint64) {
	at := w.open(kind)
	w.buf = binary.BigEndian.AppendUint64(w.buf, n)
	w.close(at)
}
