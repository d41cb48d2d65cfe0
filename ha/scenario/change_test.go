package scenario_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// added is an address that is virtual after a change.
var added = netip.MustParseAddr("10.10.0.5")

// The addresses and the secret are changed on one node and then on the other, and nobody notices: neither is
// there a second master, nor a packet less than without a change.
func TestChangeUnderTraffic(t *testing.T) {
	b := newPair(t, settings{})
	first, second := b.nodes[0], b.nodes[1]
	w := b.watch()
	calm := b.client.Stream(server4Port, 1000)
	b.await("a second of traffic", func() bool { return calm.Stats().Sent >= 1000 })
	noise := calm.Stop()
	before := b.snapshot()

	at := time.Now()
	busy := b.client.Stream(server4Port, 1000)
	changed := settings{
		vips:   strings.Replace(usualVIPs, "fd10::1/64", "fd10::5/64", 1) + "\n[[vip]]\ninterface = \"lan\"\naddress = \"10.10.0.5/24\"\nvhid = 1\n",
		secret: func(*node) string { return "another secret" },
	}
	second.apply(changed)
	b.reached(busy, 1000)
	first.apply(changed)
	b.await("both nodes to agree", func() bool {
		return !warnsOf(first, "understood until") && !warnsOf(second, "understood until")
	})
	b.reached(busy, 1000)
	through := busy.Stop()
	t.Logf("without a change: %v", noise)
	t.Logf("through the change: %v", through)
	if lost := through.Lost; lost > noise.Lost+5 {
		t.Errorf("the change lost %d packets", lost)
	}
	if both, neither := w.spans(lanVIP, at); both > noticed || neither > noticed {
		t.Errorf("%v: both had it for %s, neither for %s", lanVIP, both, neither)
	}
	if !first.has(added) || first.has(lanVIP6) || second.has(added) {
		t.Errorf("the master has %v: %v, %v: %v; the backup has %v: %v", added, first.has(added), lanVIP6, first.has(lanVIP6), added, second.has(added))
	}
	after := b.snapshot()
	for i, n := range b.nodes {
		if len(after[i].Transitions) != len(before[i].Transitions) {
			t.Errorf("%s: %+v", n, after[i].Transitions)
		}
	}
	// The new secret is the one that counts.
	at = time.Now()
	first.kill()
	b.tookOver(w, second, at)
	b.reaches(b.client, added)
}

// reached waits until a stream has sent so many more.
func (b *bed) reached(s *lab.Stream, n uint64) {
	b.Helper()
	target := s.Stats().Sent + n
	b.await("traffic", func() bool { return s.Stats().Sent >= target })
}

// warnsOf says whether a node warns of something now.
func warnsOf(n *node, text string) bool {
	n.Helper()
	return slices.ContainsFunc(n.status().Warnings, func(w string) bool { return strings.Contains(w, text) })
}
