package analysis

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/space"
	"go4.org/netipx"
)

// ground is what the rules of one policy stand on: where its addresses are,
// what its aliases hold, when its schedules are on.
type ground struct {
	*scales
	w       *rules.World
	local   lines            // that the gateway takes
	behind  map[string]lines // by interface: that are sent out there
	nowhere lines            // that the policy has no way to
	barred  lines            // that a route of the policy refuses
	aliases map[string]*content
	times   map[string]space.Set
	exits   map[config.Place]exit
}

func newGround(s *scales, w *rules.World) *ground {
	g := &ground{
		scales: s, w: w, local: linesOf(w.Local()), behind: map[string]lines{},
		aliases: map[string]*content{}, times: map[string]space.Set{}, exits: map[config.Place]exit{},
	}
	g.route()
	return g
}

// route gives each address to the interface by which it leaves: longer networks
// first, each getting what is left. Networks of one length do not overlap, and of
// ways to the same one the first is taken.
func (g *ground) route() {
	left := everyAddress().without(g.local)
	parts := map[string][]lines{}
	for ways := g.w.Ways(); len(ways) > 0; {
		bits := ways[0].Network.Bits()
		by := map[string]*netipx.IPSetBuilder{}
		seen := map[netip.Prefix]bool{}
		var all netipx.IPSetBuilder
		for ; len(ways) > 0 && ways[0].Network.Bits() == bits; ways = ways[1:] {
			network := ways[0].Network.Masked()
			if seen[network] {
				continue
			}
			seen[network] = true
			if by[ways[0].Interface] == nil {
				by[ways[0].Interface] = new(netipx.IPSetBuilder)
			}
			by[ways[0].Interface].AddPrefix(network)
			all.AddPrefix(network)
		}
		for name, b := range by {
			parts[name] = append(parts[name], built(b).intersect(left))
		}
		left = left.without(built(&all))
	}
	for name, p := range parts {
		g.behind[name] = join(p)
	}
	g.barred = g.behind[""] // a route that refuses has no interface
	delete(g.behind, "")
	g.nowhere = left
}

// built is what a builder of valid networks has.
func built(b *netipx.IPSetBuilder) lines {
	s, _ := b.IPSet() // its error is an invalid network, and config lets none through
	return linesOf(s)
}

// exit is where packets for a place have to go: an address of inside, or one of
// open when the machine sends that out by one of ports.
type exit struct {
	inside, open lines
	ports        space.Set
}

// to is how a packet leaves for a place that is not anywhere.
func (g *ground) to(p config.Place) exit {
	if e, ok := g.exits[p]; ok {
		return e
	}
	e := exit{inside: g.local}
	if p.Kind != config.PlaceSelf {
		names := g.w.Config.InterfacesOf(p)
		var parts []lines
		for _, name := range names {
			parts = append(parts, g.behind[name])
		}
		e = exit{inside: join(parts), open: g.nowhere, ports: g.places(func(name string) bool { return slices.Contains(names, name) })}
	}
	g.exits[p] = e
	return e
}

// time is when a schedule is on.
func (g *ground) time(schedule string) space.Set {
	if s, ok := g.times[schedule]; ok {
		return s
	}
	var out []space.Range
	for _, iv := range g.w.Schedules[schedule] {
		from, to := max(iv.Start.Unix(), 0), max(iv.End.Unix(), 0)
		if from < to {
			out = append(out, space.Range{From: space.Num(uint64(from)), To: space.Num(uint64(to - 1))})
		}
	}
	s := space.Union(out)
	g.times[schedule] = s
	return s
}

// content is what an alias holds: sure whatever it learns, and at most all of maybe.
type content struct {
	sure, maybe lines
	key         string // what it is learned from; empty: nothing is, and maybe is sure
}

func (g *ground) alias(name string) *content {
	if c := g.aliases[name]; c != nil {
		return c
	}
	c := &content{}
	g.aliases[name] = c // config lets no alias hold itself
	switch al := g.w.Config.Alias(name); {
	case al == nil:
	case al.Kind == config.AliasList:
		*c = content{maybe: everyAddress(), key: "url " + al.URL}
	case al.Kind == config.AliasDynamic:
		*c = content{maybe: everyAddress(), key: "dynamic"}
	default:
		*c = g.written(al.Addresses)
	}
	return c
}

// written is the content of an alias that the policy writes out.
func (g *ground) written(terms []config.AddressTerm) content {
	var sure, maybe, sureNot, maybeNot []lines
	key := ""
	positive := false
	for _, t := range terms {
		c := g.term(t)
		if c.key != "" {
			key += fmt.Sprintf("%s(%s) ", t, c.key)
		}
		if t.Exclude {
			sureNot, maybeNot = append(sureNot, c.sure), append(maybeNot, c.maybe)
			continue
		}
		positive = true
		sure, maybe = append(sure, c.sure), append(maybe, c.maybe)
	}
	if !positive {
		sure, maybe = []lines{everyAddress()}, []lines{everyAddress()}
	}
	return content{sure: join(sure).without(join(maybeNot)), maybe: join(maybe).without(join(sureNot)), key: key}
}

// term is what one term of a list stands for, its exclusion mark aside.
func (g *ground) term(t config.AddressTerm) content {
	switch t.Kind {
	case config.TermAlias:
		return *g.alias(t.Name)
	case config.TermDomain:
		return content{maybe: everyAddress(), key: "name"}
	}
	t.Exclude = false
	l := linesOf(g.w.Resolve([]config.AddressTerm{t}).Set)
	return content{sure: l, maybe: l}
}
