package flows

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"log"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/florianl/go-conntrack"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// What nfnetlink_conntrack.h calls IPCTNL_MSG_CT_ and CTA_, as far as go-conntrack does not send it for us.
const (
	msgGet      = unix.NFNL_SUBSYS_CTNETLINK<<8 | 1
	msgGetStats = unix.NFNL_SUBSYS_CTNETLINK<<8 | 5

	attrMark     = 8
	attrMarkMask = 21

	attrStatsEntries = 1
	attrStatsMax     = 2

	genmsgLen = 4 // struct nfgenmsg before the attributes
)

// dumpAttempts bounds how often a dump that the kernel calls inconsistent is taken again.
const dumpAttempts = 3

// Kernel is the Table of a network namespace.
type Kernel struct {
	mu   sync.Mutex // one request at a time: answers are read from one socket
	nfct *conntrack.Nfct
}

// Open returns the table of the network namespace that the calling thread is in. It needs CAP_NET_ADMIN. The methods may be
// called from any thread; a goroutine locked to its thread pays three times as much for each flow it ends.
func Open() (*Kernel, error) {
	// A logger that discards spares the library the formatting of attributes that it does not know.
	nfct, err := conntrack.Open(&conntrack.Config{Logger: log.New(io.Discard, "", 0)})
	if err != nil {
		return nil, fmt.Errorf("open conntrack: %w", err)
	}
	return &Kernel{nfct: nfct}, nil
}

// Close gives the socket back.
func (k *Kernel) Close() error { return k.nfct.Close() }

// List dumps both families and keeps what the filter picks, so memory is that of the picked flows. A rule or gateway that the
// filter asks for is compared by the kernel already.
func (k *Kernel) List(ctx context.Context, filter Filter) ([]Flow, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for range dumpAttempts {
		if _, err := k.nfct.Con.Send(dumpRequest(filter)); err != nil {
			return nil, fmt.Errorf("list flows: %w", err)
		}
		flows, err := collect(ctx, k.nfct.Con.ReceiveIter(), filter)
		if err == nil {
			return flows, nil
		}
		if !errors.Is(err, errInterrupted) {
			return nil, fmt.Errorf("list flows: %w", err)
		}
	}
	return nil, fmt.Errorf("list flows: %w %d times", errInterrupted, dumpAttempts)
}

var errInterrupted = errors.New("the table changed under the dump")

// dumpRequest is our own because go-conntrack's Dump holds the whole table in memory. Family 0 asks for IPv4 and IPv6 at once.
func dumpRequest(filter Filter) netlink.Message {
	data := make([]byte, genmsgLen)
	if value, mask := filter.mark(); mask != 0 {
		data = appendUint32(data, attrMark, value)
		data = appendUint32(data, attrMarkMask, mask)
	}
	return netlink.Message{Header: netlink.Header{Type: msgGet, Flags: netlink.Request | netlink.Dump}, Data: data}
}

// appendUint32 appends a netlink attribute that holds a number in network order.
func appendUint32(b []byte, attr uint16, v uint32) []byte {
	b = binary.NativeEndian.AppendUint16(b, 8)
	b = binary.NativeEndian.AppendUint16(b, attr)
	return binary.BigEndian.AppendUint32(b, v)
}

// collect reads a dump to its end. Leaving early is safe: the iterator reads the rest of the answer away.
func collect(ctx context.Context, answers iter.Seq2[netlink.Message, error], filter Filter) ([]Flow, error) {
	var flows []Flow
	interrupted := false
	quiet := log.New(io.Discard, "", 0)
	for m, err := range answers {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		interrupted = interrupted || m.Header.Flags&netlink.DumpInterrupted != 0
		con, err := conntrack.ParseAttributes(quiet, m.Data)
		if err != nil {
			return nil, fmt.Errorf("decode a flow: %w", err)
		}
		if f := flowOf(con); filter.Match(f) && !repeated(flows, f) {
			flows = append(flows, f)
		}
	}
	if interrupted {
		return nil, errInterrupted
	}
	return flows, nil
}

// repeated reports whether the dump has shown the flow just before. The kernel dumps bucket by bucket, and begins a bucket again
// if the flow it stopped at is gone when it goes on. A bucket holds at most some eighty flows.
func repeated(flows []Flow, f Flow) bool {
	const bucket = 80
	last := flows[max(0, len(flows)-bucket):]
	return slices.ContainsFunc(last, func(have Flow) bool { return have.ID == f.ID && have.Orig == f.Orig && have.Zone == f.Zone })
}

