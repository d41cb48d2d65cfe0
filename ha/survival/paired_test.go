package survival_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/lab"
)

// newCouple is a bed whose nodes had nothing but a node.toml, and the first a secret, until they were paired by code and
// a policy was applied on the first, which is master. The second has all of its flows.
func newCouple(t *testing.T, text string) *bed {
	t.Helper()
	b := newNetwork(t, goodCable)
	for _, n := range b.nodes {
		n.put("node.toml", n.own())
	}
	first, second := b.nodes[0], b.nodes[1]
	first.put("carp.key", secret)
	for _, n := range b.nodes {
		n.start()
		n.status() // it answers
	}
	b.pair(first, second)
	b.edit(first, text)
	b.settle(first)
	b.complete(second)
	b.watchLeaks()
	return b
}

// pair pairs two nodes by a code that the first shows.
func (b *bed) pair(one, two *node) {
	b.Helper()
	show := one.begin("ha", "pair", "--json")
	var shown struct{ Invitation view.Invitation }
	b.await(one.String()+" to show a code", func() bool {
		line, _, whole := strings.Cut(show.Output(), "\n")
		return whole && json.Unmarshal([]byte(line), &shown) == nil && shown.Invitation.Code != ""
	})
	two.order("ha", "pair", shown.Invitation.Code+"@"+one.cable().String())
	b.await(one.String()+" to be paired", func() bool {
		select {
		case <-show.Done():
			return true
		default:
			return false
		}
	})
	if err := show.Wait(); err != nil {
		b.Fatalf("%s: ha pair: %v: %s", one, err, show.Output())
	}
	for _, n := range b.nodes {
		if p := n.status().Pairing; p == nil || !p.Paired || p.Node != b.other(n).String() {
			b.Fatalf("%s is paired as %+v", n, p)
		}
	}
	b.await("the link of the pair", func() bool {
		for _, n := range b.nodes {
			s, err := n.try()
			if err != nil || s.Policy == nil || s.Policy.State == view.PolicyUnpaired || s.Policy.State == view.PolicyAway {
				return false
			}
		}
		return true
	})
}

// begin begins a command of the program in the node's namespace.
func (n *node) begin(args ...string) *lab.Process {
	n.Helper()
	path, err := program.Path()
	if err != nil {
		n.Fatal(err)
	}
	args = append(args, "--config", n.File("etc"), "--state", n.File("state"), "--socket", n.File("socket"))
	p, err := n.host.Start(n.host.Command(context.Background(), path, args...))
	if err != nil {
		n.Fatal(err)
	}
	return p
}

// apply applies the files of the node for good.
func (n *node) apply() report.Applied {
	n.Helper()
	var a report.Applied
	if err := n.command(&a, "apply", "--now", "--json"); err != nil {
		n.Fatal(err)
	}
	return a
}

// edit applies a policy on a node, to which the other one has to switch as well.
func (b *bed) edit(at *node, text string) {
	b.Helper()
	at.put("rempart.toml", text)
	b.follows(at.apply())
}

// follows waits until both nodes run what was applied, and each compiled the same of it.
func (b *bed) follows(a report.Applied) {
	b.Helper()
	if a.Unchanged || a.Peer == nil || a.Peer.State != report.PeerSwitched {
		b.Fatalf("applied: %+v, of the peer %+v", a, a.Peer)
	}
	b.inStep()
}

// inStep waits until both nodes run one revision, and each compiled the same of it.
func (b *bed) inStep() (revision string) {
	b.Helper()
	b.await("both nodes to be in step", func() bool {
		for _, n := range b.nodes {
			s, err := n.try()
			p := s.Policy
			if err != nil || p == nil || p.State != view.PolicyInStep || p.Ruleset != view.RulesetEqual || p.Own.ID != p.Peer.ID || !p.Pending.IsZero() {
				return false
			}
		}
		return true
	})
	one, two := b.nodes[0].status().Policy.Own.ID, b.nodes[1].status().Policy.Own.ID
	if one != two {
		b.Fatalf("both say that they are in step, and run %.7s and %.7s", one, two)
	}
	return one
}
