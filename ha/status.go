package ha

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/ha/pulse"
	"github.com/rempart/rempart/ha/role"
	"github.com/rempart/rempart/ha/view"
)

// recent is how long ago an event is still worth a warning.
const recent = time.Minute

// HAStatus is the pair at a glance, as this node sees it.
func (n *Node) HAStatus(ctx context.Context) (view.Status, error) {
	return do(ctx, n, func(now time.Time) (view.Status, error) { return n.status(now), nil })
}

// status is what the loop knows.
func (n *Node) status(now time.Time) view.Status {
	for _, p := range n.ports {
		if p.wire != nil {
			n.stats.set(lostUnread+" on "+p.name, p.wire.Dropped())
		}
	}
	out := view.Status{Node: n.Host, Counters: n.stats.totals(), Warnings: n.warn(now), Transitions: slices.Clone(n.history)}
	if n.settings == nil {
		return out
	}
	s := n.settings
	out.Node, out.Configured, out.Demotions, out.Maintenance = s.node, true, n.demotions.list(), n.care
	timing := pulse.TimingFor(s.interval)
	out.Timing = view.Timing{
		Interval: timing.Interval, Multiple: timing.Multiple, Dead: timing.Dead, Confirmed: timing.Confirmed, Stunned: timing.Stunned,
		Late: n.Ticker.Late(),
	}
	out.Sync = n.viewSync()
	for _, g := range n.groups {
		out.Groups = append(out.Groups, view.Group{
			Name: g.settings.name, Role: g.machine.State().String(), Since: g.machine.Since(), Why: n.reason(g),
			AdvBase: int(g.settings.carp.AdvBase), AdvSkew: int(g.settings.carp.AdvSkew), Demotion: n.demotion(g),
			Preempt: s.preempt, Preferred: g.settings.preferred,
		})
		for _, v := range g.settings.vips {
			out.VIPs = append(out.VIPs, n.viewVIP(now, g, v))
		}
	}
	out.Peer = n.viewPeer(now)
	for _, p := range n.judge.PathStates() {
		out.Paths = append(out.Paths, n.viewPath(p))
	}
	return out
}

// reason is why a group is in its state.
func (n *Node) reason(g *group) string {
	for _, t := range n.history {
		if t.Group == g.settings.name {
			return t.Why
		}
	}
	return ""
}

func (n *Node) viewVIP(now time.Time, g *group, v vip) view.VIP {
	out := view.VIP{Address: v.prefix, Interface: v.link, Group: g.settings.name, VHID: int(v.vhid), Held: g.held}
	if p := n.ports[v.link]; p != nil {
		out.Device = p.device.Name
	}
	if c, ok := g.conflicts[v.prefix.Addr()]; ok && now.Sub(c.at) < recent {
		out.Conflict = c.by
	}
	return out
}

func (n *Node) viewPeer(now time.Time) view.Peer {
	out := view.Peer{State: n.peer.verdict.String(), Since: n.peer.since, Heard: n.peer.at, Connected: n.peer.connected}
	if n.peer.unheard() {
		for _, p := range n.ports {
			if p.adSrc.IsValid() && now.Sub(p.ad) < foreignWindow && !slices.Contains(out.Foreign, p.adSrc) {
				out.Foreign = append(out.Foreign, p.adSrc)
			}
		}
		slices.SortFunc(out.Foreign, netip.Addr.Compare)
		if len(out.Foreign) > 0 {
			out.State = "foreign"
		}
		return out
	}
	b := n.peer.beat
	out.Node, out.Version, out.Revision, out.Session = b.Node, b.Version, b.Revision, fmt.Sprintf("%016x", b.Session)
	out.InStep = b.Revision == n.Hash()
	for _, g := range b.Groups {
		out.Groups = append(out.Groups, view.PeerGroup{Name: g.Name, Role: g.Role.String(), AdvSkew: int(g.Skew), Demotion: int(g.Demotion)})
	}
	return out
}