// End asks the kernel for each flow in turn.
func (k *Kernel) End(ctx context.Context, flows []Flow) (ended int, err error) {
	if err := endable(flows); err != nil {
		return 0, fmt.Errorf("end flows: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var zoned error
	for _, f := range flows {
		if err := ctx.Err(); err != nil {
			return ended, fmt.Errorf("end flows: %w", err)
		}
		if f.Zone != 0 {
			zoned = fmt.Errorf("end flow %v: %w", f, ErrZone)
			continue
		}
		err := k.end(f)
		switch {
		case err == nil:
			ended++
		case errors.Is(err, unix.ENOENT): // it ended by itself
		default:
			return ended, fmt.Errorf("end flow %v: %w", f, err)
		}
	}
	return ended, zoned
}

func (k *Kernel) end(f Flow) error {
	family := conntrack.IPv4
	if f.Orig.Src.Addr().Is6() {
		family = conntrack.IPv6
	}
	return k.nfct.Delete(conntrack.Conntrack, family, conntrack.Con{Origin: tupleTo(f.Orig), ID: &f.ID})
}

// Count asks the kernel for its own counter.
func (k *Kernel) Count(context.Context) (Count, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, err := k.nfct.Con.Send(netlink.Message{
		Header: netlink.Header{Type: msgGetStats, Flags: netlink.Request},
		Data:   make([]byte, genmsgLen),
	})
	if err != nil {
		return Count{}, fmt.Errorf("count flows: %w", err)
	}
	answer, err := k.datagram()
	if err != nil {
		return Count{}, fmt.Errorf("count flows: %w", err)
	}
	c, err := parseCount(answer)
	if err != nil {
		return Count{}, fmt.Errorf("count flows: %w", err)
	}
	return c, nil
}

// datagram reads one answer past the library, which would wait for ever here: the kernel marks the only part of this answer as
// one of several and sends no end.
func (k *Kernel) datagram() ([]byte, error) {
	raw, err := k.nfct.Con.SyscallConn()
	if err != nil {
		return nil, err
	}
	b := make([]byte, os.Getpagesize())
	n := 0
	var recv error
	err = raw.Read(func(fd uintptr) bool {
		n, _, recv = unix.Recvfrom(int(fd), b, 0)
		return recv != unix.EAGAIN
	})
	return b[:max(n, 0)], errors.Join(err, recv)
}

// parseCount reads CTA_STATS_GLOBAL_ attributes.
func parseCount(answer []byte) (Count, error) {
	var m netlink.Message
	if err := m.UnmarshalBinary(answer); err != nil {
		return Count{}, err
	}
	if m.Header.Type != msgGetStats || len(m.Data) < genmsgLen {
		return Count{}, fmt.Errorf("an answer of type %#x with %d bytes", uint16(m.Header.Type), len(m.Data))
	}
	ad, err := netlink.NewAttributeDecoder(m.Data[genmsgLen:])
	if err != nil {
		return Count{}, err
	}
	ad.ByteOrder = binary.BigEndian
	var c Count
	for ad.Next() {
		switch ad.Type() {
		case attrStatsEntries:
			c.Flows = ad.Uint32()
		case attrStatsMax:
			c.Max = ad.Uint32()
		}
	}
	return c, ad.Err()
}

// flowOf copies what the library decoded: its pointers lead into the receive buffer.
func flowOf(c conntrack.Con) Flow {
	f := Flow{
		Orig:         tupleOf(c.Origin),
		Reply:        tupleOf(c.Reply),
		Status:       Status(value(c.Status)),
		Mark:         value(c.Mark),
		Timeout:      time.Duration(value(c.Timeout)) * time.Second,
		ID:           value(c.ID),
		Zone:         value(c.Zone),
		OrigTraffic:  trafficOf(c.CounterOrigin),
		ReplyTraffic: trafficOf(c.CounterReply),
	}
	if c.ProtoInfo != nil && c.ProtoInfo.TCP != nil {
		f.TCPState = TCPState(value(c.ProtoInfo.TCP.State))
	}
	if c.Timestamp != nil {
		f.Start = value(c.Timestamp.Start)
	}
	return f
}

func tupleOf(t *conntrack.IPTuple) Tuple {
	if t == nil || t.Proto == nil {
		return Tuple{}
	}
	p := t.Proto
	out := Tuple{
		Proto: Proto(value(p.Number)),
		Src:   netip.AddrPortFrom(addrOf(t.Src), value(p.SrcPort)),
		Dst:   netip.AddrPortFrom(addrOf(t.Dst), value(p.DstPort)),
	}
	switch out.Proto {
	case ProtoICMP:
		out.ICMP = ICMP{value(p.IcmpID), value(p.IcmpType), value(p.IcmpCode)}
	case ProtoICMPv6:
		out.ICMP = ICMP{value(p.Icmpv6ID), value(p.Icmpv6Type), value(p.Icmpv6Code)}
	}
	return out
}

func tupleTo(t Tuple) *conntrack.IPTuple {
	src, dst, number := net.IP(t.Src.Addr().AsSlice()), net.IP(t.Dst.Addr().AsSlice()), uint8(t.Proto)
	p := &conntrack.ProtoTuple{Number: &number}
	switch {
	case t.Proto == ProtoICMP:
		p.IcmpID, p.IcmpType, p.IcmpCode = &t.ICMP.ID, &t.ICMP.Type, &t.ICMP.Code
	case t.Proto == ProtoICMPv6:
		p.Icmpv6ID, p.Icmpv6Type, p.Icmpv6Code = &t.ICMP.ID, &t.ICMP.Type, &t.ICMP.Code
	case t.Proto.ports():
		sport, dport := t.Src.Port(), t.Dst.Port()
		p.SrcPort, p.DstPort = &sport, &dport
	}
	return &conntrack.IPTuple{Src: &src, Dst: &dst, Proto: p}
}

func addrOf(ip *net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(value(ip))
	return a
}

func trafficOf(c *conntrack.Counter) Traffic {
	if c == nil {
		return Traffic{}
	}
	return Traffic{value(c.Packets), value(c.Bytes)}
}

// value is what the pointer leads to, zero if it leads nowhere.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
