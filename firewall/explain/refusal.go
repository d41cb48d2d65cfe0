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
	by     rules.Way // a route that says so
}

func martian(text string) refusal {
	return refusal{cause: CauseMartian, action: config.Block, text: text}
}

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
	refusing := r.way
	if g := r.decision.Steering.Gateways; len(g) > 0 { // its own table leads everywhere, but where a route refuses
		out, refusing = g[0].Interface, x.refusing(r.seen.Dst)
	}
	if refusing.Refused {
		return x.refusedBy(r, refusing)
	}
	switch {
	case out == "" && len(x.open) == 0:
		return refusal{cause: CauseNoRoute, action: answer(r.packet), text: "no route leads to " + r.seen.Dst.String()}
	case src.Is4() || out == r.seen.In || out == "":
		return refusal{}
	case src.IsUnspecified():
		return martian("a packet without a source goes no further")
	case src.IsLinkLocalUnicast():
		return refusal{cause: CauseMartian, action: answer(r.packet), text: src.String() + " is link-local and stays on " + r.seen.In}
	}
	return refusal{}
}

// refusing is the route that refuses an address to flows that chose a gateway.
// Such a route holds for them as well, unless it is the default.
func (x *Explainer) refusing(dst netip.Addr) rules.Way {
	for _, w := range x.refusals {
		if w.Network.Contains(dst) {
			return w
		}
	}
	return rules.Way{}
}

// refusedBy is what a route does to a packet that lets nothing through.
func (x *Explainer) refusedBy(r *road, by rules.Way) refusal {
	out := refusal{cause: CauseNoRoute, action: answer(r.packet), by: by}
	switch by.Route.Kind {
	case config.RouteUnicast:
		out.text = "gateway group " + by.Route.Gateway + " is down, and the route by it is unreachable then (on_down = block)"
		return out
	case config.RouteBlackhole:
		out.action = config.Block
	}
	out.text = "the route to " + destination(by.Network) + " is " + by.Route.Kind.String()
	return out
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
