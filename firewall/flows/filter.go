package flows

import (
	"net/netip"
	"slices"
)

// Filter picks the flows for which every one of its terms holds. An empty Filter picks all flows.
type Filter []Term

// Match reports whether the filter picks the flow.
func (f Filter) Match(flow Flow) bool {
	for _, t := range f {
		if !t.holds(flow) {
			return false
		}
	}
	return true
}

// Term is one condition of a Filter: Any, Rules, Gateways, Marks, Protos, Hosts, Sources, Destinations, Ports or States. Each is a
// list and holds if one of its members does, so an empty one never holds. Addresses and ports are looked for before and after
// translation.
type Term interface {
	holds(Flow) bool
	// hint is what the kernel can be told of the flows for which the term holds.
	hint() hint
}

// Any holds for flows that one of the filters picks, so that several questions are answered by one walk through the table.
type Any []Filter

func (a Any) holds(f Flow) bool {
	return slices.ContainsFunc(a, func(one Filter) bool { return one.Match(f) })
}

// Rules holds for flows that one of the numbered rules let in.
type Rules []uint16

func (r Rules) holds(f Flow) bool { return slices.Contains(r, f.Rule()) }

// Gateways holds for flows that leave by one of the numbered gateways.
type Gateways []uint8

func (g Gateways) holds(f Flow) bool { return slices.Contains(g, f.Gateway()) }

// Marks holds for flows whose mark has one of the bits.
type Marks []Bits

func (m Marks) holds(f Flow) bool {
	return slices.ContainsFunc(m, func(b Bits) bool { return b.In(f.Mark) })
}

// Protos holds for flows of one of the protocols.
type Protos []Proto

func (p Protos) holds(f Flow) bool { return slices.Contains(p, f.Orig.Proto) }

// Hosts holds for flows that have an end in one of the prefixes.
type Hosts []netip.Prefix

func (h Hosts) holds(f Flow) bool { return Sources(h).holds(f) || Destinations(h).holds(f) }

// Sources holds for flows whose first packet came from one of the prefixes, or leaves as if it did.
type Sources []netip.Prefix

func (s Sources) holds(f Flow) bool { return within(s, f.Orig.Src) || within(s, f.Reply.Dst) }

// Destinations holds for flows whose first packet was sent to one of the prefixes, or goes there now.
type Destinations []netip.Prefix

func (d Destinations) holds(f Flow) bool { return within(d, f.Orig.Dst) || within(d, f.Reply.Src) }

func within(ps []netip.Prefix, a netip.AddrPort) bool {
	return slices.ContainsFunc(ps, func(p netip.Prefix) bool { return p.Contains(a.Addr()) })
}

// Ports holds for flows that have one of the ports at either end. Flows without ports are never among them.
type Ports []PortRange

func (p Ports) holds(f Flow) bool {
	if !f.Orig.Proto.ports() {
		return false
	}
	return slices.ContainsFunc(p, func(r PortRange) bool {
		return r.has(f.Orig.Src) || r.has(f.Orig.Dst) || r.has(f.Reply.Src) || r.has(f.Reply.Dst)
	})
}

// PortRange is the ports from First to Last, both included.
type PortRange struct{ First, Last uint16 }

func (r PortRange) has(a netip.AddrPort) bool { return r.First <= a.Port() && a.Port() <= r.Last }

// States holds for flows that are in one of the states.
type States []State

func (s States) holds(f Flow) bool {
	return slices.ContainsFunc(s, func(x State) bool { return x.holds(f) })
}

// State is how far a flow is: its TCP state if TCP is not zero, all bits of With set and all bits of Without clear.
type State struct {
	TCP           TCPState
	With, Without Status
}

func (s State) holds(f Flow) bool {
	return (s.TCP == 0 || s.TCP == f.TCPState) && f.Status&s.With == s.With && f.Status&s.Without == 0
}
