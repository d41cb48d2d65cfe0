package firewall

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
)

// packet draws one packet: aimed, and half of the time off by one thing.
func (g *packetGen) packet() rules.Packet {
	i := g.IntN(len(g.aims))
	if g.made[i] == nil {
		g.made[i] = g.aims[i]()
	}
	a := g.made[i]
	p := rules.Packet{At: pick(g.Rand, g.instants)}
	p.In = g.in(a.in)
	v4 := g.family(a)
	p.Dst = g.addr(a.dst.inside, v4)
	p.Src = g.source(a, p.In, v4)
	p.Protocol = g.protocol(a, p.Src.Is4())
	p.SrcPort, p.DstPort = g.port(a.sports.inside), g.port(a.dports.inside)
	g.speak(a, &p)
	if g.IntN(2) == 0 {
		g.change(a, &p)
	}
	g.settle(&p)
	return p
}

func (g *packetGen) in(of []string) string {
	if len(of) == 0 {
		return pick(g.Rand, g.w.Config.Interfaces).Name
	}
	return pick(g.Rand, of)
}

// family says whether the packet is to be of IPv4: of a family that the aim can have, if there is one.
func (g *packetGen) family(a *aim) bool {
	can := func(v4 bool) bool {
		other := config.ICMP
		if v4 {
			other = config.ICMPv6
		}
		return has(a.src.inside, v4) && has(a.dst.inside, v4) && (len(a.protocols) != 1 || a.protocols[0] != other)
	}
	if can(true) != can(false) {
		return can(true)
	}
	return g.IntN(2) == 0
}

// has says whether there is an address of the family; an empty list is any.
func has(of []netip.Addr, v4 bool) bool {
	return len(of) == 0 || slices.ContainsFunc(of, func(a netip.Addr) bool { return a.Is4() == v4 })
}

// addr is one of many that is of the family, or sometimes any edge of the policy.
func (g *packetGen) addr(of []netip.Addr, v4 bool) netip.Addr {
	if len(of) == 0 || g.IntN(20) == 0 {
		of = g.addrs
	}
	for range 24 {
		if a := pick(g.Rand, of); a.Is4() == v4 {
			return a
		}
	}
	if v4 {
		return netip.MustParseAddr("198.51.100.7")
	}
	return netip.MustParseAddr("2001:db8:120::9")
}

// source is mostly one that lives where the packet comes in.
func (g *packetGen) source(a *aim, in string, v4 bool) netip.Addr {
	var src netip.Addr
	for range 8 {
		if src = g.addr(a.src.inside, v4); g.areas[in].Contains(src) {
			break
		}
	}
	return src
}

func (g *packetGen) port(of []uint16) uint16 {
	switch {
	case len(of) > 0:
		return pick(g.Rand, of)
	case g.IntN(2) == 0:
		return pick(g.Rand, g.ports)
	}
	return uint16(1 + g.IntN(65535))
}

func (g *packetGen) protocol(a *aim, v4 bool) config.Protocol {
	all := a.protocols
	if len(all) == 0 {
		all = []config.Protocol{config.TCP, config.UDP, config.TCP, config.UDP, config.ICMP, config.SCTP, 47, 50, config.UDPLite}
	}
	p := pick(g.Rand, all)
	// One kind of ICMP in the other's family is a packet that hardly exists.
	if p == config.ICMP && !v4 && g.IntN(30) > 0 {
		return config.ICMPv6
	}
	if p == config.ICMPv6 && v4 && g.IntN(30) > 0 {
		return config.ICMP
	}
	return p
}

// speak fills in what belongs to the protocol.
func (g *packetGen) speak(a *aim, p *rules.Packet) {
	switch p.Protocol {
	case config.ICMP:
		p.ICMPType = pick(g.Rand, []uint8{8, 8, 8, 13, 17, 0, 3})
	case config.ICMPv6:
		p.ICMPType = pick(g.Rand, []uint8{128, 128, 128, 139, 129, 1, 143})
		if g.IntN(40) == 0 {
			p.ICMPType = uint8(133 + g.IntN(5))
		}
	case config.TCP:
		p.TCPFlags = g.flags(a)
	}
	for _, t := range a.icmp {
		if t.Protocol == p.Protocol && g.IntN(2) == 0 {
			p.ICMPType, p.ICMPCode = t.Type, uint8(max(0, t.Code))
		}
	}
}

// The TCP flags that packets are drawn with.
const (
	tcpFIN = 1 << iota
	tcpSYN
	tcpRST
	tcpPSH
	tcpACK
	tcpURG
	tcpECE
	tcpCWR
)

// flags is a SYN as a rule, with what the rule asks for where it asks.
func (g *packetGen) flags(a *aim) uint8 {
	if a.flags != nil && g.IntN(2) == 0 {
		return a.flags.Value | uint8(g.IntN(256))&^a.flags.Mask
	}
	if g.IntN(12) == 0 {
		return pick(g.Rand, []uint8{tcpACK, tcpSYN | tcpACK, tcpFIN | tcpACK, tcpRST, tcpSYN | tcpFIN, tcpACK | tcpPSH, tcpACK | tcpURG})
	}
	return tcpSYN | pick(g.Rand, []uint8{0, 0, 0, 0, tcpECE, tcpECE | tcpCWR, tcpURG, tcpPSH})
}

// change takes one thing out of what the packet was aimed at.
func (g *packetGen) change(a *aim, p *rules.Packet) {
	other := func(of []netip.Addr, was netip.Addr) netip.Addr {
		if len(of) > 0 && g.IntN(3) > 0 {
			if n := pick(g.Rand, of); n.Is4() == was.Is4() {
				return n
			}
		}
		if n := pick(g.Rand, g.addrs); n.Is4() == was.Is4() {
			return n
		}
		return was
	}
	switch g.IntN(8) {
	case 0:
		p.In = g.in(nil)
	case 1:
		p.Src = other(a.src.outside, p.Src)
	case 2:
		p.Dst = other(a.dst.outside, p.Dst)
	case 3, 4:
		p.DstPort = g.port(a.dports.outside)
	case 5:
		p.SrcPort = g.port(a.sports.outside)
	case 6:
		p.Protocol = g.protocol(&aim{}, p.Src.Is4())
		g.speak(&aim{}, p)
	case 7:
		p.ICMPType, p.ICMPCode = p.ICMPType+uint8(g.IntN(2)), p.ICMPCode+uint8(g.IntN(2))
		p.TCPFlags ^= 1 << g.IntN(8)
	}
}

// settle leaves out what a packet of the protocol does not have.
func (g *packetGen) settle(p *rules.Packet) {
	if !p.Protocol.HasPorts() {
		p.SrcPort, p.DstPort = 0, 0
	}
	if p.Protocol != config.ICMP && p.Protocol != config.ICMPv6 {
		p.ICMPType, p.ICMPCode = 0, 0
	}
	if p.Protocol != config.TCP {
		p.TCPFlags = 0
	} else if p.TCPFlags == 0 {
		p.TCPFlags = tcpSYN
	}
	if !slices.Contains(g.instants, p.At) {
		p.At = g.now
	}
}
