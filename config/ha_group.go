package config

import "slices"

// mostHAGroups is how many fit into a heartbeat together with what else it says.
const mostHAGroups = 16

// parseHAGroups lists the groups of virtual addresses: the one of those that name
// none first, if there are any or if there is no other.
func (p *parser) parseHAGroups() {
	h := p.cfg.HA
	for _, e := range p.policy.HAGroup {
		g := HAGroup{Name: e.name(), Pos: e.node.keyPos()}
		if g.Preferred = e.body.Preferred.s; e.body.Preferred.set() {
			if err := checkName(g.Preferred); err != nil {
				p.at(e.body.Preferred.node, "%v", err)
			}
		}
		if !slices.ContainsFunc(p.cfg.VIPs, func(v VIP) bool { return v.Group == g.Name }) {
			p.warn(e.node, "holds no address: write group = %q into the [[vip]] that are to move with it", g.Name)
		}
		if g.Name == DefaultHAGroup {
			h.Groups = slices.Insert(h.Groups, 0, g)
		} else {
			h.Groups = append(h.Groups, g)
		}
	}
	moves := func(v VIP) bool { return v.Kind == VIPCARP }
	if !slices.ContainsFunc(p.cfg.VIPs, moves) {
		p.warn(p.policy.HA.node, "no [[vip]] moves between the two nodes: hosts do not notice which of them is master")
	}
	ungrouped := func(v VIP) bool { return v.Group == DefaultHAGroup }
	if p.haGroups[DefaultHAGroup] == nil && (len(h.Groups) == 0 || slices.ContainsFunc(p.cfg.VIPs, ungrouped)) {
		h.Groups = slices.Insert(h.Groups, 0, HAGroup{Name: DefaultHAGroup, Pos: h.Pos})
	}
	if len(h.Groups) > mostHAGroups {
		p.atKey(p.policy.HAGroup[len(p.policy.HAGroup)-1].node, "makes it %d groups: %d at most, as many as a heartbeat has room for", len(h.Groups), mostHAGroups)
	}
}
