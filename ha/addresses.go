package ha

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/ha/carp"
	"github.com/rempart/rempart/ha/pulse"
	"github.com/rempart/rempart/ha/role"
	"github.com/rempart/rempart/ha/vmac"
	"github.com/rempart/rempart/ha/wire"
)

// rounds are when neighbours are told where the addresses are, counted from the takeover. The
// first tells all of them once, quickly; the others are for what was lost, for switches that are slow,
// and for the last word of a master that leaves late (ucarp's comes after 0.4 s and more).
var rounds = [...]time.Duration{0, 100 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second}

// lease is how long the addresses stay without being renewed while a peer lives: a program that is
// killed or stopped loses them by itself, some time after the peer has taken over. So it is beside a CARP
// speaker of another make. Without a peer they stay for ever, since an address that nobody serves is better
// than none.
func (n *Node) lease(now time.Time, g *group) time.Duration {
	if !n.peer.living() && !n.foreign(now, g) {
		return 0
	}
	return leaseFor(n.settings.interval)
}

// leaseFor is the lease of a node with an interval.
func leaseFor(interval time.Duration) time.Duration {
	return max(6*time.Second, 2*pulse.TimingFor(interval).Stunned)
}

// place gives the devices the addresses of a group, or renews them.
func (n *Node) place(now time.Time, g *group) {
	lease := n.lease(now, g)
	g.renewAt = time.Time{}
	if lease > 0 {
		g.renewAt = now.Add(lease / 3)
	}
	if !g.held {
		defer n.tellHeld()
		// The virtual hardware address comes first, so that no answer has the other one.
		g.held, g.inherited = true, false
		n.wearMACs()
	}
	for _, v := range g.settings.vips {
		p := n.ports[v.link]
		if p == nil || p.wire == nil {
			continue
		}
		if err := n.Kernel.Place(p.device.Index, v.prefix, lease); err != nil {
			n.refused(now, v, err)
			g.renewAt = earliest(g.renewAt, now.Add(choresEvery)) // to be tried again
			continue
		}
		delete(n.warnings, v.placing())
	}
}

// refused notes that the kernel did not take an address.
func (n *Node) refused(now time.Time, v vip, err error) {
	n.warnings[v.placing()] = fmt.Sprintf("%v could not be placed on %s, which is tried each second: %v", v.prefix.Addr(), v.link, err)
	if n.once(now, v.placing()) {
		n.log.Error("virtual address could not be placed", "address", v.prefix, "interface", v.link, "cause", err)
	}
	n.stats.count("addresses that the kernel refused")
}

// placing names the warning that an address could not be placed.
func (v vip) placing() string { return "place " + v.link + " " + v.prefix.String() }

// remove takes the addresses of a group away, the last one first: the first one of a
// subnet may take others with it.
func (n *Node) remove(g *group) {
	for _, v := range slices.Backward(g.settings.vips) {
		n.removeVIP(v)
	}
	g.held, g.inherited, g.announceAt, g.renewAt = false, false, time.Time{}, time.Time{}
	n.tellHeld()
	n.wearMACs()
}

func (n *Node) removeVIP(v vip) {
	delete(n.warnings, v.placing())
	p := n.ports[v.link]
	if p == nil || p.wire == nil {
		return
	}
	if err := n.Kernel.Remove(p.device.Index, v.prefix); err != nil {
		n.log.Error("virtual address could not be removed", "address", v.prefix, "interface", v.link, "cause", err)
	}
}

// tellHeld lets others know what is held now.
func (n *Node) tellHeld() {
	held := map[string]bool{}
	for _, g := range n.groups {
		for _, v := range g.settings.vips {
			held[v.link] = held[v.link] || g.held
		}
	}
	n.held.Store(&held)
	select {
	case n.moved <- struct{}{}:
	default:
	}
}

// present says that all addresses of a group are on their devices, but for those that the kernel refuses.
func (n *Node) present(g *group) bool {
	for _, v := range g.settings.vips {
		if n.warnings[v.placing()] != "" {
			continue
		}
		if p := n.ports[v.link]; p != nil && p.wire != nil && p.device.Up && !slices.Contains(p.device.Addresses, v.prefix) {
			return false
		}
	}
	return true
}

// left says that an address of a group is on its device, as another run of this program
// left it.
func (n *Node) left(g *group) bool {
	return slices.ContainsFunc(g.settings.vips, func(v vip) bool {
		p := n.ports[v.link]
		return p != nil && slices.Contains(p.device.Addresses, v.prefix)
	})
}

// announceFrom begins the rounds of announcements, now.
func (n *Node) announceFrom(now time.Time, g *group) {
	g.announced, g.round = now, 0
	n.announce(now, g)
}

// announce tells the neighbours where the addresses are: of every address the form that most
// believe, and then the others.
func (n *Node) announce(now time.Time, g *group) {
	var later [][]byte
	var through []wire.Port
	for _, v := range g.settings.vips {
		p := n.ports[v.link]
		if p == nil || !p.carrier() {
			continue
		}
		for i, frame := range wire.Announcements(n.face(p, v), v.prefix.Addr()) {
			if i > 0 {
				later, through = append(later, frame), append(through, p.wire)
				continue
			}
			n.send(p, frame)
		}
	}
	for i, frame := range later {
		_ = through[i].Send(frame) // the first form told whether it can be sent
	}
	n.stats.count("announcements")
	g.round++
	g.announceAt = time.Time{}
	if g.round < len(rounds) {
		g.announceAt = g.announced.Add(rounds[g.round])
	}
}

