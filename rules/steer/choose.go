package steer

import (
	"slices"

	"github.com/rempart/rempart/config"
)

// Find is what a name in a rule or a route stands for; ok is false when it is
// neither a gateway group nor a gateway.
func Find(c *config.Config, name string) (g Group, ok bool) {
	if group := c.GatewayGroup(name); group != nil {
		g = Group{
			Name: name, Triggers: group.Triggers, Sticky: group.Sticky,
			OnDown: group.OnDown, FailOver: group.FailOver, FailBack: group.FailBack, Drain: group.Drain,
		}
		for _, tier := range group.Tiers {
			var members []Member
			for _, name := range tier {
				if gw := c.Gateway(name); gw != nil {
					members = append(members, Member{name, gw.Weight})
					g.Is6 = gw.Is6()
				}
			}
			g.Tiers = append(g.Tiers, members)
		}
		return g, true
	}
	gw := c.Gateway(name)
	if gw == nil {
		return Group{}, false
	}
	return Group{
		Name: name, Tiers: [][]Member{{{name, gw.Weight}}}, Is6: gw.Is6(),
		OnDown: gw.OnDown, FailOver: gw.FailOver, FailBack: config.FailBackKeep,
	}, true
}

// Usable says whether new flows of the group may take a gateway that is so.
func (g Group) Usable(h Health) bool {
	t, w := g.Triggers, h.Warned
	return h.Alive() && !(t.Loss && w.Loss) && !(t.Delay && w.Delay) && !(t.Jitter && w.Jitter)
}

// Choice is what new flows of a group take. Without members it is down.
type Choice struct {
	Tier    int
	Members []Member
}

// Choose is the first tier with a usable member, and its usable members. When
// all that live are beyond a trigger, the first tier with a living one is taken:
// a slow line is better than none. A gateway that lines does not have is online.
func (g Group) Choose(lines map[string]Health) Choice {
	for _, fit := range []func(Health) bool{g.Usable, Health.Alive} {
		for n, tier := range g.Tiers {
			if members := keep(tier, lines, fit); len(members) > 0 {
				return Choice{n, members}
			}
		}
	}
	return Choice{}
}

// TierOf is the tier that a gateway is in; -1 when it is no member.
func (g Group) TierOf(gateway string) int {
	return slices.IndexFunc(g.Tiers, func(tier []Member) bool {
		return slices.ContainsFunc(tier, func(m Member) bool { return m.Gateway == gateway })
	})
}

func keep(tier []Member, lines map[string]Health, fit func(Health) bool) []Member {
	var out []Member
	for _, m := range tier {
		if fit(lines[m.Gateway]) {
			out = append(out, m)
		}
	}
	return out
}

// Slots is how many slots flows are dealt out to. A slot has one gateway of a
// group, target of a port forward or address of a pool; which slot a flow takes is
// counted or hashed from its source.
const Slots = 256

// Deal gives each slot its gateway: to the members of the chosen tier in
// proportion to their weights. nil: the group is down.
func (g Group) Deal(lines map[string]Health) []string {
	chosen := g.Choose(lines)
	if len(chosen.Members) == 0 {
		return nil
	}
	var tier []Share[string]
	for _, m := range g.Tiers[chosen.Tier] {
		tier = append(tier, Share[string]{m.Gateway, m.Weight})
	}
	return Deal(tier, func(name string) bool {
		return slices.ContainsFunc(chosen.Members, func(m Member) bool { return m.Gateway == name })
	})
}

// Share is one of those that slots are dealt out to. It gets them in proportion
// to its weight, which is positive.
type Share[T comparable] struct {
	To     T
	Weight int
}

// Deal gives each of the slots to one that is usable, by weight and evenly mixed.
// What falls to one that is not usable goes to the others in the same proportion,
// so that who keeps a slot keeps it when another one fails or returns. nil: none is usable.
func Deal[T comparable](all []Share[T], usable func(T) bool) []T {
	living := slices.DeleteFunc(slices.Clone(all), func(s Share[T]) bool { return !usable(s.To) })
	if len(living) == 0 {
		return nil
	}
	out := mix(all, Slots)
	var orphans []int
	for i, to := range out {
		if !usable(to) {
			orphans = append(orphans, i)
		}
	}
	for n, to := range mix(living, len(orphans)) {
		out[orphans[n]] = to
	}
	return out
}

// mix deals n slots out by weight, each as evenly over the whole as it can be: in
// each step all gain their weight, and who has most gives up the sum.
func mix[T comparable](all []Share[T], n int) []T {
	sum := 0
	for _, s := range all {
		sum += s.Weight
	}
	credit := make([]int, len(all))
	out := make([]T, n)
	for i := range out {
		best := 0
		for j, s := range all {
			credit[j] += s.Weight
			if credit[j] > credit[best] {
				best = j
			}
		}
		credit[best] -= sum
		out[i] = all[best].To
	}
	return out
}
