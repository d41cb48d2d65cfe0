package analysis

import (
	"math"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules/space"
	"github.com/rempart/rempart/rules/steer"
)

// What packets a rule is about: its lists multiplied out, as cubes that may overlap.

// chosen is some addresses, under conditions that are only known at run time.
type chosen struct {
	lines
	facts space.Facts
}

// list is what a list of addresses stands for: any of the results.
func (g *ground) list(terms []config.AddressTerm, source bool) []chosen {
	var sure, not []lines
	var perhaps, perhapsNot []chosen
	positive := false
	for _, t := range terms {
		c := g.term(t)
		learned := chosen{lines: c.maybe.without(c.sure)}
		if c.key != "" {
			learned.facts = space.Facts{g.fact(fact{alias: t.Name, content: c.key, source: source})}
		}
		switch {
		case t.Exclude:
			not = append(not, c.sure)
			perhapsNot = append(perhapsNot, learned)
		default:
			positive = true
			sure = append(sure, c.sure)
			perhaps = append(perhaps, learned)
		}
	}
	if !positive {
		sure = []lines{everyAddress()}
	}
	out := append([]chosen{{lines: join(sure)}}, perhaps...)
	if len(not) > 0 {
		excluded := join(not)
		for i := range out {
			out[i].lines = out[i].without(excluded)
		}
	}
	for _, n := range perhapsNot {
		if !n.empty() {
			out = exclude(out, n)
		}
	}
	return slices.DeleteFunc(out, func(c chosen) bool { return c.empty() })
}

// exclude takes away the addresses of n of which its fact holds.
func exclude(from []chosen, n chosen) []chosen {
	so := n.facts[0]
	var out []chosen
	for _, c := range from {
		out = append(out, chosen{c.without(n.lines), c.facts})
		if !slices.Contains(c.facts, so) {
			out = append(out, chosen{c.intersect(n.lines), and(c.facts, -so)})
		}
	}
	return out
}

// and adds a fact in its place.
func and(fs space.Facts, f space.Fact) space.Facts {
	return fs.And(space.Facts{f})
}

// speech is some protocols and what has to be true of their headers.
type speech struct{ protocols, port, sourcePort, flags space.Set }

var (
	foreign    = [families]space.Set{v4: protocols([]config.Protocol{config.ICMPv6}), v6: protocols([]config.Protocol{config.ICMP})}
	everyPort  = space.Span(0, lastPort)
	everyFlags = space.Span(0, freeFlags-1)
	ported     = protocols([]config.Protocol{config.TCP, config.UDP, config.DCCP, config.SCTP, config.UDPLite})
)

func protocols(list []config.Protocol) space.Set {
	var points []uint64
	for _, p := range list {
		points = append(points, uint64(p))
	}
	return space.Points(points...)
}

// speeches is what a rule says of protocols, ports, types and flags. Lines that
// a protocol does not have stay whole: that is how its packets are counted everywhere.
func (g *ground) speeches(r *config.Rule) []speech {
	named := space.Span(0, math.MaxUint8)
	if len(r.Protocols) > 0 {
		named = protocols(r.Protocols)
	}
	var out []speech
	add := func(of, port, sourcePort, flags space.Set) {
		if part := named.Intersect(of); !part.Empty() && !port.Empty() && !sourcePort.Empty() && !flags.Empty() {
			out = append(out, speech{part, port, sourcePort, flags})
		}
		named = named.Without(of)
	}
	port, sourcePort := ports(g.w.Ports(r.Ports)), ports(g.w.Ports(r.SourcePorts))
	if r.TCPFlags != nil {
		add(protocols([]config.Protocol{config.TCP}), port, sourcePort, flags(*r.TCPFlags))
	}
	if len(r.Ports) > 0 || len(r.SourcePorts) > 0 {
		add(ported, port, sourcePort, everyFlags)
	}
	if len(r.ICMP) > 0 {
		for _, p := range []config.Protocol{config.ICMP, config.ICMPv6} {
			add(protocols([]config.Protocol{p}), icmp(p, r.ICMP), everyPort, everyFlags)
		}
	}
	add(named, everyPort, everyPort, everyFlags)
	return out
}

// ports is a merged list; nil is any port.
func ports(rs []config.PortRange) space.Set {
	if rs == nil {
		return everyPort
	}
	out := make([]space.Range, 0, len(rs))
	for _, r := range rs {
		out = append(out, space.Range{From: space.Num(uint64(r.From)), To: space.Num(uint64(r.To))})
	}
	return space.Union(out)
}

