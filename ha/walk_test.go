package ha

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/pulse"
)

// TestWalks lets two nodes live through random faults. While a path works in both
// directions there are never two masters for longer than it takes to detect a fault, and at the end, with
// all well again, there is one, the preferred one.
func TestWalks(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			play(t, func(t *testing.T, s *stage) { s.walk(rand.New(rand.NewPCG(seed, 5))) })
		})
	}
}

// weather is what is wrong on the stage now.
type weather struct {
	loss    map[string]float64 // by segment
	carrier map[string]bool    // that is gone, by node and link
	asleep  map[string]bool    // frozen or stunned, by node
}

// slack is what a random walk adds to detection: frames that are late by up to walkDelay, and the look every
// step.
const (
	walkDelay = 40 * time.Millisecond
	walkStep  = 10 * time.Millisecond
)

func (s *stage) walk(r *rand.Rand) {
	s.t.Helper()
	a, b := s.pair()
	w := &weather{loss: map[string]float64{}, carrier: map[string]bool{}, asleep: map[string]bool{}}
	most := pulse.TimingFor(100*time.Millisecond).Dead + 2*walkDelay + 200*time.Millisecond
	var both time.Duration
	for range 40 {
		s.change(r, w, a, b)
		for range 10 + r.IntN(150) {
			s.pass(walkStep)
			if !w.works() || !masters(a, w) || !masters(b, w) {
				both = 0
				continue
			}
			if both += walkStep; both > most {
				s.t.Fatalf("two masters for %v while a path works: %+v\n%s", both, w, s.histories())
			}
		}
	}
	for _, link := range []string{"lan", "wan", "sync"} {
		s.ether.Impair(link, nil)
		a.machine.Carrier(link, true)
		b.machine.Carrier(link, true)
	}
	s.rouse(w, a, b)
	s.pass(30 * time.Second)
	s.want(map[string]string{"fw1": "MASTER", "fw2": "BACKUP"})
}

// masters says whether a node acts as one.
func masters(a *actor, w *weather) bool {
	return !w.asleep[a.name] && a.holds() && a.role() == "MASTER"
}

// works says whether frames pass on some path, most of them.
func (w *weather) works() bool {
	if len(w.asleep) > 0 {
		return false
	}
	for _, link := range []string{"lan", "wan", "sync"} {
		if w.loss[link] < 0.3 && !w.carrier["fw1 "+link] && !w.carrier["fw2 "+link] {
			return true
		}
	}
	return false
}

// rouse wakes who sleeps.
func (s *stage) rouse(w *weather, nodes ...*actor) {
	for _, n := range nodes {
		n.machine.Freeze(false)
		n.machine.Stun(false)
		delete(w.asleep, n.name)
	}
}

// change makes something better or worse.
func (s *stage) change(r *rand.Rand, w *weather, nodes ...*actor) {
	link := []string{"lan", "wan", "sync"}[r.IntN(3)]
	n := nodes[r.IntN(len(nodes))]
	switch r.IntN(6) {
	case 0, 1:
		loss := []float64{0, 0.1, 1}[r.IntN(3)]
		w.loss[link] = loss
		r := rand.New(rand.NewPCG(r.Uint64(), 7)) // used under the ether's lock alone
		s.ether.Impair(link, func(string, string, []byte) []time.Duration {
			if r.Float64() < loss {
				return nil
			}
			late := time.Duration(r.Int64N(int64(walkDelay)))
			if r.IntN(20) == 0 {
				return []time.Duration{late, late + time.Millisecond}
			}
			return []time.Duration{late}
		})
	case 2, 3:
		key := n.name + " " + link
		n.machine.Carrier(link, w.carrier[key])
		if w.carrier[key] = !w.carrier[key]; !w.carrier[key] {
			delete(w.carrier, key)
		}
	case 4:
		s.rouse(w, nodes...)
		if r.IntN(2) == 0 {
			n.machine.Freeze(true)
			w.asleep[n.name] = true
		}
	case 5:
		s.rouse(w, nodes...)
		if r.IntN(2) == 0 {
			n.machine.Stun(true)
			w.asleep[n.name] = true
		}
	}
}
