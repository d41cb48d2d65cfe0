package flowsync

import (
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/ha/conntrack"
	"github.com/rempart/rempart/ha/flowwire"
	"github.com/rempart/rempart/ha/view"
)

// Engine is flow sync without sockets and without a clock: now never goes back. It is used by one goroutine.
type Engine struct {
	kernel Kernel
	send   func(frame []byte) error
	log    hclog.Logger
	began  time.Time
	stats  *view.SyncStats

	target Target
	seals  seals
	epoch  uint32
	seq    uint64
	own    own
	peer   mirror
	jobs   *jobs
	walk   walker
	asks   []conntrack.Key // flows of which an event told too little

	in      inbox
	decoder flowwire.Reader
	writer  flowwire.Writer
	frame   []byte // room for one that goes out
	body    []byte // room for one that came

	spoken     time.Time // since when this node speaks
	sentAt     time.Time // the last frame
	stateAt    time.Time // the last one with a state
	chores     time.Time // when to do again what is done every second
	turned     time.Time // the last Turn, the one that is under way among them
	changed    bool      // something was told since then
	hurry      bool      // the peer differs: digests of all buckets are due
	round      uint32    // the next of them
	resync     bool      // the peer is asked to tell everything anew
	longest    uint32
	loosen     bool // flows that stand are to be tracked liberally
	crowded    bool // the table is nearly full
	mute       bool // the kernel reports nothing
	complete   bool
	why        string
	repair     string
	repairedAt time.Time
	complained time.Time
}

// NewEngine returns an engine without a peer. send is given each frame; it must not keep it.
func NewEngine(now time.Time, k Kernel, send func([]byte) error, log hclog.Logger) *Engine {
	e := &Engine{kernel: k, send: send, log: log, began: now, stats: new(view.SyncStats)}
	e.own = own{stats: e.stats, flights: flights{window: firstWindow}}
	e.jobs = newJobs(k, func(j *Job, errno syscall.Errno, m *conntrack.Message) { e.answered(j, errno, m) })
	e.peer = mirror{jobs: e.jobs, ours: &e.own, local: k.Local, stats: e.stats, asked: map[uint32]time.Time{}}
	e.limits()
	return e
}

// parkFor is how much longer than the longest timeout that a packet gives flows are parked: for as long as
// nobody may look after them, and so that it shows whether one has seen a packet here.
const parkFor = 7 * 24 * 60 * 60

func (e *Engine) limits() {
	e.longest = e.kernel.Timeouts().Longest()
	e.peer.longest, e.peer.park = e.longest, e.longest+parkFor
}

// micros is an instant as queues note it.
func (e *Engine) micros(now time.Time) uint32 { return uint32(now.Sub(e.began).Microseconds()) }

// Set makes a target the one of the engine.
func (e *Engine) Set(now time.Time, t Target) {
	was, told := e.target, e.telling()
	if !t.usable() {
		e.in.state = flowwire.State{} // what it said last is not so for ever
	}
	e.target = t
	fresh := e.seals.set(&t)
	if t.Theirs != 0 && t.Theirs != e.in.session {
		e.in = inbox{session: t.Theirs} // another program, with numbers of its own; ours go on
		e.peer.begin()
	}
	e.peer.both = t.Speak
	if t.Speak && !was.Speak {
		e.spoken = now
		// What this kernel has of an earlier time as master, and was not told of since, has old windows.
		e.loosen = was.PeerSpeaks && !e.complete
	}
	alone := was.Device != "" && t.Device == "" && !t.Speak && !t.PeerSpeaks
	if alone { // the policy has no pair any more, perhaps: what was parked must not stay for days
		e.spoken = now
	}
	switch tells := e.telling(); {
	case tells && !told:
		e.speak(now)
	case !tells && told:
		e.hush(now)
	case tells && fresh:
		e.anew(now)
	case t.Speak && !was.Speak && e.loosen:
		e.start(now, true)
	case t.Speak && !was.Speak || alone:
		e.start(now.Add(lowerAfter), false)
	}
	e.inherit(now)
	e.assess(now)
}

