package ha

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/ha/carp"
	"github.com/rempart/rempart/ha/pulse"
)

// settings is what a policy says of the pair, for one node.
type settings struct {
	node     string
	interval time.Duration
	links    []link // the cable first, then inside networks before outside ones
	groups   []groupSettings
	gateways []string
	services []string
	checks   []config.HACheck
	virtual  bool // hardware addresses
	cable    string
	preempt  bool
	strict   bool // TCP after a takeover

	key carp.Key
	// secrets are the keys of heartbeats, newest first, and digests of all that two nodes must agree on to understand
	// each other, one for each of them.
	secrets  []pulse.Key
	digests  []uint64
	password pulse.Key // what a node speaks with that is not paired
	paired   bool
}

// link is one network that both nodes are on.
type link struct {
	name   string
	device string // empty: not found
	cable  bool
	outer  bool         // the Internet is behind it
	peers  []netip.Addr // to whom instead of the multicast group
}

// groupSettings is virtual addresses that move together.
type groupSettings struct {
	name      string
	preferred string
	carp      carp.Config
	vips      []vip
}

// vip is one virtual address.
type vip struct {
	link   string
	prefix netip.Prefix
	vhid   uint8 // zero: it rides along
}

// newSettings reads the pair's part of a policy.
func newSettings(p policy, host string) (*settings, error) {
	c, h := p.config, p.config.HA
	key, err := carp.ParseKey(p.secret)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", h.Secret, err)
	}
	s := &settings{
		node: c.Name, interval: h.Interval, gateways: h.Gateways, services: h.Services, checks: h.Checks,
		virtual: h.VirtualMAC, cable: h.Interface, preempt: h.Preempt, strict: h.StrictTCP, key: key, secrets: secretsOf(p), password: pulse.DeriveKey(p.secret), paired: len(p.roots) > 0,
	}
	if s.node == "" {
		s.node = host
	}
	moving := c.Moving()
	for _, i := range c.Interfaces {
		cable := i.Name == h.Interface
		if !cable && !slices.ContainsFunc(moving, func(v config.VIP) bool { return v.Interface == i.Name }) {
			continue
		}
		s.links = append(s.links, link{name: i.Name, device: p.devices[i.Name], cable: cable, outer: i.External, peers: i.Peers})
		if l := &s.links[len(s.links)-1]; cable && h.Peer.IsValid() {
			l.peers = []netip.Addr{h.Peer}
		}
	}
	slices.SortStableFunc(s.links, func(a, b link) int { return order(a) - order(b) })
	for _, v := range moving {
		s.add(c, v)
	}
	for i := range s.groups {
		s.contexts(&s.groups[i])
	}
	for _, secret := range s.secrets {
		s.digests = append(s.digests, s.agreement(secret))
	}
	return s, nil
}

// groupsWith is the groups that have some of the addresses; of no settings there are none.
func (s *settings) groupsWith(vips []vip) (names []string) {
	if s == nil {
		return nil
	}
	for _, g := range s.groups {
		if slices.ContainsFunc(g.vips, func(v vip) bool {
			return slices.ContainsFunc(vips, func(o vip) bool { return o.link == v.link && o.prefix == v.prefix })
		}) {
			names = append(names, g.name)
		}
	}
	return names
}

// order is in which order links are told of a change: a host that sends to the new
// master makes its flow known there before the answer comes from outside.
func order(l link) int {
	switch {
	case l.cable:
		return 0
	case !l.outer:
		return 1
	}
	return 2
}

// add puts an address into its group.
func (s *settings) add(c *config.Config, v config.VIP) {
	i := slices.IndexFunc(s.groups, func(g groupSettings) bool { return g.name == v.Group })
	if i < 0 {
		g := groupSettings{name: v.Group, carp: carp.Config{
			Preempt: c.HA.Preempt, AdvBase: uint8(c.HA.AdvBase), AdvSkew: uint8(c.HA.AdvSkew),
		}}
		if at := slices.IndexFunc(c.HA.Groups, func(g config.HAGroup) bool { return g.Name == v.Group }); at >= 0 {
			g.preferred = c.HA.Groups[at].Preferred
		}
		switch g.preferred {
		case "":
		case s.node:
			g.carp.AdvSkew = 0
		default:
			g.carp.AdvSkew = max(g.carp.AdvSkew, secondSkew)
		}
		i, s.groups = len(s.groups), append(s.groups, g)
	}
	s.groups[i].vips = append(s.groups[i].vips, vip{link: v.Interface, prefix: v.Address, vhid: uint8(v.VHID)})
}

// secondSkew is at least the advskew of a node in a group that prefers the other.
const secondSkew = 100

// contexts makes the virtual hosts of a group of its addresses, those with a vhid.
func (s *settings) contexts(g *groupSettings) {
	for _, v := range g.vips {
		if v.vhid == 0 {
			continue
		}
		at := slices.IndexFunc(g.carp.VHosts, func(h carp.VHost) bool { return h.VHID == v.vhid && h.Link == v.link })
		if at < 0 {
			at = len(g.carp.VHosts)
			g.carp.VHosts = append(g.carp.VHosts, carp.VHost{VHID: v.vhid, Link: v.link, Send: carp.Context{Key: s.key, VHID: v.vhid}})
		}
		h := &g.carp.VHosts[at]
		a := v.prefix.Addr()
		h.Send.Addresses = append(h.Send.Addresses, a)
		h.V4, h.V6 = h.V4 || a.Is4(), h.V6 || a.Is6()
	}
	slices.SortStableFunc(g.vips, func(a, b vip) int { return s.rank(a.link) - s.rank(b.link) })
}

// rank is the place of a link among the links.
func (s *settings) rank(name string) int {
	return slices.IndexFunc(s.links, func(l link) bool { return l.name == name })
}

// link is the link of that name; nil when the pair is not on it.
func (s *settings) link(name string) *link {
	if i := s.rank(name); i >= 0 {
		return &s.links[i]
	}
	return nil
}

// has says whether a group has an address on a link.
func (s *settings) has(group string, v vip) bool {
	i := slices.IndexFunc(s.groups, func(g groupSettings) bool { return g.name == group })
	return i >= 0 && slices.ContainsFunc(s.groups[i].vips, func(o vip) bool { return o.link == v.link && o.prefix == v.prefix })
}
