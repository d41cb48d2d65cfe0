package ha

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/ha/carp"
	"github.com/rempart/rempart/ha/pulse"
	"github.com/rempart/rempart/ha/role"
	"github.com/rempart/rempart/ha/wire"
)

// known is what is known of the peer.
type known struct {
	verdict pulse.Verdict
	since   time.Time
	alive   time.Time // since when it is, but for doubts
	why     string
	proved  time.Time  // when its session was
	beat    pulse.Beat // the last one
	at      time.Time
	// addresses are its own by link, to knock at.
	addresses map[string][]netip.Addr
	macs      []wire.MAC
	guard     carp.Guard
	connected bool
	changing  time.Time // when it last said that it understands more than one key or set of addresses
}

func (k *known) unheard() bool { return k.life() == role.Unheard }
func (k *known) gone() bool    { return k.life() == role.Gone }
func (k *known) living() bool  { return k.life() == role.Living }

// life is the verdict as an election sees it.
func (k *known) life() role.Life {
	switch k.verdict {
	case pulse.Unknown:
		return role.Unheard
	case pulse.Dead, pulse.Left:
		return role.Gone
	}
	return role.Living
}

// judged follows the judge. A doubt that was dispelled is no new life.
func (k *known) judged(now time.Time, v pulse.Verdict, why string) {
	switch {
	case v != pulse.Alive:
		k.since = now
	case k.verdict == pulse.Doubtful:
		k.since = k.alive
	default:
		k.since, k.alive = now, now
	}
	k.verdict, k.why = v, why
}

// steady is for how long the peer may have been expected to speak with one key alone, the one that is known.
func (k *known) steady(now time.Time) time.Duration {
	return min(now.Sub(k.proved), now.Sub(k.changing)) - time.Second
}

// group is what the peer says of itself in a group.
func (k *known) group(name string) pulse.Group { return groupIn(&k.beat, name) }

// groupIn is what a heartbeat says of a group. One that its sender does not know of, it does not
// hold either.
func groupIn(b *pulse.Beat, name string) pulse.Group {
	if i := slices.IndexFunc(b.Groups, func(g pulse.Group) bool { return g.Name == name }); i >= 0 {
		return b.Groups[i]
	}
	return pulse.Group{Name: name}
}

// knows says whether the peer speaks of a group.
func (k *known) knows(name string) bool {
	return slices.ContainsFunc(k.beat.Groups, func(g pulse.Group) bool { return g.Name == name })
}

// takeBeat is a heartbeat that is authentic, and may be an old one.
func (n *Node) takeBeat(f frame) {
	if f.beat.Path != f.link {
		n.stats.note(f.at, refusedPath, f.link, f.packet.Src)
		return
	}
	fresh, err := n.sessions.accept(&f.beat)
	switch {
	case errors.Is(err, pulse.ErrUnproved):
		// It has to hear its session from us. Not at once each time: whoever replays old
		// ones would make us speak.
		if now := time.Now(); now.Sub(n.greeted) >= greetEvery {
			n.greeted = now
			n.Ticker.Kick()
		}
		return
	case errors.Is(err, pulse.ErrOwn):
		n.stats.note(f.at, refusedOwn, f.link, f.packet.Src)
		return
	case err != nil && f.at.Sub(n.peer.proved) < time.Second:
		return // what was under way when the session was proved counts as before that
	case errors.Is(err, pulse.ErrStranger):
		n.stats.note(f.at, refusedThird, f.link, f.packet.Src)
		return
	case err != nil:
		if n.stats.note(f.at, refusedReplay, f.link, f.packet.Src) {
			n.log.Warn("refused", "what", refusedReplay, "interface", f.link, "from", f.packet.Src, "cause", err)
		}
		return
	}
	if fresh {
		n.log.Info("peer is heard", "node", f.beat.Node, "version", f.beat.Version, "interface", f.link)
		n.peer.addresses, n.peer.macs, n.peer.proved = map[string][]netip.Addr{}, nil, f.at
	}
	n.peer.guard.Epoch(f.beat.AdEpoch)
	if mac := f.packet.From; !mac.Virtual() && !slices.Contains(n.peer.macs, mac) {
		n.peer.macs = append(n.peer.macs, mac)
		n.peer.macs = n.peer.macs[max(0, len(n.peer.macs)-mostMACs):]
	}
	n.judge.Beat(f.at, &f.beat)
	n.locate(f)
	if f.beat.Seq < n.peer.beat.Seq && !fresh {
		return // another path was quicker
	}
	if !slices.Equal(f.beat.Groups, n.peer.beat.Groups) || f.beat.Session != n.peer.beat.Session {
		for _, g := range n.groups {
			g.contested = g.machine.State() == role.Master && groupIn(&f.beat, g.settings.name).Role == pulse.Master
		}
	}
	n.peer.beat, n.peer.at = f.beat, f.at
	if len(f.beat.Accepts) > 1 {
		n.peer.changing = f.at
	}
}

