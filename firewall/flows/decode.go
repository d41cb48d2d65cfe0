package flows

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// errMalformed says that bytes are not what the kernel sends.
var errMalformed = errors.New("malformed netlink message")

// message is one message of a netlink datagram.
type message struct {
	kind, flags uint16
	seq         uint32
	data        []byte // after the header
}

// splitMessage cuts the first message from a datagram.
func splitMessage(b []byte) (m message, rest []byte, err error) {
	if len(b) < headerLen {
		return message{}, nil, fmt.Errorf("%w: %d bytes", errMalformed, len(b))
	}
	n := int(binary.NativeEndian.Uint32(b))
	if n < headerLen || n > len(b) {
		return message{}, nil, fmt.Errorf("%w: %d of %d bytes", errMalformed, len(b), n)
	}
	m = message{
		kind:  binary.NativeEndian.Uint16(b[4:]),
		flags: binary.NativeEndian.Uint16(b[6:]),
		seq:   binary.NativeEndian.Uint32(b[8:]),
		data:  b[headerLen:n],
	}
	return m, b[min(aligned(n), len(b)):], nil
}

// aligned rounds up to the four bytes at which the next message or attribute begins.
func aligned(n int) int { return (n + 3) &^ 3 }

// errno is the number with which NLMSG_ERROR and NLMSG_DONE begin: 0, or negative for an error.
func (m message) errno() (int32, error) {
	if len(m.data) < 4 {
		return 0, fmt.Errorf("%w: an answer of %d bytes", errMalformed, len(m.data))
	}
	return int32(binary.NativeEndian.Uint32(m.data)), nil
}

// attributes reads attributes one after the other.
type attributes struct {
	rest  []byte
	kind  uint16
	value []byte
	err   error
}

// next moves on to the next attribute, and reports false at the end and at bytes that are no attribute.
func (a *attributes) next() bool {
	if len(a.rest) == 0 || a.err != nil {
		return false
	}
	if len(a.rest) < attrLen {
		return a.fail("%d bytes in place of an attribute", len(a.rest))
	}
	n := int(binary.NativeEndian.Uint16(a.rest))
	if n < attrLen || n > len(a.rest) {
		return a.fail("%d of %d bytes of an attribute", len(a.rest), n)
	}
	a.kind = binary.NativeEndian.Uint16(a.rest[2:]) &^ nested
	a.value = a.rest[attrLen:n]
	a.rest = a.rest[min(aligned(n), len(a.rest)):]
	return true
}

// fail keeps the first fault.
func (a *attributes) fail(format string, args ...any) bool {
	if a.err == nil {
		a.err = fmt.Errorf("%w: %s", errMalformed, fmt.Sprintf(format, args...))
	}
	return false
}

// fixed is the value if it has n bytes.
func (a *attributes) fixed(n int) ([]byte, bool) {
	if len(a.value) != n {
		return nil, a.fail("attribute %d has %d bytes, not %d", a.kind, len(a.value), n)
	}
	return a.value, true
}

func (a *attributes) uint8() uint8 {
	if b, ok := a.fixed(1); ok {
		return b[0]
	}
	return 0
}