// inherit makes the flows of a peer that speaks no more this node's, or nobody's.
func (e *Engine) inherit(now time.Time) {
	if e.target.PeerSpeaks || e.in.state.Flags&flowwire.Speaking != 0 || e.peer.keys+e.peer.before.keys == 0 {
		return
	}
	e.peer.drop()
	if e.telling() {
		e.own.doubt()
		e.start(now, true)
	}
}

// telling says whether this node tells the peer of flows. A master without a peer does not: it would cost
// each flow, for nobody.
func (e *Engine) telling() bool { return e.target.Speak && e.seals.ready() }

// speak begins to tell the peer of flows.
func (e *Engine) speak(now time.Time) {
	if err := e.kernel.Hear(true); err != nil {
		e.complain(now, "listen to flows", err)
	}
	e.own.doubt()
	e.anew(now)
	e.start(now, true)
}

// anew tells all of it to a peer that knows nothing.
func (e *Engine) anew(now time.Time) {
	e.epoch++
	e.own.begin(e.micros(now))
	e.stateAt = time.Time{}
}

// hush ends that: somebody else is master, or nobody listens.
func (e *Engine) hush(now time.Time) {
	if err := e.kernel.Hear(false); err != nil {
		e.complain(now, "listen to ends of flows", err)
	}
	e.own.drop()
	e.peer.both = false
	e.peer.settleIn()
	e.asks = nil
	e.epoch++
	e.stateAt = time.Time{}
	e.start(now.Add(walkPause), false)
}

// Resync makes both nodes tell everything anew.
func (e *Engine) Resync(now time.Time) {
	if e.telling() {
		e.own.doubt()
		e.anew(now)
		e.start(now, true)
		return
	}
	e.resync = true
	e.in.due = now
}

// Event is what the kernel tells of a flow.
func (e *Engine) Event(now time.Time, m *conntrack.Message) {
	e.stats.Events++
	switch m.Event {
	case conntrack.Destroy:
		e.ended(now, m)
	case conntrack.New, conntrack.Update:
		if !e.telling() {
			return
		}
		e.own.recall(m)
		if !Shared(&m.Flow, e.kernel.Local) {
			return
		}
		if m.Flow.Kind == conntrack.KindExpect && m.Extra.Master != (conntrack.Key{}) {
			e.asks = append(e.asks, m.Extra.Master) // its helper has just written into it
		}
		if slot, ask := e.own.learn(e.micros(now), m, false); ask {
			e.asks = append(e.asks, m.Flow.Key)
		} else {
			e.own.at(slot).walk = e.walk.number
		}
	}
}

// ended is the end of a flow that this node did not bring about.
func (e *Engine) ended(now time.Time, m *conntrack.Message) {
	if e.target.Speak {
		if e.target.Mute {
			return // the addresses go, and flows with them that live on at the peer: a walk tells the rest
		}
		if slot, ok := e.own.find(&m.Flow.Key); ok {
			e.own.forget(e.micros(now), slot)
		}
		return
	}
	slot, ok := e.peer.find(&m.Flow.Key)
	switch {
	case !ok || e.peer.at(slot).bits&inside == 0:
	case e.crowded: // it gave way to another, and put in at once it would push out a third
		e.peer.lost(slot)
	default:
		e.repaired(now, "a flow ended here alone")
		e.peer.do(Create, slot)
	}
}

// Overrun says that the kernel dropped events: a walk finds what they were about.
func (e *Engine) Overrun(now time.Time) {
	e.stats.Overruns++
	if e.target.Speak {
		e.own.doubt()
	}
	e.start(now, true)
	e.repaired(now, "the kernel dropped events")
}

// answered is what the kernel says to a job that did not just succeed.
func (e *Engine) answered(j *Job, errno syscall.Errno, m *conntrack.Message) {
	if j.Op == Ask && (j.about == stillOwn || j.about == stillHere) {
		e.swept(e.turned, j, m)
		return
	}
	if j.Op == Ask && j.about == allOfIt {
		if m != nil && e.telling() && Shared(&m.Flow, e.kernel.Local) {
			slot, _ := e.own.learn(e.micros(e.turned), m, true)
			e.own.at(slot).walk = e.walk.number
		}
		return
	}
	if j.Op == Create || j.Op == Change || j.Op == Ask || j.Op == AskReply {
		e.peer.failed(j, errno, m)
	}
}

