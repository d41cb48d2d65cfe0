package ha

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/ha/carp"
	"github.com/rempart/rempart/ha/pulse"
	"github.com/rempart/rempart/ha/role"
	"github.com/rempart/rempart/ha/wire"
)

const (
	// choresEvery is how often the node looks at what tells nothing by itself.
	choresEvery = time.Second
	// drainMost bounds how many frames are taken between two looks at the clock.
	drainMost = 1024
	// secondLook is how long the judge's word that the peer is dead waits for frames that
	// are in the socket and that nobody has read yet.
	secondLook = 2 * time.Millisecond
)

// loop is the node until ctx ends.
func (n *Node) loop(ctx context.Context) { n.loopUntil(ctx, func() bool { return false }) }

// loopUntil is the node until something is so, or ctx ends.
func (n *Node) loopUntil(ctx context.Context, so func() bool) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			return
		case p := <-n.policies:
			n.adopt(time.Now(), p)
		case ask := <-n.asks:
			ask(time.Now())
		case event := <-n.events:
			event(time.Now())
		case f := <-n.frames:
			n.take(f)
			n.drain()
		case <-n.news:
			n.look(time.Now())
		case <-timer.C:
			n.drain()
		}
		now := time.Now()
		n.turn(now)
		timer.Reset(max(0, time.Until(n.due(now))))
	}
}

// drain takes the frames that wait, so that the judge knows of all of them.
func (n *Node) drain() {
	for range drainMost {
		select {
		case f := <-n.frames:
			n.take(f)
		default:
			return
		}
	}
}

// turn does all that is due.
func (n *Node) turn(now time.Time) {
	n.lastTurn.Store(int64(now.Sub(n.began)))
	defer n.glimpse()
	if n.settings == nil {
		n.tellFlows()
		return
	}
	if !now.Before(n.chores) {
		n.chores = now.Add(choresEvery)
		n.chore(now)
	}
	n.wake(now)
	n.judgePeer(now)
	if n.segments.due(now) {
		n.watchSegments(now)
	}
	if n.demotions.heal(now) {
		n.demoted(now)
	}
	for _, g := range n.groups {
		if at := g.carp.Deadline(); !at.IsZero() && !now.Before(at) {
			n.act(now, g, g.carp.Timeout(now))
		}
		n.step(now, g)
		n.upkeep(now, g)
	}
	n.handedOver(now)
	n.tellFlows()
	n.lackFlows(now)
	if n.dirty {
		n.dirty = false
		n.speak()
		n.Ticker.Kick()
	}
}

// due is when the next turn has something to do.
func (n *Node) due(now time.Time) time.Time {
	if n.settings == nil {
		return now.Add(choresEvery)
	}
	at := n.chores
	if !n.condemned.IsZero() {
		at = earliest(at, n.condemned.Add(secondLook))
	}
	at = earliest(at, n.judge.Deadline())
	at = earliest(at, n.demotions.due())
	at = earliest(at, n.segments.at)
	for _, g := range n.groups {
		at = earliest(at, g.carp.Deadline())
		at = earliest(at, g.machine.Deadline())
		if g.held {
			at = earliest(earliest(at, g.announceAt), g.renewAt)
		}
	}
	return at
}

// take is what a frame tells.
func (n *Node) take(f frame) {
	p := n.ports[f.link]
	if n.settings == nil || p == nil {
		return
	}
	switch f.kind {
	case wire.Beat:
		if f.unpaired {
			n.takeUnpaired(f)
			return
		}
		n.takeBeat(f)
	case wire.CARP:
		n.takeAd(p, f)
	case wire.ARP, wire.Neighbour:
		n.takeNeighbour(p, f)
	}
}

// judgePeer asks the judge, and knocks where it wants.
func (n *Node) judgePeer(now time.Time) {
	verdict, knock := n.judge.Check(now)
	for _, name := range knock {
		n.knock(name)
	}
	why := n.judge.Why()
	if n.outlived(now, verdict) {
		verdict, why = pulse.Dead, "silent for longer than addresses are leased: nobody has them now"
	}
	if verdict == pulse.Dead && n.peer.verdict != pulse.Dead {
		if n.condemned.IsZero() {
			n.condemned = now
		}
		if now.Sub(n.condemned) < secondLook {
			return
		}
	}
	n.condemned = time.Time{}
	if verdict == n.peer.verdict {
		return
	}
	before := n.peer.life()
	level := hclog.Info
	if verdict == pulse.Doubtful || n.peer.verdict == pulse.Doubtful && verdict == pulse.Alive {
		level = hclog.Debug // a busy machine is doubted often
	}
	n.log.Log(level, "peer", "was", n.peer.verdict, "is", verdict, "why", why)
	n.peer.judged(now, verdict, why)
	if n.peer.life() != before {
		n.changedLife(now)
	}
}

