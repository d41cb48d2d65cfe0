package onepolicy_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/lab"
)

// beginChange applies a policy that waits for its confirm on both nodes.
func (b *bed) beginChange(at *node, within string) {
	b.Helper()
	at.write("rempart.toml", b.next())
	at.order("apply", "--confirm", within)
	if here, there := at.mark(), b.other(at).mark(); here != b.last || there != b.last {
		b.Fatalf("the kernels have %d and %d, want %d to wait for its confirm", here, there, b.last)
	}
	for _, n := range b.nodes {
		n.awaitPolicy(view.PolicyChanging)
	}
}

// takenBack wants both nodes to run what they did before the last change, and takes back its edit as well.
func (b *bed) takenBack(at *node) {
	b.Helper()
	b.last--
	b.runBoth(b.last)
	at.write("rempart.toml", string(at.running()))
}

func TestConfirmAndRollback(t *testing.T) {
	b := newPair(t)
	one, two := b.nodes[0], b.nodes[1]
	for _, at := range b.nodes {
		b.sub("confirm on "+at.String(), func() {
			b.beginChange(one, "1m")
			at.order("confirm")
			b.runBoth(b.last)
		})
		b.sub("rollback on "+at.String(), func() {
			b.beginChange(two, "1m")
			at.order("rollback")
			b.takenBack(two)
		})
	}
	b.sub("nobody confirms", func() {
		b.beginChange(two, "5s")
		b.takenBack(two)
	})
	b.sub("another apply meanwhile", func() {
		b.beginChange(one, "1m")
		for _, n := range b.nodes {
			n.refused([]string{"apply", "--now", n.File("etc/rempart.toml"), "--json"}, "rempart confirm")
		}
		two.order("confirm")
		b.runBoth(b.last)
	})
	b.sub("confirmed while the cable is cut", func() {
		before := b.last
		b.beginChange(one, "10s")
		one.host.Unplug(cableDevice)
		one.awaitPolicy(view.PolicyAway)
		one.wantWords(one.order("confirm"), "fw2 is away")
		b.await("fw2 to go back by itself", func() bool { return two.mark() == before })
		one.host.Replug(cableDevice)
		b.runBoth(b.last)
	})
	b.sub("rollback to an older one", func() {
		older := one.history()[1]
		two.order("rollback")
		if mark := b.settled(); mark == b.last {
			b.Errorf("both still run %d", mark)
		}
		if r := one.history()[0]; r.Hash != older.Hash || r.Origin != two.String() {
			b.Errorf("the newest revision is %+v, want one of fw2 with the hash of %+v", r, older)
		}
	})
}

func TestLockedOut(t *testing.T) {
	b := newPair(t)
	one := b.nodes[0]
	reached := func() (n int) {
		for _, to := range []netip.Addr{b.nodes[0].lan(), b.nodes[1].lan()} {
			if b.client.Ping(b.Context(), to).Outcome == lab.Open {
				n++
			}
		}
		return n
	}
	b.await("the administrator to reach both nodes", func() bool { return reached() == 2 })
	text, _, _ := strings.Cut(b.next(), "[[rule]]")
	_, vips, _ := strings.Cut(policy(b.last), "[ha]")
	one.write("rempart.toml", text+rule("mark", "192.0.2.99")+"\n[ha]"+vips)
	one.order("apply", "--confirm", "5s")
	if n := reached(); n != 0 {
		b.Errorf("the administrator reaches %d nodes still: the test proves nothing", n)
	}
	b.runBoth(b.last - 1)
	b.await("the administrator to reach both nodes again", func() bool { return reached() == 2 })
}
