package firewall

import (
	"math"
	"net"
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/rules"
)

// The routing table of a gateway, and the rules of policy routing that lead there.
// What belongs to number n of World.Gateways is at n beyond these.
const (
	gatewayTable = 82000 // its routing table
	markPriority = 8200  // what carries it in the mark
	mainPriority = 8500  // what has a way of its own, by the main table without its defaults
	fromPriority = 8600  // what is sent from an address of its line
)

// lastMetric is the worst that a route can have: behind every other one.
const lastMetric = math.MaxUint32

// Interfaces is the devices that a policy speaks of, with the addresses that it
// gives them: all of a Network that does not depend on the moment.
func Interfaces(c *config.Config) links.State {
	var out links.State
	for _, i := range c.Interfaces {
		mac, _ := net.ParseMAC(i.MAC) // config has read it; empty gives nil
		out.Links = append(out.Links, links.Link{
			Name: i.Name, Device: device(i), MAC: mac, MTU: i.MTU, Up: true, Addresses: held(c, i), Moving: moving(c, i.Name),
			Line: i.External && leads(c, i.Name), AcceptRA: advertised(c, i.Name),
		})
	}
	return out
}

// Network is what a policy wants of the machine's devices, addresses, routes and kernel settings.
func Network(w *rules.World) links.State {
	out := Interfaces(w.Config)
	for i := range w.Config.Routes {
		out.Routes = append(out.Routes, routes(w, &w.Config.Routes[i])...)
	}
	if w.KeptBits() != 0 {
		lineTables(w, &out)
	}
	for _, v := range w.Config.VIPs {
		if v.Kind != config.VIPProxyARP {
			continue
		}
		for a := v.Address.Masked().Addr(); v.Address.Contains(a); a = a.Next() {
			out.Proxies = append(out.Proxies, links.Proxy{Device: v.Interface, Address: a})
		}
	}
	out.Sysctls = links.Settings(out.Links)
	if ha := w.Config.HA; ha != nil {
		out.Sysctls = append(out.Sysctls, links.Tracking(ha.FlowTable)...)
	}
	return out
}

// held is the addresses of an interface: its own, further ones, and those that it
// holds for others.
func held(c *config.Config, i config.Interface) []netip.Prefix {
	out := slices.Clone(i.Addresses)
	for _, v := range c.VIPs {
		if v.Kind == config.VIPAlias && v.Interface == i.Name {
			out = append(out, v.Address)
		}
	}
	if len(moving(c, i.Name)) > 0 {
		return out // the master has the others
	}
	for _, a := range c.HeldOneToOne(i.Name) {
		out = append(out, netip.PrefixFrom(a, a.BitLen()))
	}
	return out
}

// moving is the addresses of an interface that move between the nodes of a pair.
func moving(c *config.Config, iface string) []netip.Prefix {
	var out []netip.Prefix
	for _, v := range c.Moving() {
		if v.Interface == iface {
			out = append(out, v.Address)
		}
	}
	return out
}

// leads says whether an interface leads to a gateway.
func leads(c *config.Config, iface string) bool {
	return slices.ContainsFunc(c.Gateways, func(g config.Gateway) bool { return g.Interface == iface })
}

// advertised says whether router advertisements bring the gateway of an interface.
func advertised(c *config.Config, iface string) bool {
	return slices.ContainsFunc(c.Gateways, func(g config.Gateway) bool { return g.Interface == iface && g.Learned == config.LearnedRA })
}

// device is the name that an interface goes by when no MAC selects it: its own when none is written.
func device(i config.Interface) string {
	if i.Device == "" && i.MAC == "" {
		return i.Name
	}
	return i.Device
}

// routes is what a route of the policy asks for now: one for each of its networks.
func routes(w *rules.World, r *config.Route) []links.Route {
	out := links.Route{Metric: r.Metric, Kind: routeKinds[r.Kind]}
	if r.Kind == config.RouteUnicast {
		by, refused := w.RouteBy(r)
		switch {
		case refused:
			out.Kind = links.Unreachable
		case len(by) == 0:
			return nil
		case len(by) == 1:
			out.Via, out.Device, out.OnLink = reach(w, by[0])
		}
		for _, g := range by {
			if via, device, onLink := reach(w, g); len(by) > 1 {
				out.Hops = append(out.Hops, links.Hop{Via: via, Device: device, OnLink: onLink, Weight: g.Weight})
			}
		}
	}
	var all []links.Route
	for _, p := range w.Destinations(*r) {
		if out.Dst = p; w.Leads(r, p) {
			all = append(all, out)
		}
	}
	return all
}

var routeKinds = map[config.RouteKind]links.RouteKind{
	config.RouteUnicast: links.Unicast, config.RouteBlackhole: links.Blackhole,
	config.RouteUnreachable: links.Unreachable, config.RouteProhibit: links.Prohibit,
}