func (n *Node) viewPath(p pulse.PathState) view.Path {
	l := n.settings.link(p.Name)
	out := view.Path{Interface: p.Name, Device: l.device, Cable: l.cable, Carrier: p.Carrier, Beat: p.Beat, Lost: p.Lost}
	if o := n.ports[p.Name]; o != nil {
		out.Ad = o.ad
	}
	for _, theirs := range n.peer.beat.Paths {
		if theirs.Name == p.Name {
			out.PeerHears = n.peer.living() && theirs.Heard
		}
	}
	return out
}

// warn is what needs attention, with what to do about it.
func (n *Node) warn(now time.Time) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, w := range n.warnings {
		out = append(out, w)
	}
	if from, ok := n.stats.recent(now, refusedKeys, recent); ok && !n.peerSettled() {
		add("the other node is not paired with this one any more (%s): `rempart ha pair`", from)
	}
	if from, ok := n.stats.recent(now, refusedBeat, min(recent, n.peer.steady(now))); ok {
		add("a node at %s speaks with another secret: put the same content into the secret file of both nodes", from)
	}
	if from, ok := n.stats.recent(now, refusedAd, recent); ok {
		add("%s advertises one of our vhids with another secret or other addresses: make both nodes agree, or give a stranger another vhid", from)
	}
	if from, ok := n.stats.recent(now, refusedForged, recent); ok {
		add("advertisements of %s are authentic, but not our peer's: they are replayed or forged, or a third node has the secret; nothing follows from them. If it stands in for the peer now, restart rempart here", from)
	}
	if from, ok := n.stats.recent(now, refusedOwn, recent); ok {
		add("own frames come back (%s): a switch or hypervisor reflects them (on VMware set Net.ReversePathFwdCheckPromisc = 1)", from)
	}
	if from, ok := n.stats.recent(now, refusedThird, recent); ok {
		add("a third node at %s has our secret: a pair is two; give it another secret", from)
	}
	if from, ok := n.stats.recent(now, refusedPath, recent); ok {
		add("the peer's heartbeats of another network arrive from %s: two cables are swapped, or two networks are one", from)
	}
	for _, r := range n.hooks.Status() {
		if r.Err != "" {
			add("%s: %s", r.Name, r.Err)
		}
	}
	for _, p := range n.ports {
		if p.fault != "" {
			add("interface %s cannot be used: %s", p.name, p.fault)
		}
	}
	if n.settings != nil {
		n.warnPair(now, add)
	}
	slices.Sort(out)
	return out
}

// warnPair is what is wrong between the nodes.
func (n *Node) warnPair(now time.Time, add func(string, ...any)) {
	b := n.peer.beat
	for _, g := range n.groups {
		for a, c := range g.conflicts {
			if now.Sub(c.at) < recent && g.held {
				add("%v is claimed by %s as well: give one of them another address", a, c.by)
			}
		}
		theirs := n.peer.group(g.settings.name)
		if n.peer.living() && theirs.Skew == g.settings.carp.AdvSkew {
			add("both nodes have advskew %d in group %s: give them different ones in node.toml, or the preferred master is left to chance", theirs.Skew, g.settings.name)
		}
		if n.peer.living() && role.State(theirs.Role) == role.Master && g.machine.State() == role.Master {
			add("both nodes are master of group %s", g.settings.name)
		}
	}
	if !n.peer.living() {
		return
	}
	if !n.settings.paired {
		add("the nodes are not paired: `rempart ha pair` gives them keys of their own and one policy")
	}
	if b.Node == n.settings.node {
		add("both nodes are named %q: give them different names in node.toml", b.Node)
	}
	if n.before != nil && !n.peerHasNewest() {
		add("the peer has not the addresses or the secret of the new policy yet: both are understood until it has")
	}
	for _, p := range n.judge.PathStates() {
		if l := n.settings.link(p.Name); l.cable && !p.Carrier {
			add("the cable between the nodes, %s, has no carrier: until it is repaired the death of a node is noticed later", p.Name)
		}
		if p.Silent && p.Carrier {
			add("the peer is not heard on %s, but elsewhere: look for a broken cable or switch there", p.Name)
		}
	}
}
