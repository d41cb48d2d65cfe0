package gateways

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules/steer"
)

// defaults are those of the policy language, with a threshold of jitter.
func defaults() config.Monitor {
	return config.Monitor{
		Quorum: 1, Interval: 500 * ms, Timeout: 2 * time.Second, Window: 30 * time.Second,
		Down: 2 * time.Second, Up: 10 * time.Second, LossWarning: 10, LossDown: 20,
		DelayWarning: 200 * ms, DelayDown: 500 * ms, JitterWarning: 100 * ms,
	}
}

// play is a machine and what it is shown.
type play struct {
	m   machine
	s   sight
	now time.Time
}

// opening is a gateway that was just set, with carrier and address.
func opening() *play {
	return &play{
		m: newMachine(start(), defaults()), now: start(),
		s: sight{address: true, carrier: true, watched: true},
	}
}

func (p *play) see() { p.m.see(p.now, p.s) }

// after lets time go by, and has the machine see whenever it wants to.
func (p *play) after(d time.Duration) {
	end := p.now.Add(d)
	for {
		at := p.m.deadline(p.now, p.s)
		if at.IsZero() || at.After(end) {
			break
		}
		p.now = at
		p.see()
	}
	p.now = end
	p.see()
}

func (p *play) answer() {
	p.after(100 * ms)
	p.s.heard = p.now
	p.see()
}

// answers come every half a second.
func (p *play) answers(d time.Duration) {
	for end := p.now.Add(d); p.now.Before(end); {
		p.after(400 * ms)
		p.answer()
	}
}

func (p *play) line(loss float64, delay time.Duration) {
	p.s.line = line{loss: loss, delay: delay, timed: true}
	p.answer()
}

// states are prepared by these, from an opening.
func states() map[string]func(*play) {
	online := func(p *play) { p.see(); p.line(0, 20*ms) }
	unplugged := func(p *play) { online(p); p.s.carrier = false; p.see() }
	silent := func(p *play) { online(p); p.after(3 * time.Second) }
	return map[string]func(*play){
		"new":           func(p *play) { p.see() },
		"online":        online,
		"warned":        func(p *play) { online(p); p.line(12, 20*ms) },
		"lossy":         func(p *play) { online(p); p.line(25, 20*ms) },
		"silent":        silent,
		"recovering":    func(p *play) { silent(p); p.answers(5 * time.Second) },
		"unplugged":     unplugged,
		"replugged":     func(p *play) { unplugged(p); p.s.carrier = true; p.see() },
		"homeless":      func(p *play) { online(p); p.s.address = false; p.see() },
		"forced":        func(p *play) { online(p); p.s.forced = true; p.see() },
		"new unplugged": func(p *play) { p.s.carrier = false; p.see() },
		"new replugged": func(p *play) { p.s.carrier = false; p.see(); p.s.carrier = true; p.see() },
	}
}

// events are what may happen to a gateway.
func events() map[string]func(*play) {
	return map[string]func(*play){
		"answer":  func(p *play) { p.answer() },
		"silence": func(p *play) { p.after(2100 * ms) },
		"unplug":  func(p *play) { p.s.carrier = false; p.see() },
		"plug":    func(p *play) { p.s.carrier = true; p.see() },
		"lose":    func(p *play) { p.s.address = false; p.see() },
		"learn":   func(p *play) { p.s.address = true; p.see() },
		"loss25":  func(p *play) { p.line(25, 20*ms) },
		"loss16":  func(p *play) { p.line(16, 20*ms) },
		"loss5":   func(p *play) { p.line(5, 20*ms) },
		"slow":    func(p *play) { p.line(0, 300*ms) },
		"force":   func(p *play) { p.s.forced = true; p.see() },
		"release": func(p *play) { p.s.forced = false; p.see() },
		"well":    func(p *play) { p.line(0, 20*ms); p.answers(10500 * ms) },
	}
}

