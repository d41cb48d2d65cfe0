package links

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// Fake is a Kernel in memory. It behaves as Linux where an Owner could tell the
// difference: a route goes when its last device is put down, IPv6 addresses and
// proxy entries as well, everything of a device goes with it, and ip_forward resets
// accept_redirects.
type Fake struct {
	mu       sync.Mutex
	identity string
	devices  []Device
	routes   []Route
	defaults []Route // of others
	rules    []Rule
	proxies  []FoundProxy
	sysctls  map[string]string
	fixed    map[string]bool // that Fix made
	refuse   map[string]error
	watchers map[int]func()
	next     int // of watchers
}

// NewFake makes a machine with those devices. Every setting reads "0" until it
// is written, where its device, if it is that of one, exists.
func NewFake(devices ...Device) *Fake {
	return &Fake{
		identity: "fake", devices: slices.Clone(devices), sysctls: make(map[string]string), fixed: make(map[string]bool),
		refuse: make(map[string]error), watchers: make(map[int]func()),
	}
}

// Refuse makes Do return err for the op that prints as op; nil lets it again.
func (f *Fake) Refuse(op string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse[op] = err
}

// Reboot gives the machine another identity and takes away all addresses,
// routes, rules and settings.
func (f *Fake) Reboot() {
	f.change(func() {
		f.identity += "'"
		f.routes, f.defaults, f.rules, f.proxies = nil, nil, nil, nil
		clear(f.sysctls)
		for i := range f.devices {
			f.devices[i].Addresses, f.devices[i].Up = nil, false
		}
	})
}

// Plug adds a device, or replaces the one with its index.
func (f *Fake) Plug(d Device) {
	f.change(func() {
		f.devices = slices.DeleteFunc(f.devices, func(old Device) bool { return old.Index == d.Index })
		f.devices = append(f.devices, d)
	})
}

// Unplug removes a device with its addresses, routes and settings.
func (f *Fake) Unplug(name string) {
	f.change(func() { f.unplug(name) })
}

func (f *Fake) unplug(name string) {
	f.devices = slices.DeleteFunc(f.devices, func(d Device) bool { return d.Name == name })
	f.dropRoutes(name)
	f.dropProxies(name)
	maps.DeleteFunc(f.sysctls, func(path, _ string) bool { return deviceOf(path) == name })
}

// Tamper makes a change as another program would, and tells who watches.
func (f *Fake) Tamper(op Op) error {
	var err error
	f.change(func() { err = f.apply(op) })
	return err
}

// String prints the devices, their addresses, the routes, the rules and the
// settings that were written, one a line.
func (f *Fake) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b strings.Builder
	for _, d := range f.devices {
		state := "down"
		if d.Up {
			state = "up"
		}
		fmt.Fprintf(&b, "%s mtu %d %s\n", d.Name, d.MTU, state)
		for _, a := range d.Addresses {
			fmt.Fprintf(&b, "  %s\n", a)
		}
	}
	for _, r := range f.routes {
		fmt.Fprintf(&b, "%s\n", r)
	}
	for _, r := range f.rules {
		fmt.Fprintf(&b, "%srule %s\n", r.family(), r)
	}
	for _, p := range f.proxies {
		fmt.Fprintf(&b, "%s\n", p.Proxy)
	}
	for _, path := range slices.Sorted(maps.Keys(f.sysctls)) {
		fmt.Fprintf(&b, "%s = %s\n", path, f.sysctls[path])
	}
	return b.String()
}

// Identity is the same until Reboot.
func (f *Fake) Identity() (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.identity, nil
}

// Devices lists the devices.
func (f *Fake) Devices() ([]Device, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	devices := slices.Clone(f.devices)
	for i := range devices {
		devices[i].Addresses = slices.Clone(devices[i].Addresses)
		devices[i].Unsettled = slices.Clone(devices[i].Unsettled)
	}
	return devices, nil
}

// Fix lets a setting only be read from now on, with that value.
func (f *Fake) Fix(path, value string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sysctls[path], f.fixed[path] = value, true
}

// Settable says whether a setting can be written.
func (f *Fake) Settable(path string) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.fixed[path], nil
}

