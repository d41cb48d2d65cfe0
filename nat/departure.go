package nat

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
)

// Departure is how outbound translation lets a packet leave.
type Departure struct {
	Kind   Kind
	Name   string          // of the translation where it has one
	Pos    config.Position // where it stands in the policy
	Source netip.Addr      // the packet's own where nothing translates it; invalid: whichever the interface has then
}

// Outgoing is a packet that rules have let through the gateway.
type Outgoing struct {
	rules.Packet        // after the inbound translation
	Out          string // interface that it leaves by
	Translated   bool   // the inbound translation changed it
}

// Outbound says by which source a packet leaves. What the gateway itself sends
// came in by no interface and leaves as it is.
func (e *Evaluator) Outbound(p Outgoing) Departure {
	as := Departure{Source: p.Src}
	if e.w.Config.Interface(p.In) == nil {
		return as
	}
	if p.Translated && p.In == p.Out && slices.Contains(e.mirrors, p.In) {
		if a := Outside(e.w, p.In, familyOf(p.Src)); a.IsValid() {
			return Departure{Kind: Reflection, Pos: e.w.Config.NAT.Pos, Source: a}
		}
	}
	for i := range e.pairs {
		if t := &e.pairs[i]; t.on == p.Out && t.internal.Contains(p.Src) {
			return Departure{Kind: t.kind, Name: t.name, Pos: t.pos, Source: t.outside(p.Src)}
		}
	}
	for i := range e.outbound {
		if o := &e.outbound[i]; o.takes(p) {
			return Departure{Kind: Outbound, Name: o.Name, Pos: o.Pos, Source: e.address(o.On, o.Address)}
		}
	}
	if e.automatic(p) {
		return Departure{Kind: Automatic, Pos: e.w.Config.NAT.Pos, Source: e.address(p.Out, netip.Addr{})}
	}
	return as
}

// takes says whether an [[outbound]] is for a packet.
func (o *outboundRead) takes(p Outgoing) bool {
	return o.On == p.Out && o.family.Has(p.Src) &&
		(len(o.Protocols) == 0 || slices.Contains(o.Protocols, p.Protocol)) &&
		(o.ports == nil || !p.Protocol.HasPorts() || config.HasPort(o.ports, p.DstPort)) &&
		o.source.Contains(p.Src) && o.destination.Contains(p.Dst)
}

// automatic says whether the automatic translation is for a packet.
func (e *Evaluator) automatic(p Outgoing) bool {
	mode := e.w.Config.NAT.Outbound
	if mode != config.NATAutomatic && mode != config.NATHybrid {
		return false
	}
	i := e.w.Config.Interface(p.Out)
	return i != nil && i.External && p.Src.Is4() && e.inside.Contains(p.Src)
}

// address is the one written, or the outside one of the interface.
func (e *Evaluator) address(iface string, a netip.Addr) netip.Addr {
	if a.IsValid() {
		return a
	}
	return Outside(e.w, iface, rules.V4)
}
