package rules

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"go4.org/netipx"
)

// BeatPort is where the nodes of a pair speak to each other: UDP for heartbeats, TCP for the
// link on the cable. It is that of package ha/wire, which this one must not know.
const BeatPort = 7112

// FlowPort is where the nodes of a pair tell each other of flows: UDP, on the cable alone.
// Whatever else comes to the gateway for it is no flow that rules could let in.
const FlowPort = 7113

// PairPort is where a node that is to be paired waits for the other one: TCP, on the cable.
const PairPort = 7114

// Protocols that are none of a rule's business between the nodes of a pair.
const (
	// CARP is that of the advertisements.
	CARP config.Protocol = 112
	// IGMP is by what switches ask who listens to a multicast group (RFC 2236); without an
	// answer a switch that watches sends the group of CARP to nobody.
	IGMP config.Protocol = 2
)

// Pair is how the nodes of a pair hear each other. None of it is tracked or asked
// about by rules: a full table of flows, a guard or a rule must not cost a role.
type Pair struct {
	// Segments are the interfaces on which CARP and heartbeats go: the cable and those with
	// virtual addresses, in the order of the policy.
	Segments []string
	Cable    string
	// Peers are the other node's addresses on the cable; none: whoever is on it.
	Peers []netip.Addr
	near  map[string]*netipx.IPSet // who is on the link of a segment
}

// Pair is that of the policy, and nil on a single gateway.
func (w *World) Pair() *Pair {
	ha := w.Config.HA
	if ha == nil {
		return nil
	}
	p := &Pair{Cable: ha.Interface, near: map[string]*netipx.IPSet{}}
	for _, i := range w.Config.Interfaces {
		has := func(v config.VIP) bool { return v.Interface == i.Name && v.Kind == config.VIPCARP }
		if i.Name != ha.Interface && !slices.ContainsFunc(w.Config.VIPs, has) {
			continue
		}
		p.Segments = append(p.Segments, i.Name)
		var near netipx.IPSetBuilder
		near.AddSet(prefixes("0.0.0.0/32", "fe80::/10")) // who has no address yet speaks from the former
		for _, n := range w.Networks(i.Name) {
			near.AddPrefix(n)
		}
		p.near[i.Name] = mustSet(&near)
		if i.Name == ha.Interface {
			p.Peers = slices.Clone(i.Peers)
			if ha.Peer.IsValid() && !slices.Contains(p.Peers, ha.Peer) {
				p.Peers = append(p.Peers, ha.Peer)
			}
		}
	}
	return p
}

// Near is the addresses of hosts on the link of a segment.
func (p *Pair) Near(segment string) *netipx.IPSet { return p.near[segment] }

// Hears says whether a packet to the gateway itself is what the nodes say to each other.
// CARP, heartbeats and frames of flows have hop limit 255, which proves that they come from the link; it is
// taken for granted of whatever has a source there.
func (p *Pair) Hears(k Packet) bool {
	if p == nil || p.near[k.In] == nil {
		return false
	}
	switch k.Protocol {
	case CARP:
	case config.UDP:
		if k.DstPort != BeatPort && (k.DstPort != FlowPort || k.In != p.Cable) {
			return false
		}
	case IGMP:
		return k.Src.Is4() && k.Dst.IsMulticast()
	case config.TCP:
		return k.In == p.Cable && p.fromPeer(k.Src) && (connects(k.DstPort) || connects(k.SrcPort) && !opens(k))
	default:
		return false
	}
	return p.near[k.In].Contains(k.Src)
}

// reserves says whether a packet to the gateway itself is for the port of flows, which
// nobody but the other node may speak to.
func (p *Pair) reserves(k Packet) bool {
	return p != nil && k.Protocol == config.UDP && k.DstPort == FlowPort
}

func (p *Pair) fromPeer(src netip.Addr) bool {
	return len(p.Peers) == 0 || slices.Contains(p.Peers, src)
}

// connects says whether nodes connect to a TCP port of each other.
func connects(port uint16) bool { return port == BeatPort || port == PairPort }

// opens says whether a segment asks for a connection.
func opens(k Packet) bool { return k.flags()&(config.FlagSYN|config.FlagACK) == config.FlagSYN }
