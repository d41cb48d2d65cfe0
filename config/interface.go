package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"
)

// network is an address of the gateway with the network around it.
type network struct {
	iface  string
	prefix netip.Prefix
	node   *node
	vip    bool
	moves  bool // with the role
}

func (p *parser) parseInterfaces() {
	own := make(map[string]*rawInterface)
	if p.own != nil {
		for _, e := range p.own.Interface {
			if p.referName(e.node, e.name(), "interface", p.interfaces) {
				own[e.name()] = &e.body
			}
		}
	}
	devices := make(names)
	for _, e := range p.policy.Interface {
		p.cfg.Interfaces = append(p.cfg.Interfaces, p.parseInterface(e, own[e.name()], devices))
	}
	if len(p.policy.Interface) == 0 {
		p.missing(p.root, "interface", "is missing: a gateway has interfaces, such as [interface.lan]")
	}
}

func (p *parser) parseInterface(e *entry[rawInterface], own *rawInterface, devices names) Interface {
	r := overlay(e.body, own)
	i := Interface{
		Name:        e.name(),
		Description: r.Description.s,
		External:    r.External.v,
		MTU:         r.MTU.v,
		Pos:         e.node.keyPos(),
	}
	i.BlockBogons = r.BlockBogons.or(i.External)
	i.BlockPrivate = r.BlockPrivate.or(i.External)
	i.AntiSpoof = r.AntiSpoof.or(i.External)
	i.Device = read(p, r.Device, parseDevice)
	i.MAC = read(p, r.MAC, parseMAC)
	switch {
	case !r.Device.set() && !r.MAC.set() && !wrongly(e.node, "device", "mac"):
		p.missing(e.node, "device", "is missing: write which device it is, here or in node.toml, such as device = \"eth0\"")
	case r.Device.set() && r.MAC.set():
		p.at(r.MAC.node, "stands beside device in %s: one of the two selects the device", r.MAC.node.place(r.Device.node))
	case i.Device != "":
		p.device(devices, r.Device)
	case i.MAC != "":
		p.device(devices, text{node: r.MAC.node, s: i.MAC})
	}
	p.addressed[i.Name] = wrongly(e.node, "addresses") || r.Addresses.set()
	for _, n := range r.Addresses.items {
		if a, ok := p.interfaceAddress(n, network{iface: i.Name}); ok {
			i.Addresses = append(i.Addresses, a)
		}
	}
	return i
}

// wrongly reports whether one of the keys stands in n: its fault has been told.
func wrongly(n *node, keys ...string) bool {
	for _, k := range keys {
		if n.child(k) != nil {
			return true
		}
	}
	return false
}

// device refuses a device that another interface has.
func (p *parser) device(devices names, t text) {
	if before := devices[t.s]; before != nil {
		p.at(t.node, "%s is the device of interface %s already (%s)", t.s, before.parent.key, t.node.place(before))
		return
	}
	devices[t.s] = t.node
}

// overlay lays what node.toml says of an interface over the policy.
func overlay(r rawInterface, own *rawInterface) rawInterface {
	if own == nil {
		return r
	}
	if own.Device.set() || own.MAC.set() {
		r.Device, r.MAC = own.Device, own.MAC
	}
	if own.Addresses.set() {
		r.Addresses = own.Addresses
	}
	return r
}

// longestDevice is IFNAMSIZ without its zero.
const longestDevice = 15

func parseDevice(s string) (string, error) {
	if s == "" || s == "." || s == ".." || len(s) > longestDevice || strings.ContainsAny(s, "/: \t\r\n\x00") {
		return "", fmt.Errorf("%q is no device: 1 to %d characters without blanks, \"/\" and \":\"", s, longestDevice)
	}
	if s == "lo" {
		return "", fmt.Errorf("the loopback device is always free and needs no interface")
	}
	return s, nil
}

func parseMAC(s string) (string, error) {
	mac, err := net.ParseMAC(s)
	if err != nil || len(mac) != 6 {
		return "", fmt.Errorf("%q is no hardware address such as \"52:54:00:12:34:56\"", s)
	}
	if mac[0]&1 != 0 || mac.String() == "00:00:00:00:00:00" {
		return "", fmt.Errorf("%s is not the address of a device", mac)
	}
	return mac.String(), nil
}

// interfaceAddress reads an address of the gateway and sets it beside the
// others: one network must not be on two interfaces.
func (p *parser) interfaceAddress(n *node, own network) (netip.Prefix, bool) {
	a, err := parsePrefix(n.text)
	if err == nil {
		err = checkHost(a)
	}
	if err != nil {
		p.at(n, "%v", err)
		return a, false
	}
	own.prefix, own.node = a, n
	for _, other := range p.networks {
		if err := own.clash(other); err != nil {
			p.at(n, "%v", err)
			return a, false
		}
	}
	p.networks = append(p.networks, own)
	return a, true
}

// checkHost refuses addresses that no machine can have.
func checkHost(p netip.Prefix) error {
	a := p.Addr()
	switch {
	case a.IsUnspecified() || a.IsLoopback() || a.IsMulticast():
		return fmt.Errorf("%s is not the address of a machine", a)
	case p.Bits() == 0:
		return fmt.Errorf("%s has no network: write its prefix length", p)
	case namesNetwork(p) && a == p.Masked().Addr():
		return fmt.Errorf("%s is the network's own address: write that of the machine", p)
	case namesNetwork(p):
		return fmt.Errorf("%s is the network's broadcast address: write that of the machine", p)
	}
	return nil
}

// namesNetwork says whether the address of p is that of its network, or its
// broadcast address. Networks of one or two addresses, and IPv6, have none.
func namesNetwork(p netip.Prefix) bool {
	a := p.Addr()
	return a.Is4() && p.Bits() < 31 && (a == p.Masked().Addr() || a == netipx.PrefixLastIP(p))
}

func (n network) clash(other network) error {
	a, b := n.prefix, other.prefix
	switch {
	case a.Addr() == b.Addr() && (n.iface == other.iface || !a.Addr().IsLinkLocalUnicast()):
		return fmt.Errorf("%s stands twice: interface %s has it in %s", a.Addr(), other.iface, n.node.place(other.node))
	case n.iface == other.iface || a.Addr().IsLinkLocalUnicast() || !a.Overlaps(b):
		return nil
	}
	return fmt.Errorf("%s overlaps %s of interface %s in %s", a, b, other.iface, n.node.place(other.node))
}

func (p *parser) parseZones() {
	for _, e := range p.policy.Zone {
		z := Zone{Name: e.name(), Description: e.body.Description.s, Pos: e.node.keyPos()}
		for _, n := range e.body.Interfaces.items {
			switch {
			case p.zones[n.text] != nil:
				p.at(n, "%q is a zone: zones hold interfaces", n.text)
			case slices.Contains(z.Interfaces, n.text):
				p.at(n, "%q stands twice", n.text)
			case p.referName(n, n.text, "interface", p.interfaces):
				z.Interfaces = append(z.Interfaces, n.text)
			}
		}
		p.cfg.Zones = append(p.cfg.Zones, z)
	}
}
