package ha

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/rempart/rempart/ha/pulse"
	"github.com/rempart/rempart/ha/wire"
)

// voice is what the ticker's thread says. The loop tells it what, and it speaks on time
// whatever the loop is at.
type voice struct {
	seq     atomic.Uint64
	content atomic.Pointer[speech]
	holdEnd atomic.Pointer[time.Time]
	last    atomic.Int64 // when it spoke last, as lastTurn is told; zero: never
	stalled atomic.Int64 // longest time between two beats since it was asked, ns
	pending []byte
}

// speech is a heartbeat without what changes by itself.
type speech struct {
	interval time.Duration
	beat     pulse.Beat
	rings    []pulse.Keyring // one; during a change of the secret both
	calls    *call           // to a node that is not paired; nil: there is none
	paths    []spoken
}

// spoken is one path of a speech.
type spoken struct {
	port  *port
	wire  wire.Port
	name  string
	mac   wire.MAC
	src   netip.Addr
	own   []netip.Addr
	peers []netip.Addr
}

// idleBeat is how often a node without a peer looks whether it has one.
const idleBeat = time.Second

// every is the time between beats.
func (v *voice) every() time.Duration {
	if s := v.content.Load(); s != nil {
		return s.interval
	}
	return idleBeat
}

// hold asks for patience until an instant.
func (v *voice) hold(until time.Time) {
	if old := v.holdEnd.Load(); old == nil || old.Before(until) {
		v.holdEnd.Store(&until)
	}
}

// stall is the longest time between two beats since it was last asked for, the one that lasts
// included.
func (v *voice) stall(now time.Duration) time.Duration {
	longest := time.Duration(v.stalled.Swap(0))
	if last := v.last.Load(); last != 0 {
		longest = max(longest, now-time.Duration(last))
	}
	return longest
}

// deaf is for how long the loop may not turn until the node stops to say that it lives: a
// peer that hears it would wait for ever.
const deaf = 3 * time.Second

// beat sends a heartbeat over every path. It is called by the ticker.
func (n *Node) beat(at time.Time) {
	v := &n.voice
	s := v.content.Load()
	if s == nil {
		v.last.Store(0) // nobody waits for a node that has nothing to say
		return
	}
	turned := at.Sub(n.began)
	if last := v.last.Swap(int64(turned)); last != 0 && int64(turned)-last > v.stalled.Load() {
		v.stalled.Store(int64(turned) - last)
	}
	var hold time.Duration
	if end := v.holdEnd.Load(); end != nil {
		hold = max(0, end.Sub(at))
	}
	if hold == 0 && turned-time.Duration(n.lastTurn.Load()) > deaf {
		return
	}
	for i := range s.paths {
		for r := range s.rings {
			n.say(s, &s.paths[i], &s.rings[r], hold)
		}
		if s.calls != nil {
			n.call(s, &s.paths[i])
		}
	}
}

// say sends one heartbeat over one path.
func (n *Node) say(s *speech, to *spoken, ring *pulse.Keyring, hold time.Duration) {
	b := s.beat
	n.sessions.stamp(&b)
	b.Path, b.Addresses = to.name, to.own
	b.Interval, b.Hold = s.interval, hold
	n.utter(to, ring, &b)
}

// utter seals a heartbeat and sends it over a path.
func (n *Node) utter(to *spoken, ring *pulse.Keyring, b *pulse.Beat) {
	v := &n.voice
	var err error
	for _, a := range to.peers {
		if sent := to.wire.SendTo(wire.Beat, a, v.seal(ring, b)); sent != nil {
			err = sent
		}
	}
	if len(to.peers) == 0 {
		err = to.wire.Send(wire.AppendBeat(nil, to.mac, to.src, v.seal(ring, b)))
	}
	if err != nil {
		to.port.errors.Add(1)
		return
	}
	to.port.errors.Store(0)
}

// seal is a heartbeat as it goes over the wire, once: one that came twice would look as if somebody sent it again.
func (v *voice) seal(ring *pulse.Keyring, b *pulse.Beat) []byte {
	b.Seq = v.seq.Add(1)
	v.pending = ring.Seal(v.pending[:0], b)
	return v.pending
}

// speak tells the voice what to say from now on.
func (n *Node) speak() {
	if n.settings == nil {
		n.voice.content.Store(nil)
		return
	}
	s := &speech{interval: n.settings.interval, beat: n.speech(), rings: n.rings(), calls: n.calls()}
	for _, l := range n.settings.links {
		p := n.ports[l.name]
		if p == nil || p.wire == nil {
			continue
		}
		out := spoken{port: p, wire: p.wire, name: l.name, mac: p.device.MAC, own: n.ownAll(p), peers: l.peers}
		if out.src = n.own(p, false); !out.src.IsValid() {
			out.src = n.own(p, true)
		}
		s.paths = append(s.paths, out)
	}
	n.voice.content.Store(s)
}

// speech is what the node says of itself.
func (n *Node) speech() pulse.Beat {
	b := pulse.Beat{
		Node: n.settings.node, Version: n.Version, Context: n.context(), Accepts: n.accepts(),
		AdEpoch: n.counter.Epoch(), Revision: n.Hash(), Leaving: n.leaving, Features: n.features(),
	}
	for _, g := range n.groups {
		wants, forced := g.machine.Wants()
		b.Groups = append(b.Groups, pulse.Group{
			Name: g.settings.name, Role: pulse.Role(g.machine.State()), Demotion: uint16(min(n.demotion(g), 1<<16-1)),
			Skew: g.settings.carp.AdvSkew, Want: wants, Forced: forced,
		})
	}
	for _, p := range n.judge.PathStates() {
		b.Paths = append(b.Paths, pulse.Path{Name: p.Name, Carrier: p.Carrier, Heard: !p.Silent, Others: n.segments.others(p.Name)})
	}
	return b
}
