package config

import (
	"net/netip"
	"slices"
)

// Interface is the interface of that name, or nil.
func (c *Config) Interface(name string) *Interface {
	return byName(c.Interfaces, name, func(i *Interface) string { return i.Name })
}

// Zone is the zone of that name, or nil.
func (c *Config) Zone(name string) *Zone {
	return byName(c.Zones, name, func(z *Zone) string { return z.Name })
}

// Alias is the alias of that name, or nil.
func (c *Config) Alias(name string) *Alias {
	return byName(c.Aliases, name, func(a *Alias) string { return a.Name })
}

// Schedule is the schedule of that name, or nil.
func (c *Config) Schedule(name string) *Schedule {
	return byName(c.Schedules, name, func(s *Schedule) string { return s.Name })
}

// Gateway is the gateway of that name, or nil; gateway groups are not looked at.
func (c *Config) Gateway(name string) *Gateway {
	return byName(c.Gateways, name, func(g *Gateway) string { return g.Name })
}

// GatewayGroup is the gateway group of that name, or nil.
func (c *Config) GatewayGroup(name string) *GatewayGroup {
	return byName(c.GatewayGroups, name, func(g *GatewayGroup) string { return g.Name })
}

// Rule is the filter rule of that name, or nil.
func (c *Config) Rule(name string) *Rule {
	return byName(c.Rules, name, func(r *Rule) string { return r.Name })
}

// IsAddress says whether the gateway has the address itself; of a kind that
// moves, while it is master.
func (k VIPKind) IsAddress() bool { return k == VIPCARP || k == VIPAlias }

// HeldOneToOne is the outside addresses of 1:1 translations that neighbours on
// an interface ask for, because they lie in one of its networks. It has to hold
// them beside its own.
func (c *Config) HeldOneToOne(iface string) []netip.Addr {
	i := c.Interface(iface)
	if i == nil {
		return nil
	}
	networks := slices.Clone(i.Addresses)
	for _, v := range c.VIPs {
		if v.Interface == iface && v.Kind.IsAddress() {
			networks = append(networks, v.Address)
		}
	}
	var held []netip.Addr
	for _, o := range c.OneToOne {
		near := func(a netip.Prefix) bool { return a.Overlaps(o.External) }
		if o.On != iface || o.Disabled || !slices.ContainsFunc(networks, near) {
			continue
		}
		for a := o.External.Addr(); o.External.Contains(a); a = a.Next() {
			held = append(held, a)
		}
	}
	return held
}

// Moving is the addresses that the pair moves between its nodes: the virtual ones in
// the order of the policy, then the outside addresses of 1:1 translations that
// are held beside them. Those have no vhid, and go with the first virtual address of their
// interface.
func (c *Config) Moving() []VIP {
	var all []VIP
	first := make(map[string]VIP)
	has := make(map[netip.Addr]bool)
	for _, v := range c.VIPs {
		if v.Kind != VIPCARP {
			continue
		}
		all = append(all, v)
		has[v.Address.Addr()] = true
		if _, ok := first[v.Interface]; !ok {
			first[v.Interface] = v
		}
	}
	for _, i := range c.Interfaces {
		with, ok := first[i.Name]
		if !ok {
			continue
		}
		for _, a := range c.HeldOneToOne(i.Name) {
			if !has[a] {
				all = append(all, VIP{Interface: i.Name, Kind: VIPCARP, Address: netip.PrefixFrom(a, a.BitLen()), Group: with.Group, Pos: with.Pos})
			}
		}
	}
	return all
}

func byName[T any](all []T, name string, nameOf func(*T) string) *T {
	for i := range all {
		if nameOf(&all[i]) == name {
			return &all[i]
		}
	}
	return nil
}

// InterfacesOf is the names of the interfaces that p means, in the order of the
// policy; nil for anywhere and for the gateway itself.
func (c *Config) InterfacesOf(p Place) []string {
	switch p.Kind {
	case PlaceInterface:
		return []string{p.Name}
	case PlaceZone:
		if z := c.Zone(p.Name); z != nil {
			return z.Interfaces
		}
	}
	return nil
}

// RuleNames is the name of everything that counts packets: the rules, then the
// port forwards, the outbound and the 1:1 translations and the prefixes, each
// in the order of the policy. No name stands twice.
func (c *Config) RuleNames() []string {
	names := make([]string, 0, len(c.Rules)+len(c.PortForwards)+len(c.Outbound)+len(c.OneToOne)+len(c.Prefixes))
	for i := range c.Rules {
		names = append(names, c.Rules[i].Name)
	}
	for i := range c.PortForwards {
		names = append(names, c.PortForwards[i].Name)
	}
	for i := range c.Outbound {
		names = append(names, c.Outbound[i].Name)
	}
	for i := range c.OneToOne {
		names = append(names, c.OneToOne[i].Name)
	}
	for i := range c.Prefixes {
		names = append(names, c.Prefixes[i].Name)
	}
	return names
}
