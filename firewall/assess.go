package firewall

import (
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/nat"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/steer"
)

// assessment says what becomes of the flows on lines.
type assessment struct {
	w      *rules.World
	names  map[uint16]string // of rules
	fallen map[string]bool
	back   map[string]bool
	due    []drain
	adopts map[netip.Addr]uint16 // the number of a line by its addresses: flows without one that leave by them get it
	turn   map[string]int        // flows that each group has dealt out

	nat   *nat.Evaluator // made when it is asked first
	ways  []rules.Way
	sides map[netip.Addr]side     // asked for already
	slots map[string][]string     // of groups, asked for already
	takes map[string]steer.Choice // of groups, asked for already
}

func newAssessment(w *rules.World, names map[uint16]string) *assessment {
	a := &assessment{
		w: w, names: names, turn: map[string]int{}, ways: w.Ways(),
		sides: map[netip.Addr]side{}, slots: map[string][]string{}, takes: map[string]steer.Choice{},
	}
	for _, own := range w.OwnAddresses("") {
		a.sides[own] = sideOwn
	}
	return a
}

// side is where an address is, seen from the gateway.
type side int

const (
	sideOutside side = iota + 1
	sideInside
	sideOwn // the gateway has it itself
)

// sideOf is where the policy's routes lead to for an address.
func (a *assessment) sideOf(addr netip.Addr) side {
	s, known := a.sides[addr]
	if !known {
		s = sideOutside
		if on := a.w.Config.Interface(rules.FirstWay(a.ways, addr).Interface); on != nil && !on.External {
			s = sideInside
		}
		a.sides[addr] = s
	}
	return s
}

// slotsOf is the gateway of each slot of a group.
func (a *assessment) slotsOf(g steer.Group) []string {
	slots, known := a.slots[g.Name]
	if !known {
		slots = g.Deal(a.w.Lines)
		a.slots[g.Name] = slots
	}
	return slots
}

func (a *assessment) needed() bool { return len(a.fallen)+len(a.back)+len(a.due)+len(a.adopts) > 0 }

// gateways is the numbers whose flows have to be looked at.
func (a *assessment) gateways() flows.Gateways {
	var out flows.Gateways
	for name, n := range a.w.Gateways {
		if n != 0 && (a.fallen[name] || len(a.back)+len(a.due) > 0) {
			out = append(out, uint8(n))
		}
	}
	if len(a.adopts) > 0 {
		out = append(out, 0)
	}
	return out
}

// addressesOfLines is the number of each line by the addresses of the gateway on it.
func (a *assessment) addressesOfLines() map[netip.Addr]uint16 {
	out := map[netip.Addr]uint16{}
	for _, i := range a.w.Config.Interfaces {
		for _, addr := range a.w.OwnAddresses(i.Name) {
			fam := rules.V4
			if addr.Is6() {
				fam = rules.V6
			}
			if l, ok := a.w.LineOf(i.Name, fam); ok {
				out[addr] = l.Number
			}
		}
	}
	return out
}

// sort picks the flows that are moved and those that are ended.
func (a *assessment) sort(all []flows.Flow) (moved []flows.Marked, ended []flows.Flow) {
	gateways := map[uint8]string{}
	for name, n := range a.w.Gateways {
		gateways[uint8(n)] = name
	}
	for _, fl := range all {
		on := gateways[fl.Gateway()]
		group, by, rule := a.steering(fl, on)
		switch {
		case fl.Gateway() == 0 && a.adopts[fl.Reply.Dst.Addr()] != 0:
			moved = append(moved, flows.Marked{Flow: fl, Bits: flows.GatewayBits(uint8(a.adopts[fl.Reply.Dst.Addr()]))})
		case on == "":
		case a.fallen[on]:
			to, fate := a.failOver(fl, group, by)
			switch fate {
			case config.FailOverMove:
				moved = append(moved, flows.Marked{Flow: fl, Bits: flows.Bits{Value: uint32(to) << flows.GatewayShift, Mask: flows.GatewayMask}})
			case config.FailOverEnd:
				ended = append(ended, fl)
			}
		case a.sideOf(fl.Orig.Src.Addr()) == sideOutside: // it came in by the line, no group chose that
		case a.drained(group, rule, on) || a.back[group.Name] && by.FailBack == config.FailBackEnd && a.later(group, on):
			ended = append(ended, fl)
		}
	}
	return moved, ended
}

