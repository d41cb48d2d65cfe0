package links

import (
	"bytes"
	"net/netip"
	"reflect"
	"slices"
)

const (
	mainTable = 254
	// bestMetric6 is the lowest metric of IPv6 that is not read as 1024.
	bestMetric6 = 1
)

// target is a State with the names of this machine's devices in it. What is
// meant for a missing device is left out and stands in faults.
type target struct {
	links   []placed
	lost    bool // a link was not found
	routes  []Route
	sysctls []Sysctl
	faults  []error
}

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
	for _, s := range want.Sysctls {
		if s.Device == "" {
			t.sysctls = append(t.sysctls, s)
		} else if device := names[s.Device]; device != "" {
			t.sysctls = append(t.sysctls, s.on(device))
		}
	}
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
		t.links = append(t.links, placed{link: l, device: d})
	}
}

// placeRoutes leaves a route that waits for a link without a fault of its own:
// the link has one.
func (t *target) placeRoutes(devices []Device, names map[string]string, want []Route) {
	seen := make(map[routeKey]Route)
	for _, r := range want {
		if r.Device != "" {
			device, ok := names[r.Device]
			if !ok {
				t.faults = append(t.faults, &MissingRouteDevice{Route: r, Have: physical(devices)})
			}
			if device == "" {
				continue
			}
			r.Device = device
		}
		r = r.canonical()
		if kept, ok := seen[r.key()]; ok {
			t.faults = append(t.faults, &DuplicateRoute{Kept: kept, Dropped: r})
			continue
		}
		seen[r.key()] = r
		t.routes = append(t.routes, r)
	}
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
	return t.lost && !placed
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

// physical is the devices without the loopback, which is never what was meant.
func physical(devices []Device) []Device {
	return slices.DeleteFunc(slices.Clone(devices), func(d Device) bool { return d.Name == "lo" })
}

// routeKey is what the kernel tells routes apart by.
type routeKey struct {
	dst           netip.Prefix
	metric, table int
}

func (r Route) key() routeKey { return routeKey{r.Dst, r.Metric, r.Table} }

// canonical is the route as the kernel lists it.
func (r Route) canonical() Route {
	r.Dst = r.Dst.Masked()
	if r.Metric == 0 && r.Dst.Addr().Is6() {
		r.Metric = bestMetric6
	}
	if r.Table == 0 {
		r.Table = mainTable
	}
	return r
}

// leadsAs reports whether the route that was found does what want says. A
// wanted route without a device takes the one that the kernel chose.
func (r Route) leadsAs(want Route) bool {
	if want.Device == "" {
		want.Device = r.Device
	}
	return r.equal(want)
}

func (r Route) equal(other Route) bool {
	hops := slices.Equal(r.Hops, other.Hops)
	r.Hops, other.Hops = nil, nil
	return hops && reflect.DeepEqual(r, other)
}
