package pulse

import (
	"slices"
	"time"
)

// JudgeConfig is what a Judge has to know.
type JudgeConfig struct {
	// Interval is that of the own heartbeats; the peer's tells its own, which rules.
	Interval time.Duration
	Paths    []PathConfig
}

// Judge weighs what is heard of the peer. It has no clock and is used by one goroutine: instants are
// arguments, on the monotonic clock, and those of what was heard are the kernel's.
//
//	any path brings a sign of life           it lives
//	all are silent, for Knock                doubt; its kernel is asked, on all of them, again and again
//	..., for Dead, and no answer             dead
//	..., for Dead, and answers               stunned: its kernel forwards as ever; dead when it
//	                                         does not answer for Dead either
//	..., for Stunned                         dead
//	the daemons' connection broke, and all are silent for Confirmed                  dead
//	the cable lost carrier, all others are silent for Confirmed, and no answer       dead
//
// Silence counts where the own device has carrier; when none has, it is this node that is cut off, and
// nothing is concluded. Silence does not count while the peer has asked for patience, nor while this node was
// itself asleep. The caller gives in all that has arrived before it calls Check.
type Judge struct {
	timing Timing
	paths  []*path
	now    time.Time // of the last Check
	due    time.Time // an event asks for a Check at once; zero: none does

	// What the peer said last.
	heard        bool
	session, seq uint64
	left         bool
	held         time.Time // it asked for patience until then

	life     time.Time // last sign of its program
	answered time.Time // last answer of its kernel
	awake    time.Time // silence before then was ours
	naps     int       // how often it was since the last sign of life
	knocked  time.Time // last knocks
	hurry    bool      // knock at once

	// Hints that the peer is gone; zero: none. A sign of life takes them back.
	reset, cut time.Time

	verdict Verdict
	reason  reason
	at      time.Time     // when the verdict was found
	known   time.Time     // life at that time
	silence time.Duration // and how long ago that was
}

// maxNaps is how often in one silence the windows start anew because this node was late. One that is
// always late has to come to a verdict.
const maxNaps = 3

// NewJudge makes a Judge that has heard nothing. It takes the carrier of a path for given until Carrier says.
func NewJudge(c JudgeConfig) *Judge {
	j := &Judge{}
	j.Configure(time.Time{}, c)
	return j
}

// Configure changes the settings, and keeps what is known of the peer and of paths that stay.
func (j *Judge) Configure(now time.Time, c JudgeConfig) {
	if !j.heard {
		j.timing = TimingFor(c.Interval)
	}
	paths := make([]*path, 0, len(c.Paths))
	for _, want := range c.Paths {
		p := j.path(want.Name)
		if p == nil {
			p = &path{carrier: true, up: now}
		}
		p.PathConfig = want
		paths = append(paths, p)
	}
	j.paths = paths
}

func (j *Judge) path(name string) *path {
	if i := slices.IndexFunc(j.paths, func(p *path) bool { return p.Name == name }); i >= 0 {
		return j.paths[i]
	}
	return nil
}

// Beat takes a heartbeat in that Sessions accepted. at is when the kernel had it.
func (j *Judge) Beat(at time.Time, b *Beat) {
	if b.Session != j.session {
		j.session, j.seq, j.left = b.Session, 0, false
		j.reset, j.cut = time.Time{}, time.Time{}
		j.pause()
	}
	j.heard = true
	if b.Seq >= j.seq { // else another path was quicker
		j.seq, j.left, j.held = b.Seq, b.Leaving, time.Time{}
		if b.Hold > 0 {
			j.held = at.Add(b.Hold)
		}
		if b.Interval != j.timing.Interval {
			j.timing = TimingFor(b.Interval)
		}
	}
	p := j.path(b.Path)
	if p != nil {
		p.beat = latest(p.beat, at)
		p.loss.count(at, j.timing.Interval)
	}
	j.lives(at, p)
	if j.left {
		j.pause()
		j.ask(at)
	}
}

// Sign takes in that the peer's program sent something else over a path, such as an advertisement.
func (j *Judge) Sign(at time.Time, path string) { j.lives(at, j.path(path)) }

