package flowsync

import (
	"time"

	"github.com/rempart/rempart/ha/conntrack"
)

// walker goes through all that the kernel has, and then through all of a table that it did not meet. The first
// walk of a master makes its table, one after an overrun mends it, and slow ones for ever find what nobody told of.
type walker struct {
	number  uint8
	stage   int // of stages
	walking bool
	fast    bool
	sweep   uint32 // the next slot, once all stages are done
	next    time.Time
}

// stage is one piece of a walk.
type stage struct {
	kind   conntrack.Kind
	family uint8
}

// anyFamily is both: the kernel looks at all of its table for each walk.
const anyFamily = 0

func stages() []stage {
	return []stage{{conntrack.KindFlow, anyFamily}, {conntrack.KindExpect, anyFamily}}
}

const (
	// slowStep is between two pieces of a slow walk: some 130 flows, which cost the kernel a third of a millisecond.
	slowStep = 20 * time.Millisecond
	// walkPause is between two slow walks.
	walkPause = 20 * time.Second
	// sweepLen is how many slots are looked at in one go.
	sweepLen = 1 << 14
)

// start begins a walk, in place of one that is under way.
func (e *Engine) start(now time.Time, fast bool) {
	e.walk.number++
	e.walk.stage, e.walk.walking, e.walk.sweep, e.walk.next = 0, false, 0, now
	e.walk.fast = fast
	e.stats.Walks++
}

// step does the next piece of a walk.
func (e *Engine) step(now time.Time) {
	w := &e.walk
	all := stages()
	w.next = now
	if !w.fast {
		w.next = now.Add(slowStep)
	}
	if w.stage == len(all) {
		e.sweep(now)
		return
	}
	if !w.walking {
		if err := e.kernel.Walk(all[w.stage].kind, all[w.stage].family); err != nil {
			e.complain(now, "walk through flows", err)
			w.next = now.Add(time.Second)
			return
		}
		w.walking = true
	}
	done, err := e.kernel.ReadWalk(func(m *conntrack.Message) { e.met(now, m) })
	if err != nil {
		e.complain(now, "walk through flows", err)
		e.start(now.Add(time.Second), w.fast)
		return
	}
	if done {
		w.stage, w.walking = w.stage+1, false
	}
	e.jobs.flush()
}

// met is a flow that a walk came by.
func (e *Engine) met(now time.Time, m *conntrack.Message) {
	if m.Event != conntrack.Update && m.Event != conntrack.New || !Shared(&m.Flow, e.kernel.Local) {
		return
	}
	switch {
	case e.target.Speak:
		e.metOwn(now, m)
	case e.target.PeerSpeaks:
		e.metHere(now, m)
	case m.Flow.Kind == conntrack.KindFlow:
		e.ripen(now, m)
	}
}

// metOwn is a flow that this node is to tell of, unless the peer tells of it.
func (e *Engine) metOwn(now time.Time, m *conntrack.Message) {
	if slot, ok := e.peer.find(&m.Flow.Key); ok && e.peer.at(slot).bits&inside != 0 {
		return
	}
	if m.Flow.Kind == conntrack.KindFlow {
		e.ripen(now, m)
	}
	if e.telling() {
		slot, _ := e.own.learn(e.micros(now), m, true)
		e.own.at(slot).walk = e.walk.number
	}
}

// lowerAfter is how long after a takeover flows that nobody used get the age that they would have.
const lowerAfter = 10 * time.Second

// ripen makes a flow that came from the peer one of this node's: if no packet has come for it since, it gets the
// time that it would have left had its last packet come at the takeover; and once both its ends were heard, its TCP
// is tracked strictly, if that is wanted.
func (e *Engine) ripen(now time.Time, m *conntrack.Message) {
	const heard = conntrack.Liberal | conntrack.AckSeen
	f, since := &m.Flow, now.Sub(e.spoken)
	switch {
	case e.loosen && f.Proto == conntrack.TCP && f.Flags[0]&f.Flags[1]&conntrack.Liberal == 0:
		e.stats.Updated++
		e.jobs.add(Job{Op: Change, Flow: *f, tries: mostTries}) // one that has just ended is not put in again
	case f.Timeout > e.longest && since >= lowerAfter:
		all, gone := e.kernel.Timeouts().Of(f), uint32(since/time.Second)
		left := uint32(1)
		if gone < all {
			left = all - gone
		}
		e.stats.Lowered++
		e.jobs.add(Job{Op: Timeout, Flow: *f, Timeout: left})
	case e.target.Strict && f.Proto == conntrack.TCP && f.Flags[0]&heard == heard && f.Flags[1]&heard == heard:
		e.stats.Tightened++
		e.jobs.add(Job{Op: Tighten, Flow: *f})
	}
}