func (a *attributes) uint16() uint16 {
	if b, ok := a.fixed(2); ok {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (a *attributes) uint32() uint32 {
	if b, ok := a.fixed(4); ok {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (a *attributes) uint64() uint64 {
	if b, ok := a.fixed(8); ok {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// addr reads an address of n bytes. IPv6 addresses stay IPv6, also those that stand for one of IPv4.
func (a *attributes) addr(n int) netip.Addr {
	b, ok := a.fixed(n)
	if !ok {
		return netip.Addr{}
	}
	addr, _ := netip.AddrFromSlice(b)
	return addr
}

// inside returns the attributes that the value holds; leave must be called after the last of them.
func (a *attributes) inside() attributes { return attributes{rest: a.value} }

// leave keeps the fault that in came upon.
func (a *attributes) leave(in *attributes) {
	if a.err == nil {
		a.err = in.err
	}
}

// parseFlow reads what follows the header of a message about one flow. Attributes that it has no use for are passed over.
func parseFlow(data []byte) (f Flow, err error) {
	if len(data) < genmsgLen {
		return Flow{}, fmt.Errorf("%w: a flow of %d bytes", errMalformed, len(data))
	}
	a := attributes{rest: data[genmsgLen:]}
	for a.next() {
		f.read(&a)
	}
	if a.err != nil {
		return Flow{}, a.err
	}
	return f, nil
}

func (f *Flow) read(a *attributes) {
	switch a.kind {
	case attrTupleOrig:
		f.Orig.read(a)
	case attrTupleReply:
		f.Reply.read(a)
	case attrStatus:
		f.Status = Status(a.uint32())
	case attrProtoInfo:
		f.readProtoInfo(a)
	case attrTimeout:
		f.Timeout = time.Duration(a.uint32()) * time.Second
	case attrMark:
		f.Mark = a.uint32()
	case attrCountersOrig:
		f.OrigTraffic.read(a)
	case attrCountersReply:
		f.ReplyTraffic.read(a)
	case attrID:
		f.ID = a.uint32()
	case attrZone:
		f.Zone = a.uint16()
	case attrTimestamp:
		f.readTimestamp(a)
	}
}

func (f *Flow) readProtoInfo(a *attributes) {
	in := a.inside()
	for in.next() {
		if in.kind == attrProtoInfoTCP {
			f.readTCP(&in)
		}
	}
	a.leave(&in)
}

func (f *Flow) readTCP(a *attributes) {
	in := a.inside()
	for in.next() {
		if in.kind == attrTCPState {
			f.TCPState = TCPState(in.uint8())
		}
	}
	a.leave(&in)
}

func (f *Flow) readTimestamp(a *attributes) {
	in := a.inside()
	for in.next() {
		if in.kind == attrTimeStart {
			f.Start = time.Unix(0, int64(in.uint64()))
		}
	}
	a.leave(&in)
}

func (t *Traffic) read(a *attributes) {
	in := a.inside()
	for in.next() {
		switch in.kind {
		case attrPackets:
			t.Packets = in.uint64()
		case attrBytes:
			t.Bytes = in.uint64()
		}
	}
	a.leave(&in)
}

func (t *Tuple) read(a *attributes) {
	in := a.inside()
	for in.next() {
		switch in.kind {
		case attrTupleIP:
			t.readAddrs(&in)
		case attrTupleProto:
			t.readProto(&in)
		}
	}
	a.leave(&in)
}

func (t *Tuple) readAddrs(a *attributes) {
	in := a.inside()
	for in.next() {
		switch in.kind {
		case attrIPv4Src:
			t.Src = netip.AddrPortFrom(in.addr(4), t.Src.Port())
		case attrIPv4Dst:
			t.Dst = netip.AddrPortFrom(in.addr(4), t.Dst.Port())
		case attrIPv6Src:
			t.Src = netip.AddrPortFrom(in.addr(16), t.Src.Port())
		case attrIPv6Dst:
			t.Dst = netip.AddrPortFrom(in.addr(16), t.Dst.Port())
		}
	}
	a.leave(&in)
}

func (t *Tuple) readProto(a *attributes) {
	in := a.inside()
	for in.next() {
		switch in.kind {
		case attrProtoNum:
			t.Proto = Proto(in.uint8())
		case attrSrcPort:
			t.Src = netip.AddrPortFrom(t.Src.Addr(), in.uint16())
		case attrDstPort:
			t.Dst = netip.AddrPortFrom(t.Dst.Addr(), in.uint16())
		case attrICMPID, attrICMPv6ID:
			t.ICMP.ID = in.uint16()
		case attrICMPType, attrICMPv6Type:
			t.ICMP.Type = in.uint8()
		case attrICMPCode, attrICMPv6Code:
			t.ICMP.Code = in.uint8()
		}
	}
	a.leave(&in)
}

// parseCount reads what follows the header of the answer to a question for statistics.
func parseCount(data []byte) (Count, error) {
	if len(data) < genmsgLen {
		return Count{}, fmt.Errorf("%w: statistics of %d bytes", errMalformed, len(data))
	}
	var c Count
	a := attributes{rest: data[genmsgLen:]}
	for a.next() {
		switch a.kind {
		case attrStatsEntries:
			c.Flows = a.uint32()
		case attrStatsMax:
			c.Max = a.uint32()
		}
	}
	return c, a.err
}
