package survival_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/lab"
)

// punctual is how late a sender may be, and count still: one that stood still for longer sends in bursts then, of which
// a kernel of a busy machine drops what it has no room for.
const punctual = 50 * time.Millisecond

// A pair changes its addresses, its secret, its keys and whether it is paired at all, in turns at the master and at the
// backup, and nobody notices: no packet is lost, no role and no address moves, and nobody else ever speaks for the master.
func TestChangesUnderTraffic(t *testing.T) {
	b := newCouple(t, policy)
	b.serveStreams()
	const tries = 3
	for try := range tries {
		lost := b.underChanges(try)
		if lost == "" || t.Failed() {
			return
		}
		t.Logf("run %d of %d: %s", try+1, tries, lost)
	}
	t.Error("the machine was busy, and packets were lost in each run")
}

// underChanges makes all changes under traffic. What it returns was lost while the machine was busy.
func (b *bed) underChanges(try int) (lost string) {
	b.Helper()
	w := b.watch()
	streams := b.streams()
	b.flow(streams)
	for _, c := range b.changes(try) {
		began := time.Now()
		c.do()
		b.Logf("%s, done after %s", c.name, time.Since(began).Round(time.Millisecond))
		b.flow(streams)
	}
	w.end()
	for name, s := range streams {
		stats := s.Stop()
		b.Logf("%s: %s, late by %s", name, stats, stats.Late)
		switch {
		case stats.Lost == 0:
		case stats.Late > punctual:
			lost += fmt.Sprintf("%s: %v, %v late; ", name, s.Outages(), stats.Late)
		default:
			b.Errorf("%s: lost %v", name, s.Outages())
		}
	}
	return lost
}

// added is a virtual address that comes and goes.
var added = netip.MustParseAddr("10.10.0.5")

// change is something that a pair is told.
type change struct {
	name string
	do   func()
}

// changes are all of them, which end as they began, but for the secret.
func (b *bed) changes(try int) []change {
	master, backup := b.nodes[0], b.nodes[1]
	key := fmt.Sprintf("secret %d\n", try)
	return []change{
		{"an address more for a vhid, at the master", func() {
			b.edit(master, policy+vips("lan", 1, subnet(added).String()))
			b.await("the master to have it", func() bool { return master.holds(added) })
		}},
		{"an address less, at the backup", func() {
			b.edit(backup, policy)
			b.await("nobody to have it", func() bool { return !master.holds(added) })
		}},
		{"another secret, at the backup", func() {
			backup.put("carp.key", key)
			b.follows(backup.apply())
		}},
		{"another secret, at the master", func() {
			master.put("carp.key", "again "+key)
			b.follows(master.apply())
		}},
		{"other keys, at the backup", func() { b.rotate(backup) }},
		{"other keys, at the master", func() { b.rotate(master) }},
		{"no pairing, at the backup", func() { b.unpair(backup) }},
		{"paired again", func() { b.pair(master, backup); b.inStep() }},
		{"no pairing, at the master", func() { b.unpair(master) }},
		{"paired the other way round", func() { b.pair(backup, master); b.inStep() }},
	}
}

// rotate gives both nodes new keys, and waits until nobody knows the old ones any more.
func (b *bed) rotate(at *node) {
	b.Helper()
	b.inStep() // so that they speak with each other
	before := *at.status().Pairing
	at.order("ha", "rotate")
	b.await("both nodes to use new keys", func() bool {
		here, there := at.status().Pairing, b.other(at).status().Pairing
		return !here.Rotating && !there.Rotating && here.Own != before.Own && here.Peer != before.Peer && here.Own == there.Peer && here.Peer == there.Own
	})
	b.inStep()
}

// unpair ends the pairing, which both nodes have to know, and waits until they speak with each other again.
func (b *bed) unpair(at *node) {
	b.Helper()
	b.inStep() // so that they speak with each other
	at.order("ha", "unpair", "--yes")
	b.await("the nodes to go on unpaired", func() bool {
		for _, n := range b.nodes {
			s, err := n.try()
			if err != nil || s.Pairing != nil && s.Pairing.Paired || s.Policy != nil && s.Policy.State != view.PolicyUnpaired || !s.Peer.Connected {
				return false
			}
		}
		return true
	})
}

// serveStreams answers at both ends of the gateways.
func (b *bed) serveStreams() {
	b.Helper()
	for _, a := range []netip.Addr{server, server6} {
		b.server.ServeUDP(netip.AddrPortFrom(a, openPort))
	}
	for _, a := range []netip.Addr{inner, inner6} {
		b.inner.ServeUDP(netip.AddrPortFrom(a, forwardPort))
	}
}

// streams are flows through the master, translated both of them from inside and both from outside: a thousand
// packets a second go each way, when the race detector does not watch.
func (b *bed) streams() map[string]*lab.Stream {
	b.Helper()
	return map[string]*lab.Stream{
		"out":     b.client.Stream(netip.AddrPortFrom(server, openPort), streamRate),
		"out six": b.client.Stream(netip.AddrPortFrom(server6, openPort), streamRate),
		"in":      b.server.Stream(netip.AddrPortFrom(wanVIP, forwardPort), streamRate),
		"in six":  b.server.Stream(netip.AddrPortFrom(wanVIP6, forwardPort), streamRate),
	}
}

// flow waits until every stream has gone on for a second.
func (b *bed) flow(streams map[string]*lab.Stream) {
	b.Helper()
	want := map[string]uint64{}
	for name, s := range streams {
		want[name] = s.Stats().Echoed + streamRate
	}
	for name, s := range streams {
		b.await("a second of "+name, func() bool { return s.Stats().Echoed >= want[name] })
	}
}
