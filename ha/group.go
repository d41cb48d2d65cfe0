package ha

import (
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/ha/carp"
	"github.com/rempart/rempart/ha/hooks"
	"github.com/rempart/rempart/ha/pulse"
	"github.com/rempart/rempart/ha/role"
	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/ha/wire"
)

// group is virtual addresses that move together.
type group struct {
	settings groupSettings
	was      []string // the groups that had some of its addresses by the policy before
	machine  *role.Machine
	carp     *carp.Group
	elected  carp.State // what CARP alone makes of this node
	why      string

	held      bool      // the addresses are on the devices
	inherited bool      // from an earlier run of this program, and nobody else has claimed them yet
	bowed     time.Time // when this node began to release
	contested bool      // the peer says that it is master as well

	announced  time.Time // when the addresses were announced first
	round      int       // of the announcements
	announceAt time.Time // the next round
	renewAt    time.Time // when the leases are renewed
	defended   time.Time // when another's claim was last answered

	conflicts map[netip.Addr]conflict
	spoke     map[netip.Addr]wire.MAC // who announced an address last
}

// conflict is who else answers for an address.
type conflict struct {
	by string
	at time.Time
}

// historyLen is how many transitions are remembered.
const historyLen = 10

// on says whether a group has addresses on a link.
func (s *groupSettings) on(link string) bool {
	return slices.ContainsFunc(s.vips, func(v vip) bool { return v.link == link })
}

// step asks the machine, and does what follows from a change.
func (n *Node) step(now time.Time, g *group) {
	wanted, forced := g.machine.Wants()
	all := g.machine.Step(now, n.facts(now, g))
	for _, t := range all {
		n.become(now, g, t)
	}
	if w, f := g.machine.Wants(); w != wanted || f != forced || len(all) > 0 {
		n.dirty = true
	}
	if g.contested {
		g.contested = false
		n.defend(now, g)
	}
}

// facts are what the role is decided by.
func (n *Node) facts(now time.Time, g *group) role.Facts {
	said := n.said(g)
	f := role.Facts{
		Links: n.reaches(g), Syncing: n.demotions.has(reasonSync),
		Rank: role.Rank{Demotion: n.demotion(g), Skew: g.settings.carp.AdvSkew, ID: n.session},
		Peer: role.Peer{
			Life: n.peer.life(), Why: n.peer.why, State: role.State(said.Role),
			Rank: role.Rank{Demotion: int(said.Demotion), Skew: said.Skew, ID: n.peer.beat.Session},
			Want: said.Want, Forced: said.Forced,
		},
		Elected: role.Backup, Why: g.why,
		// Who has heard the peer since knows what it is now.
		Slept: n.slept(now), Deaf: n.peer.at.Before(n.woke),
	}
	for _, p := range n.ports {
		f.Claimed = f.Claimed || g.settings.on(p.name) && p.ad.After(g.bowed)
	}
	if g.elected == carp.Master {
		f.Elected = role.Master
	}
	return f
}

// said is what the peer says of itself in a group. One that does not know the group yet, for it
// has the policy before, is master of it while it is master of one that had its addresses.
func (n *Node) said(g *group) pulse.Group {
	if n.peer.knows(g.settings.name) {
		return n.peer.group(g.settings.name)
	}
	for _, name := range g.was {
		if old := n.peer.group(name); role.State(old.Role).Holds() {
			return old
		}
	}
	return n.peer.group(g.settings.name)
}

// reasonSync is that flows of the master are missing here.
const reasonSync = "sync incomplete"

// reaches says that at least one network of the group has carrier.
func (n *Node) reaches(g *group) bool {
	for _, p := range n.ports {
		if p.carrier() && g.settings.on(p.name) {
			return true
		}
	}
	return false
}

