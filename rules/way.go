package rules

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules/steer"
)

// Way is how the gateway sends to an address, by the policy's own subnets and routes.
type Way struct {
	Interface string       // empty: none that the policy knows, or the route refuses
	Network   netip.Prefix // the subnet that the address is in, or the destination of the route
	Route     *config.Route
	Gateway   *config.Gateway   // nil with Route: the address is a neighbour's, or the route refuses
	Shared    []*config.Gateway // further gateways that the route deals flows out to
	Refused   bool              // nothing gets there: the route says so, or its group is down
}

// metric orders the ways to one network; subnets come before routes.
func (w Way) metric() int {
	if w.Route == nil {
		return -1
	}
	return w.Route.Metric
}

// Ways is every way of the policy to send to an address; the first whose network
// has the address is taken: the longest network, then the lowest metric, then as
// they are written.
func (w *World) Ways() []Way {
	var out []Way
	for _, i := range w.Config.Interfaces {
		for _, p := range w.Networks(i.Name) {
			out = append(out, Way{Interface: i.Name, Network: p})
		}
	}
	for i := range w.Config.Routes {
		r := &w.Config.Routes[i]
		way, ok := w.wayOf(r)
		for _, p := range w.Destinations(*r) {
			if way.Network = p; ok && w.Leads(r, p) {
				out = append(out, way)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Way) int {
		return cmp.Or(cmp.Compare(b.Network.Bits(), a.Network.Bits()), cmp.Compare(a.metric(), b.metric()))
	})
	return out
}

// Leads says whether a route can lead to a network: both are of one family.
func (w *World) Leads(r *config.Route, p netip.Prefix) bool {
	g, ok := steer.Find(w.Config, r.Gateway)
	return !ok || g.Is6 == p.Addr().Is6()
}

// wayOf is where a route leads now; false when it is withdrawn.
func (w *World) wayOf(r *config.Route) (Way, bool) {
	if r.Kind != config.RouteUnicast {
		return Way{Route: r, Refused: true}, true
	}
	gateways, refused := w.RouteBy(r)
	if refused {
		return Way{Route: r, Refused: true}, true
	}
	if len(gateways) == 0 {
		return Way{}, false
	}
	return Way{Interface: gateways[0].Interface, Route: r, Gateway: gateways[0], Shared: gateways[1:]}, true
}

// RouteBy is the gateways by which a unicast route leads now. None: it is
// withdrawn or, when refused, takes packets and refuses them. A route that names
// a gateway itself leads there however that is; one that has no next hop is passed over.
func (w *World) RouteBy(r *config.Route) (by []*config.Gateway, refused bool) {
	if g := w.Config.Gateway(r.Gateway); g != nil {
		if w.lost(g) {
			return nil, false
		}
		return []*config.Gateway{g}, false
	}
	group, ok := steer.Find(w.Config, r.Gateway)
	if !ok {
		return nil, false
	}
	for _, m := range group.Choose(w.Lines).Members {
		if g := w.Config.Gateway(m.Gateway); !w.lost(g) {
			by = append(by, g)
		}
	}
	return by, len(by) == 0 && group.OnDown == config.OnDownBlock
}

// NextHop is the address of a gateway as it is now: the one written, or the one
// learned. Unspecified: the link itself; invalid: none is known.
func (w *World) NextHop(g *config.Gateway) netip.Addr {
	if g.Learned == config.LearnedNot {
		return g.Address
	}
	return w.Hops[g.Name]
}

// lost says that a gateway has no next hop, because none was learned.
func (w *World) lost(g *config.Gateway) bool {
	return g.Learned != config.LearnedNot && !w.Hops[g.Name].IsValid()
}

// FirstWay is the first of some ways that leads to an address.
func FirstWay(ways []Way, dst netip.Addr) Way {
	for i := range ways {
		if ways[i].Network.Contains(dst) {
			return ways[i]
		}
	}
	return Way{}
}

// RouteTo is the interface by which the gateway sends to an address: the
// longest prefix of its subnets and static routes. Empty: no route.
func (w *World) RouteTo(dst netip.Addr) string { return FirstWay(w.Ways(), dst).Interface }
