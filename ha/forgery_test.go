package ha

import (
	"bytes"
	"encoding/binary"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/carp"
	"github.com/rempart/rempart/ha/wire"
)

// stranger is a host on a segment that records what it hears and sends what it likes.
type stranger struct {
	port  wire.Port
	mu    sync.Mutex
	heard map[wire.Kind][][]byte // payloads
}

func (s *stage) stranger(segment string) *stranger {
	s.t.Helper()
	m := s.ether.Machine("stranger on " + segment)
	m.Plug("eth0", segment, wire.MAC{2, 0, 0, 66, 66, 66}, prefix("10.0.1.66/24"))
	x := &stranger{heard: map[wire.Kind][][]byte{}}
	var err error
	x.port, err = m.Open("eth0", func(h wire.Heard) {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.heard[h.Kind] = append(x.heard[h.Kind], bytes.Clone(h.Payload))
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { x.port.Close() })
	return x
}

func (x *stranger) all(k wire.Kind) [][]byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.heard[k]
}

// replay is frames of all that it heard, with its own hardware address.
func (x *stranger) replay() (frames [][]byte) {
	mac := wire.MAC{2, 0, 0, 66, 66, 66}
	for _, ad := range x.all(wire.CARP) {
		frames = append(frames, wire.AppendCARP(nil, mac, addr("10.0.1.11"), ad))
	}
	for _, beat := range x.all(wire.Beat) {
		frames = append(frames, wire.AppendBeat(nil, mac, addr("10.0.1.11"), beat))
	}
	return frames
}

// forge gives an advertisement another priority: its checksum is not keyed.
func forge(ad []byte, base, skew byte) []byte {
	b := bytes.Clone(ad)
	b[2], b[5], b[6], b[7] = skew, base, 0, 0
	sum := uint32(0)
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(b[6:], ^uint16(sum))
	return b
}

func TestForgedAndReplayedFramesMoveNoRole(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, b := s.pair()
		x := s.stranger("lan")
		defer x.port.Close()
		s.pass(10 * time.Second)
		ads, beats := x.all(wire.CARP), x.all(wire.Beat)
		if len(ads) < 5 || len(beats) < 100 {
			t.Fatalf("%d advertisements and %d heartbeats were heard", len(ads), len(beats))
		}
		send := func(f []byte) {
			if err := x.port.Send(f); err != nil {
				t.Fatal(err)
			}
		}
		mac := wire.MAC{2, 0, 0, 66, 66, 66}
		for range 50 {
			for _, ad := range ads {
				for _, src := range []string{"10.0.1.66", "10.0.1.11", "10.0.1.12"} {
					send(wire.AppendCARP(nil, mac, addr(src), forge(ad, carp.BowOut, carp.BowOut)))
					send(wire.AppendCARP(nil, mac, addr(src), forge(ad, 0, 0)))
					send(wire.AppendCARP(nil, mac, addr(src), ad))
				}
			}
			for _, beat := range beats[:20] {
				send(wire.AppendBeat(nil, mac, addr("10.0.1.11"), beat))
			}
			s.steady(100 * time.Millisecond)
		}
		for _, n := range []*actor{a, b} {
			if w := strings.Join(n.status().Warnings, "\n"); !strings.Contains(w, "replayed or forged") {
				t.Errorf("%s says nothing about it: %q", n.name, w)
			}
		}
	})
}

func TestStrangersWithAnotherSecretAreNamed(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.secrets = map[int]string{2: "another secret"}
		a, b := s.enter(1, 0, stagePolicy), s.enter(2, 100, stagePolicy)
		s.pass(10 * time.Second)
		for _, n := range []*actor{a, b} {
			if w := strings.Join(n.status().Warnings, "\n"); !strings.Contains(w, "speaks with another secret") || !strings.Contains(w, "advertises one of our vhids") {
				t.Errorf("%s says %q", n.name, w)
			}
		}
	})
}

// TestOldSessionsDoNotComeBack replays heartbeats of a program's earlier run.
func TestOldSessionsDoNotComeBack(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		a, _ := s.pair()
		x := s.stranger("lan")
		defer x.port.Close()
		s.pass(5 * time.Second)
		old := x.all(wire.Beat)
		a.end()
		<-a.ended
		s.start(a, 1, 0, stagePolicy)
		s.pass(10 * time.Second)
		s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
		for _, beat := range old {
			if err := x.port.Send(wire.AppendBeat(nil, wire.MAC{2, 0, 0, 66, 66, 66}, addr("10.0.1.11"), beat)); err != nil {
				t.Fatal(err)
			}
			s.steady(walkStep)
		}
	})
}