// Answer takes in that the peer's kernel answered a knock.
func (j *Judge) Answer(at time.Time, path string) {
	p := j.path(path)
	if p == nil || !p.answered(at) {
		return // to nothing that we asked
	}
	j.answered = latest(j.answered, at)
	if j.verdict == Dead && !at.After(j.at) {
		// It was there when the peer was declared dead, and nobody had read it.
		j.verdict = Doubtful
		j.ask(at)
	}
}

// Carrier takes in whether the own device of a path has carrier.
func (j *Judge) Carrier(now time.Time, path string, up bool) {
	p := j.path(path)
	if p == nil || p.told && p.carrier == up {
		return
	}
	lost := p.told && p.carrier && !up
	if up && !p.carrier {
		p.up = now
	}
	p.carrier, p.told = up, true
	p.forget()
	p.loss.pause()
	switch {
	case j.Isolated():
		// All at once are lost at this end.
		j.reset, j.cut = time.Time{}, time.Time{}
	case p.Cable && up:
		j.cut = time.Time{}
	case p.Cable && lost && j.confirms(now):
		j.cut, j.hurry = now, true
	}
	j.ask(now)
}

// confirms says that a path with carrier brought signs of life of late, so that its silence from now
// on means something.
func (j *Judge) confirms(now time.Time) bool {
	return slices.ContainsFunc(j.paths, func(p *path) bool {
		return p.carrier && !p.sign.IsZero() && now.Sub(p.sign) < j.timing.Dead
	})
}

// Connected takes in that the daemons are connected.
func (j *Judge) Connected(time.Time) { j.reset = time.Time{} }

// Reset takes in that the connection of the daemons ended without a goodbye, by the peer's kernel.
func (j *Judge) Reset(now time.Time) {
	j.reset, j.hurry = now, true
	j.ask(now)
}

// Slept takes in that this node did nothing for d until now.
func (j *Judge) Slept(now time.Time, d time.Duration) {
	if d <= j.timing.Interval || j.naps == maxNaps {
		return
	}
	j.naps++
	j.awake, j.hurry = now, true
	for _, p := range j.paths {
		p.forget()
	}
}

// lives takes in a sign of life of the peer's program.
func (j *Judge) lives(at time.Time, p *path) {
	if p != nil {
		p.sign = latest(p.sign, at)
	}
	for _, p := range j.paths {
		p.answered(at)
	}
	if at.After(j.life) {
		j.life, j.naps = at, 0
		// Frames that were sent before may come a little after.
		grace := at.Add(-j.timing.Interval / 2)
		if j.reset.Before(grace) {
			j.reset = time.Time{}
		}
		if j.cut.Before(grace) {
			j.cut = time.Time{}
		}
	}
	if j.verdict != Alive {
		j.ask(at)
	}
}

// pause says that silence from now on is no loss of heartbeats.
func (j *Judge) pause() {
	for _, p := range j.paths {
		p.loss.pause()
	}
}

// ask wants a Check because of something at an instant.
func (j *Judge) ask(at time.Time) {
	if j.due.IsZero() {
		j.due = at
	}
}

// Isolated says that no path has carrier at this end.
func (j *Judge) Isolated() bool {
	return !slices.ContainsFunc(j.paths, func(p *path) bool { return p.carrier })
}

// Silent says that nothing came over the path of that name for as long as makes a peer dead, though it does over another.
func (j *Judge) Silent(name string) bool {
	p := j.path(name)
	return p != nil && j.silent(p) && slices.ContainsFunc(j.paths, func(o *path) bool {
		return !o.sign.IsZero() && !j.silent(o)
	})
}

func (j *Judge) silent(p *path) bool {
	return p.silent(j.now, latest(j.held, j.awake), j.timing.Dead)
}

// PathStates are the paths, in the order of the settings, at the time of the last Check.
func (j *Judge) PathStates() []PathState {
	states := make([]PathState, 0, len(j.paths))
	for _, p := range j.paths {
		states = append(states, PathState{
			Name: p.Name, Cable: p.Cable, Beat: p.beat, Sign: p.sign, Carrier: p.carrier,
			Silent: p.sign.IsZero() || j.silent(p),
			Lost:   p.loss.percent(j.now, j.timing.Interval),
		})
	}
	return states
}
