package links

import (
	"fmt"
	"net/netip"
	"slices"
)

// Proxy is an address that a device answers for in ARP or neighbour discovery
// although the machine does not have it, ip-neighbour(8) proxy. Ours carry
// Protocol as routes do; one that another program put there is used as it is.
//
// The kernel answers for an address in the segment's own subnet only when its
// route leads out by another device than the one that is asked. So each has a
// route of ours, of its full length, in the main table, to VoidDevice. What a translation takes before routing never sees it. What
// none takes is lost there without an answer: it is not delivered to a socket, and
// does not go back to the segment. A route to lo would make the kernel answer as
// well, and turn each such packet round until its time to live is over; one that
// refuses (unreachable) keeps IPv4 from answering, and IPv6 from answering the
// neighbours that verify an entry with a packet to the address itself.
type Proxy struct {
	Device  string // the name of a Link or of a device
	Address netip.Addr
}

// VoidDevice is the name of the device that loses what is sent to it, a dummy. It
// exists while a Proxy is wanted, and one of that name and kind is taken for ours.
const VoidDevice = "rempart-void"

// FoundProxy is a proxy entry as the kernel has it.
type FoundProxy struct {
	Proxy
	Ours bool // it carries Protocol
}

// MissingProxyDevice is the fault of a Proxy whose Device is neither a Link nor
// a device of this machine.
type MissingProxyDevice struct {
	Proxy Proxy
	Have  []Device // without the loopback
}

// Error names the proxy, the device and what there is instead.
func (f *MissingProxyDevice) Error() string {
	return fmt.Sprintf("%s: no device %q; this machine has %s", f.Proxy, f.Proxy.Device, list(f.Have, Device.name))
}

// String prints the entry as ip-neighbour(8) takes it.
func (p Proxy) String() string { return fmt.Sprintf("proxy %s dev %s", p.Address, p.Device) }

// route leads what no translation takes nowhere.
func (p Proxy) route() Route {
	return Route{Dst: netip.PrefixFrom(p.Address, p.Address.BitLen()), Device: VoidDevice}
}

// settings are what the kernel needs to answer, and to answer at once: it waits
// up to 0.8 s otherwise, so that the owner of the address may be first.
func (p Proxy) settings() []Sysctl {
	if p.Address.Is4() {
		return []Sysctl{{Device: p.Device, Path: "net/ipv4/neigh/{device}/proxy_delay", Value: "0"}}
	}
	return []Sysctl{
		// The device's own proxy_ndp does not do for packets to the address itself.
		{Path: "net/ipv6/conf/all/proxy_ndp", Value: "1"},
		{Device: p.Device, Path: "net/ipv6/neigh/{device}/proxy_delay", Value: "0"},
	}
}

// placeProxies keeps the route of a proxy whose link is missing: it needs none.
func (t *target) placeProxies(devices []Device, names map[string]string, want []Proxy) {
	for _, p := range want {
		t.void = true
		route := p.route().canonical()
		if !slices.ContainsFunc(t.routes, func(g goal) bool { return g.key() == route.key() }) {
			t.routes = append(t.routes, goal{Route: route, now: route, ok: true})
		}
		device, ok := names[p.Device]
		if !ok {
			t.faults = append(t.faults, &MissingProxyDevice{Proxy: p, Have: physical(devices)})
		}
		if device == "" {
			continue
		}
		p.Device = device
		if slices.Contains(t.proxies, p) {
			continue
		}
		t.proxies = append(t.proxies, p)
		for _, s := range p.settings() {
			if s = s.on(device); !t.sets(s.Path) {
				t.sysctls = append(t.sysctls, s)
			}
		}
	}
}

// diffProxies is the entries to add, and those of ours that nothing wants.
func diffProxies(have Machine, t target) (add, del []Op) {
	for _, p := range t.proxies {
		if !slices.ContainsFunc(have.Proxies, func(f FoundProxy) bool { return f.Proxy == p }) {
			add = append(add, AddProxy{Proxy: p})
		}
	}
	for _, f := range have.Proxies {
		d, _ := have.named(f.Device)
		if f.Ours && !t.undecided(d) && !slices.Contains(t.proxies, f.Proxy) {
			del = append(del, DeleteProxy{Proxy: f.Proxy})
		}
	}
	return add, del
}

// diffVoid is what has to be done for the void device to be there, or to go.
func diffVoid(have Machine, t target) (add, del []Op) {
	d, ok := have.named(VoidDevice)
	switch {
	case t.void && !(ok && d.Up):
		add = append(add, AddVoid{})
	case !t.void && ok && slices.Contains(voidKinds, d.Kind):
		del = append(del, DeleteVoid{Index: d.Index})
	}
	return add, del
}

// voidKinds are the kinds of device that do, the best first.
var voidKinds = []string{"dummy", "ifb"}
