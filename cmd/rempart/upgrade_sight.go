package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rempart/rempart/ha/view"
)

// outOfPair is by how much a node in maintenance is demoted: nothing else weighs as much.
const outOfPair = 200

// shortcoming is something that a pair lacks which is to be taken apart.
type shortcoming struct{ name, text string }

func texts(list []shortcoming) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = s.text
	}
	return out
}

// shortcomings are what is missing for one node to do the work of both.
func shortcomings(s sight) []shortcoming {
	var out []shortcoming
	add := func(name, format string, args ...any) {
		out = append(out, shortcoming{name, fmt.Sprintf(format, args...)})
	}
	peer := s.pair.Peer
	switch {
	case s.gone:
		add("daemon", "the daemon of this node does not answer")
		return out
	case peer.State != "alive":
		add("peer", "the other node is not alive (%s)", peer.State)
		return out
	case !peer.Connected:
		add("link", "there is no connection between the daemons")
	}
	switch v := s.pair.Policy; {
	case v == nil || v.State == view.PolicyUnpaired:
		if peer.Revision != "" && !peer.InStep {
			add("policy", "%s enforces another policy", peer.Node)
		}
	case v.State != view.PolicyInStep:
		add("policy", "the policy is not in step (%s)", v.State)
	}
	switch f := s.pair.Sync; {
	case f == nil:
		add("flows", "flow sync does not run, so that no connection would survive")
	case !f.Whole():
		add("flows", "the flows are not complete on both nodes%s", remark(f.Why))
	}
	return out
}

// missing are the shortcomings that matter.
func (u *upgrade) missing(s sight) []string {
	return texts(slices.DeleteFunc(shortcomings(s), func(m shortcoming) bool { return slices.Contains(u.waived, m.name) }))
}

// unfit is what keeps a node that was restarted from going back into the pair.
func (u *upgrade) unfit(s sight) []string {
	out := u.missing(s)
	if fresh := u.newWarnings(s); len(fresh) > 0 && !u.order.force {
		out = append(out, "new warnings: "+strings.Join(fresh, "; "))
	}
	return out
}

// newWarnings are those that were not there before the node was begun with, but for the numbers in them.
func (u *upgrade) newWarnings(s sight) []string {
	known := make(map[string]bool)
	for _, w := range slices.Concat(u.before.gateway.Warnings, u.before.pair.Warnings) {
		known[withoutDigits(w)] = true
	}
	all := slices.Concat(s.gateway.Warnings, s.pair.Warnings)
	return slices.DeleteFunc(all, func(w string) bool { return known[withoutDigits(w)] })
}

func withoutDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return -1
		}
		return r
	}, s)
}

// drained is what the node at hand still has to do for the pair; empty: nothing.
func (u *upgrade) drained(s sight) string {
	if m := u.missing(s); len(m) > 0 {
		return strings.Join(m, "; ")
	}
	for _, g := range s.pair.Groups {
		here, there := g.Role, theirRole(s.pair, g.Name)
		gives, takes := here, there
		if u.peer {
			gives, takes = there, here
		}
		if takes != "MASTER" || gives == "MASTER" || gives == "RELEASING" {
			return fmt.Sprintf("group %s is %s here and %s there", g.Name, here, there)
		}
	}
	return ""
}

// restarted says that the daemon of the node at hand is another than before. A peer that does not tell
// the number of its program shows it by coming back.
func (u *upgrade) restarted(s sight) bool {
	if s.gone {
		return false
	}
	if !u.peer {
		return !s.gateway.Started.Equal(u.before.gateway.Started)
	}
	was, is := u.before.pair.Peer, s.pair.Peer
	switch {
	case is.State != "alive":
		return false
	case was.Session != "" && is.Session != "":
		return was.Session != is.Session
	}
	return was.Version != is.Version || !was.Since.Equal(is.Since)
}

// unsettled is which group is not as it is to be; empty: all are. A role goes back to who is preferred, where
// he takes it by himself; one that was elsewhere by order may stay there.
func (u *upgrade) unsettled(s sight) string {
	if s.gone || s.pair.Peer.State != "alive" {
		return "the nodes do not hear each other"
	}
	for _, g := range s.pair.Groups {
		is := masterOf(s.pair, g.Name)
		if is == "" {
			return "nobody is master of " + g.Name
		}
		was := masterOf(u.before.pair, g.Name)
		if u.resume || was == "" {
			was = g.Preferred
		}
		if g.Preempt && g.Preferred != "" && was == g.Preferred && is != was {
			return fmt.Sprintf("%s has %s and not %s", is, g.Name, was)
		}
	}
	return ""
}

// version is that of the node at hand.
func (u *upgrade) version(s sight) string {
	if u.peer {
		return s.pair.Peer.Version
	}
	return s.gateway.Version
}

// masterOf is the node that has a group, as this one knows it; empty: none.
func masterOf(s view.Status, group string) string {
	for _, g := range s.Groups {
		if g.Name == group && g.Role == "MASTER" {
			return s.Node
		}
	}
	if theirRole(s, group) == "MASTER" {
		return s.Peer.Node
	}
	return ""
}

func theirRole(s view.Status, group string) string {
	for _, g := range s.Peer.Groups {
		if g.Name == group {
			return g.Role
		}
	}
	return "unknown"
}

// isOut says that the peer is in maintenance: it is demoted by as much, in all groups.
func isOut(s view.Status) bool {
	return len(s.Peer.Groups) > 0 && !slices.ContainsFunc(s.Peer.Groups, func(g view.PeerGroup) bool { return g.Demotion < outOfPair })
}
