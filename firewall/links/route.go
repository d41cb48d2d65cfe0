package links

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Route is one route.
type Route struct {
	Dst  netip.Prefix
	Kind RouteKind
	// Hops, when there are several, share the flows by weight (multipath), and Via,
	// Device and OnLink are empty. In IPv6 each needs a Via: the kernel refuses
	// others, which are left out. A hop whose device is missing or down is left
	// out until it is there.
	Hops []Hop
	Via  netip.Addr // the gateway; invalid or unspecified: Dst is on the link
	// Device is the name of a Link or of a device. It may be empty where Via is
	// in a subnet of the machine.
	Device string
	// OnLink takes Via as reachable on Device although no subnet holds it. The
	// kernel asks when a route is added, and never again: a route that is there
	// is the same with it and without.
	OnLink bool
	// Metric orders routes to the same Dst, the lowest first. Zero is the best
	// there is: 0 in IPv4 and 1 in IPv6, where the kernel reads 0 as the 1024
	// of routes that come by router advertisement or by hand.
	Metric int
	Table  int // zero is the main table, 254
}

// RouteKind is what becomes of packets that a route takes.
type RouteKind int

// The kinds of routes. None but Unicast has a way.
const (
	Unicast     RouteKind = iota
	Blackhole             // dropped
	Unreachable           // refused: no route to host
	Prohibit              // refused: administratively prohibited
)

var routeKinds = [...]string{"unicast", "blackhole", "unreachable", "prohibit"}

// String is the kind in the words of ip-route(8).
func (k RouteKind) String() string {
	if k >= 0 && int(k) < len(routeKinds) {
		return routeKinds[k]
	}
	return fmt.Sprintf("kind-%d", int(k))
}

// Hop is one way of a multipath route.
type Hop struct {
	Via    netip.Addr
	Device string // as of a Route
	OnLink bool
	Weight int // 1 to 256; 0 is 1
}

const (
	mainTable = 254
	// bestMetric6 is the lowest metric of IPv6 that is not read as 1024.
	bestMetric6 = 1
	// maxWeight is what a hop's byte in rtnetlink holds: the weight less one.
	maxWeight = 256
)

// routeKey is what the kernel tells routes apart by.
type routeKey struct {
	dst           netip.Prefix
	metric, table int
}

func (r Route) key() routeKey { return routeKey{r.Dst, r.Metric, r.Table} }

// canonical is the route as the kernel lists it, with its hops in an order.
func (r Route) canonical() Route {
	r.Dst = r.Dst.Masked()
	if r.Metric == 0 && r.Dst.Addr().Is6() {
		r.Metric = bestMetric6
	}
	if r.Table == 0 {
		r.Table = mainTable
	}
	if r.Kind != Unicast {
		return r.along(nil)
	}
	if len(r.Hops) > 0 {
		return r.along(merged(r.Hops))
	}
	return r
}

// hops is the ways of a route, also when it is a single one.
func (r Route) hops() []Hop {
	if r.Kind != Unicast || len(r.Hops) > 0 {
		return r.Hops
	}
	return []Hop{{Via: r.Via, Device: r.Device, OnLink: r.OnLink, Weight: 1}}
}

// along is the route with those hops instead.
func (r Route) along(hops []Hop) Route {
	r.Hops, r.Via, r.Device, r.OnLink = nil, netip.Addr{}, "", false
	if len(hops) == 1 {
		r.Via, r.Device, r.OnLink = hops[0].Via, hops[0].Device, hops[0].OnLink
	} else {
		r.Hops = hops
	}
	return r
}

// merged is the hops sorted, those that are named twice as one of both weights:
// IPv6 refuses a hop that is named twice.
func merged(hops []Hop) []Hop {
	sorted := slices.Clone(hops)
	for i := range sorted {
		sorted[i].Weight = max(sorted[i].Weight, 1)
	}
	slices.SortStableFunc(sorted, Hop.compare)
	var out []Hop
	for _, h := range sorted {
		if n := len(out); n > 0 && out[n-1].compare(h) == 0 {
			out[n-1].Weight += h.Weight
		} else {
			out = append(out, h)
		}
	}
	for i := range out {
		out[i].Weight = min(out[i].Weight, maxWeight)
	}
	return out
}

func (h Hop) compare(other Hop) int {
	return cmp.Or(h.Via.Compare(other.Via), strings.Compare(h.Device, other.Device))
}

// leadsAs reports whether the route that was found does what want says. A
// wanted hop without a device takes the one that the kernel chose.
func (r Route) leadsAs(want Route) bool {
	return r.key() == want.key() && r.Kind == want.Kind &&
		slices.EqualFunc(r.hops(), want.hops(), func(have, want Hop) bool {
			return have.Via == want.Via && have.Weight == want.Weight && (want.Device == "" || have.Device == want.Device)
		})
}

// uses reports whether one of the route's ways is by the device.
func (r Route) uses(device string) bool {
	return slices.ContainsFunc(r.hops(), func(h Hop) bool { return h.Device == device })
}

// String prints the route as ip-route(8) takes it; an IPv6 default is ::/0, so
// that the family shows.
func (r Route) String() string {
	var b strings.Builder
	if r.Kind != Unicast {
		b.WriteString(r.Kind.String() + " ")
	}
	if r.Dst == netip.PrefixFrom(netip.IPv4Unspecified(), 0) {
		b.WriteString("default")
	} else {
		b.WriteString(r.Dst.String())
	}
	if len(r.Hops) == 0 {
		b.WriteString(r.hop().String())
	}
	if r.Metric != 0 {
		fmt.Fprintf(&b, " metric %d", r.Metric)
	}
	if r.Table != 0 && r.Table != mainTable {
		fmt.Fprintf(&b, " table %d", r.Table)
	}
	for _, h := range r.Hops {
		fmt.Fprintf(&b, " nexthop%s weight %d", h, max(h.Weight, 1))
	}
	return b.String()
}

func (r Route) hop() Hop { return Hop{Via: r.Via, Device: r.Device, OnLink: r.OnLink} }

// way is the part of a route that says where it leads.
func (r Route) way() string {
	if r.Kind != Unicast {
		return " " + r.Kind.String()
	}
	if len(r.Hops) == 0 {
		return r.hop().String()
	}
	var b strings.Builder
	for _, h := range r.Hops {
		fmt.Fprintf(&b, " nexthop%s weight %d", h, max(h.Weight, 1))
	}
	return b.String()
}

// String prints the hop without its weight, after a space.
func (h Hop) String() string {
	var b strings.Builder
	if h.Via.IsValid() {
		fmt.Fprintf(&b, " via %s", h.Via)
	}
	if h.Device != "" {
		fmt.Fprintf(&b, " dev %s", h.Device)
	}
	if h.OnLink {
		b.WriteString(" onlink")
	}
	return b.String()
}
