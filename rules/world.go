// Package rules turns zones, aliases and filter rules into chains and sets, and
// says what becomes of a packet by reading the policy as it is written.
//
//	World --Compile--> Part (sets, counters, chains)    what the kernel runs
//	World --Evaluate--> Decision                        what it has to mean
//
// The two are kept apart on purpose: tests hold one against the other.
package rules

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules/steer"
	"github.com/rempart/rempart/schedules"
	"go4.org/netipx"
)

// World is a policy at one moment: the config and what it has to be read with.
// It is a value to read; nothing in this package changes it.
type World struct {
	Config *config.Config
	// Devices maps an interface that is selected by its MAC address to the
	// kernel's name for it; an absent one goes by its configured device, and
	// without that by its own name.
	Devices map[string]string
	// Names and Lists are what aliases learned from outside: answers by domain
	// name, addresses by alias.
	Names map[string][]netip.Addr
	Lists map[string]*netipx.IPSet
	// Dynamic is what dynamic aliases hold now; only Evaluate looks at it.
	Dynamic map[string]*netipx.IPSet
	// Schedules holds when each schedule is on, as absolute instants.
	Schedules map[string][]schedules.Interval
	// Numbers gives each rule the number that its flows carry.
	Numbers Numbers
	// Gateways gives each gateway the number that its flows carry, 1 to 255.
	Gateways Numbers
	// Lines is how each gateway is; one that is absent is online.
	Lines map[string]steer.Health
	// Hops is the next hop that gateways without a written address have now. One
	// that is absent has none; the unspecified address is the link itself.
	Hops map[string]netip.Addr
	// Addresses is what interfaces without written addresses have now.
	Addresses map[string][]netip.Prefix
	// Silent is the targets that do not answer, by port forward.
	Silent map[string][]netip.Addr
}

// Device is the kernel's name of an interface of the policy.
func (w *World) Device(iface string) string {
	if d := w.Devices[iface]; d != "" {
		return d
	}
	if i := w.Config.Interface(iface); i != nil && i.Device != "" {
		return i.Device
	}
	return iface
}

// DevicesOf names the devices of a place in the order of the policy; nil for anywhere and for the gateway itself.
func (w *World) DevicesOf(p config.Place) []string {
	var out []string
	for _, name := range w.Config.InterfacesOf(p) {
		out = append(out, w.Device(name))
	}
	return out
}

// OwnAddresses is every address of the gateway, or those on one interface, without repeats.
func (w *World) OwnAddresses(iface string) []netip.Addr {
	var out []netip.Addr
	add := func(a netip.Addr) {
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	for _, i := range w.Config.Interfaces {
		if iface != "" && i.Name != iface {
			continue
		}
		for _, p := range w.AddressesOf(i) {
			add(p.Addr())
		}
	}
	for _, v := range w.Config.VIPs {
		if v.Kind != config.VIPProxyARP && (iface == "" || v.Interface == iface) {
			add(v.Address.Addr())
		}
	}
	return out
}

// AddressesOf is the addresses of an interface with their networks: those
// written, or where none are, those that it has now.
func (w *World) AddressesOf(i config.Interface) []netip.Prefix {
	if len(i.Addresses) > 0 {
		return i.Addresses
	}
	return w.Addresses[i.Name]
}

// Learns says whether the addresses of an interface are not written, but what
// the machine has. Of those the sets change and not the rules.
func (w *World) Learns(iface string) bool {
	i := w.Config.Interface(iface)
	return i != nil && len(i.Addresses) == 0
}

// Local is every address that the gateway itself takes: its own, those that it
// holds for 1:1 translations where nothing translates them, and broadcast,
// anycast and multicast, which the kernel hands to input as well. What comes for a
// link-local address is for the gateway's own on that link: no router sends it on.
func (w *World) Local() *netipx.IPSet {
	var b netipx.IPSetBuilder
	b.AddSet(prefixes("224.0.0.0/4", "255.255.255.255/32", "ff00::/8", "fe80::/10"))
	for _, a := range w.OwnAddresses("") {
		b.Add(a)
	}
	for _, i := range w.Config.Interfaces {
		for _, a := range w.Config.HeldOneToOne(i.Name) {
			b.Add(a)
		}
		for _, p := range w.Networks(i.Name) {
			switch {
			case p.Addr().Is4() && p.Bits() < 31:
				b.Add(netipx.PrefixLastIP(p))
			case p.Addr().Is6() && p.Bits() < 127:
				b.Add(p.Addr()) // of every router on the link (RFC 4291 2.6.1, RFC 6164)
			}
		}
	}
	return mustSet(&b)
}

// Networks is the subnets of an interface.
func (w *World) Networks(iface string) []netip.Prefix {
	var out []netip.Prefix
	add := func(p netip.Prefix) {
		if p = p.Masked(); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	if i := w.Config.Interface(iface); i != nil {
		for _, p := range w.AddressesOf(*i) {
			add(p)
		}
	}
	for _, v := range w.Config.VIPs {
		if v.Kind != config.VIPProxyARP && v.Interface == iface {
			add(v.Address)
		}
	}
	return out
}

// Inside is the addresses that live behind interfaces that are not external:
// their subnets and what is routed there. Static routes count, because a host
// behind an inner router is as much ours as its neighbour.
func (w *World) Inside() *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, i := range w.Config.Interfaces {
		if i.External {
			continue
		}
		for _, p := range w.Networks(i.Name) {
			b.AddPrefix(p)
		}
	}
	for _, r := range w.Config.Routes {
		for _, iface := range w.Behind(r.Gateway) {
			if i := w.Config.Interface(iface); i != nil && !i.External {
				w.addNetworks(&b, r)
			}
		}
	}
	return mustSet(&b)
}

// addNetworks puts what a route leads to into a set, the default aside.
func (w *World) addNetworks(b *netipx.IPSetBuilder, r config.Route) {
	for _, p := range w.Destinations(r) {
		if p.Bits() > 0 {
			b.AddPrefix(p)
		}
	}
}

// Destinations is the networks that a route leads to: the one written, or what
// its alias holds now.
func (w *World) Destinations(r config.Route) []netip.Prefix {
	if r.Alias == "" {
		return []netip.Prefix{r.Destination}
	}
	return w.AliasContent(r.Alias).Prefixes()
}

// mustSet finishes a builder. Its only error is an invalid prefix or range,
// which config.Parse does not let through.
func mustSet(b *netipx.IPSetBuilder) *netipx.IPSet {
	s, err := b.IPSet()
	if err != nil {
		panic("rules: " + err.Error())
	}
	return s
}
