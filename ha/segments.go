package ha

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/rempart/rempart/ha/role"
	"github.com/rempart/rempart/ha/wire"
)

// segments finds out who of the two has lost a network on which they do not hear each other
// although they do elsewhere: the one that hears nobody there while the other hears somebody.
type segments struct {
	at   time.Time // when to look again
	lost map[string]*segment
}

// segment is one such network.
type segment struct {
	since    time.Time
	received uint64 // frames that had come in by then
	others   bool   // some have come since
}

const (
	// segmentEvery is how often a silent network is looked at, and asked.
	segmentEvery = 200 * time.Millisecond
	// segmentPatience is how long this node listens before it says that it has lost a network.
	segmentPatience = time.Second
	// segmentAsks bounds how many neighbours are asked each time.
	segmentAsks = 16
)

// due says that it is time to look.
func (s *segments) due(now time.Time) bool { return s.at.IsZero() || !now.Before(s.at) }

// others says that another host than the peer was heard on a link since the peer fell silent there.
func (s *segments) others(link string) bool {
	g := s.lost[link]
	return g != nil && g.others
}

// watchSegments looks at the links on which the peer is silent.
func (n *Node) watchSegments(now time.Time) {
	s := &n.segments
	s.at = now.Add(segmentEvery)
	if s.lost == nil {
		s.lost = map[string]*segment{}
	}
	for _, l := range n.settings.links {
		p := n.ports[l.name]
		if l.cable || p == nil {
			continue
		}
		silent := n.peer.living() && p.carrier() && n.judge.Silent(l.name)
		if !silent {
			delete(s.lost, l.name)
			n.demote(now, "segment "+l.name, weightLink, false, "", l.name)
			continue
		}
		n.watchSegment(now, p)
	}
}

// watchSegment asks the neighbours on a link, and gives way when nobody answers here while somebody
// is heard there by the peer.
func (n *Node) watchSegment(now time.Time, p *port) {
	d, err := n.Kernel.Device(p.device.Name)
	if err != nil {
		return
	}
	g := n.segments.lost[p.name]
	if g == nil {
		g = &segment{since: now, received: d.Received}
		n.segments.lost[p.name] = g
		n.dirty = true
	}
	if d.Received != g.received && !g.others {
		g.others, n.dirty = true, true
	}
	hears, carries := false, false
	for _, path := range n.peer.beat.Paths {
		if path.Name == p.name {
			hears, carries = path.Others, path.Carrier
		}
	}
	if now.Sub(g.since) >= segmentPatience {
		n.demote(now, "segment "+p.name, weightLink, !g.others && hears && carries, fmt.Sprintf("somebody is heard on %s again", p.name), p.name)
	}
	n.askAround(p)
}

// allNodes is the group of every host that speaks IPv6, RFC 4291 section 2.7.1.
var (
	allNodes    = netip.IPv6LinkLocalAllNodes()
	allNodesMAC = wire.MAC{0x33, 0x33, 0, 0, 0, 1}
)

// askAround asks known neighbours for a sign of life, and everybody: on a quiet network a backup knows none.
func (n *Node) askAround(p *port) {
	if own := n.own(p, true); own.IsValid() {
		_ = p.wire.Send(wire.AppendEchoRequest(nil, p.device.MAC, allNodesMAC, own, allNodes, 0, 0))
	}
	all, err := n.Kernel.Neighbours(p.device.Index)
	if err != nil {
		return
	}
	for _, a := range all[:min(len(all), segmentAsks)] {
		_ = p.wire.Send(wire.AppendKnock(nil, p.device.MAC, n.own(p, a.Is6()), a)) // no answer is an answer
	}
}

// holdsAny says whether some group is master here.
func (n *Node) holdsAny() bool {
	for _, g := range n.groups {
		if g.machine.State() == role.Master {
			return true
		}
	}
	return false
}
