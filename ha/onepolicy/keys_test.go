package onepolicy_test

import (
	"os"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/lab"
)

func TestPairingRefused(t *testing.T) {
	b := newBed(t)
	one, two := b.nodes[0], b.nodes[1]
	for _, n := range b.nodes {
		n.start()
	}
	i := one.invite()
	join := func(code string, at *node) []string { return []string{"ha", "pair", code + "@" + at.cable().String()} }
	one.refused(join(i.Code, one), "itself")
	two.refused(join(another(i.Code), one), "wrong")
	two.refused(join(i.Code, two), "no code is shown")
	for _, n := range b.nodes {
		var p view.Pairing
		n.ask("/v1/ha/pairing", &p)
		if p.Paired {
			b.Errorf("%s is paired: %+v", n, p)
		}
	}
	two.order(join(i.Code, one)...)
	if p := i.paired(); !p.Paired || p.Node != two.String() {
		b.Errorf("paired: %+v", p)
	}
	two.refused(join(i.Code, one), "no code is shown")
	later := one.invite()
	later.withdraw()
	two.refused(join(later.Code, one), "no code is shown")
}

// another is a code that differs from one in its last digit, and is as well formed.
func another(code string) string {
	last := code[len(code)-1]
	return code[:len(code)-1] + string('0'+(last-'0'+1)%10)
}

func TestKeys(t *testing.T) {
	b := newPair(t)
	one, two := b.nodes[0], b.nodes[1]
	old := b.TempDir()
	if err := os.CopyFS(old+"/pair", os.DirFS(two.File("state/pair"))); err != nil {
		t.Fatal(err)
	}
	b.sub("rotate", func() {
		first := one.pairing()
		for _, n := range []*node{one, two, two, one} {
			before := b.roles()
			was := one.pairing()
			n.order("ha", "rotate")
			b.await("both to use new keys", func() bool {
				p, q := one.pairing(), two.pairing()
				return !p.Rotating && !q.Rotating && p.Own != was.Own && p.Peer != was.Peer && p.Own == q.Peer && p.Peer == q.Own
			})
			b.runBoth(b.last)
			if after := b.roles(); after != before {
				b.Errorf("roles changed: %+v, before: %+v", after, before)
			}
		}
		if p := one.pairing(); p.Own == first.Own || p.Peer == first.Peer {
			b.Errorf("the keys are %+v, and were %+v", p, first)
		}
		two.write("rempart.toml", b.next())
		two.mustApply()
		b.runBoth(b.last)
	})
	b.sub("unpair", func() {
		one.order("ha", "unpair", "--yes")
		for _, n := range b.nodes {
			n.awaitPolicy(view.PolicyUnpaired)
		}
		b.await("the roles to go on by the secret", func() bool {
			s, err := one.pair()
			o, fault := two.pair()
			return err == nil && fault == nil && s.Peer.State == "alive" && o.Peer.State == "alive" && s.Groups[0].Role != o.Groups[0].Role
		})
		one.write("rempart.toml", b.next())
		one.mustApply()
		if two.mark() == b.last {
			b.Error("what is applied on one of two nodes that are not paired runs on both")
		}
	})
	b.sub("pair again", func() {
		b.pair(one, two)
		b.runBoth(b.last)
	})
	b.sub("keys of an earlier pairing", func() {
		two.stop()
		now, err := os.MkdirTemp(b.TempDir(), "now")
		if err != nil {
			b.Fatal(err)
		}
		b.exchange(two.File("state/pair"), old+"/pair", now+"/pair")
		two.start()
		two.write("rempart.toml", b.next())
		two.order("apply", "--now")
		b.await("fw1 to refuse it", func() bool {
			p, err := one.policy()
			return err == nil && p.State == view.PolicyAway
		})
		if lab.Poll(refusedFor, func() bool { p, err := one.policy(); return err == nil && p.State != view.PolicyAway }) {
			b.Error("fw1 believes the keys of an earlier pairing")
		}
		if one.mark() == b.last {
			b.Error("fw1 runs what came with the keys of an earlier pairing")
		}
		two.stop()
		b.exchange(two.File("state/pair"), now+"/pair", old+"/again")
		two.start()
		// Its own edit goes on from what both had.
		b.runBoth(b.last)
	})
}

// refusedFor is for how long nodes are watched that must not find together: several tries of the link.
const refusedFor = 5 * time.Second

// pairing is with whom a node is paired.
func (n *node) pairing() view.Pairing {
	n.Helper()
	var p view.Pairing
	n.ask("/v1/ha/pairing", &p)
	return p
}

// roles is when the roles of both nodes last changed.
func (b *bed) roles() (at [2]time.Time) {
	b.Helper()
	for i, n := range b.nodes {
		var s view.Status
		n.ask("/v1/ha", &s)
		at[i] = s.Transitions[0].At
	}
	return at
}

// exchange puts a directory in the place of another, which goes aside.
func (b *bed) exchange(place, with, aside string) {
	b.Helper()
	for _, move := range [][2]string{{place, aside}, {with, place}} {
		if err := os.Rename(move[0], move[1]); err != nil {
			b.Fatal(err)
		}
	}
}
