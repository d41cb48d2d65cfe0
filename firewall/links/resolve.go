package links

import (
	"bytes"
	"maps"
	"net/netip"
	"slices"
)

// target is a State with the names of this machine's devices in it. What is
// meant for a missing device is left out and stands in faults.
type target struct {
	links   []placed
	lost    bool // a link was not found
	routes  []goal
	rules   []Rule
	proxies []Proxy
	void    bool // VoidDevice is needed
	sysctls []Sysctl
	faults  []error
}

// goal is a wanted route, and what can be had of it: the kernel refuses a hop
// whose device is down, and the whole route with it.
type goal struct {
	Route
	now Route
	ok  bool // false: nothing can be had
}

// met reports whether the route that was found does what is wanted, or what can
// be had of it. A hop whose device went down stays in a route of several, where
// the kernel passes over it and takes it up again.
func (g goal) met(r Route) bool { return r.leadsAs(g.Route) || g.ok && r.leadsAs(g.now) }

// placed is a link and the device that it was found on.
type placed struct {
	link   Link
	device Device
}

// resolve finds the devices that want speaks of.
func resolve(devices []Device, want State) target {
	t := target{}
	t.placeLinks(devices, want.Links)
	// A missing link's name leads to no device, unless a device has that name by
	// chance: what was meant for the link must not go there.
	names := make(map[string]string)
	for _, d := range devices {
		names[d.Name] = d.Name
	}
	for _, l := range want.Links {
		names[l.Name] = ""
	}
	for _, p := range t.links {
		names[p.link.Name] = p.device.Name
	}
	t.placeRoutes(devices, names, want.Routes)
	for _, r := range want.Rules {
		t.rules = append(t.rules, r.canonical())
	}
	for _, s := range want.Sysctls {
		if s.Device == "" {
			t.sysctls = append(t.sysctls, s)
		} else if device := names[s.Device]; device != "" {
			t.sysctls = append(t.sysctls, s.on(device))
		}
	}
	t.placeProxies(devices, names, want.Proxies)
	return t
}

func (t *target) placeLinks(devices []Device, want []Link) {
	taken := make(map[int]string)
	for _, l := range want {
		d, fault := find(devices, l)
		if fault != nil {
			t.lost = true
			t.faults = append(t.faults, fault)
			continue
		}
		if other, ok := taken[d.Index]; ok {
			t.lost = true
			t.faults = append(t.faults, &SharedDevice{Links: [2]string{other, l.Name}, Device: d.Name})
			continue
		}
		taken[d.Index] = l.Name
		t.links = append(t.links, placed{link: l.anchored(), device: d})
	}
}

// placeRoutes leaves a route that waits for a link without a fault of its own:
// the link has one.
func (t *target) placeRoutes(devices []Device, names map[string]string, want []Route) {
	down := t.down(devices)
	waiting := make(map[string]int)
	seen := make(map[routeKey]Route)
	for _, r := range want {
		hops, fault := resolveHops(r, names)
		if fault != nil {
			fault.Have = physical(devices)
			t.faults = append(t.faults, fault)
		}
		if able := ableHops(r.Dst, hops); len(able) < len(hops) {
			t.faults = append(t.faults, &HopWithoutVia{Route: r})
			hops = able
		}
		if r.Kind == Unicast && len(hops) == 0 {
			continue
		}
		r = r.along(hops).canonical()
		if kept, ok := seen[r.key()]; ok {
			t.faults = append(t.faults, &DuplicateRoute{Kept: kept, Dropped: r})
			continue
		}
		seen[r.key()] = r
		t.routes = append(t.routes, goalOf(r, down, waiting))
	}
	for _, device := range slices.Sorted(maps.Keys(waiting)) {
		t.faults = append(t.faults, &DownDevice{Device: device, Routes: waiting[device]})
	}
}

