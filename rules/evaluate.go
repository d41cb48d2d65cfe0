package rules

import (
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/packetlog"
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

// Evaluate reads the policy from top to bottom, as its author wrote it. Limits
// are left out: what they say depends on the flows of the moment.
func (w *World) Evaluate(p Packet) Decision {
	toSelf := w.ToSelf(p.Dst)
	if p.Protocol == config.TCP && p.TCPFlags != 0 && p.TCPFlags&(flagFIN|flagSYN|flagRST|flagACK) != flagSYN {
		return Decision{config.Block, packetlog.CauseNoSYN, ""}
	}
	in := w.Config.Interface(p.In)
	if in == nil {
		return Decision{config.Block, packetlog.CauseDefault, ""}
	}
	for _, g := range w.guards(*in) {
		if g.sources.Contains(p.Src) {
			return Decision{config.Block, g.cause, ""}
		}
	}
	if p.Forward != "" && !toSelf {
		return Decision{config.Pass, packetlog.CauseForward, p.Forward}
	}
	if toSelf && w.isAdmin(p) {
		return Decision{config.Pass, packetlog.CauseAdmin, ""}
	}
	out := w.RouteTo(p.Dst)
	for _, r := range w.Config.Rules {
		if !r.Disabled && w.matches(r, p, toSelf, out) {
			return Decision{r.Action, packetlog.CauseRule, r.Name}
		}
	}
	return Decision{config.Block, packetlog.CauseDefault, ""}
}

func (w *World) isAdmin(p Packet) bool {
	s := w.Config.System
	if p.Protocol != config.TCP || len(s.Admin) == 0 || !w.Resolve(s.Admin).Contains(w, p.Src) {
		return false
	}
	return inRanges(s.AdminPorts, p.DstPort)
}

func (w *World) matches(r config.Rule, p Packet, toSelf bool, out string) bool {
	switch r.To.Kind {
	case config.PlaceSelf:
		if !toSelf {
			return false
		}
	case config.PlaceInterface, config.PlaceZone:
		if toSelf || !slices.Contains(w.Config.InterfacesOf(r.To), out) {
			return false
		}
	}
	if r.From.Kind != config.PlaceAny && !slices.Contains(w.Config.InterfacesOf(r.From), p.In) {
		return false
	}
	if !w.Active(r.Schedule, p.At) {
		return false
	}
	return w.matchesProtocol(r, p) &&
		w.Resolve(r.Source).Contains(w, p.Src) && w.Resolve(r.Destination).Contains(w, p.Dst)
}

func (w *World) matchesProtocol(r config.Rule, p Packet) bool {
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
		if s := w.Ports(r.SourcePorts); s != nil && !inRanges(s, p.SrcPort) {
			return false
		}
		if s := w.Ports(r.Ports); s != nil && !inRanges(s, p.DstPort) {
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
	return slices.ContainsFunc(rs, func(r config.PortRange) bool { return r.From <= p && p <= r.To })
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
