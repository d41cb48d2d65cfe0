package rules

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
)

// Way is how the gateway sends to an address, by the policy's own subnets and routes.
type Way struct {
	Interface string       // empty: none that the policy knows
	Network   netip.Prefix // the subnet that the address is in, or the destination of the route
	Route     *config.Route
	Gateway   *config.Gateway // nil with Route: the address is a neighbour's
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
		if g := w.Config.Gateway(r.Gateway); g != nil {
			out = append(out, Way{Interface: g.Interface, Network: r.Destination, Route: r, Gateway: g})
		}
	}
	slices.SortStableFunc(out, func(a, b Way) int {
		return cmp.Or(cmp.Compare(b.Network.Bits(), a.Network.Bits()), cmp.Compare(a.metric(), b.metric()))
	})
	return out
}

// find is the first of some ways that leads to an address.
func find(ways []Way, dst netip.Addr) Way {
	for i := range ways {
		if ways[i].Network.Contains(dst) {
			return ways[i]
		}
	}
	return Way{}
}

// RouteTo is the interface by which the gateway sends to an address: the
// longest prefix of its subnets and static routes. Empty: no route.
func (w *World) RouteTo(dst netip.Addr) string { return find(w.Ways(), dst).Interface }
