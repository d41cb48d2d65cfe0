package config

import "slices"

// What fits into a heartbeat together with what else it says.
const (
	mostHAGroups   = 16
	longestHAGroup = 32 // bytes of a name
	mostHASegments = 32
)

// parseHAGroups lists the groups of virtual addresses: the one of those that name
// none first, if there are any or if there is no other.
func (p *parser) parseHAGroups() {
	h := p.cfg.HA
	for _, e := range p.policy.HAGroup {
		g := HAGroup{Name: e.name(), Pos: e.node.keyPos()}
		if len(g.Name) > longestHAGroup {
			p.atKey(e.node, "the name has %d bytes: %d at most", len(g.Name), longestHAGroup)
		}
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
	segments := make(map[string]bool)
	for _, v := range p.cfg.VIPs {
		if segments[v.Interface] = true; len(segments) > mostHASegments {
			p.atKey(p.policy.HA.node, "virtual addresses stand on more than %d interfaces, as many as a heartbeat has room for", mostHASegments)
			break
		}
	}
	if len(h.Groups) > mostHAGroups {
		p.atKey(p.policy.HAGroup[len(p.policy.HAGroup)-1].node, "makes it %d groups: %d at most, as many as a heartbeat has room for", len(h.Groups), mostHAGroups)
	}
}
