package rules

import (
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules/steer"
)

// Steering is which gateways a flow may take that a rule passes.
type Steering struct {
	// Group is what the rule names. Empty: it names none, or that is not used here,
	// because the routing table sends the packet to the inside.
	Group string
	// Gateways are those that it may take; several are dealt out by weight. None
	// with a Group: that is down, and on_down says what happens.
	Gateways []*config.Gateway
	OnDown   config.OnDown
}

// Blocks says that the flow is blocked because no gateway lives.
func (s Steering) Blocks() bool {
	return s.Group != "" && len(s.Gateways) == 0 && s.OnDown == config.OnDownBlock
}

// Steer says which gateways a flow takes that a rule passes.
func (e *Evaluator) Steer(r *config.Rule, p Packet) Steering {
	g, ok := steer.Find(e.w.Config, r.Gateway)
	if !ok || e.Local(p.Dst) {
		return Steering{}
	}
	if i := e.w.Config.Interface(e.Way(p.Dst).Interface); i != nil && !i.External && e.w.Outward(g) {
		return Steering{}
	}
	s := Steering{Group: g.Name, OnDown: g.OnDown}
	slots := g.Deal(e.w.Lines)
	if g.Sticky && len(slots) > 0 {
		i := nft.Spread(p.Src, steerSeed, steer.Slots)
		slots = slots[i : i+1]
	}
	seen := map[string]bool{}
	for _, name := range slots {
		if !seen[name] {
			seen[name] = true
			s.Gateways = append(s.Gateways, e.w.Config.Gateway(name))
		}
	}
	return s
}
