package rules

import (
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/packetlog"
	"go4.org/netipx"
)

// Packet is the first packet of a flow, as rules see it: after the inbound
// translation and before the outbound one.
type Packet struct {
	In       string // interface of the policy that it came in by
	Protocol config.Protocol
	Src, Dst netip.Addr
	SrcPort  uint16 // 0 where the protocol has none
	DstPort  uint16
	ICMPType uint8
	ICMPCode uint8
	TCPFlags uint8     // 0: a SYN
	Forward  string    // port forward with pass that translated it; empty: none
	At       time.Time // for schedules
}

// Decision is what becomes of a packet, and why.
type Decision struct {
	Action config.Action
	Cause  packetlog.Cause
	Rule   string // when a rule decided
}

// Evaluator reads a policy from top to bottom, as its author wrote it. It holds
// what every list of the policy stands for, so that many packets can be asked about.
type Evaluator struct {
	w      *World
	self   *netipx.IPSet
	guards map[string][]guarded
	admin  Addresses
	rules  []written
}

// written is a rule with what its lists stand for.
type written struct {
	config.Rule
	from, to            []string // interfaces; nil: anywhere
	source, destination Addresses
	sourcePorts, ports  []config.PortRange // nil: any
}

// NewEvaluator reads the world's policy.
func NewEvaluator(w *World) *Evaluator {
	e := &Evaluator{w: w, self: w.self(), guards: map[string][]guarded{}, admin: w.Resolve(w.Config.System.Admin)}
	for _, i := range w.Config.Interfaces {
		e.guards[i.Name] = w.guards(i)
	}
	for _, r := range w.Config.Rules {
		if r.Disabled {
			continue
		}
		e.rules = append(e.rules, written{
			Rule: r, from: w.Config.InterfacesOf(r.From), to: w.Config.InterfacesOf(r.To),
			source: w.Resolve(r.Source), destination: w.Resolve(r.Destination),
			sourcePorts: w.Ports(r.SourcePorts), ports: w.Ports(r.Ports),
		})
	}
	return e
}

// Evaluate says what becomes of a packet. Limits are left out: what they say
// depends on the flows of the moment.
func (e *Evaluator) Evaluate(p Packet) Decision {
	toSelf := e.self.Contains(p.Dst)
	if p.Protocol == config.TCP && p.TCPFlags != 0 && p.TCPFlags&(flagFIN|flagSYN|flagRST|flagACK) != flagSYN {
		return Decision{config.Block, packetlog.CauseNoSYN, ""}
	}
	guards, known := e.guards[p.In]
	if !known {
		return Decision{config.Block, packetlog.CauseDefault, ""}
	}
	for _, g := range guards {
		if g.sources.Contains(p.Src) {
			return Decision{config.Block, g.cause, ""}
		}
	}
	if p.Forward != "" && !toSelf {
		return Decision{config.Pass, packetlog.CauseForward, p.Forward}
	}
	if toSelf && e.isAdmin(p) {
		return Decision{config.Pass, packetlog.CauseAdmin, ""}
	}
	out := e.w.RouteTo(p.Dst)
	for _, r := range e.rules {
		if r.crosses(p, toSelf, out) && e.w.Active(r.Schedule, p.At) && r.speaks(p) &&
			r.source.Contains(e.w, p.Src) && r.destination.Contains(e.w, p.Dst) {
			return Decision{r.Action, packetlog.CauseRule, r.Name}
		}
	}
	return Decision{config.Block, packetlog.CauseDefault, ""}
}

func (e *Evaluator) isAdmin(p Packet) bool {
	s := e.w.Config.System
	return p.Protocol == config.TCP && len(s.Admin) > 0 && inRanges(s.AdminPorts, p.DstPort) && e.admin.Contains(e.w, p.Src)
}

// crosses says whether the packet comes in and leaves where the rule says.
func (r written) crosses(p Packet, toSelf bool, out string) bool {
	switch r.To.Kind {
	case config.PlaceSelf:
		if !toSelf {
			return false
		}
	case config.PlaceInterface, config.PlaceZone:
		if toSelf || !slices.Contains(r.to, out) {
			return false
		}
	}
	return r.From.Kind == config.PlaceAny || slices.Contains(r.from, p.In)
}

// speaks says whether the packet is of the rule's protocols, ports, types and flags.
func (r written) speaks(p Packet) bool {
	if len(r.Protocols) > 0 && !slices.Contains(r.Protocols, p.Protocol) {
		return false
	}
	if p.Protocol == config.ICMP && p.Src.Is6() || p.Protocol == config.ICMPv6 && p.Src.Is4() {
		return len(r.Protocols) == 0
	}
	icmp := p.Protocol == config.ICMP || p.Protocol == config.ICMPv6
	if len(r.ICMP) > 0 && icmp && !slices.ContainsFunc(r.ICMP, func(t config.ICMPType) bool {
		return t.Protocol == p.Protocol && t.Type == p.ICMPType && (t.Code < 0 || t.Code == int(p.ICMPCode))
	}) {
		return false
	}
	if p.Protocol.HasPorts() {
		if r.sourcePorts != nil && !inRanges(r.sourcePorts, p.SrcPort) || r.ports != nil && !inRanges(r.ports, p.DstPort) {
			return false
		}
	}
	if f := r.TCPFlags; f != nil && p.Protocol == config.TCP {
		flags := p.TCPFlags
		if flags == 0 {
			flags = flagSYN
		}
		return flags&f.Mask == f.Value
	}
	return true
}

func inRanges(rs []config.PortRange, p uint16) bool {
	return slices.ContainsFunc(rs, func(r config.PortRange) bool { return r.Contains(p) })
}

// Active says whether a schedule is on; no schedule always is.
func (w *World) Active(schedule string, at time.Time) bool {
	if schedule == "" {
		return true
	}
	for _, iv := range w.Schedules[schedule] {
		if !at.Before(iv.Start) && at.Before(iv.End) {
			return true
		}
	}
	return false
}
