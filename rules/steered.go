package rules

import (
	"slices"

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

// helm is what a rule's gateway comes to at the moment.
type helm struct {
	steer.Group
	outward bool
	slots   []*config.Gateway // that flows are dealt out to; nil: it is down
	all     []*config.Gateway // each once
}

// helm is the gateway of a rule; nil: it names none.
func (w *World) helm(r *config.Rule) *helm {
	g, ok := steer.Find(w.Config, r.Gateway)
	if !ok {
		return nil
	}
	h := &helm{Group: g, outward: w.Outward(g)}
	for _, name := range g.Deal(w.Lines) {
		gateway := w.Config.Gateway(name)
		h.slots = append(h.slots, gateway)
		if !slices.Contains(h.all, gateway) {
			h.all = append(h.all, gateway)
		}
	}
	return h
}

// lives says whether a rule with this gateway is there for packets of a family:
// it is for the gateway's family alone, and is passed over when that is down and
// on_down says next. What the gateway is not used for needs none that is up.
func (h *helm) lives(f Family, near bool) bool {
	return h == nil || h.Is6 == (f == V6) && (h.OnDown != config.OnDownNext || len(h.all) > 0 || near)
}

// steer says which gateways a flow takes that a rule passes.
func (e *Evaluator) steer(h *helm, p Packet) Steering {
	if h == nil || e.Local(p.Dst) {
		return Steering{}
	}
	if i := e.w.Config.Interface(e.Way(p.Dst).Interface); i != nil && !i.External && h.outward {
		return Steering{}
	}
	s := Steering{Group: h.Name, OnDown: h.OnDown, Gateways: h.all}
	if h.Sticky && len(h.slots) > 0 {
		i := nft.Spread(p.Src, SteerSeed, len(h.slots))
		s.Gateways = h.slots[i : i+1]
	}
	return s
}
