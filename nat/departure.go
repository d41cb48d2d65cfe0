package nat

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
)

// Departure is how outbound translation lets a packet leave.
type Departure struct {
	Kind Kind
	Name string          // of the translation where it has one
	Pos  config.Position // where it stands in the policy
	// Excluded says that the [[outbound]] is one that leaves packets alone.
	Excluded bool
	// Source is the packet's own where nothing translates it; invalid: whichever the
	// interface has then. Where the kernel chooses among Sources, the first stands for all.
	Source  netip.Addr
	Sources []netip.Addr // those of a pool that Source is one of
	Spread  config.Spread
	// Ports is what the source port is taken from; zero: the packet's own where it
	// is free. With Static it is the packet's own, or the flow is dropped.
	Ports  config.PortRange
	Static bool
}

// Free says whether one of several addresses is chosen by more than the packet itself.
func (d Departure) Free() bool { return len(d.Sources) > 1 && isFree(d.Spread) }

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
	if a, ok := e.reflects(p); ok {
		return Departure{Kind: Reflection, Pos: e.w.Config.NAT.Pos, Source: a}
	}
	for i := range e.pairs {
		if t := &e.pairs[i]; t.on == p.Out && t.internal.Contains(p.Src) {
			return Departure{Kind: t.kind, Name: t.name, Pos: t.pos, Source: t.outside(p.Src)}
		}
	}
	for i := range e.outbound {
		o := &e.outbound[i]
		if pool := *o.of(familyOf(p.Src)); pool != nil && o.takes(p) {
			return o.departure(e, p, pool)
		}
	}
	if e.automatic(p) {
		return Departure{Kind: Automatic, Pos: e.w.Config.NAT.Pos, Source: leavesAs(e.w, p.Out, rules.V4)}
	}
	return as
}

// departure is what an [[outbound]] makes of a packet that it is for.
func (o *outboundRead) departure(e *Evaluator, p Outgoing, pool *choice) Departure {
	d := Departure{Kind: Outbound, Name: o.Name, Pos: o.Pos, Excluded: o.Exclude}
	switch {
	case o.Exclude:
		d.Source = p.Src
		return d
	case o.Address.IsValid():
		d.Source = o.Address
	case len(o.Pool) > 0:
		d.Source, d.Sources, d.Spread = pool.chosen(p.Src), pool.candidates, o.Spread
	default:
		d.Source = leavesAs(e.w, o.On, rules.V4)
	}
	if p.Protocol.HasPorts() {
		d.Ports, d.Static = o.Translated, o.StaticPort
	}
	return d
}

// takes says whether an [[outbound]] is for a packet of its family.
func (o *outboundRead) takes(p Outgoing) bool {
	has := func(ports []config.PortRange, port uint16) bool {
		return ports == nil || !p.Protocol.HasPorts() || config.HasPort(ports, port)
	}
	return o.On == p.Out && (len(o.Protocols) == 0 || slices.Contains(o.Protocols, p.Protocol)) &&
		has(o.sourcePorts, p.SrcPort) && has(o.ports, p.DstPort) &&
		o.source.Contains(p.Src) && o.destination.Contains(p.Dst)
}

// automatic says whether the automatic translation is for a packet.
func (e *Evaluator) automatic(p Outgoing) bool {
	i := e.w.Config.Interface(p.Out)
	return isAutomatic(e.w.Config) && i != nil && i.External && p.Src.Is4() && e.inside.Contains(p.Src)
}
