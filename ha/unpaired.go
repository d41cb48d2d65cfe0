package ha

import (
	"slices"
	"time"

	"github.com/rempart/rempart/ha/pulse"
)

// outcast is the other node, when this one is paired and that one speaks with the password's key alone: it was
// made anew, or its pairing was ended. Nothing that it says is believed. But as heartbeats cannot decide between the
// two any more, CARP has to, and for that it must be known that they are of now: who hears old frames again would
// else take a paired node back to what is worth less. So this node calls, with the password's key and a session of
// its own making, and whoever echoes that lives.
type outcast struct {
	own   uint64 // what has to be echoed
	until time.Time
}

// callTime is for how long an outcast is called after it was last heard.
const callTime = 5 * time.Second

// call is what an outcast is called with.
type call struct {
	ring pulse.Keyring
	beat pulse.Beat
}

// unpairedKey is what a node that is not paired speaks with, for one that is and does not understand it
// otherwise.
func (n *Node) unpairedKey() pulse.Keyring {
	if n.settings == nil || slices.Contains(n.keyring().Accept, n.settings.password) {
		return pulse.Keyring{}
	}
	return pulse.Keyring{Send: n.settings.password, Accept: []pulse.Key{n.settings.password}}
}

// takeUnpaired is a heartbeat of a node that is not paired, and may be an old one.
func (n *Node) takeUnpaired(f frame) {
	if n.stats.note(f.at, refusedKeys, f.link, f.packet.Src) {
		n.log.Warn("refused", "what", refusedKeys, "interface", f.link, "from", f.packet.Src, "mac", f.packet.From)
	}
	if v := n.peer.verdict; v != pulse.Stunned && !n.peer.gone() {
		return // the peer is heard as well: it is in the middle of a change
	}
	if f.beat.Echo == n.outcast.own {
		n.forget(f.at)
		return
	}
	if now := time.Now(); now.After(n.outcast.until) {
		n.dirty = true
		n.outcast.until = now.Add(callTime)
	}
}

// forget makes this node one that has never heard its peer, so that CARP elects.
func (n *Node) forget(now time.Time) {
	n.log.Warn("the other node is not paired with this one any more: CARP decides between them")
	n.peer = known{verdict: pulse.Unknown, since: now, connected: n.peer.connected}
	n.judge = pulse.NewJudge(n.settings.judged())
	for _, p := range n.ports {
		n.judge.Carrier(now, p.name, p.carrier())
	}
	n.outcast.until, n.listenUntil = time.Time{}, now
	n.changedLife(now)
	n.sessions.lost()
	n.listen()
}

// calls is what an outcast is called with now; nil: there is none.
func (n *Node) calls() *call {
	ring := n.unpairedKey()
	if len(ring.Accept) == 0 || time.Now().After(n.outcast.until) {
		return nil
	}
	return &call{ring: ring, beat: pulse.Beat{Session: n.outcast.own, Node: n.settings.node, Version: n.Version, Interval: n.settings.interval}}
}

// call calls an outcast over a path.
func (n *Node) call(s *speech, to *spoken) {
	b := s.calls.beat
	b.Path = to.name
	n.utter(to, &s.calls.ring, &b)
}
