package rules

import (
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules/steer"
)

// Line is a gateway that leads out to the Internet: the first of its family on
// an external interface. What leaves by the interface leaves by it, and what
// comes in by the interface is answered by it.
type Line struct {
	*config.Gateway
	Number uint16 // that flows carry
}

// Mark is the line in a packet's mark, and in a flow's beside other bits.
func (l Line) Mark() uint32 { return uint32(l.Number) << GatewayShift }

// The bits of conntrack marks. Of a packet's mark only those of the gateway are used.
const (
	RuleMask     uint32 = 0x0000ffff
	GatewayMask  uint32 = 0x00ff0000
	GatewayShift        = 16
)

// lines is the lines between which it makes a difference which one a flow takes:
// those of each family that has several. With one alone nothing can go astray.
func (w *World) lines() []Line {
	var out []Line
	for _, six := range []bool{false, true} {
		var lines []Line
		for i := range w.Config.Gateways {
			g := &w.Config.Gateways[i]
			on := w.Config.Interface(g.Interface)
			taken := slices.ContainsFunc(lines, func(l Line) bool { return l.Interface == g.Interface })
			if g.Is6() == six && on != nil && on.External && !taken {
				lines = append(lines, Line{g, w.Gateways[g.Name]})
			}
		}
		if len(lines) > 1 {
			out = append(out, lines...)
		}
	}
	return out
}

// LineOf is the line of an interface in a family, where it makes a difference.
func (w *World) LineOf(iface string, f Family) (Line, bool) {
	for _, l := range w.lines() {
		if l.Interface == iface && l.Is6() == (f == V6) {
			return l, true
		}
	}
	return Line{}, false
}

// Behind is the interfaces behind which a gateway or the members of a group are.
func (w *World) Behind(name string) []string {
	g, _ := steer.Find(w.Config, name)
	var out []string
	for _, tier := range g.Tiers {
		for _, m := range tier {
			if iface := w.Config.Gateway(m.Gateway).Interface; !slices.Contains(out, iface) {
				out = append(out, iface)
			}
		}
	}
	return out
}

// Steered is the gateways and groups that rules in force name, each once, in the order of the rules.
func (w *World) Steered() []steer.Group {
	var out []steer.Group
	for _, r := range w.Config.Rules {
		if r.Gateway == "" || r.Disabled || slices.ContainsFunc(out, func(g steer.Group) bool { return g.Name == r.Gateway }) {
			continue
		}
		if g, ok := steer.Find(w.Config, r.Gateway); ok {
			out = append(out, g)
		}
	}
	return out
}

// Outward says whether all members of a group are on external interfaces. Such a
// group is not used for what the routing table sends to the inside.
func (w *World) Outward(g steer.Group) bool {
	return !slices.ContainsFunc(w.Behind(g.Name), func(iface string) bool { return !w.Config.Interface(iface).External })
}