// send sends a frame, and counts failures in a row.
func (n *Node) send(p *port, frame []byte) {
	if p.wire.Send(frame) != nil {
		p.errors.Add(1)
	}
}

// face is the hardware address by which hosts reach a virtual address.
func (n *Node) face(p *port, v vip) wire.MAC {
	if vhid := n.vhidOf(v); n.settings.virtual && vhid != 0 {
		return wire.VirtualMAC(vhid)
	}
	return p.device.MAC
}

// vhidOf is the vhid of an address; one that rides along is reached as the first of its link and group.
func (n *Node) vhidOf(v vip) uint8 {
	if v.vhid != 0 {
		return v.vhid
	}
	for _, g := range n.groups {
		if i := slices.IndexFunc(g.settings.vips, func(o vip) bool { return o.link == v.link && o.vhid != 0 }); i >= 0 && slices.Contains(g.settings.vips, v) {
			return g.settings.vips[i].vhid
		}
	}
	return 0
}

// isPeer says whether a hardware address is of the peer: of none it is known yet.
func (n *Node) isPeer(mac wire.MAC) bool { return slices.Contains(n.peer.macs, mac) }

// wearMACs gives the devices the virtual hardware addresses of what is held.
func (n *Node) wearMACs() {
	virtual := n.settings != nil && n.settings.virtual
	if !virtual && !n.worn {
		return
	}
	var all []vmac.Wanted
	if virtual {
		all = n.virtualHosts()
	}
	if err := n.MACs.Set(all); err != nil {
		n.log.Error("virtual hardware addresses could not be set", "cause", err)
		n.warnings["vmac"], n.worn = "virtual hardware addresses could not be set: "+err.Error(), true
		return
	}
	delete(n.warnings, "vmac")
	n.worn = virtual
}

// virtualHosts are those of what is held, by device.
func (n *Node) virtualHosts() (all []vmac.Wanted) {
	for _, p := range n.ports {
		w := vmac.Wanted{Device: p.device.Name}
		for _, g := range n.groups {
			if !g.held {
				continue
			}
			for _, v := range g.settings.vips {
				if v.link == p.name {
					// While both nodes have it, one frame of the one that leaves would move
					// the switch's entry back.
					w.Hosts = wear(w.Hosts, n.vhidOf(v), v.prefix.Addr(), g.machine.State() == role.Releasing)
				}
			}
		}
		if p.wire != nil {
			all = append(all, w)
		}
	}
	return all
}

// wear adds an address to its virtual host.
func wear(hosts []vmac.Virtual, vhid uint8, a netip.Addr, leaving bool) []vmac.Virtual {
	if vhid == 0 {
		return hosts
	}
	i := slices.IndexFunc(hosts, func(h vmac.Virtual) bool { return h.VHID == vhid })
	if i < 0 {
		i, hosts = len(hosts), append(hosts, vmac.Virtual{VHID: vhid, Leaving: leaving})
	}
	hosts[i].Addresses = append(hosts[i].Addresses, a)
	return hosts
}

// advertise sends advertisements of a group.
func (n *Node) advertise(g *group, all []carp.Sending) {
	for _, s := range all {
		h := g.settings.carp.VHosts[s.VHost]
		p := n.ports[h.Link]
		if p == nil || !p.carrier() {
			continue
		}
		context := n.contextOf(h)
		for _, is6 := range []bool{false, true} {
			if is6 && !h.V6 || !is6 && !h.V4 {
				continue
			}
			s.Ad.Counter = n.counter.Next()
			n.emit(p, g, h, is6, context.Append(nil, s.Ad))
		}
	}
}

// emit sends one advertisement to the group, or to the peers that were named.
func (n *Node) emit(p *port, g *group, h carp.VHost, is6 bool, payload []byte) {
	unicast := false
	for _, to := range n.settings.link(h.Link).peers {
		if to.Is6() == is6 {
			unicast = true
			if p.wire.SendTo(wire.CARP, to, payload) != nil {
				p.errors.Add(1)
			}
		}
	}
	if unicast {
		return
	}
	from := p.device.MAC
	if n.settings.virtual {
		from = wire.VirtualMAC(h.VHID)
	}
	n.send(p, wire.AppendCARP(nil, from, n.adSource(p, g, is6), payload))
}

// adSource is the address that advertisements come from: the node's own; without one, a
// virtual address that it holds, or none.
func (n *Node) adSource(p *port, g *group, is6 bool) netip.Addr {
	if a := n.own(p, is6); a.IsValid() || is6 {
		return a
	}
	for _, v := range g.settings.vips {
		if g.held && v.link == p.name && v.prefix.Addr().Is4() {
			return v.prefix.Addr()
		}
	}
	return netip.IPv4Unspecified()
}

// contextOf is what a virtual host speaks with now.
func (n *Node) contextOf(h carp.VHost) *carp.Context {
	for _, g := range n.speaks().groups {
		for i := range g.carp.VHosts {
			if o := &g.carp.VHosts[i]; o.Link == h.Link && o.VHID == h.VHID {
				return &o.Send
			}
		}
	}
	return &h.Send
}
