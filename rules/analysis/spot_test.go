package analysis

import (
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/space"
	"github.com/rempart/rempart/rules/steer"
)

// spot is where a packet stands. Facts are those that w knows to be true.
func (g *ground) spot(p rules.Packet) (space.Spot, bool) {
	var s space.Spot
	in := g.places(func(name string) bool { return name == p.In })
	if in.Empty() {
		return s, false
	}
	port := uint64(p.DstPort)
	if p.Protocol == config.ICMP || p.Protocol == config.ICMPv6 {
		port = uint64(p.ICMPType)<<8 | uint64(p.ICMPCode)
	}
	set := func(d space.Dim, n uint64) { s.Points[d] = space.Num(n) }
	s.Points[space.In] = in[0].From
	set(space.Out, uint64(len(g.interfaces)))
	set(space.Family, [families]uint64{familyIPv4, familyIPv6}[familyOf(p.Src)])
	set(space.Protocol, uint64(p.Protocol))
	set(space.Port, port)
	set(space.SourcePort, uint64(p.SrcPort))
	set(space.Flags, flagsNumber(p.TCPFlags))
	set(space.Time, uint64(max(p.At.Unix(), 0)))
	s.Points[space.Source], s.Points[space.Destination] = space.Addr(p.Src), space.Addr(p.Dst)
	for n, f := range g.known {
		if n > 0 && g.holds(f, p) {
			s.True = append(s.True, space.Fact(n))
		}
	}
	return s, true
}

// holds says whether a fact is true of a packet, as far as this policy knows
// the alias by what it is learned from.
func (g *ground) holds(f fact, p rules.Packet) bool {
	if f.gateway != "" {
		group, ok := steer.Find(g.w.Config, f.gateway)
		return ok && len(group.Choose(g.w.Lines).Members) > 0
	}
	addr := p.Dst
	if f.source {
		addr = p.Src
	}
	al := g.w.Config.Alias(f.alias)
	switch {
	case al == nil || g.alias(f.alias).key != f.content:
		return false
	case al.Kind == config.AliasDynamic:
		s := g.w.Dynamic[f.alias]
		return s != nil && s.Contains(addr)
	}
	return g.w.AliasContent(f.alias).Contains(addr)
}

// flagsNumber is the point of a packet's TCP flags.
func flagsNumber(flags uint8) uint64 {
	for n := range uint64(freeFlags) {
		if flagsAt(n) == flags {
			return n
		}
	}
	return 0
}
