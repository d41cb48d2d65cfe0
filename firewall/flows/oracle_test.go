package flows

import (
	"io"
	"log"
	"net"
	"net/netip"
	"time"

	"github.com/florianl/go-conntrack"
)

// oracle reads what follows the header of a message about one flow as go-conntrack does.
func oracle(data []byte) (Flow, error) {
	c, err := conntrack.ParseAttributes(log.New(io.Discard, "", 0), data)
	if err != nil {
		return Flow{}, err
	}
	return flowOf(c), nil
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
