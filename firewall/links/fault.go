package links

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
)

// MissingDevice is the fault of a Link whose device this machine does not have.
type MissingDevice struct {
	Link   string
	Device string           // what was looked for, or
	MAC    net.HardwareAddr // this
	Have   []Device         // what there is, without the loopback
}

// Error names what is missing and what there is instead.
func (f *MissingDevice) Error() string {
	switch {
	case f.Device != "":
		return fmt.Sprintf("interface %s: no device %q; this machine has %s", f.Link, f.Device, list(f.Have, Device.name))
	case len(f.MAC) == 0:
		return fmt.Sprintf("interface %s: neither device nor mac is given; this machine has %s", f.Link, list(f.Have, Device.nameAndMAC))
	}
	return fmt.Sprintf("interface %s: no device with MAC %s; this machine has %s", f.Link, f.MAC, list(f.Have, Device.nameAndMAC))
}

// AmbiguousMAC is the fault of a Link whose MAC several devices carry.
type AmbiguousMAC struct {
	Link  string
	MAC   net.HardwareAddr
	Match []Device
}

// Error names the devices, so that one can be chosen by name.
func (f *AmbiguousMAC) Error() string {
	return fmt.Sprintf("interface %s: MAC %s is that of several devices: %s; name one with device", f.Link, f.MAC, list(f.Match, Device.name))
}

// SharedDevice is the fault of two Links with one device.
type SharedDevice struct {
	Links  [2]string
	Device string
}

// Error names both links.
func (f *SharedDevice) Error() string {
	return fmt.Sprintf("interfaces %s and %s: both are device %q", f.Links[0], f.Links[1], f.Device)
}

// MissingRouteDevice is the fault of a Route that names, for itself or a hop, what is neither a Link nor
// a device of this machine.
type MissingRouteDevice struct {
	Route  Route
	Device string
	Have   []Device // without the loopback
}

// Error names the route, the device and what there is instead.
func (f *MissingRouteDevice) Error() string {
	return fmt.Sprintf("route %s: no device %q; this machine has %s", f.Route, f.Device, list(f.Have, Device.name))
}

// DownDevice is the fault of Routes by a device that is down: the kernel has none
// by such a device. They are added when it is up.
type DownDevice struct {
	Device string
	Routes int
}

// Error names the device and says what waits for it.
func (f *DownDevice) Error() string {
	if f.Routes == 1 {
		return fmt.Sprintf("device %q is down: a route by it waits", f.Device)
	}
	return fmt.Sprintf("device %q is down: %d routes by it wait", f.Device, f.Routes)
}

// HopWithoutVia is the fault of an IPv6 Route of several hops, not all of which
// have a next hop: the kernel does not share flows among such.
type HopWithoutVia struct{ Route Route }

// Error names the route.
func (f *HopWithoutVia) Error() string {
	return fmt.Sprintf("route %s: IPv6 needs a next hop for each of several lines; those without are left out", f.Route)
}

// DuplicateRoute is the fault of two Routes with the same destination, metric and table.
type DuplicateRoute struct{ Kept, Dropped Route }

// Error shows both routes.
func (f *DuplicateRoute) Error() string {
	return fmt.Sprintf("route %s: there is already %s; give one of them another metric", f.Dropped, f.Kept)
}

// MissingSysctl is the fault of a setting that this kernel does not have.
type MissingSysctl struct{ Path string }

// Error names the setting.
func (f *MissingSysctl) Error() string {
	return fmt.Sprintf("sysctl %s: this kernel does not have it", f.Path)
}

// FixedSysctl is the fault of a setting of the whole machine that cannot be changed from here.
type FixedSysctl struct{ Path, Have, Want string }

// Error names the file, and both values.
func (f *FixedSysctl) Error() string {
	return fmt.Sprintf("%s is %s and cannot be changed in this network namespace: write %s into it on the machine itself",
		filepath.Join(procSys, f.Path), f.Have, f.Want)
}

func (d Device) name() string       { return d.Name }
func (d Device) nameAndMAC() string { return fmt.Sprintf("%s (%s)", d.Name, d.MAC) }

func list(devices []Device, name func(Device) string) string {
	if len(devices) == 0 {
		return "none"
	}
	var names []string
	for _, d := range devices {
		names = append(names, name(d))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
