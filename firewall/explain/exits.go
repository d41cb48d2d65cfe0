package explain

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/nat"
)

// exit is a way by which a packet may leave, and how it is translated there.
type exit struct {
	iface     string          // empty: the policy does not know
	gateway   *config.Gateway // nil: the destination is a neighbour
	departure nat.Departure
}

// Way is one of the ways by which a packet may leave.
type Way struct {
	Interface string         // empty: the policy does not know
	Gateway   string         // next hop of the policy; empty: the destination is a neighbour
	Source    netip.AddrPort // as it leaves; an invalid address: whichever the interface has then
}

// exits is every way by which the packet on r may leave: by the gateways that
// its rule chooses, or else as the routing table says.
func (x *Explainer) exits(r *road) []exit {
	var out []exit
	gateways := r.decision.Steering.Gateways
	if len(gateways) == 0 && r.way.Gateway != nil {
		gateways = append(gateways, r.way.Gateway)
		gateways = append(gateways, r.way.Shared...)
	}
	for _, g := range gateways {
		out = append(out, exit{iface: g.Interface, gateway: g})
	}
	if out == nil {
		out = []exit{{iface: r.way.Interface}}
	}
	for i := range out {
		out[i].departure = nat.Departure{Source: r.seen.Src}
		if r.tracked() {
			out[i].departure = x.nat.Outbound(nat.Outgoing{Packet: r.seen, Out: out[i].iface, Translated: r.changed})
		}
	}
	return out
}

// steers says whether rules are asked about the packet on r before it is
// routed: they are where some rule chooses a gateway.
func (x *Explainer) steers(r *road) bool { return x.steered[r.seen.In] && !r.local }

// steeredInterfaces is those for which some rule chooses a gateway.
func steeredInterfaces(c *config.Config) map[string]bool {
	out := map[string]bool{}
	for _, r := range c.Rules {
		if r.Gateway == "" || r.Disabled || r.To.Kind == config.PlaceSelf {
			continue
		}
		for _, i := range c.Interfaces {
			if r.From.Kind == config.PlaceAny || slices.Contains(c.InterfacesOf(r.From), i.Name) {
				out[i.Name] = true
			}
		}
	}
	return out
}

// wayOf is an exit as it is told.
func (r *road) wayOf(e exit) Way {
	port, _ := e.port(r)
	w := Way{Interface: e.iface, Source: netip.AddrPortFrom(e.departure.Source, port)}
	if named(e.gateway) {
		w.Gateway = e.gateway.Name
	}
	return w
}

// port is the source port as the packet on r leaves. It is not known, and 0,
// where the translation takes one out of a range that does not have the packet's own.
func (e exit) port(r *road) (port uint16, known bool) {
	taken := e.departure.Ports
	if taken == (config.PortRange{}) || taken.From <= r.seen.SrcPort && r.seen.SrcPort <= taken.To {
		return r.seen.SrcPort, true
	}
	return 0, false
}

// named says whether a gateway is one of the policy, and does not stand for the
// routes that the system has and the policy does not know.
func named(g *config.Gateway) bool {
	return g != nil && (g.Address.IsValid() || g.Learned != config.LearnedNot)
}

// via is the address of a gateway now; invalid where it has none, or is the link itself.
func (x *Explainer) via(g *config.Gateway) netip.Addr {
	if a := x.w.NextHop(g); !a.IsUnspecified() {
		return a
	}
	return netip.Addr{}
}

// tellWays tells by which ways a packet may leave, and what all of them have in common.
func (x *Explainer) tellWays(e *report.Explanation, r *road) {
	o := r.outcome
	e.Interface, e.Gateway, e.Source = o.Interface, o.Gateway, o.Source
	for _, exit := range r.exits {
		var via netip.Addr
		if named(exit.gateway) {
			via = x.via(exit.gateway)
		}
		var pool []netip.Addr
		if len(exit.departure.Sources) > 1 {
			pool = exit.departure.Sources
		}
		if len(r.exits) == 1 {
			e.Via, e.Sources = via, pool
			return
		}
		w := r.wayOf(exit)
		e.Ways = append(e.Ways, report.Way{Interface: w.Interface, Gateway: w.Gateway, Via: via, Source: w.Source, Sources: pool})
	}
}
