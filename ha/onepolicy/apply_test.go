package onepolicy_test

import (
	"testing"

	"github.com/rempart/rempart/ha/view"
)

func TestApplyOnEitherNode(t *testing.T) {
	b := newPair(t)
	one, two := b.nodes[0], b.nodes[1]
	two.awaitFile("carp.key", secret)
	two.awaitFile("rempart.toml", one.read("rempart.toml"))
	for _, n := range []*node{two, one, two} {
		b.sub("on "+n.String(), func() {
			n.write("rempart.toml", b.next())
			a := n.mustApply("-m", "by hand")
			if a.Peer == nil || a.Peer.State != "switched" || a.Peer.Node != b.other(n).String() {
				b.Errorf("applied: %+v", a)
			}
			// What is said is so at once: the peer kept it before the command ended.
			if here, there := n.mark(), b.other(n).mark(); here != b.last || there != b.last {
				b.Errorf("the kernels have %d and %d, want %d", here, there, b.last)
			}
			b.runBoth(b.last)
			b.other(n).awaitFile("rempart.toml", n.read("rempart.toml"))
			for _, m := range b.nodes {
				if r := m.history()[0]; r.Origin != n.String() || r.Author == "" || r.Message != "by hand" {
					b.Errorf("%s keeps it as %+v", m, r)
				}
			}
		})
	}
	b.sub("nothing to do", func() {
		if a := one.mustApply(); !a.Unchanged {
			b.Errorf("applied: %+v", a)
		}
		b.runBoth(b.last)
	})
	b.sub("the secret alone", func() {
		two.write("carp.key", "another secret\n")
		two.mustApply()
		b.runBoth(b.last)
		one.awaitFile("carp.key", "another secret\n")
	})
}

func TestPeerAway(t *testing.T) {
	b := newPair(t)
	one, two := b.nodes[0], b.nodes[1]
	b.sub("stopped", func() {
		two.stop()
		one.awaitPolicy(view.PolicyAway)
		for range 2 {
			one.write("rempart.toml", b.next())
			one.wantWords(one.order("apply", "--now"), "fw2 is away")
		}
		one.awaitPolicy(view.PolicyAway)
		two.start()
		b.runBoth(b.last)
		two.awaitFile("rempart.toml", one.read("rempart.toml"))
		if h, g := one.history(), two.history(); len(h) != len(g) {
			b.Errorf("fw1 keeps %d revisions and fw2 %d", len(h), len(g))
		}
	})
	b.sub("both restarted in between", func() {
		one.stop()
		two.write("rempart.toml", b.next())
		two.wantWords(two.order("apply", "--now"), "fw1 is away")
		two.stop()
		one.start()
		one.awaitPolicy(view.PolicyAway)
		two.start()
		b.runBoth(b.last)
	})
	b.sub("cable cut", func() {
		one.host.Unplug(cableDevice)
		one.awaitPolicy(view.PolicyAway)
		two.write("rempart.toml", b.next())
		two.awaitPolicy(view.PolicyAway)
		two.wantWords(two.order("apply", "--now"), "fw1 is away")
		s, err := one.pair()
		if err != nil || s.Peer.State != "alive" {
			b.Errorf("fw1 does not hear fw2 on the other networks: %+v, %v", s.Peer, err)
		}
		one.host.Replug(cableDevice)
		b.runBoth(b.last)
	})
}
