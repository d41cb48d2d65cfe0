package firewall

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/nat"
	"github.com/rempart/rempart/rules"
	"go4.org/netipx"
)

// packetGen draws packets for a policy. It aims: at a rule or a translation, at
// the corners of what that looks at, and then often changes one thing about the
// packet, so that it lies just outside.
type packetGen struct {
	*rand.Rand
	w        *rules.World
	now      time.Time
	aims     []func() *aim // made when they are first used
	made     []*aim
	addrs    []netip.Addr // edges of everything in the policy
	ports    []uint16
	instants []time.Time
	areas    map[string]*netipx.IPSet // what lives behind an interface
}

// aim is what something in the policy looks at. Empty lists mean anything.
type aim struct {
	in        []string
	src, dst  edges
	protocols []config.Protocol
	sports    portEdges
	dports    portEdges
	icmp      []config.ICMPType
	flags     *config.TCPFlags
	schedule  string
}

// edges is addresses at the corners of a set, inside it and just outside.
type edges struct{ inside, outside []netip.Addr }

type portEdges struct{ inside, outside []uint16 }

// newPacketGen aims at a world's policy. Packets are sent at now, or where
// anyTime holds also at the edges of its schedules.
func newPacketGen(seed uint64, w *rules.World, now time.Time, anyTime bool) *packetGen {
	g := &packetGen{Rand: rand.New(rand.NewPCG(seed, 0x7061_636b)), w: w, now: now, areas: map[string]*netipx.IPSet{}}
	for _, i := range w.Config.Interfaces {
		g.areas[i.Name] = g.area(i.Name)
		for _, p := range w.Networks(i.Name) {
			r := netipx.RangeOfPrefix(p)
			g.addrs = append(g.addrs, r.From(), r.From().Next(), r.To(), r.To().Next())
		}
	}
	g.addrs = append(g.addrs, w.OwnAddresses("")...)
	for _, s := range []string{"198.51.100.7", "8.8.8.8", "10.1.2.9", "192.168.99.9", "2001:db8:120::9", "2001:db8:2::9", "10.20.30.1"} {
		g.addrs = append(g.addrs, netip.MustParseAddr(s))
	}
	g.ports = []uint16{1, 22, 80, 443, 1023, 1024, 8080, 65535}
	g.instants = []time.Time{now}
	if anyTime {
		for _, spans := range w.Schedules {
			for _, iv := range spans[:min(len(spans), 20)] {
				g.instants = append(g.instants, iv.Start, iv.Start.Add(-time.Second), iv.End, iv.End.Add(-time.Second))
			}
		}
		slices.SortFunc(g.instants, time.Time.Compare) // the map has no order
	}
	g.aimAtAll()
	g.made = make([]*aim, len(g.aims))
	return g
}

func (g *packetGen) aimAtAll() {
	c := g.w.Config
	for i := range c.Rules {
		g.aims = append(g.aims, func() *aim { return g.atRule(&c.Rules[i]) })
	}
	more := max(1, len(c.Rules)/20) // translations are few, and matter as much
	for range more {
		for _, f := range c.PortForwards {
			g.aims = append(g.aims, func() *aim { return g.atForward(f) })
		}
		for _, o := range c.Outbound {
			g.aims = append(g.aims, func() *aim {
				return &aim{
					src: g.edges(o.Source, nil), dst: g.edges(o.Destination, g.areas[o.On]), protocols: o.Protocols,
					sports: g.portEdges(g.w.Ports(o.SourcePorts)), dports: g.portEdges(g.w.Ports(o.Ports)),
				}
			})
		}
		for _, p := range c.OneToOne {
			g.aims = append(g.aims, g.atPair(p.On, p.External, p.Internal)...)
			if p.Reflection {
				g.aims = append(g.aims, func() *aim { return &aim{dst: g.outsideOf(p.External)} })
			}
		}
		for _, p := range c.Prefixes {
			g.aims = append(g.aims, g.atPair(p.On, p.External, p.Internal)...)
		}
		if s := c.System; len(s.Admin) > 0 {
			g.aims = append(g.aims, func() *aim {
				return &aim{src: g.edges(s.Admin, nil), dst: edges{inside: g.w.OwnAddresses("")}, protocols: []config.Protocol{config.TCP}, dports: g.portEdges(s.AdminPorts)}
			})
		}
		if p := g.w.Pair(); p != nil {
			g.aims = append(g.aims, func() *aim { return g.atPairOf(p) })
		}
		g.aims = append(g.aims, func() *aim { return &aim{} })
	}
}

// atPairOf is what the nodes of a pair say to each other, and what looks like it.
func (g *packetGen) atPairOf(p *rules.Pair) *aim {
	a := &aim{
		in: p.Segments, dst: edges{inside: g.w.OwnAddresses("")}, protocols: []config.Protocol{rules.CARP, config.UDP, config.TCP, rules.IGMP},
		dports: g.portEdges([]config.PortRange{{From: rules.BeatPort, To: rules.BeatPort}, {From: rules.FlowPort, To: rules.FlowPort}}),
	}
	a.sports = a.dports
	for _, group := range []string{"224.0.0.18", "224.0.0.1", "ff02::12"} {
		a.dst.inside = append(a.dst.inside, netip.MustParseAddr(group))
	}
	a.src.inside = slices.Clone(p.Peers)
	for _, name := range p.Segments {
		for _, r := range p.Near(name).Ranges() {
			a.src.inside = append(a.src.inside, r.From(), r.To())
			a.src.outside = append(a.src.outside, r.To().Next())
		}
	}
	return a
}

