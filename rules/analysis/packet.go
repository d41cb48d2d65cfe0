package analysis

import (
	"net/netip"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules/space"
)

// sample is a packet of a cube that a reader takes for a usual one, where there
// is a choice, and a time for it when the cube is not always. What facts the
// cube asks for is not in it.
func (g *ground) sample(c *space.Cube) (config.Packet, time.Time) {
	f, wishes := v4, []uint64{uint64(config.TCP), uint64(config.UDP), uint64(config.ICMP)}
	if c.Sets[space.Family].Contains(space.Num(familyIPv6)) {
		f, wishes[2] = v6, uint64(config.ICMPv6)
	}
	p := config.Packet{
		In: g.interfaces[c.Sets[space.In][0].From.Lo], Protocol: config.Protocol(pick(c.Sets[space.Protocol], wishes...)),
		Dst: host(c.Sets[space.Destination], f, 7, remoteHosts[f]),
	}
	var near []netip.Addr
	for _, n := range g.w.Networks(p.In) {
		near = append(near, nth(space.Addr(n.Addr()), familyOf(n.Addr()), 9))
	}
	p.Src = host(c.Sets[space.Source], f, 9, append(near, remoteHosts[f])...)
	port := c.Sets[space.Port]
	switch {
	case p.Protocol == config.ICMP || p.Protocol == config.ICMPv6:
		point := pick(port, 8<<8, 128<<8)
		p.ICMPType, p.ICMPCode = uint8(point>>8), uint8(point)
	case p.Protocol.HasPorts():
		p.SrcPort, p.DstPort = uint16(pick(c.Sets[space.SourcePort], 40000)), uint16(pick(port, 443, 80, 53, 22))
	}
	if n := pick(c.Sets[space.Flags], 0); p.Protocol == config.TCP && n > 0 {
		p.TCPFlags = flagsAt(n)
	}
	at := time.Time{}
	if t := c.Sets[space.Time]; !t.Covers(space.Span(0, lastSecond)) {
		if t[0].From.Lo == 0 && len(t) > 1 { // before all schedules that are known
			t = t[1:]
		}
		at = time.Unix(int64(t[0].From.Lo), 0)
	}
	return p, at
}

// pick is the first of some wishes that is in a set, or else the set's first point.
func pick(s space.Set, wishes ...uint64) uint64 {
	for _, n := range wishes {
		if s.Contains(space.Num(n)) {
			return n
		}
	}
	return s[0].From.Lo
}

// remoteHosts are strangers for examples (RFC 5737, RFC 3849).
var remoteHosts = [families]netip.Addr{
	netip.AddrFrom4([4]byte{198, 51, 100, 7}),
	netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff, 15: 7}),
}

// host is an address of a set: the first of some wishes that is in it, or the
// n-th of its first range rather than the first, which is often a network's own.
func host(s space.Set, f family, n uint64, wishes ...netip.Addr) netip.Addr {
	for _, a := range wishes {
		if familyOf(a) == f && s.Contains(space.Addr(a)) {
			return a
		}
	}
	a := nth(s[0].From, f, n)
	if !s.Contains(space.Addr(a)) {
		a = nth(s[0].From, f, 0)
	}
	return a
}

func nth(p space.Point, f family, n uint64) netip.Addr {
	p.Lo |= n
	if f == v6 {
		return p.Addr6()
	}
	return p.Addr4()
}

func familyOf(a netip.Addr) family {
	if a.Is6() {
		return v6
	}
	return v4
}
