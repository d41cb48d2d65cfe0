package links

import (
	"net/netip"
	"slices"
)

// Diff is what has to be done so that have becomes want. What is new comes
// before what goes, and settings before links, links before addresses, addresses
// before the routes that need them, routes before the rules that ask for their
// table and the proxies that need them, and what goes in the opposite order. It is
// empty when nothing is to be done. What want says of missing devices is passed
// over.
func Diff(have Machine, want State, owned Owned) []Op {
	t := resolve(have.Devices, want)
	blocking, leaving := unwantedAddresses(have, t, owned)
	addRoutes, deleteRoutes := diffRoutes(settled(have, t))
	addRules, deleteRules := diffRules(have.Rules, t.rules)
	addProxies, deleteProxies := diffProxies(have, t)
	addVoid, deleteVoid := diffVoid(have, t)
	return slices.Concat(
		setSysctls(have, t),
		setLinks(t),
		addVoid,
		blocking,
		addAddresses(t),
		addRoutes,
		addRules,
		addProxies,
		deleteProxies,
		deleteRules,
		deleteRoutes,
		deleteVoid,
		leaving,
		restoreLinks(have, t, owned),
		restoreSysctls(have, t, owned),
	)
}

func setSysctls(have Machine, t target) []Op {
	var ops []Op
	for _, s := range t.sysctls {
		if value, ok := have.Sysctls[s.Path]; ok && !s.met(value) && !have.Fixed[s.Path] {
			ops = append(ops, SetSysctl{Path: s.Path, From: value, To: s.Value})
		}
	}
	return ops
}

func setLinks(t target) []Op {
	var ops []Op
	for _, p := range t.links {
		d := p.device
		if p.link.MTU != 0 && d.MTU != p.link.MTU {
			ops = append(ops, SetMTU{Device: d.Name, Index: d.Index, From: d.MTU, To: p.link.MTU})
		}
		if p.link.Up && !d.Up {
			ops = append(ops, SetUp{Device: d.Name, Index: d.Index, Up: true})
		}
	}
	return ops
}

func addAddresses(t target) []Op {
	var ops []Op
	for _, p := range t.links {
		for i, prefix := range p.link.Addresses {
			twice := slices.Contains(p.link.Addresses[:i], prefix)
			if !twice && !slices.Contains(p.device.Addresses, prefix) {
				ops = append(ops, AddAddress{Device: p.device.Name, Index: p.device.Index, Prefix: prefix})
			}
		}
	}
	return ops
}

// unwantedAddresses is the addresses that we added and that nothing wants any
// more. Those that stand in the way of a wanted one come first.
func unwantedAddresses(have Machine, t target, owned Owned) (blocking, leaving []Op) {
	for _, d := range have.Devices {
		if t.undecided(d) {
			continue
		}
		l, _ := t.on(d.Index)
		wanted := l.Addresses
		for _, prefix := range d.Addresses {
			if slices.Contains(wanted, prefix) || l.moves(prefix.Addr()) || !owned.address(d.Index, prefix) {
				continue
			}
			op := DeleteAddress{Device: d.Name, Index: d.Index, Prefix: prefix}
			if blocks(prefix, wanted) {
				blocking = append(blocking, op)
			} else {
				leaving = append(leaving, op)
			}
		}
	}
	return blocking, leaving
}

// blocks reports whether prefix keeps one of wanted out: IPv6 has an address
// once a device, whatever the length of its subnet.
func blocks(prefix netip.Prefix, wanted []netip.Prefix) bool {
	return prefix.Addr().Is6() && slices.ContainsFunc(wanted, func(w netip.Prefix) bool { return w.Addr() == prefix.Addr() })
}

// settled is the routes that were found, and those that are wanted, without
// what is by undecided devices.
func settled(have Machine, t target) (found []Route, want []goal) {
	undecided := make(map[routeKey]bool)
	for _, d := range have.Devices {
		if !t.undecided(d) {
			continue
		}
		for _, r := range have.Routes {
			if r.uses(d.Name) {
				undecided[r.key()] = true
			}
		}
	}
	found = slices.DeleteFunc(slices.Clone(have.Routes), func(r Route) bool { return undecided[r.key()] })
	want = slices.DeleteFunc(slices.Clone(t.routes), func(g goal) bool { return undecided[g.key()] })
	return found, want
}

func diffRoutes(have []Route, want []goal) (add, del []Op) {
	wanted := make(map[routeKey]goal)
	for _, g := range want {
		wanted[g.key()] = g
	}
	// Whichever of several with one key leads right is kept, wherever it is.
	right := make(map[routeKey]int)
	for i, r := range have {
		if g, ok := wanted[r.key()]; ok && g.met(r) {
			if _, ok := right[r.key()]; !ok {
				right[r.key()] = i
			}
		}
	}
	replaced := make(map[routeKey]Route)
	for i, r := range have {
		kept, done := right[r.key()]
		_, twice := replaced[r.key()]
		switch {
		case done && kept == i:
		case !done && !twice && wanted[r.key()].ok:
			replaced[r.key()] = r
		default:
			del = append(del, DeleteRoute{Route: r})
		}
	}
	for _, g := range want {
		_, done := right[g.key()]
		if old, ok := replaced[g.key()]; ok {
			add = append(add, ReplaceRoute{Old: old, New: g.now})
		} else if !done && g.ok {
			add = append(add, AddRoute{Route: g.now})
		}
	}
	return add, del
}

// restoreLinks puts back what was changed on devices that are not asked for it
// any more. What somebody else changed since is theirs.
func restoreLinks(have Machine, t target, owned Owned) []Op {
	var ops []Op
	for _, d := range have.Devices {
		o, ok := owned.link(d.Index)
		if !ok || t.undecided(d) {
			continue
		}
		l, _ := t.on(d.Index)
		if l.MTU == 0 && o.MTUBefore != 0 && d.MTU == o.MTU {
			ops = append(ops, SetMTU{Device: d.Name, Index: d.Index, From: d.MTU, To: o.MTUBefore, Restore: true})
		}
		if !l.Up && o.Raised && d.Up {
			ops = append(ops, SetUp{Device: d.Name, Index: d.Index})
		}
	}
	return ops
}

// restoreSysctls writes back also what looks right already, in the order of the
// first writes: one that comes earlier may change a later one, as ip_forward
// does with accept_redirects.
func restoreSysctls(have Machine, t target, owned Owned) []Op {
	if t.lost {
		return nil
	}
	var ops []Op
	for _, o := range owned.Sysctls {
		if t.sets(o.Path) || have.Sysctls[o.Path] != o.Value {
			continue
		}
		ops = append(ops, SetSysctl{Path: o.Path, From: o.Value, To: o.Before, Restore: true})
	}
	return ops
}