// steering is the group by which a flow came to its gateway, and what holds for
// it: its rule's where that names one, else that of the default route.
func (a *assessment) steering(fl flows.Flow, on string) (steer.Group, config.Steering, string) {
	if r := a.w.Config.Rule(a.names[fl.Rule()]); r != nil && r.Gateway != "" {
		if g, ok := steer.Find(a.w.Config, r.Gateway); ok && g.TierOf(on) >= 0 {
			return g, steeringOf(r.Steering, g), r.Name
		}
	}
	for _, r := range a.w.Config.Routes {
		if g, ok := steer.Find(a.w.Config, r.Gateway); ok && r.Alias == "" && r.Destination.Bits() == 0 && g.TierOf(on) >= 0 {
			return g, steeringOf(config.Steering{}, g), ""
		}
	}
	g, ok := steer.Find(a.w.Config, on)
	if !ok { // the policy does not know it any more
		g.FailOver = config.FailOverMove
	}
	return g, steeringOf(config.Steering{}, g), ""
}

// steeringOf is what a rule says, or else its group.
func steeringOf(s config.Steering, g steer.Group) config.Steering {
	if s.FailOver == 0 {
		s.FailOver = g.FailOver
	}
	if s.FailBack == 0 {
		s.FailBack, s.Drain = g.FailBack, g.Drain
	}
	return s
}

// failOver is what becomes of a flow whose line failed, and where it goes on.
// Only one that nobody translated, and that the inside opened, can go on by
// another line: its far end knows it by an address that is not the line's.
func (a *assessment) failOver(fl flows.Flow, g steer.Group, by config.Steering) (to uint16, fate config.FailOver) {
	if by.FailOver != config.FailOverMove {
		return 0, by.FailOver
	}
	src := fl.Orig.Src.Addr()
	if translated := fl.Reply.Dst.Addr() != src; translated || a.sideOf(src) != sideInside {
		return 0, config.FailOverEnd
	}
	next := ""
	switch slots := a.slotsOf(g); {
	case len(slots) > 0 && g.Sticky:
		next = slots[nft.Spread(src, rules.SteerSeed, len(slots))]
	case len(slots) > 0:
		a.turn[g.Name]++
		next = slots[a.turn[g.Name]%len(slots)]
	case g.OnDown != config.OnDownDefaultRoute:
		return 0, config.FailOverEnd
	}
	if a.translates(fl, next) {
		return 0, config.FailOverEnd
	}
	return a.w.Gateways[next], config.FailOverMove
}

// translates says whether the flows that a flow is of would leave by a gateway, or
// without one by the routing table, with another source: one that runs keeps its
// own, which nobody could answer there.
func (a *assessment) translates(fl flows.Flow, gateway string) bool {
	if a.nat == nil {
		a.nat = nat.NewEvaluator(a.w)
	}
	out := rules.FirstWay(a.ways, fl.Reply.Src.Addr()).Interface
	if g := a.w.Config.Gateway(gateway); g != nil {
		out = g.Interface
	}
	src := fl.Orig.Src.Addr()
	p := rules.Packet{
		In: rules.FirstWay(a.ways, src).Interface, Protocol: config.Protocol(fl.Orig.Proto), Src: src, Dst: fl.Reply.Src.Addr(),
		SrcPort: fl.Orig.Src.Port(), DstPort: fl.Reply.Src.Port(),
	}
	return a.nat.Outbound(nat.Outgoing{Packet: p, Out: out, Translated: fl.Reply.Src != fl.Orig.Dst}).Source != src
}

// later says whether a gateway is in a later tier than its group takes now.
func (a *assessment) later(g steer.Group, on string) bool {
	chosen, known := a.takes[g.Name]
	if !known {
		chosen = g.Choose(a.w.Lines)
		a.takes[g.Name] = chosen
	}
	return len(chosen.Members) > 0 && g.TierOf(on) > chosen.Tier
}

// drained says whether the time of a flow on a later tier is up.
func (a *assessment) drained(g steer.Group, rule, on string) bool {
	own := a.ownDrain(rule)
	return a.later(g, on) && slices.ContainsFunc(a.due, func(d drain) bool {
		return d.group == g.Name && (d.rule == rule && own || d.rule == "" && !own)
	})
}

// ownDrain says whether a rule says itself what becomes of its flows when their group goes back.
func (a *assessment) ownDrain(rule string) bool {
	r := a.w.Config.Rule(rule)
	return r != nil && r.Steering.FailBack != 0
}

// drainsOf is the drains that begin when a group goes back: its own, and those of rules that say otherwise.
func (a *assessment) drainsOf(group string, now time.Time) []drain {
	var out []drain
	g, _ := steer.Find(a.w.Config, group)
	if g.FailBack == config.FailBackDrain {
		out = append(out, drain{now.Add(g.Drain), group, ""})
	}
	for _, r := range a.w.Config.Rules {
		if r.Gateway == group && r.Steering.FailBack == config.FailBackDrain {
			out = append(out, drain{now.Add(r.Steering.Drain), group, r.Name})
		}
	}
	return out
}
