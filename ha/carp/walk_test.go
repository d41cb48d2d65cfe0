package carp

import (
	"fmt"
	"testing"
	"time"
)

// longest is the longest master-down time of a walk: three times the base and all of the skew.
const longest = 7 * time.Second

// disorder makes the ether bad in one of some ways.
func (e *ether) disorder() {
	e.loss, e.double, e.late = 0.4, 0.3, 3*time.Second
	one, all := e.rng.IntN(len(e.stations)), e.rng.IntN(2) == 0
	link := links[e.rng.IntN(len(links))].name
	switch e.rng.IntN(4) {
	case 0: // nothing from one, or nothing at all
		e.cut = func(from, _ int, _ string, _ bool) bool { return all || from == one }
	case 1: // nothing to one, or to and from
		e.cut = func(from, to int, _ string, _ bool) bool { return to == one || all && from == one }
	case 2: // a link, for one or all
		e.cut = func(from, _ int, l string, _ bool) bool { return l == link && (all || from == one) }
	case 3:
	}
}

// order has something happen to a node of ours.
func (e *ether) order(i int) {
	o, now := e.stations[i].(*ours), e.now
	var actions []Action
	switch e.rng.IntN(9) {
	case 0:
		actions = o.Stop(now)
	case 1:
		actions = o.Start(now)
	case 2:
		actions = o.Take(now, "asked")
	case 3:
		actions = o.Yield(now, "asked", e.rng.IntN(2) == 0)
	case 4:
		actions = o.Elect(now, e.rng.IntN(2) == 0)
	case 5:
		c := o.config
		c.AdvSkew, c.Preempt = e.skew(), e.rng.IntN(2) == 0
		actions = o.Configure(now, c)
	default:
		actions = o.Demote(now, []int{0, 0, 1, 1, 240, 300}[e.rng.IntN(6)])
	}
	e.send(i, o.say(actions))
}

// skew is often the one that another has.
func (e *ether) skew() uint8 { return []uint8{0, 0, 1, 100, 100, 240, 254}[e.rng.IntN(7)] }

// TestWalk walks two or three nodes through disorder and calm. Whenever frames pass, there is soon one
// master; two of them are never for longer than it takes to notice that one is silent.
func TestWalk(t *testing.T) {
	for seed := range uint64(150) {
		e := newEther(t, seed)
		base := uint8(1 + e.rng.IntN(2))
		for i := range 2 + e.rng.IntN(2) {
			c := Config{AdvBase: base, AdvSkew: e.skew(), Preempt: e.rng.IntN(2) == 0}
			e.stations = append(e.stations, newOurs(uint32(i), c))
		}
		e.log = append(e.log, fmt.Sprintf("seed %d, %d nodes", seed, len(e.stations)))
		for range 4 {
			e.disorder()
			for range e.rng.IntN(8) {
				e.run(time.Duration(e.rng.Int64N(int64(6*time.Second))), func() {})
				e.order(e.rng.IntN(len(e.stations)))
			}
			e.recover()
		}
	}
}

// recover calms the ether and holds that two masters do not last.
func (e *ether) recover() {
	e.t.Helper()
	for i, s := range e.stations {
		o := s.(*ours)
		e.send(i, o.say(o.Start(e.now)))
		e.send(i, o.say(o.Elect(e.now, true)))
	}
	e.calm()
	e.run(3*time.Second, func() {}) // what was late comes in
	since := e.now
	e.run(2*longest, func() {
		if e.count("wan") < 2 {
			since = e.now
		}
		if e.now.Sub(since) > longest {
			e.fatalf("two masters since %v", since.Sub(t0))
		}
	})
	e.settles(time.Second)
	e.best()
}

