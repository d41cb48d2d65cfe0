package nat

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
)

// Arrival is where inbound translation sends a packet.
type Arrival struct {
	Name string       // of what translates it; empty: nothing does, and To and Port are the packet's own
	To   []netip.Addr // of several, the kernel's hash of the source chooses one
	Port uint16
	Pass bool // it needs no rule to be let in
}

// Reaches says whether a packet can arrive at an address and port.
func (a Arrival) Reaches(to netip.AddrPort) bool {
	return slices.Contains(a.To, to.Addr()) && a.Port == to.Port()
}

// Inbound reads the policy as it is written and says where the first packet of
// a flow, as its sender wrote it, arrives.
func Inbound(w *rules.World, p rules.Packet) Arrival {
	for _, f := range forwards(w.Config) {
		if !takes(w, f, p) {
			continue
		}
		if to := targets(w, f, familyOf(p.Dst)); len(to) > 0 {
			return Arrival{Name: f.Name, To: to, Port: portInside(f, p), Pass: f.Pass}
		}
	}
	for _, t := range pairs(w.Config) {
		if t.on == p.In && t.reach(w).Contains(p.Dst) {
			return Arrival{Name: t.name, To: []netip.Addr{t.inside(p.Dst)}, Port: p.DstPort}
		}
	}
	return Arrival{To: []netip.Addr{p.Dst}, Port: p.DstPort}
}

// takes says whether a port forward is for a packet.
func takes(w *rules.World, f config.PortForward, p rules.Packet) bool {
	ported := len(f.Ports) == 0 || slices.ContainsFunc(f.Ports, func(r config.PortRange) bool {
		return r.From <= p.DstPort && p.DstPort <= r.To
	})
	if !ported || !slices.Contains(f.Protocols, p.Protocol) || !slices.Contains(entries(w, f), p.In) {
		return false
	}
	dst := destination(w, f, familyOf(p.Dst))
	return len(dst) > 0 && w.Resolve(dst).Contains(w, p.Dst) && w.Resolve(f.Source).Contains(w, p.Src)
}

// portInside is the port at the target.
func portInside(f config.PortForward, p rules.Packet) uint16 {
	if f.TargetPort == 0 {
		return p.DstPort
	}
	return uint16(f.TargetPort) + p.DstPort - f.Ports[0].From
}
