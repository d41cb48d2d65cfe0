package carp

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// brand is whose CARP a model is of.
type brand int

const (
	freeBSD brand = iota
	openBSD
	ucarp // one process for each vhid, without IPv6 and demotion
)

var brands = [...]string{"FreeBSD", "OpenBSD", "ucarp"}

// foreign is a model of ip_carp.c and of ucarp's carp.c: each vhid moves by itself, and each family
// has a timer of its own.
type foreign struct {
	brand
	base, skew uint8
	preempt    bool
	demotion   int
	counter    uint64
	hosts      [2]foreignHost // of links
}

type foreignHost struct {
	master bool
	ad     time.Time
	down   [2]time.Time // by family; zero: does not speak it
}

func newForeign(now time.Time, brand brand, c Config, counter uint64) *foreign {
	f := &foreign{brand: brand, base: c.AdvBase, skew: c.AdvSkew, preempt: c.Preempt, counter: counter}
	for i := range links {
		f.arm(now, i)
	}
	return f
}

func (f *foreign) arm(now time.Time, i int) {
	down := now.Add(3*interval(f.base, 0) + interval(0, f.skew))
	f.hosts[i].down[0] = down
	if f.v6(i) {
		f.hosts[i].down[1] = down
	}
}

func (f *foreign) v6(i int) bool { return links[i].v6 && f.brand != ucarp }

func (f *foreign) own() Ad {
	if f.brand == openBSD {
		return Ad{AdvBase: f.base, AdvSkew: f.skew, Demote: uint8(min(f.demotion, 255))}
	}
	return Ad{AdvBase: f.base, AdvSkew: uint8(min(int(f.skew)+f.demotion, maxSkew))}
}

func (f *foreign) due() time.Time {
	var due time.Time
	for _, h := range f.hosts {
		at := []time.Time{h.ad}
		if !h.master {
			at = h.down[:]
		}
		for _, a := range at {
			if !a.IsZero() && (due.IsZero() || a.Before(due)) {
				due = a
			}
		}
	}
	return due
}

func (f *foreign) timeout(now time.Time) []said {
	var out []said
	for i := range f.hosts {
		h := &f.hosts[i]
		switch {
		case h.master && !now.Before(h.ad):
			out = append(out, f.say(now, i)...)
		case !h.master && (!now.Before(h.down[0]) || f.v6(i) && !now.Before(h.down[1])):
			out = append(out, f.rise(now, i)...)
		}
	}
	return out
}

func (f *foreign) rise(now time.Time, i int) []said {
	f.hosts[i].master = true
	return f.say(now, i)
}

// say sends an advertisement in each family. OpenBSD has a cookie, and others count on.
func (f *foreign) say(now time.Time, i int) []said {
	a := f.own()
	f.hosts[i].ad = now.Add(a.interval())
	a.VHID = links[i].vhid
	var out []said
	for _, v6 := range []bool{false, true}[:1+family(f.v6(i))] {
		if f.brand != openBSD {
			f.counter++
		}
		a.Counter = f.counter
		out = append(out, said{links[i].name, v6, a})
	}
	return out
}

func (f *foreign) receive(now time.Time, h Heard) []said {
	i := int(h.Ad.VHID) - 1
	host := &f.hosts[i]
	if f.brand == ucarp && h.v6() || f.brand == openBSD && h.Ad.Counter == f.counter {
		return nil
	}
	if f.brand != openBSD {
		f.counter = h.Ad.Counter
	}
	switch {
	case host.master:
		return f.receiveMaster(now, i, h)
	case f.preempts(h.Ad), h.Ad.interval() > 3*interval(f.base, 0):
		return f.rise(now, i)
	}
	host.down[family(h.v6())] = now.Add(3*interval(f.base, 0) + interval(0, f.skew))
	return nil
}

// receiveMaster yields to one that is as good, but for ucarp.
func (f *foreign) receiveMaster(now time.Time, i int, h Heard) []said {
	own := f.own()
	yields := h.Ad.interval() <= own.interval()
	switch f.brand {
	case openBSD:
		yields = yields && h.Ad.Demote <= own.Demote || h.Ad.Demote < own.Demote
	case ucarp:
		yields = h.Ad.interval() < own.interval() || yields && precedes(h.Src, h.Own)
	}
	if !yields {
		return nil
	}
	var last []said
	if f.brand == ucarp {
		last = f.say(now, i)
	}
	f.hosts[i].master = false
	f.arm(now, i)
	return last
}

func (f *foreign) preempts(a Ad) bool {
	own := f.own()
	slower := f.preempt && a.interval() > own.interval()
	if f.brand == openBSD {
		return slower && a.Demote >= own.Demote || a.Demote > own.Demote
	}
	return slower
}

func (f *foreign) demote(now time.Time, n int) []said {
	f.demotion = n
	var out []said
	for i, h := range f.hosts {
		if h.master {
			out = append(out, f.say(now, i)...)
		}
	}
	return out
}

func (f *foreign) master(link string) bool {
	for i, l := range links {
		if l.name == link {
			return f.hosts[i].master
		}
	}
	return false
}

// TestForeign walks a node of ours and one of another make through disorder and calm.
func TestForeign(t *testing.T) {
	for brand := freeBSD; brand <= ucarp; brand++ {
		t.Run(brands[brand], func(t *testing.T) {
			for seed := range uint64(150) {
				e := newEther(t, seed)
				base := uint8(1 + e.rng.IntN(2))
				config := func() Config {
					return Config{AdvBase: base, AdvSkew: e.skew(), Preempt: e.rng.IntN(2) == 0}
				}
				we, they := newOurs(1, config()), newForeign(e.now, brand, config(), e.rng.Uint64())
				e.stations = []station{we, they}
				if e.rng.IntN(2) == 0 {
					e.stations = []station{they, we}
				}
				e.log = append(e.log, fmt.Sprintf("seed %d: %+v and %+v", seed, we.own(), they.own()))
				for range 4 {
					e.meet(we, they)
				}
			}
		})
	}
}

// meet has both demoted and sound again in disorder, and holds that they come to terms in calm.
func (e *ether) meet(we *ours, they *foreign) {
	e.t.Helper()
	e.disorder()
	for range e.rng.IntN(5) {
		e.run(time.Duration(e.rng.Int64N(int64(6*time.Second))), func() {})
		n := []int{0, 1, 240}[e.rng.IntN(3)]
		for i, s := range e.stations {
			switch {
			case s == station(we) && e.rng.IntN(2) == 0:
				e.send(i, we.say(we.Demote(e.now, n)))
			case s == station(they) && they.brand != ucarp && e.rng.IntN(2) == 0:
				e.send(i, they.demote(e.now, n))
			}
		}
	}
	e.send(slices.Index(e.stations, station(we)), we.say(we.Start(e.now)))
	e.settles(4 * longest)
}