// best holds that no node is backup that would take over from the master.
func (e *ether) best() {
	e.t.Helper()
	for i, s := range e.stations {
		o := s.(*ours)
		if o.echoes > 0 {
			e.fatalf("node %d took another for its echo", i)
		}
		if o.State() != Master {
			continue
		}
		for j, s := range e.stations {
			a, b := o.own(), s.(*ours)
			if b.State() == Backup && b.compare(a) == worse && (b.config.Preempt || a.Demote > b.own().Demote) {
				e.fatalf("%d is master with %d/%d/%d, and %d is better", i, a.AdvBase, a.AdvSkew, a.Demote, j)
			}
		}
	}
}

// What one judges better, the other judges not to be worse: or both would stay master, or
// both yield.
func TestCompareAgrees(t *testing.T) {
	for base := range uint8(2) {
		for skew := range 255 {
			for _, d := range [][2]int{{0, 0}, {0, 1}, {1, 0}, {1, 1}, {2, 1}, {300, 255}} {
				for other := range 255 {
					a := NewGroup(Config{AdvBase: 1 + base, AdvSkew: uint8(skew)})
					b := NewGroup(Config{AdvBase: 1, AdvSkew: uint8(other)})
					a.Demote(t0, d[0])
					b.Demote(t0, d[1])
					ab, ba := a.compare(b.own()), b.compare(a.own())
					if ab == even && ba != even || ab == worse && ba == worse ||
						ab == better && ba == better || ab == unclear && ba != worse {
						t.Fatalf("%+v and %+v: %d and %d", a.own(), b.own(), ab, ba)
					}
				}
			}
		}
	}
}

// One path that is left is enough to keep a second master away.
func TestNoSecondMaster(t *testing.T) {
	for name, cut := range map[string]func(from, to int, link string, v6 bool) bool{
		"multicast of IPv6 lost": func(_, _ int, _ string, v6 bool) bool { return v6 },
		"multicast of IPv4 lost": func(_, _ int, _ string, v6 bool) bool { return !v6 },
		"lan lost":               func(_, _ int, link string, _ bool) bool { return link == "lan" },
		"wan lost":               func(_, _ int, link string, _ bool) bool { return link == "wan" },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEther(t, 1)
			for i := range 2 {
				o := newOurs(uint32(i), Config{AdvBase: 1, AdvSkew: uint8(i), Preempt: true})
				o.Start(e.now)
				e.stations = append(e.stations, o)
			}
			e.settles(10 * time.Second)
			e.cut = cut
			e.run(time.Minute, func() {
				if n := e.count("wan"); n != 1 {
					e.fatalf("%d masters", n)
				}
			})
			// A demotion is understood by what is left.
			o := e.stations[0].(*ours)
			e.send(0, o.say(o.Demote(e.now, 1)))
			e.run(time.Minute, func() {})
			if o.State() != Backup || e.count("wan") != 1 {
				e.fatalf("%s after the master was demoted", e.masters())
			}
		})
	}
}

// The master falls silent, and the backup has it to the millisecond.
func TestTimes(t *testing.T) {
	e := newEther(t, 1)
	for i := range 2 {
		o := newOurs(uint32(i), Config{AdvBase: 1, AdvSkew: uint8(100 * i), Preempt: true})
		o.Start(e.now)
		e.stations = append(e.stations, o)
	}
	e.late = 1
	dead := func(from, to int, _ string, _ bool) bool { return from == 0 || to == 0 }
	e.run(10500*time.Millisecond, func() {})
	e.cut = dead
	e.run(10*time.Second, func() {})
	e.calm()
	e.late = 1
	e.run(10*time.Second, func() {})
	e.send(0, e.stations[0].(*ours).say(e.stations[0].(*ours).Stop(e.now)))
	e.run(10*time.Second, func() {})
	want := []string{
		"3s lan 0, wan 0",
		"13.390625s lan 0 1, wan 0 1",
		"21s lan 0, wan 0",
		"30.5s lan 1, wan 1",
	}
	if got := fmt.Sprintf("%q", e.log); got != fmt.Sprintf("%q", want) {
		t.Errorf("got %s, want %q", got, want)
	}
}
