package rules

import (
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules/steer"
)

// group makes the chain that gives a new flow a gateway of a group. Which slot
// has which gateway stands in a map, and whether the group is up in a set, so
// that a line comes and goes without a change of rules.
func (c *compiler) group(g steer.Group, vias map[string]bool) {
	chain := nft.Chain{Name: gatewayChain(g.Name), Rules: []nft.Rule{
		{Comment: "has a line already", Exprs: []nft.Expr{gatewayBits(true, 0), accept()}},
	}}
	if inside := c.insideDevices(); c.w.Outward(g) && len(inside) > 0 {
		chain.Rules = append(chain.Rules, nft.Rule{Comment: "goes to the inside", Exprs: []nft.Expr{Devices(nft.FIBDaddrOIFName, inside), accept()}})
	}
	deal := nft.Deal{By: nft.DealRoundRobin, Slots: steer.Slots, Set: slotMap(g.Name)}
	if g.Sticky {
		deal.By, deal.Field, deal.Seed = nft.DealSource, c.family(g).Source(), SteerSeed
	}
	chain.Rules = append(chain.Rules, rule(deal))
	if g.OnDown == config.OnDownBlock {
		chain.Rules = append(chain.Rules, rule(gotoChain(blockGateway)))
	} else {
		chain.Rules = append(chain.Rules, rule(accept()))
	}
	c.part.Chains = append(c.part.Chains, chain)
	for _, set := range c.w.GroupSets(g) {
		c.sets.Add(set)
	}
	for _, tier := range g.Tiers {
		for _, m := range tier {
			if !vias[m.Gateway] {
				vias[m.Gateway] = true
				l := Line{Number: c.w.Gateways[m.Gateway]}
				c.part.Chains = append(c.part.Chains, nft.Chain{Name: viaChain(m.Gateway), Rules: []nft.Rule{
					rule(flowMark(l), nft.SetMark{Field: nft.MetaMark, Value: l.Mark()}, accept()),
				}})
			}
		}
	}
}

func (c *compiler) family(g steer.Group) Family {
	if g.Is6 {
		return V6
	}
	return V4
}

// insideDevices is the devices of the interfaces that do not lead to the Internet.
func (c *compiler) insideDevices() []string {
	var out []string
	for _, i := range c.w.Config.Interfaces {
		if !i.External {
			out = append(out, c.w.Device(i.Name))
		}
	}
	return out
}

// GroupSets is the map of a group's slots and, where rules ask for it, the set
// that says whether it is up. They are all that changes when a line does.
func (w *World) GroupSets(g steer.Group) []nft.Set {
	slots := nft.Set{Name: slotMap(g.Name), Key: []nft.Type{nft.TypeSlot}, Data: nft.TypeVerdict}
	for n, gateway := range g.Deal(w.Lines) {
		slots.Elements = append(slots.Elements, nft.Element{
			Key: []nft.Value{nft.Number(nft.TypeSlot, uint32(n))}, Verdict: nft.Verdict{Kind: nft.Goto, Chain: viaChain(gateway)},
		})
	}
	if g.OnDown != config.OnDownNext {
		return []nft.Set{slots}
	}
	up := nft.Set{Name: upSet(g.Name), Key: []nft.Type{nft.TypeNFProto}}
	if len(slots.Elements) > 0 {
		n := uint32(nfprotoIPv4)
		if g.Is6 {
			n = nfprotoIPv6
		}
		up.Elements = []nft.Element{{Key: []nft.Value{nft.Number(nft.TypeNFProto, n)}}}
	}
	return []nft.Set{slots, up}
}

// LineSets is the GroupSets of all groups that rules name.
func (w *World) LineSets() []nft.Set {
	var out []nft.Set
	for _, g := range w.Steered() {
		out = append(out, w.GroupSets(g)...)
	}
	return out
}

// The kernel's numbers of the families.
const (
	nfprotoIPv4 = 2
	nfprotoIPv6 = 10
)
