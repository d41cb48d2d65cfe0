package gateways

import (
	"net/netip"
	"time"

	"github.com/rempart/rempart/config"
)

const (
	missesToSilence = 3 // questions in a row
	answersToReturn = 2

	// A target inside answers soon or not at all, and its statistics are for
	// people, over this many questions.
	forwardTimeout = 2 * time.Second
	forwardWindow  = 30
)

// forward is a port forward whose targets are watched. They are taken to live
// until they miss three questions in a row, and again after two answers.
type forward struct {
	Targets
	targets []*target
	silent  map[*target]bool
	tell    func(target netip.Addr, silent bool, reason string)
}

func newForward(now time.Time, w Targets, phase func(time.Duration) time.Duration, old *forward) *forward {
	f := &forward{Targets: w, silent: make(map[*target]bool)}
	interval := max(w.Check.Interval, minInterval)
	m := config.Monitor{
		Interval: interval, Timeout: min(forwardTimeout, interval), Window: forwardWindow * interval,
	}
	for _, a := range w.Addresses {
		p := config.Probe{Kind: w.Check.Kind, Address: a, Port: w.Check.Port}
		if t := old.find(p, interval); t != nil {
			f.targets = append(f.targets, t)
			f.silent[t] = old.silent[t]
			continue
		}
		t := newTarget(p, m)
		t.due = now.Add(phase(interval))
		f.targets = append(f.targets, t)
	}
	return f
}

// find is the target that is asked the same at the same interval; nil: there is none.
func (f *forward) find(p config.Probe, interval time.Duration) *target {
	if f == nil {
		return nil
	}
	for _, t := range f.targets {
		if t.probe == p && t.interval == interval {
			return t
		}
	}
	return nil
}

// path is the routing table's: the targets are inside.
func (f *forward) path() Path { return Path{} }

func (f *forward) silence() time.Duration { return missesToSilence * f.Check.Interval }

func (f *forward) askable() []*target { return f.targets }

func (f *forward) steady() bool { return false }

// living is false: a service that is shut takes no flows, whoever is there.
func (f *forward) living() bool { return false }

// judge tells of each target that fell silent or came back, and says whether one did.
func (f *forward) judge(time.Time) bool {
	changed := false
	for _, t := range f.targets {
		was := f.silent[t]
		switch {
		case !was && t.missed >= missesToSilence:
			f.silent[t] = true
		case was && t.met >= answersToReturn:
			f.silent[t] = false
		default:
			continue
		}
		changed = true
		f.tell(t.probe.Address, !was, t.fault)
	}
	return changed
}

func (f *forward) next(time.Time) time.Time {
	var at time.Time
	for _, t := range f.targets {
		at = earlier(at, t.next())
	}
	return at
}

func (f *forward) shift(by time.Duration) {
	for _, t := range f.targets {
		t.shift(by)
	}
}

// addresses are those of the targets that do not answer.
func (f *forward) addresses() []netip.Addr {
	var all []netip.Addr
	for _, t := range f.targets {
		if f.silent[t] {
			all = append(all, t.probe.Address)
		}
	}
	return all
}

func (f *forward) status() ForwardStatus {
	s := ForwardStatus{Forward: f.Forward}
	for _, t := range f.targets {
		s.Targets = append(s.Targets, t.status(f.silent[t]))
	}
	return s
}
