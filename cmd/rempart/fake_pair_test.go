package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/ha/view"
)

func (g *gateway) HAStatus(context.Context) (view.Status, error) { return g.pair, g.refuse }

func (g *gateway) Release(_ context.Context, o view.Order) (view.Done, error) {
	return g.move(o, g.pair.Peer.Node, "BACKUP")
}

func (g *gateway) Takeover(_ context.Context, o view.Order) (view.Done, error) {
	return g.move(o, g.pair.Node, "MASTER")
}

// move gives a node the role, as far as a pair allows it.
func (g *gateway) move(o view.Order, to, role string) (view.Done, error) {
	switch {
	case g.refuse != nil:
		return view.Done{}, g.refuse
	case !g.pair.Configured:
		return view.Done{}, view.ErrNotConfigured
	case o.Group != "" && !slices.ContainsFunc(g.pair.Groups, func(v view.Group) bool { return v.Name == o.Group }):
		return view.Done{}, view.Orderf("no group %q", o.Group)
	case g.pair.Peer.State != "alive" && role == "BACKUP":
		return view.Done{}, view.Statef("there is nobody to take group main: the peer is %s", g.pair.Peer.State)
	case g.ill && !o.Force:
		return view.Done{}, view.Statef("the peer is worse off in group main (demotion 1, here 0): --force gives it all the same")
	}
	d := view.Done{Took: 4 * time.Millisecond}
	g.pair.Groups = slices.Clone(g.pair.Groups)
	for i := range g.pair.Groups {
		v := &g.pair.Groups[i]
		if o.Group != "" && v.Name != o.Group {
			continue
		}
		s := view.Switched{Name: v.Name, Master: to, Role: role, Moved: v.Role != role, Took: 3400 * time.Microsecond}
		v.Role = role
		d.Groups = append(d.Groups, s)
	}
	return d, nil
}

func (g *gateway) Maintenance(_ context.Context, on bool, by string) (view.Status, error) {
	if g.refuse != nil {
		return view.Status{}, g.refuse
	}
	if g.pair.Maintenance = nil; on {
		g.pair.Maintenance = &view.Maintenance{Since: now(), By: by}
		g.pair.Groups = slices.Clone(g.pair.Groups)
		g.pair.Groups[0].Role, g.pair.Groups[0].Since, g.pair.Groups[0].Why = "BACKUP", now(), "anna asked for maintenance"
		if len(g.pair.Peer.Groups) > 0 {
			g.pair.Peer.Groups = slices.Clone(g.pair.Peer.Groups)
			g.pair.Peer.Groups[0].Role = "MASTER"
		}
	}
	return g.pair, nil
}

func (g *gateway) Resync(_ context.Context, by string) (view.Sync, error) {
	switch {
	case g.refuse != nil:
		return view.Sync{}, g.refuse
	case !g.pair.Configured:
		return view.Sync{}, view.ErrNotConfigured
	case g.pair.Sync == nil:
		return view.Sync{}, view.Statef("flow sync does not run here")
	}
	s := *g.pair.Sync
	s.Why, s.InFlight = "all flows are sent anew", s.Flows
	if s.State == view.SyncComplete {
		s.State = view.SyncIncomplete
	}
	return s, nil
}

func (g *gateway) FlowsDiff(_ context.Context, limit int) (view.FlowsDiff, error) {
	switch {
	case g.refuse != nil:
		return view.FlowsDiff{}, g.refuse
	case !g.pair.Configured:
		return view.FlowsDiff{}, view.ErrNotConfigured
	case !g.ill:
		return view.FlowsDiff{Here: 12_408, There: 12_408}, nil
	}
	all := []view.FlowDiff{
		{Flow: "icmp 10.1.2.9 -> 192.0.2.7 type 8 code 0 id 7", There: "not assured, source translated, answered as icmp 192.0.2.7 -> 203.0.113.5 type 0 code 0 id 7, mark 0x10003"},
		{Flow: "tcp 10.1.2.9:40022 -> 192.0.2.7:443", Here: "ESTABLISHED, mark 0x10003", There: "FIN_WAIT, mark 0x10004"},
		{Flow: "udp [2001:db8:2::9]:5060 -> [2001:db8:ffff::7]:5060", Here: "assured, mark 0x10003, helper sip"},
	}
	d := view.FlowsDiff{Here: 12_408, There: 12_407, Flows: all[:min(limit, len(all))], More: limit < len(all)}
	return d, nil
}

func (g *gateway) Doctor(_ context.Context, tell func(view.Finding) error) error {
	if g.refuse != nil {
		return g.refuse
	}
	findings := []view.Finding{
		{Check: "secret", Result: view.Good, Text: "no node speaks with another secret"},
		{Check: "own echo", Result: view.Good, Text: "own frames do not come back"},
		{Check: "peer", Result: view.Good, Text: "fw2 is alive, rempart v0.1.0"},
		{Check: "announcements", On: "wan", Result: view.Good, Text: "the peer knows that 203.0.113.5 is here"},
		{Check: "clocks", Result: view.Doubt, Text: "the clocks are 2.412s apart", Remedy: "let both nodes keep time by NTP"},
		{Check: "IPv6 multicast", On: "servers", Result: view.Skipped, Text: "the interface has no IPv6"},
		{Check: "IPv4 multicast", On: "servers", Result: view.Bad, Text: "gets to the peer, and does not come from there", Remedy: "let the switch pass link-local multicast (IGMP snooping without a querier, port isolation), or write [interface.X] peer in node.toml for unicast"},
	}
	if !g.ill {
		findings = findings[:4]
	}
	for _, f := range findings {
		if err := tell(f); err != nil {
			return err
		}
	}
	return nil
}

func (g *gateway) Drill(_ context.Context, o view.DrillOrder, tell func(view.DrillLeg) error) (view.Drill, error) {
	if g.refuse != nil {
		return view.Drill{}, g.refuse
	}
	d := view.Drill{From: "fw1", To: "fw2", Legs: []view.DrillLeg{{Master: "fw2", Took: 3400 * time.Microsecond}, {Master: "fw1", Took: 2900 * time.Microsecond}}}
	if g.quiet {
		d.Legs = []view.DrillLeg{{Master: "fw2", Failed: "it is worse: link wan"}}
	} else if len(o.Hosts) == 0 {
		d.Hosts = []view.DrillHost{{Address: netip.MustParseAddr("10.1.2.9"), Interface: "lan", VIP: netip.MustParseAddr("10.1.2.1"), Sent: 5 * o.Rate, Gap: 11 * time.Millisecond}}
	}
	for _, h := range o.Hosts {
		asked := view.DrillHost{Address: h.Address, Interface: h.Interface, VIP: netip.MustParseAddr("10.1.2.1"), Sent: 5 * o.Rate, Gap: 6 * time.Millisecond}
		if h.Interface == "wan" {
			asked.VIP, asked.Lost, asked.Gap = netip.MustParseAddr("203.0.113.5"), 1, 11*time.Millisecond
		}
		d.Hosts = append(d.Hosts, asked)
	}
	for _, l := range d.Legs {
		if err := tell(l); err != nil {
			return view.Drill{}, fmt.Errorf("tell: %w", err)
		}
	}
	return d, nil
}
