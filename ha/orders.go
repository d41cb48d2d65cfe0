package ha

import (
	"context"
	"time"

	"github.com/rempart/rempart/ha/pulse"
	"github.com/rempart/rempart/ha/role"
	"github.com/rempart/rempart/ha/view"
)

// orderTime is how long an order may take, and orderLook how often it is looked at.
const (
	orderTime = 5 * time.Second
	orderLook = time.Millisecond
)

// reasonReleased keeps a node that gave the role to a CARP speaker which is not ours from taking
// it back by preemption.
const reasonReleased = "released by order"

// Release gives the role to the peer, and returns when it has it.
func (n *Node) Release(ctx context.Context, o view.Order) (view.Done, error) {
	return n.order(ctx, o, true)
}

// Takeover gets the role from the peer, and returns when this node has it.
func (n *Node) Takeover(ctx context.Context, o view.Order) (view.Done, error) {
	return n.order(ctx, o, false)
}

// order carries an order out for one group, or for all.
func (n *Node) order(ctx context.Context, o view.Order, release bool) (view.Done, error) {
	start := time.Now()
	groups, err := do(ctx, n, func(now time.Time) ([]*group, error) { return n.begin(now, o, release) })
	if err != nil {
		return view.Done{}, err
	}
	out := view.Done{}
	for end := start.Add(orderTime); ; pause(ctx, orderLook) {
		done, err := do(ctx, n, func(now time.Time) (bool, error) {
			if n.settings == nil {
				return false, view.ErrNotConfigured // since the order was given
			}
			out.Groups = out.Groups[:0]
			all := true
			for _, g := range groups {
				s, ok := n.switched(g, start, release)
				out.Groups = append(out.Groups, s)
				all = all && ok
			}
			return all, nil
		})
		switch {
		case err != nil:
			return view.Done{}, err
		case done:
			out.Took = time.Since(start)
			return out, nil
		case time.Now().After(end):
			return view.Done{}, view.Statef("the order was not carried out within %v: the peer did not take part", orderTime)
		}
	}
}

// begin checks an order and gives it to the machines.
func (n *Node) begin(now time.Time, o view.Order, release bool) ([]*group, error) {
	if n.settings == nil {
		return nil, view.ErrNotConfigured
	}
	var all []*group
	for _, g := range n.groups {
		if o.Group == "" || o.Group == g.settings.name {
			all = append(all, g)
		}
	}
	if len(all) == 0 {
		return nil, view.Orderf("there is no group %q", o.Group)
	}
	if !release {
		n.demotions.drop(reasonReleased) // also when the peer is one of ours by now
		n.demoted(now)
	}
	for _, g := range all {
		if g.machine.State() == role.Master == release {
			if err := n.allowed(now, g, o, release); err != nil {
				return nil, err
			}
		}
	}
	for _, g := range all {
		if g.machine.State() == role.Master == release {
			n.give(now, g, o, release)
		}
	}
	n.turn(now)
	return all, nil
}

// allowed refuses what would leave the group without a good master.
func (n *Node) allowed(now time.Time, g *group, o view.Order, release bool) error {
	peer, name := n.peer.group(g.settings.name), g.settings.name
	here, there := n.demotion(g), int(peer.Demotion)
	switch {
	case !n.peer.living() && release && !n.foreign(now, g):
		return view.Statef("there is nobody to take group %s: the peer is %s", name, n.peer.verdict)
	case !n.peer.living():
		return nil
	case role.State(peer.Role) == role.Init:
		if release {
			return view.Statef("the peer cannot take group %s: it has no network of it", name)
		}
	case o.Force:
	case release && there > here:
		return view.Statef("the peer is worse off in group %s (demotion %d, here %d): --force gives it all the same", name, there, here)
	case !release && here > there:
		return view.Statef("this node is worse off in group %s (demotion %d, the peer %d): --force takes it all the same", name, here, there)
	}
	return nil
}

// give tells a group's machine.
func (n *Node) give(now time.Time, g *group, o view.Order, release bool) {
	until := now.Add(orderTime)
	switch {
	case n.peer.living() && release:
		g.machine.Release(o.By, until)
	case n.peer.living():
		g.machine.Takeover(o.By, until)
	case release:
		n.demote(now, reasonReleased, weightLink, true, "rempart ha takeover", "")
		g.machine.Release(o.By, until)
	default:
		n.act(now, g, g.carp.Take(now, "ordered by "+o.By))
	}
}

// foreign says that a CARP speaker that is not ours is heard, or was until we spoke ourselves.
func (n *Node) foreign(now time.Time, g *group) bool {
	if !n.peer.unheard() {
		return false
	}
	for _, p := range n.ports {
		if g.settings.on(p.name) && !p.ad.IsZero() && now.Sub(p.ad) < foreignWindow {
			return true
		}
	}
	return false
}

// foreignWindow is how long a CARP speaker that has fallen silent, as a backup is, counts as there.
const foreignWindow = time.Hour

// switched is what became of a group, and whether that is what was ordered.
func (n *Node) switched(g *group, start time.Time, release bool) (view.Switched, bool) {
	state := g.machine.State()
	s := view.Switched{Name: g.settings.name, Role: state.String()}
	peer := n.peer.living() && role.State(n.peer.group(g.settings.name).Role) == role.Master
	ok := state == role.Master
	if ok {
		s.Master = n.settings.node
	}
	if release {
		if ok = !state.Holds() && (peer || !n.peer.living()); ok {
			s.Master = n.peer.beat.Node
		}
	}
	if since := g.machine.Since(); since.After(start) {
		s.Moved, s.Took = true, since.Sub(start)
	}
	return s, ok
}

// part leaves the pair: a master gives the role to whoever takes it. When nobody does, the addresses
// stay, for ever: the kernel goes on to serve them.
func (n *Node) part(ctx context.Context) {
	if n.settings == nil {
		n.link.Goodbye()
		return
	}
	now := time.Now()
	for _, g := range n.groups {
		// A backup of another make is silent, so it may be there though it was never heard.
		if g.machine.State() == role.Master && !n.peer.gone() {
			n.give(now, g, view.Order{By: "the end of this program"}, true)
		}
	}
	n.turn(now)
	end, cancel := context.WithTimeout(ctx, orderTime)
	defer cancel()
	n.loopUntil(end, func() bool { return !n.releasing() && (!n.peer.living() || !n.holdsAny()) })
	n.leaving = true
	n.speak()
	n.beatLast()
	n.link.Goodbye()
	for _, g := range n.groups {
		switch theirs := role.State(n.peer.group(g.settings.name).Role); {
		case g.held && n.peer.verdict == pulse.Alive && theirs != role.Init:
			n.remove(g) // it takes over because we leave
		case g.held && !n.peer.living():
			n.place(time.Now(), g) // for ever
		}
		// Beside a peer that lives and cannot take them they stay until their lease ends: long enough
		// to be started again.
	}
}

// releasing says whether some group is on its way out.
func (n *Node) releasing() bool {
	for _, g := range n.groups {
		if g.machine.State() == role.Releasing {
			return true
		}
	}
	return false
}