// TestEveryStateAndEvent: O is online, W warning, D down, F forced down.
func TestEveryStateAndEvent(t *testing.T) {
	const table = `
		              answer silence unplug plug lose learn loss25 loss16 loss5 slow force release well
		new           O      D       D      O    D    O     D      W      O     W    F     O       O
		online        O      D       D      O    D    O     D      W      O     W    F     O       O
		warned        W      D       D      W    D    W     D      W      W     W    F     W       O
		lossy         D      D       D      D    D    D     D      D      D     D    F     D       O
		silent        D      D       D      D    D    D     D      D      D     D    F     D       O
		recovering    D      D       D      D    D    D     D      D      D     D    F     D       O
		unplugged     D      D       D      D    D    D     D      D      D     D    F     D       D
		replugged     D      D       D      D    D    D     D      D      D     D    F     D       O
		homeless      D      D       D      D    D    D     D      D      D     D    F     D       D
		forced        F      F       F      F    F    F     F      F      F     F    F     O       F
		new_unplugged D      D       D      D    D    D     D      D      D     D    F     D       D
		new_replugged O      D       D      D    D    D     D      W      O     W    F     D       O
	`
	letters := map[steer.State]string{steer.Online: "O", steer.Warning: "W", steer.Down: "D", steer.Forced: "F"}
	lines := strings.Split(strings.TrimSpace(table), "\n")
	names := strings.Fields(lines[0])
	states, events := states(), events()
	if len(lines)-1 != len(states) || len(names) != len(events) {
		t.Errorf("the table has %d states and %d events, and there are %d and %d", len(lines)-1, len(names), len(states), len(events))
	}
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		state := strings.ReplaceAll(fields[0], "_", " ")
		if states[state] == nil || len(fields) != len(names)+1 {
			t.Fatalf("line %q", line)
		}
		for i, event := range names {
			p := opening()
			states[state](p)
			before := p.m.health.State
			events[event](p)
			if got := letters[p.m.health.State]; got != fields[i+1] {
				t.Errorf("%s (%v), %s: %s, want %s: %+v", state, before, event, got, fields[i+1], p.m.cause)
			}
		}
	}
}

// TestTimes: what is late or early by a millisecond.
func TestTimes(t *testing.T) {
	p := opening()
	p.see()
	p.after(1999 * ms)
	if p.m.health.State != steer.Online {
		t.Error("a new gateway is down before its time")
	}
	p.after(1 * ms)
	if p.m.health.State != steer.Down {
		t.Error("a new gateway that never answers stays up")
	}
	p.answer()
	if p.m.health.State != steer.Online {
		t.Error("the very first answer does not suffice")
	}
	p.after(2 * time.Second)
	if p.m.health.State != steer.Down || !p.m.since.Equal(p.now) {
		t.Errorf("%v since %v after two seconds", p.m.health, p.m.since)
	}
	p.answer()
	well := p.now
	p.answers(9500 * ms)
	if p.m.health.State != steer.Down || !p.m.up().Equal(well.Add(10*time.Second)) {
		t.Errorf("%v, up at %v", p.m.health, p.m.up())
	}
	p.after(500 * ms)
	if p.m.health.State != steer.Online || !p.m.since.Equal(well.Add(10*time.Second)) {
		t.Errorf("%v since %v", p.m.health, p.m.since)
	}
}

// TestABreakInWellBeing: it begins anew, although nothing looked while it broke.
func TestABreakInWellBeing(t *testing.T) {
	p := opening()
	states()["recovering"](p)
	p.after(2500 * ms)
	p.answer()
	p.answers(9 * time.Second)
	if p.m.health.State != steer.Down {
		t.Errorf("%v in spite of a break", p.m.health)
	}
	p.answers(1500 * ms)
	if p.m.health.State != steer.Online {
		t.Errorf("%v after ten seconds without one", p.m.health)
	}
}