// resolveHops is the ways of a route by devices that are found. The fault tells
// of a name that means nothing here.
func resolveHops(r Route, names map[string]string) (hops []Hop, fault *MissingRouteDevice) {
	for _, h := range r.hops() {
		h.Via = h.Via.WithZone("")
		if h.Via.IsUnspecified() {
			h.Via = netip.Addr{}
		}
		if h.Device == "" {
			hops = append(hops, h)
			continue
		}
		device, ok := names[h.Device]
		if !ok {
			fault = &MissingRouteDevice{Route: r, Device: h.Device}
		}
		if device != "" {
			h.Device = device
			hops = append(hops, h)
		}
	}
	return hops, fault
}

// ableHops is the hops that the kernel takes together: in IPv6 those with a next
// hop, or else one.
func ableHops(dst netip.Prefix, hops []Hop) []Hop {
	if dst.Addr().Is4() || len(hops) < 2 {
		return hops
	}
	able := slices.DeleteFunc(slices.Clone(hops), func(h Hop) bool { return !h.Via.IsValid() })
	if len(able) == 0 {
		return hops[:1]
	}
	return able
}

// goalOf leaves out the hops by devices that are down, and counts them.
func goalOf(r Route, down map[string]bool, waiting map[string]int) goal {
	if r.Kind != Unicast {
		return goal{Route: r, now: r, ok: true}
	}
	var up []Hop
	for _, h := range r.hops() {
		if down[h.Device] {
			waiting[h.Device]++
		} else {
			up = append(up, h)
		}
	}
	return goal{Route: r, now: r.along(merged(up)), ok: len(up) > 0}
}

// down is the devices that are down and stay so.
func (t target) down(devices []Device) map[string]bool {
	down := make(map[string]bool)
	for _, d := range devices {
		l, _ := t.on(d.Index)
		down[d.Name] = !d.Up && !l.Up
	}
	return down
}

// on is the link that was found on the device.
func (t target) on(index int) (Link, bool) {
	i := slices.IndexFunc(t.links, func(p placed) bool { return p.device.Index == index })
	if i < 0 {
		return Link{}, false
	}
	return t.links[i].link, true
}

// undecided reports whether the device may be that of a link that was not
// found: renamed by hand, or one of two with the same MAC. Nothing is taken
// away from it, lest a gateway lose its addresses to a slip of the hand.
func (t target) undecided(d Device) bool {
	_, placed := t.on(d.Index)
	return t.lost && !placed && d.Name != VoidDevice
}

// sets reports whether the setting is wanted.
func (t target) sets(path string) bool {
	return slices.ContainsFunc(t.sysctls, func(s Sysctl) bool { return s.Path == path })
}

func find(devices []Device, l Link) (Device, error) {
	if l.Device != "" {
		i := slices.IndexFunc(devices, func(d Device) bool { return d.Name == l.Device })
		if i < 0 {
			return Device{}, &MissingDevice{Link: l.Name, Device: l.Device, Have: physical(devices)}
		}
		return devices[i], nil
	}
	match := byMAC(devices, l)
	switch len(match) {
	case 0:
		return Device{}, &MissingDevice{Link: l.Name, MAC: l.MAC, Have: physical(devices)}
	case 1:
		return match[0], nil
	}
	return Device{}, &AmbiguousMAC{Link: l.Name, MAC: l.MAC, Match: match}
}

// stacked are the kinds of device that take the address of the one below them.
var stacked = []string{"vlan", "macvlan", "macvtap", "ipvlan", "bridge", "bond", "team", "macsec"}

// byMAC is the devices with the link's MAC, without those that only borrowed it.
func byMAC(devices []Device, l Link) []Device {
	var match, lower []Device
	for _, d := range devices {
		if len(l.MAC) == 0 || !bytes.Equal(d.MAC, l.MAC) {
			continue
		}
		match = append(match, d)
		if !slices.Contains(stacked, d.Kind) {
			lower = append(lower, d)
		}
	}
	if len(lower) > 0 {
		return lower
	}
	return match
}

// physical is the devices without the loopback and ours, which are never what
// was meant.
func physical(devices []Device) []Device {
	return slices.DeleteFunc(slices.Clone(devices), func(d Device) bool { return d.Name == "lo" || d.Name == VoidDevice })
}
