package explain

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
)

// refusal is what the kernel's routing does with a packet that it does not
// take, before any rule is asked: it is neither counted nor logged by the policy.
type refusal struct {
	cause  Cause // empty: it takes the packet
	action config.Action
	text   string
}

func martian(text string) refusal { return refusal{CauseMartian, config.Block, text} }

var (
	limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	unspecified      = netip.IPv4Unspecified()
)

// refuses says why routing does not take the packet on r. What a rule has
// blocked before never comes to be routed.
func (x *Explainer) refuses(r *road) refusal {
	src, dst := r.seen.Src, r.seen.Dst
	switch {
	case src.Is6() && src.IsMulticast():
		return martian("nobody can send from " + src.String())
	case src.Is6() && (src.IsLoopback() || dst.IsLoopback()):
		return martian("loopback addresses stay inside a machine")
	case x.steers(r) && r.decision.Action != config.Pass:
		return refusal{}
	case src.IsMulticast() || src == limitedBroadcast:
		return martian("nobody can send from " + src.String())
	case src.IsLoopback() || dst.IsLoopback():
		return martian("loopback addresses stay inside a machine")
	case src.Is4() && x.own[src]:
		return martian(src.String() + " is the gateway's own address")
	case src == unspecified && dst != limitedBroadcast && !dst.IsMulticast() || dst == unspecified:
		return martian(unspecified.String() + " is no machine's address")
	case r.local:
		return refusal{}
	}
	return x.unrouted(r)
}

// unrouted says why routing does not send the packet on r any further.
func (x *Explainer) unrouted(r *road) refusal {
	src, out := r.seen.Src, r.way.Interface
	if g := r.decision.Steering.Gateways; len(g) > 0 { // its own table leads everywhere
		out = g[0].Interface
	} else if r.way.Refused {
		return x.refusedBy(r)
	}
	switch {
	case out == "" && len(x.open) == 0:
		return refusal{CauseNoRoute, answer(r.packet), "no route leads to " + r.seen.Dst.String()}
	case src.Is4() || out == r.seen.In || out == "":
		return refusal{}
	case src.IsUnspecified():
		return martian("a packet without a source goes no further")
	case src.IsLinkLocalUnicast():
		return refusal{CauseMartian, answer(r.packet), src.String() + " is link-local and stays on " + r.seen.In}
	}
	return refusal{}
}

// refusedBy is what a route does that lets nothing through.
func (x *Explainer) refusedBy(r *road) refusal {
	route := r.way.Route
	if route.Kind == config.RouteUnicast {
		return refusal{CauseNoRoute, answer(r.packet), "gateway group " + route.Gateway + " is down, and the route by it is unreachable then (on_down = block)"}
	}
	action := answer(r.packet)
	if route.Kind == config.RouteBlackhole {
		action = config.Block
	}
	return refusal{CauseNoRoute, action, "the route to " + destination(r.way.Network) + " is " + route.Kind.String()}
}

// answer is what the kernel does with a packet that it cannot send on: it tells
// the sender, but never in answer to an error (RFC 1122 3.2.2, RFC 4443 2.4).
func answer(p rules.Packet) config.Action {
	switch {
	case p.Protocol == config.ICMP && slices.Contains([]uint8{3, 4, 5, 11, 12}, p.ICMPType),
		p.Protocol == config.ICMPv6 && p.ICMPType < 128:
		return config.Block
	}
	return config.Reject
}

// openText tells where routes may be that the policy does not have.
func (x *Explainer) openText() string {
	return strings.Join(x.open, ", ") + " has no addresses in the policy: what the system routes there is not known"
}
