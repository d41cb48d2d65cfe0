package gateways

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules/steer"
)

// walk drives a gateway through hours under a clock of its own, with a network
// that the test makes good or bad.
type walk struct {
	t       *testing.T
	g       *gateway
	now     time.Time
	id      uint64
	pending []arrival
	delay   func(target int) (d time.Duration, ok bool) // of an answer; ok is false when there is none
	changes []Transition
}

// arrival is an answer on its way.
type arrival struct {
	at     time.Time
	target *target
	serial uint64
}

func newWalk(t *testing.T, m config.Monitor, targets int) *walk {
	w := &walk{t: t, now: start()}
	for i := range targets {
		m.Targets = append(m.Targets, icmp(fmt.Sprintf("192.0.2.%d", i+1)))
	}
	w.g = &gateway{
		machine: newMachine(w.now, m), carrier: true,
		tell: func(c Transition) { w.changes = append(w.changes, c) },
	}
	w.g.update(w.now, Watched{Name: "wan", Interface: "wan", NextHop: netip.MustParseAddr("192.0.2.1"), Monitor: m},
		func(time.Duration) time.Duration { return 0 })
	w.g.judge(w.now)
	return w
}

// until runs the clock on, from one event to the next.
func (w *walk) until(end time.Time) {
	for {
		at := w.g.next(w.now)
		for _, a := range w.pending {
			at = earlier(at, a.at)
		}
		if at.IsZero() || at.After(end) {
			break
		}
		if at.After(w.now) {
			w.now = at
		}
		w.turn()
	}
	w.now = end
}

// turn does what is due now.
func (w *walk) turn() {
	var left []arrival
	for _, a := range w.pending {
		if a.at.After(w.now) {
			left = append(left, a)
		} else {
			a.target.answered(w.now, a.serial, w.g.silence())
		}
	}
	w.pending = left
	for i, t := range w.g.askable() {
		t.passes(w.now)
		if t.due.After(w.now) {
			continue
		}
		w.id++
		serial, _ := t.asks(w.now, w.id)
		if d, ok := w.delay(i); ok {
			w.pending = append(w.pending, arrival{w.now.Add(d), t, serial})
		}
	}
	w.judge()
}

// judge holds what comes out against what must always be so.
func (w *walk) judge() {
	w.t.Helper()
	g := w.g
	before := g.machine
	g.judge(w.now)
	h := g.machine.health
	if (h.State == steer.Forced) != g.ForceDown {
		w.t.Fatalf("%v: %v, forced %v", w.now.Sub(start()), h, g.ForceDown)
	}
	if g.ForceDown {
		return
	}
	if h.Alive() && (!g.carrier || !g.NextHop.IsValid()) {
		w.t.Fatalf("%v: %v without carrier or address", w.now.Sub(start()), h)
	}
	last := g.machine.lastHeard(g.seen)
	if h.Alive() && g.seen.watched && w.now.Sub(last) >= g.machine.silence() {
		w.t.Fatalf("%v: %v, and nothing was heard since %v", w.now.Sub(start()), h, last.Sub(start()))
	}
	if h.Alive() && before.down.on && before.proven {
		if calm := before.down.calm; calm.IsZero() || w.now.Sub(calm) < g.Monitor.Up {
			w.t.Fatalf("%v: up again, and calm since %v", w.now.Sub(start()), calm)
		}
	}
	if h.Alive() && g.seen.watched && before.down.on && !g.seen.heard.After(g.machine.back) {
		w.t.Fatalf("%v: up without an answer", w.now.Sub(start()))
	}
}

// turnsOf is how often it came up or went down between two times.
func (w *walk) turnsOf(from, to time.Time) int {
	n := 0
	for _, c := range w.changes {
		if c.From.Alive() != c.To.Alive() && !c.At.Before(from) && c.At.Before(to) {
			n++
		}
	}
	return n
}

// mostTurns is how often a gateway with an Up of ten seconds may come up or go
// down in an hour: with holds of 10, 20, 40, 80, 160, 320 and then 600 seconds
// it goes down eleven times, and once more at its start, where it need not wait.
const mostTurns = 24

func (w *walk) neverFlaps() {
	w.t.Helper()
	for _, c := range w.changes {
		if n := w.turnsOf(c.At, c.At.Add(time.Hour)); n > mostTurns {
			w.t.Fatalf("%d turns in the hour after %v", n, c.At.Sub(start()))
		}
	}
}