func TestHysteresis(t *testing.T) {
	for _, c := range []struct {
		was              bool
		value, threshold float64
		want             bool
	}{
		{false, 19.9, 20, false},
		{false, 20, 20, true},
		{true, 15, 20, true},
		{true, 14.9, 20, false},
		{true, 100, 0, false}, // the threshold is gone
		{false, 0, 0, false},
	} {
		if got := over(c.was, c.value, c.threshold); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestWarnings: which triggers there are, also while it is down, and that what
// is not known changes nothing.
func TestWarnings(t *testing.T) {
	p := opening()
	p.s.line = line{delay: time.Second, jitter: time.Second}
	p.answer()
	if p.m.health != (steer.Health{}) {
		t.Errorf("what is not known counts: %+v", p.m.health)
	}
	p.s.line = line{loss: 10, delay: 200 * ms, jitter: 100 * ms, timed: true}
	p.answer()
	want := steer.Health{State: steer.Warning, Warned: config.Triggers{Loss: true, Delay: true, Jitter: true}}
	if p.m.health != want {
		t.Errorf("%+v, want %+v", p.m.health, want)
	}
	p.s.line = line{delay: 160 * ms, timed: true} // above three quarters
	p.answers(11 * time.Second)
	want.Warned = config.Triggers{Delay: true}
	if p.m.health != want {
		t.Errorf("%+v, want %+v", p.m.health, want)
	}
	p.after(3 * time.Second)
	want.State = steer.Down
	if p.m.health != want {
		t.Errorf("%+v, want %+v", p.m.health, want)
	}
}

// TestLinkAlone: a gateway without targets follows carrier and address.
func TestLinkAlone(t *testing.T) {
	p := opening()
	p.s.watched = false
	p.see()
	p.after(time.Hour)
	if p.m.health.State != steer.Online || !p.m.deadline(p.now, p.s).IsZero() {
		t.Errorf("%+v, deadline %v", p.m.health, p.m.deadline(p.now, p.s))
	}
	p.s.carrier = false
	p.see()
	if p.m.health.State != steer.Down {
		t.Errorf("without carrier: %+v", p.m.health)
	}
	p.s.carrier = true
	p.see()
	p.after(9999 * ms)
	if p.m.health.State != steer.Down {
		t.Errorf("before it was well for its time: %+v", p.m.health)
	}
	p.after(1 * ms)
	if p.m.health.State != steer.Online {
		t.Errorf("after its time: %+v", p.m.health)
	}
}

// TestStall: time in which nobody listened is no silence.
func TestStall(t *testing.T) {
	p := opening()
	states()["online"](p)
	p.m.shift(time.Minute)
	p.s.heard = p.s.heard.Add(time.Minute)
	p.now = p.now.Add(time.Minute)
	p.see()
	if p.m.health.State != steer.Online {
		t.Errorf("%+v", p.m.health)
	}
}

// TestQuorum: the line is that of the target which completes the quorum.
func TestQuorum(t *testing.T) {
	at := func(second float64, loss float64, s Stats) sample { return sample{seconds(second), loss, s} }
	good := Stats{Sent: 60, Answered: 60, Delay: 20 * ms, Jitter: 2 * ms}
	lossy := Stats{Sent: 60, Answered: 45, Lost: 15, Loss: 25, Delay: 90 * ms, Jitter: 30 * ms}
	dead := Stats{Sent: 60, Lost: 60, Loss: 100}
	fresh := Stats{Sent: 3, Answered: 2, Lost: 1, Loss: 100.0 / 3, Delay: 10 * ms}
	for _, c := range []struct {
		name    string
		quorum  int
		samples []sample
		heard   float64
		want    line
	}{
		{"the better of two", 1, []sample{at(3, 25, lossy), at(7, 0, good)}, 7, line{0, 20 * ms, 2 * ms, true}},
		{"both of two", 2, []sample{at(3, 25, lossy), at(7, 0, good)}, 3, line{25, 90 * ms, 30 * ms, true}},
		{"one is dead", 1, []sample{at(3, 100, dead), at(7, 0, good)}, 7, line{0, 20 * ms, 2 * ms, true}},
		{"one is dead and both are needed", 2, []sample{at(3, 100, dead), at(7, 0, good)}, 3, line{loss: 100}},
		{"too little is known", 1, []sample{at(3, 3, fresh)}, 3, line{loss: 3, delay: 10 * ms}},
		{"two of three", 2, []sample{at(1, 100, dead), at(9, 0, good), at(5, 25, lossy)}, 5, line{25, 90 * ms, 30 * ms, true}},
		{"nothing was asked", 1, []sample{at(0, 0, Stats{})}, 0, line{}},
	} {
		heard, got := complete(c.quorum, c.samples)
		if !heard.Equal(seconds(c.heard)) {
			t.Errorf("%s: heard at %v", c.name, heard)
		}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(line{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestReasons(t *testing.T) {
	for _, c := range []struct {
		cause cause
		want  string
	}{
		{cause{kind: causeStart}, "nothing is known yet"},
		{cause{kind: causeWell}, "it answers"},
		{cause{kind: causeLink}, "carrier on wan"},
		{cause{kind: causeForced}, "the policy says so"},
		{cause{kind: causeCarrier}, "no carrier on wan"},
		{cause{kind: causeAddress}, "no address learned"},
		{cause{kind: causeSilent}, "no answer from 203.0.113.1, 192.0.2.7 and 192.0.2.53 for 2s"},
		{gaugeCause(gaugeLoss, line{loss: 23.9}, defaults(), true), "loss 23 % (down at 20 %)"},
		{gaugeCause(gaugeDelay, line{delay: 234567 * time.Microsecond}, defaults(), false), "delay 234.6ms (warning at 200ms)"},
		{gaugeCause(gaugeJitter, line{jitter: 100 * ms}, defaults(), false), "jitter 100ms (warning at 100ms)"},
	} {
		silent := []string{"203.0.113.1", "192.0.2.7", "192.0.2.53"}
		if got := c.cause.text("wan", silent, 2*time.Second); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
