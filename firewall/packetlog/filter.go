package packetlog

import (
	"net/netip"
	"slices"
)

// Filter picks the entries for which every one of its terms holds. An empty Filter picks all entries.
type Filter []Term

// Match reports whether the filter picks the entry.
func (f Filter) Match(e Entry) bool {
	for _, t := range f {
		if !t.holds(e) {
			return false
		}
	}
	return true
}

// Term is one condition of a Filter: Rules, Causes, Actions, Interfaces, Protos, Hosts, Sources, Destinations or Ports. Each is a
// list and holds if one of its members does, so an empty one never holds.
type Term interface{ holds(Entry) bool }

// Rules holds for packets that one of the named rules or port forwards decided.
type Rules []string

func (r Rules) holds(e Entry) bool { return slices.Contains(r, e.Reason.Rule) }

// Causes holds for packets that were decided for one of the causes.
type Causes []Cause

func (c Causes) holds(e Entry) bool { return slices.Contains(c, e.Reason.Cause) }

// Actions holds for packets that one of the actions was taken on.
type Actions []Action

func (a Actions) holds(e Entry) bool { return slices.Contains(a, e.Reason.Action) }

// Interfaces holds for packets that came in or were to leave by one of the interfaces, named as in the policy or by device.
type Interfaces []string

func (i Interfaces) holds(e Entry) bool {
	return slices.ContainsFunc(i, func(name string) bool {
		return name == e.InName || name == e.OutName || name == e.In || name == e.Out
	})
}

// Protos holds for packets of one of the protocols.
type Protos []Proto

func (p Protos) holds(e Entry) bool { return e.Src.IsValid() && slices.Contains(p, e.Proto) }

// Hosts holds for packets from or to one of the prefixes.
type Hosts []netip.Prefix

func (h Hosts) holds(e Entry) bool { return within(h, e.Src) || within(h, e.Dst) }

// Sources holds for packets from one of the prefixes.
type Sources []netip.Prefix

func (s Sources) holds(e Entry) bool { return within(s, e.Src) }

// Destinations holds for packets to one of the prefixes.
type Destinations []netip.Prefix

func (d Destinations) holds(e Entry) bool { return within(d, e.Dst) }

func within(ps []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(ps, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Ports holds for packets from or to one of the ports.
type Ports []PortRange

func (p Ports) holds(e Entry) bool {
	return slices.ContainsFunc(p, func(r PortRange) bool { return r.has(e.SrcPort) || r.has(e.DstPort) })
}

// PortRange is the ports from First to Last, both included.
type PortRange struct{ First, Last uint16 }

func (r PortRange) has(port uint16) bool { return r.First <= port && port <= r.Last }