// icmp is the types of one protocol among some.
func icmp(p config.Protocol, types []config.ICMPType) space.Set {
	var out []space.Range
	for _, t := range types {
		if t.Protocol != p {
			continue
		}
		from, to := uint64(t.Type)<<8, uint64(t.Type)<<8|math.MaxUint8
		if t.Code >= 0 {
			from |= uint64(t.Code)
			to = from
		}
		out = append(out, space.Range{From: space.Num(from), To: space.Num(to)})
	}
	return space.Union(out)
}

// looseFlags are those that a packet which begins a TCP flow may have beside SYN;
// each has a bit of a number below freeFlags.
var looseFlags = [...]uint8{config.FlagPSH, config.FlagURG, config.FlagECE, config.FlagCWR}

// flagsAt is the TCP flags that a number stands for.
func flagsAt(n uint64) uint8 {
	out := config.FlagSYN
	for bit, f := range looseFlags {
		if n>>bit&1 == 1 {
			out |= f
		}
	}
	return out
}

func flags(f config.TCPFlags) space.Set {
	var points []uint64
	for n := range uint64(freeFlags) {
		if flagsAt(n)&f.Mask == f.Value {
			points = append(points, n)
		}
	}
	return space.Points(points...)
}

// region is the packets that a rule is about.
func (g *ground) region(r *config.Rule) []space.Cube {
	base := [families]space.Cube{g.all(v4), g.all(v6)}
	for f := range base {
		if r.From.Kind != config.PlaceAny {
			names := g.w.Config.InterfacesOf(r.From)
			base[f].Sets[space.In] = g.places(func(name string) bool { return slices.Contains(names, name) })
		}
		if r.Schedule != "" {
			base[f].Sets[space.Time] = g.time(r.Schedule)
		}
	}
	group, steers := steer.Find(g.w.Config, r.Gateway)
	var up space.Facts // with on_down = next the rule is there only while its gateway is
	if steers && group.OnDown == config.OnDownNext {
		up = space.Facts{g.fact(fact{gateway: group.Name})}
	}
	var out []space.Cube
	sources, destinations, speeches := g.list(r.Source, true), g.list(r.Destination, false), g.speeches(r)
	for _, src := range sources {
		for _, dst := range destinations {
			for f := range families {
				if steers && group.Is6 != (f == v6) {
					continue
				}
				for _, s := range speeches {
					c := base[f]
					if len(r.Protocols) > 0 { // ICMP means IPv4 alone, ICMPv6 means IPv6 alone
						s.protocols = s.protocols.Without(foreign[f])
					}
					c.Sets[space.Source], c.Sets[space.Destination] = src.lines[f], dst.lines[f]
					c.Sets[space.Protocol], c.Sets[space.Port], c.Sets[space.SourcePort], c.Sets[space.Flags] = s.protocols, s.port, s.sourcePort, s.flags
					c.Facts = src.facts.And(dst.facts).And(up)
					out = append(out, g.leaving(c, r.To, f)...)
					if up != nil { // what the gateway is not used for needs none that is up
						c.Facts = src.facts.And(dst.facts)
						c.Sets[space.Destination] = c.Sets[space.Destination].Intersect(g.near(group)[f])
						out = append(out, g.leaving(c, r.To, f)...)
					}
				}
			}
		}
	}
	return slices.DeleteFunc(out, func(c space.Cube) bool { return c.Empty() })
}

// near is the addresses that a gateway or group is not used for: those of the
// gateway itself and, when it leads outside, what lies inside.
func (g *ground) near(group steer.Group) lines {
	parts := []lines{g.local}
	if g.w.Outward(group) {
		for _, i := range g.w.Config.Interfaces {
			if !i.External {
				parts = append(parts, g.behind[i.Name])
			}
		}
	}
	return join(parts)
}

// leaving is the part of a cube that leaves for a place.
func (g *ground) leaving(c space.Cube, to config.Place, f family) []space.Cube {
	if to.Kind == config.PlaceAny {
		return []space.Cube{c}
	}
	e := g.to(to)
	inside, open := c, c
	inside.Sets[space.Destination] = c.Sets[space.Destination].Intersect(e.inside[f])
	open.Sets[space.Destination] = c.Sets[space.Destination].Intersect(e.open[f])
	open.Sets[space.Out] = e.ports
	return []space.Cube{inside, open}
}