// mostMACs bounds how many hardware addresses the peer is known by: frames tell what their sender likes.
const mostMACs = 64

// locate notes where the peer is.
func (n *Node) locate(f frame) {
	b := &f.beat
	if slices.Equal(n.peer.addresses[b.Path], b.Addresses) {
		return
	}
	if n.peer.addresses == nil {
		n.peer.addresses = map[string][]netip.Addr{}
	}
	n.peer.addresses[b.Path] = b.Addresses
	n.listen()
	if b.Path == n.settings.cable {
		n.aim()
	}
}

// aim tells the link where the other end is.
func (n *Node) aim() {
	l, p := n.settings.link(n.settings.cable), n.ports[n.settings.cable]
	if l == nil || p == nil || p.wire == nil {
		n.link.Aim("", netip.Addr{}, netip.Addr{})
		n.cable = cable{}
		return
	}
	n.cable = cable{device: l.device}
	theirs := l.peers // as the administrator says
	if len(theirs) == 0 {
		theirs = n.peer.addresses[l.name]
	}
	if len(theirs) == 0 {
		theirs = n.metOn(l.device) // a connection that stands is kept until more is known
	}
	from, to := meet(n.ownNetworks(p), theirs)
	if to.IsValid() {
		n.cable.local, n.cable.peer = from, to
	} else {
		from = n.own(p, false)
	}
	n.link.Aim(n.cable.device, from, n.cable.peer)
}

// knock asks the peer's kernel on a link whether it lives.
func (n *Node) knock(name string) {
	p := n.ports[name]
	if p == nil || !p.carrier() {
		return
	}
	for _, to := range n.peer.addresses[name] {
		// A failure to send is silence as well.
		_ = p.wire.Send(wire.AppendKnock(nil, p.device.MAC, n.own(p, to.Is6()), to))
	}
	n.stats.count("knocks")
}

// takeNeighbour is ARP or neighbour discovery of somebody that matters here.
func (n *Node) takeNeighbour(p *port, f frame) {
	speaker := f.packet.Src
	if f.kind == wire.Neighbour && f.packet.Reply {
		speaker = f.packet.Target
	}
	if slices.Contains(n.peer.addresses[f.link], speaker) && f.packet.Reply && n.isPeer(f.packet.From) {
		n.judge.Answer(f.at, f.link)
		return
	}
	if _, ok := n.sought[speaker]; ok {
		n.sought[speaker] = f.packet.Link
		return
	}
	if !n.isVIP(f.link, speaker) || f.packet.From == p.device.MAC || f.packet.Link == p.device.MAC {
		return
	}
	for _, g := range n.groups {
		n.contest(g, f, speaker)
	}
}

// takeAd is an advertisement that is authentic, and may be an old one.
func (n *Node) takeAd(p *port, f frame) {
	g := n.groupOn(f.link, f.ad.VHID)
	if g == nil {
		return
	}
	if n.counter.Echo(f.ad) {
		why := refusedOwn
		if from := f.packet.From; from != p.device.MAC && !from.Virtual() {
			why = refusedForged
		}
		n.stats.note(f.at, why, f.link, f.packet.Src)
		return
	}
	h := carp.Heard{Link: f.link, Src: f.packet.Src, Own: n.adSource(p, g, f.packet.Src.Is6()), Ad: f.ad}
	if !n.peer.unheard() {
		if err := n.peer.guard.Accept(h); err != nil {
			if n.stats.note(f.at, refusedForged, f.link, f.packet.Src) {
				n.log.Warn("refused", "what", refusedForged, "interface", f.link, "from", f.packet.Src, "mac", f.packet.From, "cause", err)
			}
			return
		}
		n.judge.Sign(f.at, f.link)
	}
	p.ad, p.adSrc = f.at, f.packet.Src
	if now := time.Now(); n.peer.unheard() && !now.Before(n.listenUntil) {
		n.act(now, g, g.carp.Receive(now, h))
	}
}

// greetEvery is how often a session that is not proved yet is answered before its time.
const greetEvery = 100 * time.Millisecond

// groupOn is the group that has a vhid on a link.
func (n *Node) groupOn(link string, vhid uint8) *group {
	for _, g := range n.groups {
		for _, h := range g.settings.carp.VHosts {
			if h.Link == link && h.VHID == vhid {
				return g
			}
		}
	}
	return nil
}
