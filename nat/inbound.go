package nat

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules"
)

// Arrival is where inbound translation sends a packet.
type Arrival struct {
	Kind Kind
	Name string          // of what translates it; empty: nothing does, and To and Port are the packet's own
	Pos  config.Position // where that stands
	To   []netip.Addr    // of several, the kernel's hash of the source chooses one
	Port uint16
	Pass bool // it needs no rule to be let in
}

// Reaches says whether a packet can arrive at an address and port.
func (a Arrival) Reaches(to netip.AddrPort) bool {
	return slices.Contains(a.To, to.Addr()) && a.Port == to.Port()
}

// Changes says whether a packet for an address and port arrives at another one.
// What is translated to where it goes anyway is not translated in the kernel's eyes.
func (a Arrival) Changes(dst netip.AddrPort) bool {
	return a.Kind != None && (a.Port != dst.Port() || len(a.To) != 1 || a.To[0] != dst.Addr())
}

// Chosen is the target of a that packets of a source go to.
func (a Arrival) Chosen(src netip.Addr) netip.Addr {
	if len(a.To) == 1 {
		return a.To[0]
	}
	return a.To[nft.Spread(src, spreadSeed, len(a.To))]
}

// Inbound says where the first packet of a flow, as its sender wrote it, arrives.
func (e *Evaluator) Inbound(p rules.Packet) Arrival {
	for i := range e.forwards {
		f := &e.forwards[i]
		if to := f.side(familyOf(p.Dst)); to.takes(f, p) {
			a := Arrival{Kind: PortForward, Name: f.Name, Pos: f.Pos, To: to.targets, Port: portInside(f.PortForward, p)}
			a.Pass = f.Pass && a.Changes(netip.AddrPortFrom(p.Dst, p.DstPort))
			return a
		}
	}
	for i := range e.pairs {
		t := &e.pairs[i]
		if t.on == p.In && t.reach.Contains(p.Dst) {
			return Arrival{Kind: t.kind, Name: t.name, Pos: t.pos, To: []netip.Addr{t.inside(p.Dst)}, Port: p.DstPort}
		}
	}
	return Arrival{To: []netip.Addr{p.Dst}, Port: p.DstPort}
}

// takes says whether a port forward is for a packet.
func (s *side) takes(f *forwardRead, p rules.Packet) bool {
	return len(s.targets) > 0 && slices.Contains(f.Protocols, p.Protocol) && slices.Contains(f.entries, p.In) &&
		(len(f.Ports) == 0 || config.HasPort(f.Ports, p.DstPort)) &&
		s.destination.Contains(p.Dst) && f.source.Contains(p.Src)
}

// portInside is the port at the target.
func portInside(f config.PortForward, p rules.Packet) uint16 {
	if f.TargetPort == 0 {
		return p.DstPort
	}
	return uint16(f.TargetPort) + p.DstPort - f.Ports[0].From
}