// TestRandomWalks: carrier, address, force, answers and their delays change at
// random for two hours.
func TestRandomWalks(t *testing.T) {
	alive, down := 0, 0
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 0))
		m := defaults()
		m.Quorum = 1 + r.IntN(3)
		w := newWalk(t, m, 1+r.IntN(3))
		loss, base := make([]float64, 3), 20*ms
		w.delay = func(target int) (time.Duration, bool) {
			return base + time.Duration(r.IntN(50))*ms, r.Float64() >= loss[target]
		}
		for w.now.Before(start().Add(time.Hour)) {
			switch r.IntN(8) {
			case 0:
				w.g.carrier = !w.g.carrier
			case 1:
				if w.g.NextHop.IsValid() {
					w.g.NextHop = netip.Addr{}
				} else {
					w.g.NextHop = netip.MustParseAddr("192.0.2.1")
				}
			case 2:
				w.g.ForceDown = !w.g.ForceDown && r.IntN(4) == 0
			case 3:
				base = []time.Duration{20 * ms, 190 * ms, 260 * ms, 700 * ms, 3 * time.Second}[r.IntN(5)]
			case 4, 5:
				loss[r.IntN(3)] = []float64{0.05, 0.15, 0.3, 1}[r.IntN(4)]
			default: // all is well for a while
				w.g.carrier, w.g.NextHop, w.g.ForceDown = true, netip.MustParseAddr("192.0.2.1"), false
				clear(loss)
				base = 20 * ms
				w.judge()
				w.until(w.now.Add(time.Duration(r.IntN(300)) * time.Second))
			}
			w.judge()
			w.until(w.now.Add(time.Duration(r.ExpFloat64() * float64(20*time.Second))))
			if w.g.machine.health.Alive() {
				alive++
			} else {
				down++
			}
		}
	}
	if alive < 50 || down < 50 {
		t.Errorf("alive %d times and down %d: the walks try too little", alive, down)
	}
}

// TestTheWorstFlapping: a line that answers until it is up, and falls silent then.
func TestTheWorstFlapping(t *testing.T) {
	w := newWalk(t, defaults(), 1)
	w.delay = func(int) (time.Duration, bool) { return 10 * ms, !w.g.machine.health.Alive() }
	w.until(start().Add(2 * time.Hour))
	w.neverFlaps()
	if n := w.turnsOf(start(), start().Add(time.Hour)); n < mostTurns/2 {
		t.Errorf("%d turns in the first hour: that is not the worst", n)
	}
}

// TestFlappingCarrier: the same by the cable, of a gateway that nobody asks.
func TestFlappingCarrier(t *testing.T) {
	w := newWalk(t, defaults(), 0)
	for w.now.Before(start().Add(2 * time.Hour)) {
		w.g.carrier = !w.g.machine.health.Alive()
		w.judge()
		w.until(w.now.Add(time.Second))
		w.judge()
	}
	w.neverFlaps()
}

// TestFlappingWarning: loss that goes and comes back as soon as its warning is over.
func TestFlappingWarning(t *testing.T) {
	m := defaults()
	m.LossDown = 0
	w := newWalk(t, m, 1)
	n := 0
	w.delay = func(int) (time.Duration, bool) {
		n++
		return 10 * ms, w.g.machine.health.State == steer.Warning || n%4 != 0
	}
	w.until(start().Add(2 * time.Hour))
	for _, c := range w.changes {
		turns := 0
		for _, d := range w.changes {
			if !d.At.Before(c.At) && d.At.Before(c.At.Add(time.Hour)) {
				turns++
			}
		}
		if turns > mostTurns {
			t.Fatalf("%d turns in the hour after %v", turns, c.At.Sub(start()))
		}
	}
	if len(w.changes) < 10 {
		t.Errorf("%d changes: that is no flapping", len(w.changes))
	}
}

// TestAnOutageIsForgotten: after a minute of silence the gateway is up as soon
// as it was well for its time, whatever the window says of the outage.
func TestAnOutageIsForgotten(t *testing.T) {
	w := newWalk(t, defaults(), 1)
	var out bool
	w.delay = func(int) (time.Duration, bool) { return 10 * ms, !out }
	w.until(seconds(60))
	out = true
	w.until(seconds(120))
	out = false
	w.until(seconds(200))
	var got []string
	for _, c := range w.changes {
		got = append(got, fmt.Sprintf("%.1fs %v: %s", c.At.Sub(start()).Seconds(), c.To.State, c.Reason))
	}
	want := []string{"62.0s down: no answer from 192.0.2.1 for 2s", "130.5s online: it answers"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestLossOfOneTarget: with a quorum of one the other carries the gateway, and
// with two it is lost with the worse.
func TestLossOfOneTarget(t *testing.T) {
	for quorum, want := range map[int]steer.State{1: steer.Online, 2: steer.Down} {
		m := defaults()
		m.Quorum = quorum
		w := newWalk(t, m, 2)
		n := 0
		w.delay = func(target int) (time.Duration, bool) {
			n++
			return 10 * ms, target == 0 || n%3 != 0
		}
		w.until(seconds(60))
		if got := w.g.machine.health.State; got != want {
			t.Errorf("quorum %d: %v, want %v", quorum, got, want)
		}
	}
}
