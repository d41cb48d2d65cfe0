package explain

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/rempart/rempart/config"
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
	zeroNetwork      = netip.PrefixFrom(netip.IPv4Unspecified(), 8)
)

// refuses says why routing does not take the packet on r.
func (x *Explainer) refuses(r *road) refusal {
	src, dst := r.seen.Src, r.seen.Dst
	switch {
	case src.IsMulticast() || src == limitedBroadcast:
		return martian("nobody can send from " + src.String())
	case src.IsLoopback() || dst.IsLoopback():
		return martian("loopback addresses stay inside a machine")
	case src.Is4() && slices.Contains(x.w.OwnAddresses(""), src):
		return martian(src.String() + " is the gateway's own address")
	case zeroNetwork.Contains(src) && dst != limitedBroadcast && !dst.IsMulticast() || zeroNetwork.Contains(dst):
		return martian("addresses in " + zeroNetwork.String() + " are not in use")
	case r.local:
		return refusal{}
	case src.Is6() && src.IsUnspecified():
		return martian("a packet without a source goes no further")
	case src.Is6() && src.IsLinkLocalUnicast() && r.way.Interface != r.seen.In:
		return refusal{CauseMartian, config.Reject, src.String() + " is link-local and stays on " + r.seen.In}
	case r.way.Interface == "" && len(x.open) == 0:
		return refusal{CauseNoRoute, config.Reject, "no route leads to " + dst.String()}
	}
	return refusal{}
}

// openText tells where routes may be that the policy does not have.
func (x *Explainer) openText() string {
	return strings.Join(x.open, ", ") + " has no addresses in the policy: what the system routes there is not known"
}
