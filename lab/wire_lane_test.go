package lab

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLaneSchedule sends numbered frames of 1,000 bytes at set times, and says when each arrives.
func TestLaneSchedule(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name       string
		impairment Impairment
		sent       []time.Duration
		want       []time.Duration // negative: lost
	}{
		{"good", Impairment{}, []time.Duration{0, 0, 5 * ms}, []time.Duration{0, 0, 5 * ms}},
		{"late", Impairment{Delay: 50 * ms}, []time.Duration{0, 0, 20 * ms}, []time.Duration{50 * ms, 50 * ms, 70 * ms}},
		{"silent", Impairment{Loss: 100}, []time.Duration{0, 9 * ms}, []time.Duration{-1, -1}},
		{"slow", Impairment{Rate: 800_000}, []time.Duration{0, 0, 15 * ms, 100 * ms}, []time.Duration{10 * ms, 20 * ms, 30 * ms, 110 * ms}},
		{"slow and late", Impairment{Rate: 800_000, Delay: 5 * ms}, []time.Duration{0, 0}, []time.Duration{15 * ms, 25 * ms}},
		{
			"slower than is sent", Impairment{Rate: 160_000}, make([]time.Duration, 5),
			[]time.Duration{50 * ms, 100 * ms, 150 * ms, -1, -1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, arrivals(tt.impairment, tt.sent)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// arrivals is when each frame arrives that is sent at the given times after the start.
func arrivals(i Impairment, sent []time.Duration) []time.Duration {
	start := time.Unix(1000, 0)
	l := newLane(1)
	l.set(i)
	out := make([]time.Duration, len(sent))
	for n := range out {
		out[n] = -1
	}
	deliver := func(until time.Time) {
		for at := l.next(); !at.IsZero() && !at.After(until); at = l.next() {
			for frame := l.take(at); frame != nil; frame = l.take(at) {
				out[frame[0]] = at.Sub(start)
			}
		}
	}
	for n, d := range sent {
		now := start.Add(d)
		deliver(now)
		frame := make([]byte, 1000)
		frame[0] = byte(n)
		if l.admit(now, frame) {
			out[n] = d
		}
	}
	deliver(start.Add(time.Hour))
	return out
}

func TestLaneKeepsOrder(t *testing.T) {
	sent := make([]time.Duration, 200)
	for n := range sent {
		sent[n] = time.Duration(n) * time.Millisecond
	}
	got := arrivals(Impairment{Delay: 20 * time.Millisecond, Jitter: 50 * time.Millisecond}, sent)
	spread := map[time.Duration]bool{}
	for n, at := range got {
		took := at - sent[n]
		if took < 20*time.Millisecond || took > 70*time.Millisecond {
			t.Errorf("frame %d took %s", n, took)
		}
		if n > 0 && at < got[n-1] {
			t.Errorf("frame %d overtakes", n)
		}
		spread[took.Round(time.Millisecond)] = true
	}
	if len(spread) < 10 {
		t.Errorf("frames took %v", spread)
	}
}

func TestLaneLoss(t *testing.T) {
	for _, loss := range []float64{0, 0.5, 30, 60, 100} {
		l := newLane(7)
		l.set(Impairment{Loss: loss})
		const sent = 100_000
		through := 0
		for range sent {
			if l.admit(time.Unix(1, 0), []byte{1}) {
				through++
			}
		}
		if got := 100 - float64(through)*100/sent; got < loss*0.9-0.01 || got > loss*1.1+0.01 || int(l.count.Lost) != sent-through {
			t.Errorf("loss %v: %v, %+v", loss, got, l.count)
		}
	}
	// The same seed loses the same frames.
	a, b := newLane(7), newLane(7)
	for _, l := range []*lane{a, b} {
		l.set(Impairment{Loss: 50})
	}
	for n := range 1000 {
		if a.admit(time.Unix(1, 0), []byte{1}) != b.admit(time.Unix(1, 0), []byte{1}) {
			t.Fatalf("frame %d differs", n)
		}
	}
}

func TestLaneForgets(t *testing.T) {
	tests := []struct {
		name   string
		forget func(l *lane)
		left   int
	}{
		{"silent", func(l *lane) { l.set(Impairment{Loss: 100}) }, 0},
		{"cut", func(l *lane) { l.cut = true; l.clear() }, 0},
		{"better", func(l *lane) { l.set(Impairment{}) }, 3},
		{"worse", func(l *lane) { l.set(Impairment{Delay: time.Hour, Loss: 99}) }, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now := time.Unix(1, 0)
			l := newLane(1)
			l.set(Impairment{Delay: time.Second})
			for range 3 {
				l.admit(now, []byte{1})
			}
			tt.forget(l)
			left := 0
			for l.take(now.Add(time.Second)) != nil {
				left++
			}
			if left != tt.left || l.count != (Frames{Sent: 3, Lost: uint64(3 - tt.left)}) || l.bytes != 0 {
				t.Errorf("%d left, %+v, %d bytes", left, l.count, l.bytes)
			}
		})
	}
}

// TestLaneBetterWaits has a frame on a wire that has become good wait for those before it.
func TestLaneBetterWaits(t *testing.T) {
	now := time.Unix(1, 0)
	l := newLane(1)
	l.set(Impairment{Delay: time.Second})
	l.admit(now, []byte("first"))
	l.set(Impairment{})
	if l.admit(now, []byte("second")) {
		t.Fatal("the second overtakes")
	}
	for _, want := range []string{"first", "second"} {
		if got := l.take(now.Add(time.Second)); !bytes.Equal(got, []byte(want)) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestLaneBounds(t *testing.T) {
	l := newLane(1)
	l.set(Impairment{Delay: time.Second})
	frame := []byte(strings.Repeat("x", 1<<20))
	const sent = 40
	for range sent {
		l.admit(time.Unix(1, 0), frame)
		frame[0]++ // the lane keeps a copy
	}
	if l.bytes > laneBytes || l.count.Lost == 0 || int(l.count.Lost)+len(l.held) != sent {
		t.Errorf("%d bytes in %d frames, %+v", l.bytes, len(l.held), l.count)
	}
	if got := l.take(time.Unix(2, 0)); got[0] != 'x' {
		t.Errorf("first frame %q", got[0])
	}
}

// TestLaneDoubles has half of the frames arrive twice, and none be lost.
func TestLaneDoubles(t *testing.T) {
	l := newLane(1)
	l.set(Impairment{Double: 50})
	now := time.Unix(1000, 0)
	var came int
	for range 1000 {
		if l.admit(now, []byte{0}) {
			came++
		}
		for l.take(now) != nil {
			came++
		}
	}
	if came < 1400 || came > 1600 || l.count.Lost != 0 {
		t.Errorf("of 1000 frames %d came, and %d were lost", came, l.count.Lost)
	}
}

// TestLaneOvertakes has frames of one kind arrive in another order, in time, and the others at once.
func TestLaneOvertakes(t *testing.T) {
	l := newLane(1)
	const longest = 10 * time.Millisecond
	l.set(Impairment{Jitter: longest, Overtake: true, Only: func(f []byte) bool { return f[0] < 100 }})
	now := time.Unix(1000, 0)
	for n := range byte(100) {
		l.admit(now, []byte{n})
		if !l.admit(now, []byte{100 + n}) {
			t.Errorf("frame %d is not through at once", 100+n)
		}
	}
	var came []byte
	for at := l.next(); !at.IsZero(); at = l.next() {
		if at.After(now.Add(longest)) {
			t.Errorf("a frame is due after %s", at.Sub(now))
		}
		came = append(came, l.take(at)...)
	}
	if slices.IsSorted(came) {
		t.Error("no frame was overtaken")
	}
	slices.Sort(came)
	for n := range byte(100) {
		if int(n) >= len(came) || came[n] != n {
			t.Fatalf("came: %v", came)
		}
	}
}
