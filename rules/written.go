package rules

import (
	"slices"

	"github.com/rempart/rempart/config"
)

// written is a rule with what its lists stand for.
type written struct {
	*config.Rule
	from, to            []string // interfaces; nil: anywhere
	source, destination *Listed
	sourcePorts, ports  []config.PortRange // nil: any
	helm                *helm              // its gateway; nil: it names none
}

func (w *World) written(r *config.Rule, lists *Lists) *written {
	h := w.helm(r)
	return &written{
		Rule: r, from: w.Config.InterfacesOf(r.From), to: w.Config.InterfacesOf(r.To),
		source: lists.Read(r.Source), destination: lists.Read(r.Destination),
		sourcePorts: w.Ports(r.SourcePorts), ports: w.Ports(r.Ports),
		helm: h,
	}
}

// crossing is the two ends of a packet's way through the gateway.
type crossing struct {
	in    string
	out   string // empty: none is known
	local bool   // the gateway takes it; out means nothing then
}

func (e *Evaluator) cross(p Packet, local bool) crossing {
	c := crossing{in: p.In, local: local}
	if !local {
		c.out = e.Way(p.Dst).Interface
	}
	return c
}

// matches says whether r is for the packet. Each condition has a Reason beside
// it, and misses asks the same ones.
func (r *written) matches(w *World, p *Packet, c crossing) bool {
	return !r.Disabled && r.lives(w, p, c) && r.enters(c) && r.leaves(c) && w.Active(r.Schedule, p.At) &&
		r.speaks(p) && r.asks(p) && r.flagged(p) && r.sentFrom(p) && r.sentTo(p) &&
		r.source.Contains(p.Src) && r.destination.Contains(p.Dst)
}

// lives says whether the rule is there for the packet, as far as its gateway goes.
func (r *written) lives(w *World, p *Packet, c crossing) bool {
	if r.helm == nil {
		return true
	}
	f := V4
	if p.Src.Is6() {
		f = V6
	}
	near := c.local
	if i := w.Config.Interface(c.out); i != nil && !c.local {
		near = !i.External && r.helm.outward
	}
	return r.helm.lives(f, near)
}

func (r *written) enters(c crossing) bool {
	return r.From.Kind == config.PlaceAny || slices.Contains(r.from, c.in)
}

func (r *written) leaves(c crossing) bool {
	switch r.To.Kind {
	case config.PlaceAny:
		return true
	case config.PlaceSelf:
		return c.local
	}
	return !c.local && slices.Contains(r.to, c.out)
}

// speaks says whether the packet is of one of the rule's protocols.
func (r *written) speaks(p *Packet) bool {
	return len(r.Protocols) == 0 || slices.Contains(r.Protocols, p.Protocol)
}

// asks says whether an ICMP packet is of one of the rule's types.
func (r *written) asks(p *Packet) bool {
	if len(r.ICMP) == 0 || p.Protocol != config.ICMP && p.Protocol != config.ICMPv6 {
		return true
	}
	return slices.ContainsFunc(r.ICMP, func(t config.ICMPType) bool {
		return t.Protocol == p.Protocol && t.Type == p.ICMPType && (t.Code < 0 || t.Code == int(p.ICMPCode))
	})
}

func (r *written) flagged(p *Packet) bool {
	return r.TCPFlags == nil || p.Protocol != config.TCP || p.flags()&r.TCPFlags.Mask == r.TCPFlags.Value
}

// sentFrom and sentTo say whether the ports, where the packet has any, are among the rule's.
func (r *written) sentFrom(p *Packet) bool {
	return r.sourcePorts == nil || !p.Protocol.HasPorts() || config.HasPort(r.sourcePorts, p.SrcPort)
}

func (r *written) sentTo(p *Packet) bool {
	return r.ports == nil || !p.Protocol.HasPorts() || config.HasPort(r.ports, p.DstPort)
}
