package links

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ErrRouteTaken is why an IPv6 route cannot be added: another one that is not
// ours has its destination, metric and table, and the kernel would spread
// packets over both. Another metric helps.
var ErrRouteTaken = errors.New("another route that is not ours has this destination and metric")

// ErrRouteBeside says that an IPv4 route was added, before another that is not
// ours and has its destination, metric and table. The other takes over again when
// ours goes.
var ErrRouteBeside = errors.New("it stands before a route that is not ours")

// Routes lists the routes that carry Protocol, of every table.
func (n *Netlink) Routes() ([]Route, error) {
	names, err := n.names()
	if err != nil {
		return nil, err
	}
	var routes []Route
	for _, family := range families {
		ours, err := dump(func() ([]netlink.Route, error) { return n.routesOf(family) })
		if err != nil {
			return nil, err
		}
		for _, r := range ours {
			if route, ok := fromKernel(r, names); ok {
				routes = append(routes, route)
			}
		}
	}
	return routes, nil
}

// Defaults lists the default routes of the main table that do not carry
// Protocol and lead somewhere. The kernel knows no filter for them, so that all
// of the table is read.
func (n *Netlink) Defaults() ([]Route, error) {
	names, err := n.names()
	if err != nil {
		return nil, err
	}
	var routes []Route
	for _, family := range families {
		found, err := dump(func() ([]netlink.Route, error) { return n.defaultsOf(family) })
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			if route, ok := fromKernel(r, names); ok {
				routes = append(routes, route)
			}
		}
	}
	return routes, nil
}

func (n *Netlink) defaultsOf(family int) ([]netlink.Route, error) {
	var found []netlink.Route
	filter := &netlink.Route{Table: mainTable, Type: unix.RTN_UNICAST}
	mask := netlink.RT_FILTER_TABLE | netlink.RT_FILTER_TYPE
	err := n.handle.RouteListFilteredIter(family, filter, mask, func(r netlink.Route) bool {
		if bits, _ := r.Dst.Mask.Size(); bits == 0 && r.Protocol != Protocol {
			found = append(found, r)
		}
		return true
	})
	return found, unless(err, unix.ENOENT) // a table is made with its first route
}

// names is the devices' names by their index.
func (n *Netlink) names() (map[int]string, error) {
	found, err := dump(n.handle.LinkList)
	if err != nil {
		return nil, err
	}
	names := make(map[int]string)
	for _, l := range found {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	return names, nil
}

// routesOf keeps what it got when the dump was interrupted, unlike
// RouteListFiltered.
func (n *Netlink) routesOf(family int) ([]netlink.Route, error) {
	var ours []netlink.Route
	filter := &netlink.Route{Protocol: Protocol}
	mask := netlink.RT_FILTER_PROTOCOL | netlink.RT_FILTER_TABLE
	err := n.handle.RouteListFilteredIter(family, filter, mask, func(r netlink.Route) bool {
		ours = append(ours, r)
		return true
	})
	return ours, err
}

// addRoute puts an IPv4 route before others with its metric, so that one that is
// not ours stays, and takes over again when ours goes.
func (n *Netlink) addRoute(r Route) error {
	route, err := n.toKernel(r)
	if err != nil {
		return err
	}
	err = n.handle.RouteAdd(route)
	if !errors.Is(err, unix.EEXIST) {
		return explain(err)
	}
	if r.Dst.Addr().Is6() {
		return ErrRouteTaken
	}
	err = n.handle.RouteAddEcmp(route)
	if errors.Is(err, unix.EEXIST) {
		return nil // it is there
	}
	if err == nil {
		err = ErrRouteBeside
	}
	return explain(err)
}

// replaceRoute never takes away a route of others, as the kernel's replace may
// do in IPv4: it takes the first of its metric. There the new one is put
// before the old one, and the old one removed. In IPv6 no two have one metric,
// but a hop that another program appends to ours is of our route, and goes with it.
func (n *Netlink) replaceRoute(before, after Route) error {
	if before.Dst.Addr().Is4() {
		return n.replaceRoute4(before, after)
	}
	route, err := n.toKernel(after)
	if err != nil {
		return err
	}
	return explain(n.handle.RouteReplace(route))
}

// replaceRoute4 has to tell two routes apart by what the kernel compares when
// it removes one: kind, scope and the first hop, or all hops of the shorter
// route, without their weights. Where those are alike, the new route stands in
// with another scope until the old one is gone.
func (n *Netlink) replaceRoute4(before, after Route) error {
	old, err := n.toKernel(before)
	if err != nil {
		return n.addRoute(after) // its device is gone, and the route with it
	}
	next, err := n.toKernel(after)
	if err != nil {
		return err
	}
	steps := []func(*netlink.Route) error{n.putFirst, n.take}
	routes := []*netlink.Route{next, old}
	if alike(before, after) {
		standIn := *next
		standIn.Scope = standInScope
		steps = []func(*netlink.Route) error{n.putFirst, n.take, n.putFirst, n.take}
		routes = []*netlink.Route{&standIn, old, next, &standIn}
	}
	for i, step := range steps {
		if err := step(routes[i]); err != nil {
			return err
		}
	}
	return nil
}

// standInScope is neither of the scopes that our routes have, and below that of
// a gateway.
const standInScope = netlink.SCOPE_SITE

// alike reports whether removing before might remove after.
func alike(before, after Route) bool {
	if before.Kind != after.Kind {
		return false
	}
	a, b := before.hops()[0], after.hops()[0]
	return a.Via == b.Via && a.Device == b.Device
}

func (n *Netlink) putFirst(r *netlink.Route) error {
	return explain(unless(n.handle.RouteAddEcmp(r), unix.EEXIST))
}

func (n *Netlink) take(r *netlink.Route) error {
	return unless(n.handle.RouteDel(r), unix.ESRCH, unix.ENODEV)
}

// deleteRoute takes the route whatever its scope: a stand-in may be left of a
// program that died.
func (n *Netlink) deleteRoute(r Route) error {
	route, err := n.toKernel(r)
	if err != nil {
		// The routes of a device go with it.
		return unlessMissing(err)
	}
	route.Scope = netlink.SCOPE_NOWHERE
	return n.take(route)
}

func (n *Netlink) toKernel(r Route) (*netlink.Route, error) {
	route := &netlink.Route{
		Dst: toIPNet(r.Dst), Priority: r.Metric, Table: r.Table,
		Protocol: Protocol, Type: kindTypes[r.Kind],
	}
	if r.Kind != Unicast {
		return route, nil
	}
	for _, h := range r.hops() {
		hop := &netlink.NexthopInfo{Hops: h.Weight - 1}
		if h.Via.IsValid() {
			hop.Gw = h.Via.AsSlice()
		}
		if h.OnLink {
			hop.Flags = unix.RTNH_F_ONLINK
		}
		if h.Device != "" {
			l, err := n.handle.LinkByName(h.Device)
			if err != nil {
				return nil, fmt.Errorf("device %q: %w", h.Device, err)
			}
			hop.LinkIndex = l.Attrs().Index
		}
		route.MultiPath = append(route.MultiPath, hop)
	}
	if len(r.Hops) == 0 {
		hop := route.MultiPath[0]
		route.Gw, route.LinkIndex, route.Flags, route.MultiPath = hop.Gw, hop.LinkIndex, hop.Flags, nil
		if r.Dst.Addr().Is4() && hop.Gw == nil {
			route.Scope = netlink.SCOPE_LINK
		}
	}
	return route, nil
}
