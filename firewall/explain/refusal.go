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

// refuses says why routing does not take the packet on r.
func (x *Explainer) refuses(r *road) refusal {
	src, dst := r.seen.Src, r.seen.Dst
	switch {
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
	case r.way.Interface == "" && len(x.open) == 0:
		return refusal{CauseNoRoute, answer(r.packet), "no route leads to " + dst.String()}
	case src.Is4() || r.way.Interface == r.seen.In || r.way.Interface == "":
		return refusal{}
	case src.IsUnspecified():
		return martian("a packet without a source goes no further")
	case src.IsLinkLocalUnicast():
		return refusal{CauseMartian, answer(r.packet), src.String() + " is link-local and stays on " + r.seen.In}
	}
	return refusal{}
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
