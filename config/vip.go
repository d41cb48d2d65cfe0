package config

import (
	"math/bits"
	"net/netip"

	"go4.org/netipx"
)

// mostProxied is how many addresses the gateway answers for without having them,
// all together: each is a neighbour entry of its own.
const mostProxied = 1024

// parseVIPs reads the addresses of the gateway first, so that those it only
// answers for can be held against them.
func (p *parser) parseVIPs() {
	p.cfg.VIPs = make([]VIP, len(p.policy.VIP))
	for i, e := range p.policy.VIP {
		v := &p.cfg.VIPs[i]
		*v = VIP{Interface: e.body.Interface.s, Kind: VIPCARP, VHID: e.body.VHID.v, Pos: e.node.keyPos()}
		if e.node.child("kind") != nil {
			v.Kind = VIPKind(p.word(e.body.Kind, vipWords)) // 0: its fault has been told
		}
		known := p.refer(e.body.Interface, "interface", p.interfaces)
		if v.Kind > VIPCARP {
			p.staying(e, *v)
		}
		if known && e.body.Address.set() && v.Kind.IsAddress() {
			p.sameNetwork(e.body.Address, v.Interface)
			v.Address, _ = p.interfaceAddress(e.body.Address.node, network{iface: v.Interface, vip: true, moves: v.Kind == VIPCARP})
		}
		if v.Kind == VIPCARP {
			p.moving(e, v, p.cfg.VIPs[:i])
		}
	}
	all := 0
	for i, e := range p.policy.VIP {
		v := &p.cfg.VIPs[i]
		if v.Kind != VIPProxyARP {
			continue
		}
		if v.Address = read(p, e.body.Address, parseBlock); !v.Address.IsValid() {
			continue
		}
		if !p.proxied(e.body.Address.node, *v, p.cfg.VIPs[:i]) {
			v.Address = netip.Prefix{} // so that no other is held against it
			continue
		}
		before := all
		if all += count(v.Address); before <= mostProxied && all > mostProxied {
			p.at(e.body.Address.node, "%s makes it %d addresses or more that the gateway answers for: %d at most, all together", v.Address, all, mostProxied)
		}
	}
}

// staying refuses an address that does not move where it would have to, and keys
// of those that do.
func (p *parser) staying(e *entry[rawVIP], v VIP) {
	for _, key := range [...]string{"vhid", "group"} {
		if n := e.node.child(key); n != nil {
			p.atKey(n, "belongs to kind = \"carp\": an address of kind %q does not move", v.Kind)
		}
	}
	if p.policy.HA.set() {
		p.at(e.body.Kind.node, "with [ha] both nodes would answer for an address of kind %q: leave kind out, and it moves with the role", v.Kind)
	}
}

// moving reads what the pair does with an address, and refuses those that it
// cannot move.
func (p *parser) moving(e *entry[rawVIP], v *VIP, before []VIP) {
	v.Group = DefaultHAGroup
	if r := e.body.Group; r.set() && r.s != DefaultHAGroup && p.refer(r, "ha_group", p.haGroups) {
		v.Group = r.s
	}
	for _, other := range before {
		if v.VHID != 0 && other.VHID == v.VHID && other.Kind == VIPCARP && other.Interface == v.Interface && other.Group != v.Group {
			p.at(e.body.VHID.node, "%d is of group %q in line %d: all addresses of one vhid on an interface move together", v.VHID, other.Group, other.Pos.Line)
			break
		}
	}
	cable := p.policy.HA.body.Interface.s
	switch i := p.cfg.Interface(v.Interface); {
	case i == nil || !v.Address.IsValid():
	case p.policy.HA.set() && v.Interface == cable:
		p.at(e.body.Interface.node, "%q is the cable between the two nodes, where nobody needs an address that moves", cable)
	case i.External && v.Address.Addr().IsLinkLocalUnicast():
		p.at(e.body.Address.node, "%s is link-local and %q external: such an address is what hosts of an inside network take for their router", v.Address.Addr(), v.Interface)
	}
}

// count is how many addresses a has; of those that are too many anyhow, only that.
func count(a netip.Prefix) int { return 1 << min(a.Addr().BitLen()-a.Bits(), bits.Len(mostProxied)) }

// proxied refuses addresses that the gateway cannot answer for in place of others.
func (p *parser) proxied(at *node, v VIP, before []VIP) bool {
	a := v.Address
	if end, bad := unfit(netipx.RangeOfPrefix(a)); bad {
		p.at(at, "%s is not the address of a machine", end)
		return false
	}
	for _, n := range p.networks {
		if !n.prefix.IsSingleIP() && a.Bits() <= n.prefix.Bits() && a.Overlaps(n.prefix) {
			p.at(at, "%s has the whole network %s of interface %s in it: the gateway would answer for every host there", a, n.prefix.Masked(), n.iface)
			return false
		}
	}
	for _, n := range p.networks {
		if a.Contains(n.prefix.Addr()) {
			p.at(at, "%s is the gateway's own address on %s, for which it answers already", n.prefix.Addr(), n.iface)
			return false
		}
	}
	for _, other := range before {
		if other.Kind == VIPProxyARP && other.Interface == v.Interface && other.Address.IsValid() && other.Address.Overlaps(a) {
			p.at(at, "%s overlaps %s in line %d", a, other.Address, other.Pos.Line)
			return false
		}
	}
	return true
}

// sameNetwork refuses a virtual address whose prefix length contradicts that
// of the interface: the two nodes and their hosts would not agree on who is near.
func (p *parser) sameNetwork(t text, iface string) {
	a, err := parsePrefix(t.s)
	if err != nil || a.IsSingleIP() {
		return
	}
	for _, n := range p.networks {
		if n.iface == iface && !n.vip && n.prefix.Overlaps(a) && n.prefix.Bits() != a.Bits() && !n.prefix.IsSingleIP() {
			p.at(t.node, "has the length /%d, but interface %s is in %s: write %s/%d",
				a.Bits(), iface, n.prefix.Masked(), a.Addr(), n.prefix.Bits())
			return
		}
	}
}