// become does what a change of the role asks for.
func (n *Node) become(now time.Time, g *group, t role.Transition) {
	if t.From == role.Master && !t.To.Holds() {
		n.handOver(now)
	}
	n.tellFlows()
	switch {
	case t.To == role.Master:
		if g.held {
			n.wearMACs() // it was leaving
		}
		n.place(now, g)
		n.announceFrom(now, g)
		n.act(now, g, g.carp.Take(now, t.Why))
	case t.To == role.Releasing:
		g.bowed = now
		g.announceAt = time.Time{} // from now on the peer has the word
		n.wearMACs()
		n.act(now, g, g.carp.Yield(now, t.Why, true))
	case t.To == role.Init:
		n.act(now, g, g.carp.Stop(now))
		n.remove(g)
	case t.From.Holds():
		n.act(now, g, g.carp.Yield(now, t.Why, false))
		n.remove(g)
	case t.From == role.Init:
		n.act(now, g, g.carp.Start(now))
	}
	took := time.Since(t.At)
	n.log.Info("role", "group", g.settings.name, "from", t.From, "to", t.To, "why", t.Why, "took", took)
	n.history = append([]view.Transition{{
		At: t.At, Group: g.settings.name, From: t.From.String(), To: t.To.String(), Why: t.Why, Took: took,
	}}, n.history...)
	n.history = n.history[:min(len(n.history), historyLen)]
	n.hooks.Tell(hooks.Change{
		Group: g.settings.name, From: t.From.String(), To: t.To.String(), Why: t.Why, Node: n.settings.node, Peer: n.peer.beat.Node,
	})
	n.dirty = true
}

// upkeep does what is due of a group: announcements and leases.
func (n *Node) upkeep(now time.Time, g *group) {
	if g.held && !g.announceAt.IsZero() && !now.Before(g.announceAt) {
		n.announce(now, g)
	}
	if g.held && !g.renewAt.IsZero() && !now.Before(g.renewAt) {
		n.place(now, g)
	}
	if g.inherited && !g.machine.State().Holds() && n.claimed(now, g) {
		n.log.Info("addresses of an earlier run are given up: another node has them", "group", g.settings.name)
		n.remove(g)
	}
}

// claimed says that another node has the addresses.
func (n *Node) claimed(now time.Time, g *group) bool {
	if n.peer.living() {
		return role.State(n.said(g).Role).Holds()
	}
	for _, p := range n.ports {
		if g.settings.on(p.name) && !p.ad.IsZero() && now.Sub(p.ad) < claimWindow {
			return true
		}
	}
	return false
}

// claimWindow is how long an advertisement is a claim.
const claimWindow = 3 * time.Second

// contest is a frame in which another host speaks for an address of the group.
func (n *Node) contest(g *group, f frame, a netip.Addr) {
	for _, v := range g.settings.vips {
		if v.prefix.Addr() != a || v.link != f.link {
			continue
		}
		g.spoke[a] = f.packet.Link
		if f.packet.From == wire.VirtualMAC(n.vhidOf(v)) {
			return // a master of CARP has it as it should
		}
		if g.machine.State() == role.Releasing {
			return // the last word is left to who takes over, whose hardware address here may not be known yet
		}
		if n.isPeer(f.packet.From) {
			if g.machine.State() == role.Master {
				n.defend(time.Now(), g) // it goes, and its kernel may not know yet
			}
			return
		}
		if g.held {
			if n.stats.note(f.at, "claims of others to addresses that this node holds", f.link, a) {
				n.log.Warn("another host claims a virtual address", "address", a, "interface", f.link, "mac", f.packet.From)
			}
			g.conflicts[a] = conflict{by: f.packet.From.String(), at: f.at}
			n.defend(time.Now(), g)
		}
	}
}

// defend tells the neighbours again who has the addresses, once a second at most.
func (n *Node) defend(now time.Time, g *group) {
	if g.held && now.Sub(g.defended) >= time.Second {
		g.defended = now
		n.announceFrom(now, g)
	}
}
