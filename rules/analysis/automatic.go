package analysis

import (
	"math"
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/space"
	"go4.org/netipx"
)

// ofLinks is what speaks of an IPv6 link: neighbours, routers, listeners.
func (g *ground) ofLinks() space.Cube {
	const redirect = 137 // which connection tracking makes nothing of
	c := g.icmp(v6, config.ICMPv6, rules.Untracked)
	c.Sets[space.Port] = space.Union(append(c.Sets[space.Port], space.Span(redirect<<8, redirect<<8|math.MaxUint8)...))
	return c
}

// discovery is what the gateway lets in for IPv6 to live.
func (g *ground) discovery() space.Cube {
	c := g.ofLinks()
	c.Sets[space.Destination] = g.local[v6]
	return c
}

// pair is what the gateway lets in of the other node of a pair. What belongs to a
// connection of theirs has no place here: the line of flags knows only beginnings.
func (g *ground) pair() []space.Cube {
	p := g.w.Pair()
	if p == nil {
		return nil
	}
	asks := g.all(v4) // who listens
	asks.Sets[space.In] = g.places(func(name string) bool { return slices.Contains(p.Segments, name) })
	asks.Sets[space.Destination] = built(multicast())[v4]
	asks.Sets[space.Protocol] = protocols([]config.Protocol{rules.IGMP})
	out := []space.Cube{asks}
	for _, segment := range p.Segments {
		near := linesOf(p.Near(segment))
		for f := range families {
			heard := g.all(f)
			heard.Sets[space.In] = g.places(func(name string) bool { return name == segment })
			heard.Sets[space.Source], heard.Sets[space.Destination] = near[f], g.local[f]
			ads, beats := heard, heard
			ads.Sets[space.Protocol] = protocols([]config.Protocol{rules.CARP})
			beats.Sets[space.Protocol], beats.Sets[space.Port] = protocols([]config.Protocol{config.UDP}), onePort(rules.BeatPort)
			out = append(out, ads, beats)
			if segment == p.Cable {
				told, link := beats, beats
				told.Sets[space.Port] = onePort(rules.FlowPort)
				out = append(out, told)
				link.Sets[space.Protocol], link.Sets[space.Source] = protocols([]config.Protocol{config.TCP}), g.peers(p)[f]
				pairing := link
				pairing.Sets[space.Port] = onePort(rules.PairPort)
				out = append(out, link, pairing)
			}
		}
	}
	return out
}

// peers is who may be the other node on the cable.
func (g *ground) peers(p *rules.Pair) lines {
	if len(p.Peers) == 0 {
		return everyAddress()
	}
	var b netipx.IPSetBuilder
	for _, a := range p.Peers {
		b.Add(a)
	}
	return built(&b)
}

func multicast() *netipx.IPSetBuilder {
	var b netipx.IPSetBuilder
	b.AddPrefix(netip.MustParsePrefix("224.0.0.0/4"))
	return &b
}

func onePort(n uint16) space.Set { return ports([]config.PortRange{{From: n, To: n}}) }

// reserved is what comes to the port of flows of a pair, from wherever it does.
func (g *ground) reserved() []space.Cube {
	if g.w.Pair() == nil {
		return nil
	}
	out := []space.Cube{g.all(v4), g.all(v6)}
	for f := range out {
		out[f].Sets[space.Destination] = g.local[f]
		out[f].Sets[space.Protocol], out[f].Sets[space.Port] = protocols([]config.Protocol{config.UDP}), onePort(rules.FlowPort)
	}
	return out
}

// invalid is the ICMP packets that begin no flow, and those of a link that would
// leave it. TCP packets that begin none have no place here at all: the line of
// flags knows only beginnings.
func (g *ground) invalid() []space.Cube {
	beyond := g.ofLinks()
	beyond.Sets[space.Destination] = everyAddress().without(g.local)[v6]
	out := []space.Cube{beyond}
	for f := range families {
		for _, proto := range []config.Protocol{config.ICMP, config.ICMPv6} {
			out = append(out, g.icmp(f, proto, rules.Invalid))
		}
	}
	return out
}

// icmp is the packets of a kind of ICMP that connection tracking makes the same of.
func (g *ground) icmp(f family, proto config.Protocol, as rules.Tracking) space.Cube {
	p := rules.Packet{Protocol: proto, Src: [families]netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}[f]}
	var types []space.Range
	for t := range uint64(math.MaxUint8 + 1) {
		if p.ICMPType = uint8(t); p.Tracking() == as {
			types = append(types, space.Range{From: space.Num(t << 8), To: space.Num(t<<8 | math.MaxUint8)})
		}
	}
	c := g.all(f)
	c.Sets[space.Protocol] = protocols([]config.Protocol{proto})
	c.Sets[space.Port] = space.Union(types)
	return c
}

// refused is the packets of sources that an interface does not take.
func (g *ground) refused(iface string, guard rules.Guard) []space.Cube {
	sources := linesOf(guard.Sources)
	out := []space.Cube{g.all(v4), g.all(v6)}
	for f := range out {
		out[f].Sets[space.In] = g.places(func(name string) bool { return name == iface })
		out[f].Sets[space.Source] = sources[f]
	}
	return out
}

// admin is what administrators send to the gateway.
func (g *ground) admin() []space.Cube {
	s := g.w.Config.System
	if len(s.Admin) == 0 {
		return nil
	}
	var out []space.Cube
	for _, src := range g.list(s.Admin, true) {
		for f := range families {
			c := g.all(f)
			c.Sets[space.Source], c.Sets[space.Destination] = src.lines[f], g.local[f]
			c.Sets[space.Protocol] = protocols([]config.Protocol{config.TCP})
			if c.Sets[space.Port] = nil; len(s.AdminPorts) > 0 {
				c.Sets[space.Port] = ports(s.AdminPorts)
			}
			c.Facts = src.facts
			out = append(out, c)
		}
	}
	return out
}

// missing is what comes in by interfaces that only the other policy has.
func (g *ground) missing() []space.Cube {
	out := []space.Cube{g.all(v4), g.all(v6)}
	for f := range out {
		out[f].Sets[space.In] = g.places(func(name string) bool { return g.w.Config.Interface(name) == nil })
	}
	return out
}