// Turn does what is due, and returns when there is more to do. It is to be called after each bunch of
// events and frames, and then.
func (e *Engine) Turn(now time.Time) time.Time {
	e.turned = now
	for _, k := range e.asks {
		e.jobs.add(Job{Op: Ask, Flow: conntrack.Flow{Key: k}, about: allOfIt})
	}
	e.asks = e.asks[:0]
	e.jobs.flush()
	if !now.Before(e.chores) {
		e.chores = now.Add(time.Second)
		e.chore(now)
	}
	if e.busy() && !now.Before(e.walk.next) {
		e.step(now)
	}
	if !e.seals.ready() {
		return e.due(now)
	}
	e.own.flights.expire(now, func(f *flight) { e.own.vanished(e.micros(now), f) })
	e.transmit(now)
	e.assess(now)
	return e.due(now)
}

// busy says whether there is something to walk for. While addresses go a walk would find, and tell, what is not to
// be told.
func (e *Engine) busy() bool {
	return !e.target.Mute && (e.target.Speak || e.complete || e.masterless())
}

// masterless says that nobody is master: what was parked gets its age all the same.
func (e *Engine) masterless() bool {
	return !e.target.Speak && !e.target.PeerSpeaks && !e.spoken.IsZero()
}

// chore is what is done every second.
func (e *Engine) chore(now time.Time) {
	e.limits()
	count, most := e.kernel.Count()
	e.crowded = most > 0 && uint64(count)*100 >= uint64(most)*crowdedFrom
	e.watchEvents(now)
	e.peer.retry()
	e.askHelped()
	e.jobs.flush()
	if err := e.jobs.broken; err != nil {
		e.jobs.broken = nil
		e.complain(now, "put flows into the kernel", err)
	}
}

// crowdedFrom is from which part of the table on, in percent, the kernel may drop flows for others.
const crowdedFrom = 95

// watchEvents notices that the kernel was told to report nothing, and when it does again: what changed in between is
// found by a walk.
func (e *Engine) watchEvents(now time.Time) {
	mute := e.telling() && !e.kernel.Reports()
	switch {
	case mute:
		e.own.doubt()
	case e.mute:
		e.start(now, true)
		e.repaired(now, "the kernel reported nothing (nf_conntrack_events)")
	}
	e.mute = mute
}

// mostHelped bounds how many flows are asked for in a second.
const mostHelped = 4096

// askHelped asks for flows that a helper follows: that it changed sequence numbers causes no event.
func (e *Engine) askHelped() {
	if !e.telling() {
		return
	}
	n := 0
	for slot, x := range e.own.extra {
		if x.Helper == [16]byte{} {
			continue
		}
		if n++; n > mostHelped {
			return
		}
		e.jobs.add(Job{Op: Ask, Flow: conntrack.Flow{Key: e.own.at(slot).flow.Key}, about: allOfIt})
	}
}

// due is when Turn has something to do though nothing happens.
func (e *Engine) due(now time.Time) time.Time {
	at := e.chores
	if e.busy() {
		at = earlier(at, e.walk.next)
	}
	if !e.seals.ready() {
		return at
	}
	at = earlier(at, e.own.flights.due())
	at = earlier(at, e.stateDue())
	at = earlier(at, e.in.due)
	if some, in := e.own.waits(e.micros(now)); some && e.own.flights.room() {
		if e.target.Mute { // who is about to take over needs all of it
			in = 0
		}
		at = earlier(at, later(now.Add(in), e.sentAt.Add(pace)))
	}
	return at
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// complain logs what is wrong, now and then.
func (e *Engine) complain(now time.Time, what string, err error) {
	if now.Sub(e.complained) < time.Minute {
		return
	}
	e.complained = now
	e.log.Warn("flow sync is held up", "operation", what, "cause", err)
}
