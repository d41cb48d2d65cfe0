package scenario_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/carp"
	"github.com/rempart/rempart/ha/wire"
)

// A stranger has our vhid, with another secret or with other addresses.
func TestDuplicateVHID(t *testing.T) {
	ours := []netip.Addr{lanVIP, lanVIP6, routerVIP}
	for _, c := range []struct {
		name, secret string
		addresses    []netip.Addr
	}{
		{"another secret", "not the same", ours},
		{"other addresses", usualSecret, []netip.Addr{netip.MustParseAddr("10.10.0.77")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newPair(t, settings{})
			before := b.snapshot()
			key, err := carp.ParseKey([]byte(c.secret))
			if err != nil {
				t.Fatal(err)
			}
			theirs := carp.Context{Key: key, VHID: 1, Addresses: c.addresses}
			from := wire.MAC(b.stranger.MAC("eth0"))
			var frames [][]byte
			counter := carp.NewCounter(1)
			for range 10 {
				ad := theirs.Append(nil, carp.Ad{AdvBase: 1, Counter: counter.Next()})
				frames = append(frames, wire.AppendCARP(nil, from, stranger, ad))
			}
			b.flood(b.stranger, "eth0", frames, 100, time.Second/10)
			for _, n := range b.nodes {
				b.await("a warning of "+n.String(), func() bool { return warnsOf(n, "advertises one of our vhids") && warnsOf(n, stranger.String()) })
				n.wantFinding("duplicate vhid", "")
			}
			b.wantUnmoved(before)
		})
	}
}

// Another host has a virtual address for its own, and answers for it.
func TestAddressOfAnother(t *testing.T) {
	b := newPair(t, settings{})
	master := b.nodes[0]
	before := b.snapshot()
	b.stranger.AddAddr("eth0", netip.PrefixFrom(lanVIP, 24))
	runOn(b, b.stranger, "ip", "neighbour", "flush", "dev", "eth0")
	from := wire.MAC(b.stranger.MAC("eth0"))
	b.await("a conflict", func() bool {
		for _, frame := range wire.Announcements(from, lanVIP) {
			if err := b.stranger.SendFrame("eth0", frame); err != nil {
				t.Fatal(err)
			}
		}
		for _, v := range master.status().VIPs {
			if v.Address.Addr() == lanVIP && strings.Contains(v.Conflict, from.String()) {
				return warnsOf(master, "is claimed by")
			}
		}
		return false
	})
	master.wantFinding("addresses", "lan")
	// The master has the last word.
	b.await("the client to believe the master", func() bool {
		return neighbour(b, b.client, "eth0", lanVIP) != from.String()
	})
	b.wantUnmoved(before)
}

// One node has another secret: each says so, once in a while, and not that nobody is there.
func TestWrongSecret(t *testing.T) {
	b := newBed(t, settings{secret: func(n *node) string { return "secret of " + n.String() }})
	b.nodes[0].start()
	b.nodes[1].start()
	for _, n := range b.nodes {
		b.await("a warning of "+n.String(), func() bool { return warnsOf(n, "speaks with another secret") })
		n.wantFinding("secret", "")
	}
	b.await("hundreds of frames", func() bool { return b.nodes[0].status().Counters["heartbeats with another secret"] > 50 })
	for _, n := range b.nodes {
		if count := strings.Count(n.Said(), "heartbeats with another secret"); count != 1 {
			t.Errorf("%s wrote %d times of another secret", n, count)
		}
	}
	// It is put right while both run.
	changed := settings{tables: "# the secret was wrong"}
	b.nodes[0].apply(changed)
	b.nodes[1].apply(changed)
	b.settle(b.nodes[0])
	b.await("one of the two to have the address", func() bool { return b.nodes[0].has(lanVIP) && !b.nodes[1].has(lanVIP) })
}

// The doctor says to apply after the secret was put right. The policy is the same then.
func TestSecretAloneIsApplied(t *testing.T) {
	b := newBed(t, settings{secret: func(n *node) string { return "secret of " + n.String() }})
	b.nodes[0].start()
	b.nodes[1].start()
	b.await("a warning", func() bool { return warnsOf(b.nodes[1], "speaks with another secret") })
	b.nodes[0].apply(settings{})
	b.nodes[1].apply(settings{})
	b.settle(b.nodes[0])
}

// A network of the policy is not there when the daemon starts. When it comes the node is on it by itself.
func TestInterfaceComesLater(t *testing.T) {
	b := newPair(t, settings{})
	present, late := b.nodes[0], b.nodes[1]
	late.stop()
	late.run("ip", "link", "set", lanDevice, "down")
	late.run("ip", "link", "set", lanDevice, "name", "away0")
	late.start()
	b.await("the node to be heard without the network", func() bool {
		s, err := late.try()
		return err == nil && s.Peer.State == "alive" && allAre(s, "BACKUP") && warnsOf(late, "lan cannot be used")
	})
	late.run("ip", "link", "set", "away0", "name", lanDevice)
	late.run("ip", "link", "set", lanDevice, "up")
	b.await("the node to be heard on the new network", func() bool { return hears(present, "lan") && hears(late, "lan") })
	b.await("the demotions to go", func() bool { return len(late.status().Demotions) == 0 })
	b.settle(present)
	present.kill()
	b.await("the late node to be master", func() bool { return late.role() == "MASTER" && late.has(lanVIP) })
	b.awaitPass()
}

// A device is taken out of a running node and put back: it is another one to the kernel.
func TestInterfaceIsReplaced(t *testing.T) {
	b := newPair(t, settings{})
	first, second := b.nodes[0], b.nodes[1]
	first.run("ip", "link", "del", lanDevice)
	b.await("the other node to be master", func() bool { return second.role() == "MASTER" && stands(first.role()) })
	b.awaitPass()
	if !warnsOf(first, "lan cannot be used") {
		t.Errorf("no warning of the interface: %q", first.status().Warnings)
	}
	first.host.Plug(lanDevice, b.lan) // the node gives it its addresses
	b.await("the nodes to hear each other there", func() bool { return hears(first, "lan") && hears(second, "lan") })
	b.settle(first)
	b.await("the address to be on the new device", func() bool { return first.has(lanVIP) && first.has(routerVIP) })
	b.awaitPass()
}

// hears says that a node has heard the other one on a path of late, and is heard there.
func hears(n *node, path string) bool {
	s, err := n.try()
	for _, p := range s.Paths {
		if p.Interface == path {
			return err == nil && time.Since(p.Beat) < 5*time.Second && p.PeerHears
		}
	}
	return false
}
