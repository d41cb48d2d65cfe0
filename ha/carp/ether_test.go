package carp

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// station is a node on the ether: a Group, or a model of another make.
type station interface {
	due() time.Time
	timeout(now time.Time) []said
	receive(now time.Time, h Heard) []said
	// master says whether it is master of the vhid of a link.
	master(link string) bool
}

// said is an advertisement that a station sends on a link.
type said struct {
	link string
	v6   bool
	ad   Ad
}

// links are those of an ether: on both is a virtual host, with the family that it also speaks.
var links = []struct {
	name string
	vhid uint8
	v6   bool
}{{"lan", 1, true}, {"wan", 2, false}}

// frame is an advertisement on its way.
type frame struct {
	at   time.Time
	to   int
	said said
	src  netip.Addr
}

// ether is two links with some stations on them, under a clock of its own.
type ether struct {
	t        *testing.T
	rng      *rand.Rand
	now      time.Time
	stations []station
	frames   []frame
	// loss, double and late are how likely a frame is lost or comes twice, and how long it takes at most.
	loss, double float64
	late         time.Duration
	// cut says that nothing passes there.
	cut func(from, to int, link string, v6 bool) bool
	log []string
}

func newEther(t *testing.T, seed uint64) *ether {
	e := &ether{t: t, rng: rand.New(rand.NewPCG(seed, 0)), now: t0}
	e.calm()
	return e
}

func (e *ether) calm() {
	e.loss, e.double, e.late = 0, 0.05, 20*time.Millisecond
	e.cut = func(int, int, string, bool) bool { return false }
}

// address is that of a station on a link: on wan they are in the opposite order.
func address(station int, link string, v6 bool) netip.Addr {
	switch {
	case link == "wan":
		return netip.AddrFrom4([4]byte{192, 0, 2, byte(100 - station)})
	case v6:
		return netip.MustParseAddr(fmt.Sprintf("fe80::%d", 100-station))
	}
	return netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + station)})
}

func (e *ether) send(from int, said []said) {
	for _, s := range said {
		for to := range e.stations {
			if to == from || e.cut(from, to, s.link, s.v6) || e.rng.Float64() < e.loss {
				continue
			}
			for again := true; again; again = e.rng.Float64() < e.double {
				delay := time.Duration(e.rng.Int64N(int64(e.late)))
				e.frames = append(e.frames, frame{e.now.Add(delay), to, s, address(from, s.link, s.v6)})
			}
		}
	}
}

// run lets time pass, and tells of each moment at which something happened.
func (e *ether) run(d time.Duration, moment func()) {
	e.t.Helper()
	end := e.now.Add(d)
	for {
		at, what := e.next()
		if what == nil || at.After(end) {
			e.now = end
			return
		}
		if at.After(e.now) {
			e.now = at
		}
		before := e.roles()
		what()
		if e.roles() != before {
			e.log = append(e.log, fmt.Sprintf("%v %s", e.now.Sub(t0), e.masters()))
		}
		moment()
	}
}

// next is what happens next: what comes first of timers and frames.
func (e *ether) next() (at time.Time, what func()) {
	for i, s := range e.stations {
		due := s.due()
		if due.IsZero() || what != nil && !due.Before(at) {
			continue
		}
		at, what = due, func() {
			e.send(i, s.timeout(e.now))
			if d := s.due(); !d.IsZero() && !d.After(e.now) {
				e.t.Fatalf("station %d is due again at once", i)
			}
		}
	}
	for i, f := range e.frames {
		if what != nil && !f.at.Before(at) {
			continue
		}
		at, what = f.at, func() {
			e.frames = append(e.frames[:i:i], e.frames[i+1:]...)
			e.send(f.to, e.stations[f.to].receive(e.now, Heard{
				Link: f.said.link, Src: f.src, Own: address(f.to, f.said.link, f.said.v6), Ad: f.said.ad,
			}))
		}
	}
	return at, what
}

// roles has a bit for each master of each link.
func (e *ether) roles() uint {
	var bits uint
	for _, l := range links {
		for _, s := range e.stations {
			bits <<= 1
			if s.master(l.name) {
				bits |= 1
			}
		}
	}
	return bits
}

// masters are the masters of each link, in words.
func (e *ether) masters() string {
	var words []string
	for _, l := range links {
		w := l.name
		for i, s := range e.stations {
			if s.master(l.name) {
				w += fmt.Sprintf(" %d", i)
			}
		}
		words = append(words, w)
	}
	return strings.Join(words, ", ")
}

// count is how many masters a link has.
func (e *ether) count(link string) int {
	n := 0
	for _, s := range e.stations {
		if s.master(link) {
			n++
		}
	}
	return n
}

func (e *ether) fatalf(format string, args ...any) {
	e.t.Helper()
	e.t.Fatalf("%v: %s\n%s", e.now.Sub(t0), fmt.Sprintf(format, args...), strings.Join(e.log, "\n"))
}

// settles has the ether calm, and holds that within so long each link has one master, and that the
// same ones stay.
func (e *ether) settles(within time.Duration) {
	e.t.Helper()
	e.calm()
	e.run(within, func() {})
	settled, roles := e.masters(), e.roles()
	for _, l := range links {
		if n := e.count(l.name); n != 1 {
			e.fatalf("%s has %d masters after %v of calm", l.name, n, within)
		}
	}
	e.run(20*time.Second, func() {
		if e.roles() != roles {
			e.fatalf("after %v of calm masters were %s and are %s", within, settled, e.masters())
		}
	})
}

// ours is a Group with what its loop does for it.
type ours struct {
	*Group
	counter *Counter
	echoes  int
}

func newOurs(epoch uint32, c Config) *ours {
	c.VHosts = nil
	for _, l := range links {
		c.VHosts = append(c.VHosts, VHost{VHID: l.vhid, Link: l.name, V4: true, V6: l.v6})
	}
	return &ours{Group: NewGroup(c), counter: NewCounter(epoch)}
}

func (o *ours) due() time.Time { return o.Deadline() }

func (o *ours) timeout(now time.Time) []said { return o.say(o.Timeout(now)) }

func (o *ours) receive(now time.Time, h Heard) []said {
	if o.counter.Echo(h.Ad) {
		o.echoes++
		return nil
	}
	return o.say(o.Receive(now, h))
}

func (o *ours) master(string) bool { return o.State() == Master }

func (o *ours) say(actions []Action) []said {
	var out []said
	for _, a := range actions {
		for _, s := range a.Send {
			for _, v6 := range []bool{false, true} {
				if v := o.config.VHosts[s.VHost]; v.speaks(v6) {
					s.Ad.Counter = o.counter.Next()
					out = append(out, said{v.Link, v6, s.Ad})
				}
			}
		}
	}
	return out
}