func (g *packetGen) atRule(r *config.Rule) *aim {
	from, to := g.behind(g.w.Config.InterfacesOf(r.From)), g.behind(g.w.Config.InterfacesOf(r.To))
	if r.To.Kind == config.PlaceSelf {
		to = hostsOf(g.w.OwnAddresses(""))
	}
	return &aim{
		in: g.w.Config.InterfacesOf(r.From), src: g.edges(r.Source, from), dst: g.edges(r.Destination, to),
		protocols: r.Protocols, sports: g.portEdges(g.w.Ports(r.SourcePorts)), dports: g.portEdges(g.w.Ports(r.Ports)),
		icmp: r.ICMP, flags: r.TCPFlags, schedule: r.Schedule,
	}
}

func (g *packetGen) atForward(f config.PortForward) *aim {
	a := &aim{src: g.edges(f.Source, nil), protocols: f.Protocols, dports: g.portEdges(f.Ports)}
	if g.IntN(3) > 0 || !f.Reflection {
		a.in = []string{f.On}
	}
	if len(f.Destination) > 0 {
		a.dst = g.edges(f.Destination, nil)
		return a
	}
	for _, fam := range []rules.Family{rules.V4, rules.V6} {
		if o := nat.Outside(g.w, f.On, fam); o.IsValid() {
			a.dst.inside, a.dst.outside = append(a.dst.inside, o), append(a.dst.outside, o.Next())
		}
	}
	return a
}

// atPair aims at both ways of a translation of networks.
func (g *packetGen) atPair(on string, external, internal netip.Prefix) []func() *aim {
	in, far := netipx.RangeOfPrefix(internal), g.outsideOf(external)
	near := edges{inside: []netip.Addr{in.From(), in.To(), plus(in.From(), 3)}, outside: []netip.Addr{in.From().Prev(), in.To().Next()}}
	return []func() *aim{
		func() *aim { return &aim{in: []string{on}, dst: far} },
		func() *aim { return &aim{src: near, dst: g.edges(nil, g.areas[on])} },
	}
}

// outsideOf is the corners of the outside network of a pair.
func (g *packetGen) outsideOf(external netip.Prefix) edges {
	out := netipx.RangeOfPrefix(external)
	return edges{inside: []netip.Addr{out.From(), out.To(), plus(out.From(), 3)}, outside: []netip.Addr{out.From().Prev(), out.To().Next()}}
}

// area is what lives behind an interface: its networks and what is routed there,
// and with a default route all that nobody else has.
func (g *packetGen) area(iface string) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, r := range g.w.Config.Routes {
		if hop := g.w.Config.Gateway(r.Gateway); hop != nil && hop.Interface == iface {
			b.AddPrefix(r.Destination)
		}
	}
	for _, i := range g.w.Config.Interfaces {
		for _, p := range g.w.Networks(i.Name) {
			if i.Name == iface {
				b.AddPrefix(p)
			} else {
				b.RemovePrefix(p)
			}
		}
	}
	return finished(&b)
}

// behind is what lives behind some interfaces; nil for all.
func (g *packetGen) behind(ifaces []string) *netipx.IPSet {
	if len(ifaces) == 0 {
		return nil
	}
	var b netipx.IPSetBuilder
	for _, name := range ifaces {
		b.AddSet(g.areas[name])
	}
	return finished(&b)
}

func hostsOf(all []netip.Addr) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, a := range all {
		b.Add(a)
	}
	return finished(&b)
}

func finished(b *netipx.IPSetBuilder) *netipx.IPSet {
	s, err := b.IPSet()
	if err != nil {
		panic(err) // every address in it came through config.Parse
	}
	return s
}

// edges is the corners of a list of terms where it meets the area, or of all of
// it where they do not meet. A few ranges stand for many.
func (g *packetGen) edges(terms []config.AddressTerm, area *netipx.IPSet) edges {
	list := g.w.Resolve(terms)
	var b netipx.IPSetBuilder
	b.AddSet(list.Set)
	for _, name := range list.In {
		if s := g.w.Dynamic[name]; s != nil {
			b.AddSet(s)
		}
	}
	all := finished(&b)
	if area != nil {
		b.Intersect(area)
		if s := finished(&b); len(s.Ranges()) > 0 && g.IntN(8) > 0 {
			all = s
		}
	}
	var e edges
	ranges := all.Ranges()
	g.Shuffle(len(ranges), func(i, j int) { ranges[i], ranges[j] = ranges[j], ranges[i] })
	for _, r := range ranges[:min(len(ranges), 8)] {
		e.inside = append(e.inside, r.From(), r.To())
		if mid := plus(r.From(), g.Uint64N(1<<12)); r.Contains(mid) {
			e.inside = append(e.inside, mid)
		}
		e.outside = append(e.outside, r.From().Prev(), r.To().Next())
	}
	for _, a := range g.addrs {
		if all.Contains(a) {
			e.inside = append(e.inside, a)
		}
	}
	e.outside = slices.DeleteFunc(e.outside, func(a netip.Addr) bool { return !a.IsValid() })
	return e
}

// portEdges is the corners of port ranges; none means any.
func (g *packetGen) portEdges(rs []config.PortRange) portEdges {
	var e portEdges
	for range min(len(rs), 8) {
		r := pick(g.Rand, rs)
		e.inside = append(e.inside, r.From, r.To)
		e.outside = append(e.outside, r.From-1, r.To+1) // around at the ends of all ports, which is as good
	}
	return e
}