// outlived says that the peer has been silent for so long that the leases of its addresses are over,
// whatever its kernel answers and however often this node slept itself.
func (n *Node) outlived(now time.Time, v pulse.Verdict) bool {
	return (v == pulse.Stunned || v == pulse.Doubtful) && now.Sub(n.peer.at) > leaseFor(n.peer.beat.Interval)+leaseLate
}

// leaseLate is how late the kernel ends a lease at most, and a bit.
const leaseLate = 1500 * time.Millisecond

// changedLife follows the peer's coming and going.
func (n *Node) changedLife(now time.Time) {
	if n.peer.gone() {
		n.sessions.lost()
	}
	n.dirty = true
	for _, g := range n.groups {
		g.renewAt = now
		n.act(now, g, g.carp.Elect(now, n.peer.unheard()))
	}
}

// act does what a group's CARP machine asks for.
func (n *Node) act(now time.Time, g *group, actions []carp.Action) {
	for _, a := range actions {
		if a.Changed {
			g.elected, g.why = a.Become, a.Why
		}
		n.advertise(g, a.Send)
		if a.Announce && g.machine.State().Holds() {
			n.announceFrom(now, g)
		}
	}
}

// chore is what is done every second.
func (n *Node) chore(now time.Time) {
	if n.before != nil && n.changeIsOver(now) {
		n.before = nil
		n.listen()
		n.dirty = true
	}
	for _, name := range n.settings.gateways {
		n.demote(now, "gateway "+name, weightGateway, n.Down(name), "the gateway is up again", "")
	}
	for name, p := range n.ports {
		n.demote(now, "sending on "+name, weightErrors, p.errors.Load() >= 3 && p.carrier(), "heartbeats can be sent there again: they are tried all the time", name)
		if n.settings.link(name) != nil && !n.settings.link(name).cable {
			n.demote(now, "link "+name, weightLink, !p.carrier(), "the network has carrier again", name)
		}
	}
	for _, p := range n.ports {
		if p.fault != "" {
			n.openPorts(now)
			break
		}
	}
	n.speak() // what the paths hear goes with the next beat
}

// wake notices that this node was stopped for longer than its peer waits: its heartbeats tell,
// since nothing else holds them up.
func (n *Node) wake(now time.Time) {
	stall := n.voice.stall(now.Sub(n.began))
	if stall <= pulse.TimingFor(n.settings.interval).Dead || n.peer.unheard() {
		return
	}
	n.woke, n.sleep = now, stall
	n.stats.count("times that this node was stopped for longer than its peer waits")
	if n.once(now, "wake") {
		n.log.Warn("this node was stopped for longer than its peer waits", "for", stall)
	}
}

// napMatters is how long after it woke a node is one that slept.
const napMatters = 2 * time.Second

// slept is for how long this node was stopped of late.
func (n *Node) slept(now time.Time) role.Sleep {
	switch {
	case n.woke.IsZero() || now.Sub(n.woke) > napMatters:
		return role.Awake
	case n.sleep > pulse.TimingFor(n.settings.interval).Stunned:
		return role.Coma
	}
	return role.Nap
}

// demote notes a reason and tells whoever has to know.
func (n *Node) demote(now time.Time, name string, weight int, there bool, heals, link string) {
	if n.demotions.set(now, name, weight, there, heals, link) {
		n.log.Info("demoted", "reason", name, "weight", weight)
		n.demoted(now)
	}
}

// demoted follows a change of the demotions.
func (n *Node) demoted(now time.Time) {
	n.dirty = true
	for _, g := range n.groups {
		n.act(now, g, g.carp.Demote(now, n.demotion(g)))
	}
}

// demotion is that of a group: a network that only another group is on is not its concern.
func (n *Node) demotion(g *group) int { return n.demotions.sum(g.settings.on) }

// look reads the devices anew.
func (n *Node) look(now time.Time) {
	if n.settings == nil {
		return
	}
	n.openPorts(now)
	n.aim() // an address of the cable may be another one
	if slices.ContainsFunc(n.settings.links, func(l link) bool { return n.ports[l.name].fault != "" }) {
		n.search()
	}
	n.chore(now)
	for _, g := range n.groups {
		if !g.held {
			g.inherited = n.left(g) // by hand, perhaps: who has the role decides what becomes of it
		}
		if g.held && !n.present(g) {
			n.log.Warn("virtual addresses were taken away, put back", "group", g.settings.name)
			n.wearMACs() // they went with a device that is another one now
			n.place(now, g)
			n.announceFrom(now, g)
		}
	}
}

// once says whether a thing was not logged in the last minute.
func (n *Node) once(now time.Time, about string) bool {
	if now.Sub(n.told[about]) < logEvery {
		return false
	}
	n.told[about] = now
	return true
}