// reach is how the kernel reaches a gateway. One that is the link itself has no
// address. Where only addresses that move are in its network, the node that does not have
// them knows of no way to it: there it is reached directly, whether it is written or not.
func reach(w *rules.World, g *config.Gateway) (via netip.Addr, device string, onLink bool) {
	if via = w.NextHop(g); via.IsUnspecified() {
		via = netip.Addr{}
	}
	return via, g.Interface, g.OnLink || via.IsValid() && !via.IsLinkLocalUnicast() && onlyMoving(w, g.Interface, via)
}

// onlyMoving says whether an interface has networks with an address in them, and
// all of them are those of addresses that move.
func onlyMoving(w *rules.World, iface string, a netip.Addr) bool {
	i := w.Config.Interface(iface)
	in := func(p netip.Prefix) bool { return p.Contains(a) }
	return i != nil && slices.ContainsFunc(moving(w.Config, iface), in) && !slices.ContainsFunc(w.AddressesOf(*i), in)
}

// lineTables makes each gateway a routing table, and the rules by which the flows
// that carry it get there.
func lineTables(w *rules.World, out *links.State) {
	six := map[bool]bool{}
	own := slices.Clone(out.Routes)
	for i := range w.Config.Gateways {
		g := &w.Config.Gateways[i]
		n := int(w.Gateways[g.Name])
		anywhere := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if g.Is6() {
			anywhere = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		if w.NextHop(g).IsValid() {
			r := links.Route{Dst: anywhere, Table: gatewayTable + n}
			r.Via, r.Device, r.OnLink = reach(w, g)
			out.Routes = append(out.Routes, r)
		}
		out.Routes = append(out.Routes, links.Route{Dst: anywhere, Kind: links.Unreachable, Metric: lastMetric, Table: gatewayTable + n})
		for _, r := range append(neighbours(w, g), exceptions(w, g, own)...) {
			r.Table = gatewayTable + n
			out.Routes = append(out.Routes, r)
		}
		out.Rules = append(out.Rules, links.Rule{
			Priority: markPriority + n, Is6: g.Is6(), Mark: uint32(n) << rules.GatewayShift, Mask: rules.GatewayMask, Table: gatewayTable + n,
		})
		line, ok := w.LineOf(g.Interface, familyOf(g))
		if !ok || line.Name != g.Name {
			continue
		}
		six[g.Is6()] = true
		for _, a := range w.OwnAddresses(g.Interface) {
			if a.Is6() == g.Is6() && !a.IsLinkLocalUnicast() {
				out.Rules = append(out.Rules, links.Rule{
					Priority: fromPriority + n, Is6: g.Is6(), From: netip.PrefixFrom(a, a.BitLen()), Table: gatewayTable + n,
				})
			}
		}
	}
	for _, is6 := range []bool{false, true} {
		if six[is6] {
			out.Rules = append(out.Rules, links.Rule{Priority: mainPriority, Is6: is6, NoDefault: true})
		}
	}
	slices.SortStableFunc(out.Rules, func(a, b links.Rule) int { return a.Priority - b.Priority })
}

// linkLocal is what is on every link (RFC 4291 2.5.6).
func linkLocal() netip.Prefix { return netip.MustParsePrefix("fe80::/64") }

// neighbours is the routes to what is on the link of a gateway: flows to and from
// there carry the gateway as well, and need no router.
func neighbours(w *rules.World, g *config.Gateway) []links.Route {
	var out []links.Route
	for _, p := range w.Networks(g.Interface) {
		if p.Addr().Is6() == g.Is6() && !p.IsSingleIP() && !p.Addr().IsLinkLocalUnicast() {
			out = append(out, links.Route{Dst: p, Device: g.Interface})
		}
	}
	if g.Is6() {
		out = append(out, links.Route{Dst: linkLocal(), Device: g.Interface})
	}
	return out
}

// exceptions is the routes of the policy, the default aside, that hold for flows
// that carry a gateway: those that refuse what they take, and those to other
// routers on its link, for what they send there is tied to the line.
func exceptions(w *rules.World, g *config.Gateway, all []links.Route) []links.Route {
	line, _ := w.LineOf(g.Interface, familyOf(g))
	return slices.DeleteFunc(slices.Clone(all), func(r links.Route) bool {
		beside := line.Gateway != nil && line.Name == g.Name && r.Device == g.Interface
		return r.Dst.Bits() == 0 || r.Dst.Addr().Is6() != g.Is6() || r.Kind == links.Unicast && !beside
	})
}

func familyOf(g *config.Gateway) rules.Family {
	if g.Is6() {
		return rules.V6
	}
	return rules.V4
}