// parkedRoom is how much longer than any packet could make it a parked flow must have left, or it is
// parked anew.
const parkedRoom = 24 * 60 * 60

// metHere is a flow in the kernel of a node that is not master.
func (e *Engine) metHere(now time.Time, m *conntrack.Message) {
	p := &e.peer
	slot, ok := p.find(&m.Flow.Key)
	if !ok {
		e.stray(m)
		return
	}
	h := p.at(slot)
	h.walk = e.walk.number
	left := m.Flow.Timeout
	there := m.Flow
	settle(&there)
	switch {
	case h.bits&held == 0:
	case there.Reply != h.flow.Reply && m.Flow.Kind == conntrack.KindFlow:
		e.repaired(now, "a flow here was translated otherwise")
		p.jobs.add(Job{Op: End, Flow: m.Flow})
		p.do(Create, slot)
	case m.Flow.Kind == conntrack.KindFlow && (there.Mark != h.flow.Mark || there.State != h.flow.State):
		e.repaired(now, "a flow here had another mark or state")
		p.do(Change, slot)
	case m.Flow.Kind == conntrack.KindFlow && left < e.longest+parkedRoom:
		p.jobs.add(Job{Op: Timeout, Flow: h.flow, Timeout: p.park, slot: slot})
	}
}

// strayLeft is how long a flow may live on that the master does not have: if it is real its packets renew it.
const strayLeft = 300

// stray is a flow that the master does not have. What it told of once goes; what packets made here
// stays, but not for days.
func (e *Engine) stray(m *conntrack.Message) {
	if !e.complete || m.Flow.Kind != conntrack.KindFlow {
		return
	}
	switch left := m.Flow.Timeout; {
	case left > e.longest:
		e.stats.Ended++
		e.jobs.add(Job{Op: End, Flow: m.Flow})
	case left > strayLeft:
		e.jobs.add(Job{Op: Timeout, Flow: m.Flow, Timeout: strayLeft})
	}
}

// sweep looks at what the walk did not meet. That alone proves nothing, for a table that changes is
// not met whole: the kernel is asked.
func (e *Engine) sweep(now time.Time) {
	w := &e.walk
	t := &e.peer.table
	if e.target.Speak {
		t = &e.own.table // empty if nobody listens
	}
	end := min(w.sweep+sweepLen, t.next)
	for ; w.sweep < end; w.sweep++ {
		f := t.at(w.sweep)
		if f.walk == w.number || f.bits&1 == 0 { // used, or held
			continue
		}
		switch {
		case e.target.Speak && f.bits&gone == 0:
			e.jobs.add(Job{Op: Ask, Flow: f.flow, slot: w.sweep, about: stillOwn})
		case !e.target.Speak && f.bits&inside != 0:
			e.jobs.add(Job{Op: Ask, Flow: f.flow, slot: w.sweep, about: stillHere})
		}
	}
	e.jobs.flush()
	if w.sweep < t.next {
		return
	}
	e.loosen = false
	if e.masterless() && now.Sub(e.spoken) > lowerAfter {
		e.spoken = time.Time{} // all have their age
	}
	w.next = now.Add(walkPause)
	w.stage, w.walking, w.sweep = 0, false, 0
	w.number++
	e.stats.Walks++
	if w.fast = false; e.telling() {
		e.own.cut()
	}
}

// swept is the answer.
func (e *Engine) swept(now time.Time, j *Job, found *conntrack.Message) {
	switch j.about {
	case stillOwn:
		if slot, ok := e.own.find(&j.Flow.Key); ok && found == nil {
			e.own.forget(e.micros(now), slot)
			e.stats.Repairs++
		}
	case stillHere:
		if p := e.peer.of(j); p != nil && found == nil {
			e.repaired(now, "a flow was missing here")
			e.peer.do(Create, j.slot)
		}
	}
}

// repaired notes that something differed.
func (e *Engine) repaired(now time.Time, what string) {
	e.stats.Repairs++
	e.repair, e.repairedAt = what, now
}
