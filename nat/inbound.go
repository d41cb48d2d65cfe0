package nat

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
)

// Arrival is where inbound translation sends a packet.
type Arrival struct {
	Kind Kind
	Name string          // of what decides; empty: nothing does, and To and Port are the packet's own
	Pos  config.Position // where that stands
	// Excluded says that the port forward is one that leaves packets alone.
	Excluded bool
	To       []netip.Addr // of several, Spread says how one is chosen
	Spread   config.Spread
	Port     uint16
	Pass     bool // it needs no rule to be let in
	// Silent is the targets that get nothing new because they do not answer. When
	// that is all of them, none is left out of To.
	Silent []netip.Addr
	// Idle is the port forwards before it that are for the packet and have no target now.
	Idle []string

	every []netip.Addr // To and Silent
	slots []netip.Addr
}

// Reaches says whether a flow that began so may go on to an address and port: a
// target that has fallen silent keeps the flows that it has.
func (a Arrival) Reaches(to netip.AddrPort) bool {
	return (slices.Contains(a.To, to.Addr()) || slices.Contains(a.every, to.Addr())) && a.Port == to.Port()
}

// Changes says whether a packet for an address and port arrives at another one.
// What is translated to where it goes anyway is not translated in the kernel's eyes.
func (a Arrival) Changes(dst netip.AddrPort) bool {
	return a.Kind != None && (a.Port != dst.Port() || len(a.To) != 1 || a.To[0] != dst.Addr())
}

// Chosen is the target of a that packets of a source go to. Where the kernel
// takes them in turn or draws one, the first stands for all.
func (a Arrival) Chosen(src netip.Addr) netip.Addr {
	if len(a.To) == 1 || len(a.slots) == 0 || a.free() {
		return a.To[0]
	}
	return slotOf(a.slots, src)
}

// Free says whether one of several targets is chosen by more than the packet itself.
func (a Arrival) Free() bool { return len(a.To) > 1 && a.free() }

func (a Arrival) free() bool { return isFree(a.Spread) }

// Inbound says where the first packet of a flow, as its sender wrote it, arrives.
func (e *Evaluator) Inbound(p rules.Packet) Arrival {
	var idle []string
	for i := range e.forwards {
		f := &e.forwards[i]
		to := f.side(familyOf(p.Dst))
		switch {
		case !to.takes(f, p):
		case f.Exclude:
			return Arrival{Kind: PortForward, Name: f.Name, Pos: f.Pos, Excluded: true, To: []netip.Addr{p.Dst}, Port: p.DstPort, Idle: idle}
		case len(to.dealt) > 0:
			a := Arrival{
				Kind: PortForward, Name: f.Name, Pos: f.Pos, To: to.candidates, Spread: f.Spread, Port: portInside(f.PortForward, p),
				Silent: to.silent, Idle: idle, every: to.every(), slots: to.dealt,
			}
			a.Pass = f.Pass && a.Changes(netip.AddrPortFrom(p.Dst, p.DstPort))
			return a
		case f.without || to.comes:
			idle = append(idle, f.Name)
		}
	}
	for i := range e.pairs {
		t := &e.pairs[i]
		if slices.Contains(t.entries, p.In) && t.reach.Contains(p.Dst) {
			return Arrival{Kind: t.kind, Name: t.name, Pos: t.pos, To: []netip.Addr{t.inside(p.Dst)}, Port: p.DstPort, Idle: idle}
		}
	}
	return Arrival{To: []netip.Addr{p.Dst}, Port: p.DstPort, Idle: idle}
}

// takes says whether a port forward is for a packet, if it has a target.
func (s *side) takes(f *forwardRead, p rules.Packet) bool {
	return s.destination != nil && slices.Contains(f.Protocols, p.Protocol) && slices.Contains(f.entries, p.In) &&
		(len(f.Ports) == 0 || !p.Protocol.HasPorts() || config.HasPort(f.Ports, p.DstPort)) &&
		s.destination.Contains(p.Dst) && f.source.Contains(p.Src)
}

// portInside is the port at the target.
func portInside(f config.PortForward, p rules.Packet) uint16 {
	if f.TargetPort == 0 || !p.Protocol.HasPorts() {
		return p.DstPort
	}
	return uint16(f.TargetPort) + p.DstPort - f.Ports[0].From
}