// Sysctl reads a setting.
func (f *Fake) Sysctl(path string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := deviceOf(path); d != "" && f.device(d) == nil {
		return "", fs.ErrNotExist
	}
	if value, ok := f.sysctls[path]; ok {
		return value, nil
	}
	return "0", nil
}

// Do makes one change, unless it is to be refused.
func (f *Fake) Do(op Op) error {
	f.mu.Lock()
	err := f.refuse[op.String()]
	f.mu.Unlock()
	if err != nil {
		return err
	}
	return f.Tamper(op)
}

// Watch tells of every change, whoever made it.
func (f *Fake) Watch(ctx context.Context, changed func()) error {
	f.mu.Lock()
	f.next++
	key := f.next
	f.watchers[key] = changed
	f.mu.Unlock()
	changed()
	<-ctx.Done()
	f.mu.Lock()
	delete(f.watchers, key)
	f.mu.Unlock()
	return nil
}

func (f *Fake) change(do func()) {
	f.mu.Lock()
	do()
	watchers := slices.Collect(maps.Values(f.watchers))
	f.mu.Unlock()
	for _, changed := range watchers {
		changed()
	}
}

func (f *Fake) apply(op Op) error {
	switch op := op.(type) {
	case AddAddress:
		return f.on(op.Device, func(d *Device) { d.Addresses = append(d.Addresses, op.Prefix) })
	case DeleteAddress:
		return f.on(op.Device, func(d *Device) {
			d.Addresses = slices.DeleteFunc(d.Addresses, func(p netip.Prefix) bool { return p == op.Prefix })
		})
	case SetMTU:
		return f.on(op.Device, func(d *Device) { d.MTU = op.To })
	case SetUp:
		return f.on(op.Device, func(d *Device) { f.setUp(d, op.Up) })
	case AddRoute:
		return f.addRoute(op.Route)
	case ReplaceRoute:
		return f.replaceRoute(op.Old, op.New)
	case DeleteRoute:
		f.deleteRoute(op.Route)
	case AddRule:
		f.rules = append(f.rules, op.Rule.canonical())
	case DeleteRule:
		f.rules = slices.DeleteFunc(f.rules, func(r Rule) bool { return r == op.Rule.canonical() })
	case AddProxy:
		f.proxies = append(f.proxies, FoundProxy{Proxy: op.Proxy, Ours: true})
	case DeleteProxy:
		f.proxies = slices.DeleteFunc(f.proxies, func(p FoundProxy) bool { return p.Proxy == op.Proxy })
	case AddVoid:
		f.addVoid()
	case DeleteVoid:
		f.unplug(VoidDevice)
	case SetSysctl:
		f.write(op.Path, op.To)
	}
	return nil
}

// write resets accept_redirects when forwarding changes, as inet_forward_change
// does.
func (f *Fake) write(path, value string) {
	before, ok := f.sysctls[path]
	if !ok {
		before = "0"
	}
	f.sysctls[path] = value
	if path != "net/ipv4/ip_forward" || value == before {
		return
	}
	f.sysctls["net/ipv4/conf/all/accept_redirects"] = before
}

func (f *Fake) setUp(d *Device, up bool) {
	d.Up = up
	if up {
		return
	}
	f.dropDown()
	f.dropProxies(d.Name)
	d.Addresses = slices.DeleteFunc(d.Addresses, func(p netip.Prefix) bool { return p.Addr().Is6() })
}

func (f *Fake) on(name string, change func(*Device)) error {
	d := f.device(name)
	if d == nil {
		return fmt.Errorf("device %q: %w", name, fs.ErrNotExist)
	}
	change(d)
	return nil
}

func (f *Fake) device(name string) *Device {
	i := slices.IndexFunc(f.devices, func(d Device) bool { return d.Name == name })
	if i < 0 {
		return nil
	}
	return &f.devices[i]
}

// deviceOf is the device in a path such as net/ipv4/conf/eth0/rp_filter or
// net/ipv4/neigh/eth0/proxy_delay, empty where there is none.
func deviceOf(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) != 5 || parts[2] != "conf" && parts[2] != "neigh" || parts[3] == "all" || parts[3] == "default" {
		return ""
	}
	return parts[3]
}
