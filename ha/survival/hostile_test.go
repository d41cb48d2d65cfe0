package survival_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/view"
)

// Where things are in a frame of flow sync: IPv4 has no options there.
const (
	atIP      = 14
	atLength  = atIP + 2
	atTTL     = atIP + 8
	atIPSum   = atIP + 10
	atUDP     = atIP + 20
	atUDPLen  = atUDP + 4
	atUDPSum  = atUDP + 6
	atPayload = atUDP + 8
)

// Somebody on the cable, who has heard all that the nodes say there, and what they said in an earlier life, changes
// nothing with it but counters.
func TestHostileHostOnTheCable(t *testing.T) {
	t.Parallel()
	b := newPair(t, goodCable)
	f := b.farm(few)
	first, second := b.nodes[0], b.nodes[1]
	b.complete(second)
	earlier := b.overhear(50)
	second.stop()
	second.start()
	b.joined(second)
	random := rand.New(rand.NewPCG(1, 2))
	forged := func(frames [][]byte, change func(payload []byte) []byte) [][]byte { return b.forge(frames, change) }
	asTheyWere := func(p []byte) []byte { return p }
	lately := b.overhear(50)
	for _, c := range []struct {
		name   string
		frames [][]byte
	}{
		{"of an earlier life", forged(earlier, asTheyWere)},
		{"replayed", forged(lately, asTheyWere)},
		{"one bit is another", forged(lately, func(p []byte) []byte { p[random.IntN(len(p))] ^= 1 << random.IntN(8); return p })},
		{"cut off", forged(lately, func(p []byte) []byte { return p[:random.IntN(len(p))] })},
		{"longer", forged(lately, func(p []byte) []byte { return append(p, make([]byte, 1+random.IntN(100))...) })},
		{"of another version", forged(lately, func(p []byte) []byte { p[0] ^= 0x7f; return p })},
		{"noise", forged(lately, func(p []byte) []byte {
			for i := range p {
				p[i] = byte(random.Uint32())
			}
			return p
		})},
		{"sealed as ours, of zeros", forged(lately, func(p []byte) []byte { clear(p[min(24, len(p)):]); return p })},
	} {
		before := [2]view.Status{first.status(), second.status()}
		sent := b.flood(c.frames, 10_000, time.Second/4)
		b.wantUnmoved(c.name, before)
		var refused uint64
		if !b.poll(func() bool { refused = bad(first, second) - badOf(before); return refused > 0 }) {
			t.Errorf("%s: none of %d frames was counted", c.name, sent)
		}
		t.Logf("%s: %d sent, %d counted as refused", c.name, sent, refused)
		f.moves()
	}
	b.complete(second)
	b.released(first)
	f.moves()
	b.complete(first)
	f.finish()
}

// overhear takes down frames of flow sync of both nodes.
func (b *bed) overhear(n int) [][]byte {
	b.Helper()
	c := b.nodes[0].host.Capture(cableDevice, ofSync)
	b.churn(10)
	b.await("frames of flow sync", func() bool { return len(c.Packets()) >= n })
	var all [][]byte
	for _, p := range c.Stop() {
		all = append(all, p.Frame)
	}
	return all
}

// forge are frames whose UDP payload is changed, sent by another machine. All else is right.
func (b *bed) forge(frames [][]byte, change func(payload []byte) []byte) [][]byte {
	var all [][]byte
	for _, frame := range frames {
		// A capture may see what the kernel has not filled up yet, and the padding of short frames.
		end := atIP + int(binary.BigEndian.Uint16(frame[atLength:]))
		out := append(bytes.Clone(frame[:atPayload]), change(bytes.Clone(frame[atPayload:end]))...)
		copy(out[6:12], b.stranger.MAC("eth0")) // the switch shall not take it for the node
		binary.BigEndian.PutUint16(out[atLength:], uint16(len(out)-atIP))
		binary.BigEndian.PutUint16(out[atUDPLen:], uint16(len(out)-atUDP))
		binary.BigEndian.PutUint16(out[atUDPSum:], 0) // none, as IPv4 allows
		sum(out[atIP:atUDP], atIPSum-atIP)
		all = append(all, out)
	}
	return all
}

// sum writes the checksum of b into it (RFC 1071).
func sum(b []byte, at int) {
	binary.BigEndian.PutUint16(b[at:], 0)
	var s uint32
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	binary.BigEndian.PutUint16(b[at:], ^uint16(s))
}

// flood sends frames in turn at a rate for some time, and says how many it were. A machine that is too busy sends
// fewer.
func (b *bed) flood(frames [][]byte, rate int, length time.Duration) (sent int) {
	b.Helper()
	start := time.Now()
	for elapsed := time.Duration(0); elapsed < length; elapsed = time.Since(start) {
		if float64(sent) >= elapsed.Seconds()*float64(rate) {
			time.Sleep(time.Millisecond)
			continue
		}
		if err := b.stranger.SendFrame("eth0", frames[sent%len(frames)]); err != nil {
			b.Fatal(err)
		}
		sent++
	}
	return sent
}

// wantUnmoved fails when a role moved, or the backup misses a flow.
func (b *bed) wantUnmoved(what string, before [2]view.Status) {
	b.Helper()
	for i, n := range b.nodes {
		after := n.status()
		if !slices.Equal(after.Transitions, before[i].Transitions) {
			b.Errorf("%s: the role of %s moved: %+v", what, n, after.Transitions)
		}
		if after.Sync == nil || after.Sync.State != before[i].Sync.State {
			b.Errorf("%s: flow sync of %s is %+v, and was %+v", what, n, after.Sync, before[i].Sync)
		}
	}
}

// bad is how many frames both nodes have refused.
func bad(nodes ...*node) (all uint64) {
	var status [2]view.Status
	for i, n := range nodes {
		status[i] = n.status()
	}
	return badOf(status)
}

func badOf(all [2]view.Status) (n uint64) {
	for _, s := range all {
		if s.Sync != nil {
			c := s.Sync.Stats
			n += c.BadAuth + c.BadReplay + c.BadVersion + c.BadMalformed
		}
	}
	return n
}
