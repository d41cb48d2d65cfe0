package ha

import (
	"context"
	"net/netip"
	"reflect"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/ha/role"
)

// linkKeys are the keys by which the daemons prove themselves to one another.
func (n *Node) linkKeys() [][]byte {
	s := n.voice.content.Load()
	if s == nil {
		return nil
	}
	var all [][]byte
	for i := range s.rings {
		all = append(all, s.rings[i].Send[:])
	}
	return all
}

// linkUp follows the connection of the daemons.
func (n *Node) linkUp(uint64) {
	if n.Policy != nil {
		defer n.Policy.Linked(true)
	}
	n.tell(func(now time.Time) {
		n.peer.connected = true
		if n.judge != nil {
			n.judge.Connected(now)
		}
	})
}

// linkDown follows its end. One without a goodbye is the sign of a program that died.
func (n *Node) linkDown(why string, reset bool) {
	if n.Policy != nil {
		defer n.Policy.Linked(false)
	}
	n.tell(func(now time.Time) {
		n.peer.connected = false
		n.log.Info("link to the peer ended", "why", why, "reset", reset)
		if n.judge != nil && reset {
			n.judge.Reset(now)
		}
	})
}

// nothing says that a policy stands for none: there never was one, or the first was taken back.
func nothing(c *config.Config) bool { return c == nil || reflect.DeepEqual(*c, config.Config{}) }

// await looks for the peer as long as there is no policy.
func (n *Node) await() {
	n.setting.Lock()
	none := nothing(n.newest.config)
	n.setting.Unlock()
	if none {
		n.aimRendezvous()
	}
}

// aimRendezvous has the link look for the peer where it was when the nodes were paired, since no policy says where
// it is.
func (n *Node) aimRendezvous() {
	if !n.paired() {
		n.aimNowhere()
		return
	}
	n.link.Aim(n.Keys.Rendezvous())
}

// aimNowhere ends the link.
func (n *Node) aimNowhere() { n.link.Aim("", netip.Addr{}, netip.Addr{}) }

// services are those that are tied to the role, for the runner.
func (n *Node) services() []string {
	if s := n.tied.Load(); s != nil {
		return *s
	}
	return nil
}

// checked follows a check of the administrator's.
func (n *Node) checked(name string, ok bool, why string) {
	n.tell(func(now time.Time) {
		if n.settings == nil {
			return
		}
		for _, c := range n.settings.checks {
			if c.Name == name {
				n.demote(now, "service "+name, c.Weight, !ok, "its check passes again; now: "+why, "")
			}
		}
	})
}

// beatLast says what the voice has to say once more, from the loop: the ticker ends with the
// program, and the last word must be out before.
func (n *Node) beatLast() {
	n.Ticker.Kick()
	pause(context.Background(), lastWords)
}

// lastWords is how long the ticker has for a goodbye.
const lastWords = 20 * time.Millisecond

// masterOf is the node that is master of a group; empty: none, as far as is known.
func (n *Node) masterOf(g *group) string {
	switch {
	case g.machine.State().Holds():
		return n.settings.node
	case n.peer.living() && role.State(n.said(g).Role) == role.Master:
		return n.peer.beat.Node
	}
	return ""
}
