package scenario_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/ha/wire"
	"github.com/rempart/rempart/lab"
)

// junk is frames of one kind that shall have no effect but on a counter.
type junk struct {
	name    string
	dev     string // of the stranger
	frames  [][]byte
	counter string // of whoever hears them
	warned  bool   // the status says so as well
}

// Somebody on the network, who has recorded what the nodes say, moves no role with it.
func TestForgedFrames(t *testing.T) {
	b := newPair(t, settings{})
	for _, j := range b.junks() {
		before := b.snapshot()
		b.flood(b.stranger, j.dev, j.frames, 100, time.Second/20)
		b.wantCounted(j, before)
	}
	b.wantOneMaster()
	b.reaches(b.client, lanVIP)
}

// The same frames come ten thousand times a second.
func TestFloods(t *testing.T) {
	b := newPair(t, settings{})
	for _, j := range b.junks() {
		before := b.snapshot()
		sent := b.flood(b.stranger, j.dev, j.frames, 10_000, time.Second/4)
		b.wantCounted(j, before)
		t.Logf("%s: %d sent, %d counted by both together", j.name, sent, counts(j, b.snapshot())-counts(j, before))
	}
	b.wantOneMaster()
	b.reaches(b.client, lanVIP)
	for _, n := range b.nodes {
		if lines := strings.Count(n.Said(), "refused:"); lines > 100 {
			t.Errorf("%s wrote %d lines about refused frames", n, lines)
		}
	}
}

// junks are made of what the nodes say.
func (b *bed) junks() []junk {
	b.Helper()
	ads := b.overhear(b.stranger, "eth0", ofKind(wire.CARP), 2)
	ad := ads[0]
	beats := b.overhear(b.stranger, "eth0", ofKind(wire.Beat), 8)
	sent := func(frames [][]byte, dev string, change func(f []byte)) (out [][]byte) {
		for _, f := range frames {
			out = append(out, forge(f, b.stranger, dev, change))
		}
		return out
	}
	one := func(change func(f []byte)) [][]byte { return sent([][]byte{ad}, "eth0", change) }
	unsummed := one(nil)
	unsummed[0][atSum] ^= 0xff
	short := one(nil)
	short[0] = short[0][:atPayload+adLen-4]
	short[0][atIP+3] -= 4
	put(short[0][atIP:atPayload], atIPSum-atIP)
	return []junk{
		{"bow-out that nobody said", "eth0", one(func(f []byte) { f[atSkew], f[atBase] = 255, 255 }), "replayed or forged advertisements", true},
		{"better than the master", "eth0", one(func(f []byte) { f[atSkew], f[atBase] = 0, 1 }), "replayed or forged advertisements", true},
		{"old advertisements", "eth0", sent(ads, "eth0", nil), "replayed or forged advertisements", true},
		{"from behind a router", "eth0", one(func(f []byte) { f[atTTL] = 254 }), "advertisements: carp: TTL is not 255", false},
		{"damaged", "eth0", unsummed, "advertisements: carp: wrong checksum", false},
		{"version 3", "eth0", one(func(f []byte) { f[atVersion] = 0x31 }), "advertisements: carp: not an advertisement of CARP version 2", false},
		{"cut off", "eth0", short, "advertisements: carp: too short", false},
		{"of another pair", "eth0", one(func(f []byte) { f[atVHID] = 77 }), "advertisements of an unknown vhid", false},
		{"with another secret", "eth0", one(func(f []byte) { f[atPayload+20] ^= 1 }), "advertisements with another secret or other addresses", true},
		{"old heartbeats", "eth0", sent(beats, "eth0", nil), "replayed or forged heartbeats", true},
		{"heartbeats of another network", "eth1", sent(beats, "eth1", nil), "heartbeats of another network", false},
		{"heartbeats with another secret", "eth0", sent(beats, "eth0", func(f []byte) { f[len(f)-1] ^= 1 }), "heartbeats with another secret", true},
		{"no heartbeats", "eth0", sent(beats, "eth0", func(f []byte) { clear(f[atPayload+8:]) }), "heartbeats: not a heartbeat", false},
	}
}

// snapshot is how both nodes are.
func (b *bed) snapshot() [2]view.Status {
	b.Helper()
	return [2]view.Status{b.nodes[0].status(), b.nodes[1].status()}
}

// wantCounted fails unless junk moved nothing and the counter of at least one node tells of it.
func (b *bed) wantCounted(j junk, before [2]view.Status) {
	b.Helper()
	var after [2]view.Status
	if !lab.Poll(waitAtMost, func() bool { after = b.snapshot(); return counts(j, after) > counts(j, before) }) {
		b.Errorf("%s: not counted as %q: %v", j.name, j.counter, fmt.Sprint(after[0].Counters, after[1].Counters))
	}
	warned := false
	for i, n := range b.nodes {
		if !slices.Equal(after[i].Transitions, before[i].Transitions) {
			b.Errorf("%s moves the role of %s: %+v", j.name, n, after[i].Transitions)
		}
		if s := after[i].Peer.State; s == "dead" || s == "stunned" {
			b.Errorf("%s: the peer of %s is %s", j.name, n, s)
		}
		warned = warned || len(troubles(after[i])) > 0
	}
	if j.warned && !warned {
		b.Errorf("%s: no warning", j.name)
	}
}

// counts is how often both nodes have counted junk.
func counts(j junk, all [2]view.Status) uint64 {
	return all[0].Counters[j.counter] + all[1].Counters[j.counter]
}

// What a node said before it was started anew does not speak for it.
func TestHeartbeatsOfAnEarlierLife(t *testing.T) {
	b := newPair(t, settings{ha: "preempt = false"})
	old, heir := b.nodes[0], b.nodes[1]
	mine := func(frame []byte) bool {
		p, err := wire.Parse(frame)
		return err == nil && p.Kind == wire.Beat && p.Src == old.lan()
	}
	before := b.overhear(b.stranger, "eth0", mine, 10)
	old.kill()
	b.await("the role to move", func() bool { return heir.role() == "MASTER" })
	frames := make([][]byte, 0, len(before))
	for _, f := range before {
		frames = append(frames, forge(f, b.stranger, "eth0", nil))
	}
	b.flood(b.stranger, "eth0", frames, 1000, time.Second/4)
	s := heir.status()
	if s.Peer.State != "dead" || !allAre(s, "MASTER") {
		t.Errorf("old heartbeats of a dead peer: it is %s, and here is %+v", s.Peer.State, s.Groups)
	}
	old.start()
	b.settle(heir)
	b.flood(b.stranger, "eth0", frames, 1000, time.Second/4)
	if s := heir.status(); !allAre(s, "MASTER") || s.Counters["replayed or forged heartbeats"] == 0 {
		t.Errorf("old heartbeats of a peer that lives again: it is %s, and here is %+v, %v", s.Peer.State, s.Groups, s.Counters)
	}
	b.wantOneMaster()
}
