package gateways

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rempart/rempart/rules/steer"
)

// at is a time of a test in whole seconds since 1970.
func at(second int) uint32 { return uint32(start().Unix()) + uint32(second) }

func TestHistoryRings(t *testing.T) {
	h := newHistory()
	const days = 3
	for i := range days * fineCount {
		p := point{at: at(10 * i), delay: 20000, jitter: 1000, loss: 1}
		if i%100 == 99 {
			p.state, p.loss = uint8(steer.Down), 61
		}
		h.add(p)
	}
	if len(h.fine.points) != fineCount || len(h.coarse.points) != days*24*12-1 {
		t.Errorf("%d fine and %d coarse points", len(h.fine.points), len(h.coarse.points))
	}
	all := h.since(time.Time{}).Samples
	for i := 1; i < len(all); i++ {
		step := all[i].At.Sub(all[i-1].At)
		if fine := len(all) - i; fine < fineCount && step != fineStep || fine > fineCount && step != coarseStep || step <= 0 {
			t.Fatalf("sample %d of %d is %v after the one before", i, len(all), step)
		}
	}
	bad := 0
	for _, s := range all[:len(all)-fineCount] {
		switch {
		case s.State == steer.Down && s.Loss == (29*1+61)/30:
			bad++
		case s.State != steer.Online || s.Loss != 1:
			t.Fatalf("%+v", s)
		}
		if s.Delay != 20*ms || s.Jitter != ms {
			t.Fatalf("%+v", s)
		}
	}
	if bad < 2*24*12*30/100-2 {
		t.Errorf("%d coarse samples tell of the worst", bad)
	}
	from := start().Add(days*24*time.Hour - time.Minute)
	if got := h.since(from).Samples; len(got) != 6 || !got[0].At.Equal(from) {
		t.Errorf("of the last minute: %+v", got)
	}
}

func TestCoarseRingIsBounded(t *testing.T) {
	h := newHistory()
	for i := range coarseCount + 100 {
		h.add(point{at: at(300 * i)})
	}
	if got := h.coarse.all(); len(got) != coarseCount || got[0].at != at(300*100) {
		t.Errorf("%d points, the first at %v", len(got), got[0].sample().At)
	}
}

// TestClockSetBack: for an hour nothing is taken, and then the clock is believed.
func TestClockSetBack(t *testing.T) {
	h := newHistory()
	for i := range 1000 {
		h.add(point{at: at(10 * i)})
	}
	for i := range patience - 1 {
		h.add(point{at: at(10*i - 100000)})
	}
	if got := len(h.since(time.Time{}).Samples); got < 1000 {
		t.Fatalf("%d samples are left", got)
	}
	h.add(point{at: at(5000)})
	fine := h.fine.all()
	if got := fine[len(fine)-1].at; got != at(5000) || len(fine) != 501 {
		t.Errorf("%d samples, the last at %v", len(fine), got)
	}
	h.add(point{at: at(5010)})
	if got := len(h.fine.all()); got != 502 {
		t.Errorf("%d samples after the clock is believed", got)
	}
}

func TestTransitionsAreBounded(t *testing.T) {
	h := newHistory()
	for i := range maxTransitions + 7 {
		h.pass(Transition{At: seconds(float64(i))})
	}
	got := h.since(time.Time{}).Transitions
	if len(got) != maxTransitions || !got[0].At.Equal(seconds(7)) {
		t.Errorf("%d transitions, the first at %v", len(got), got[0].At)
	}
	if got := h.since(seconds(100)).Transitions; len(got) != 7 {
		t.Errorf("%d since", len(got))
	}
}

func TestPointsAreBounded(t *testing.T) {
	p := newPoint(start(), steer.Forced, line{loss: 99.6, delay: 100 * time.Hour, jitter: -time.Second})
	want := Sample{At: start().Local(), State: steer.Forced, Loss: 100, Delay: (1<<32 - 1) * time.Microsecond}
	if diff := cmp.Diff(want, p.sample()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
