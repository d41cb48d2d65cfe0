package flowsync

import (
	"time"

	"github.com/rempart/rempart/ha/flowwire"
)

const (
	// pace is the least time between two frames that are not full: the first flow after a silence goes at
	// once, and the more there are the more go together.
	pace = 200 * time.Microsecond
	// stateEvery is how often a node says how it stands while there is something to tell, and stateIdle while
	// there is not.
	stateEvery = 100 * time.Millisecond
	stateIdle  = 500 * time.Millisecond
	// mostFrames bounds how many go out in one turn.
	mostFrames = 64
	// littleBacklog is how many records leave room for a state in their frame.
	littleBacklog = 16
	// around is what UDP and IPv6 put around a frame, and leastRoom what any network has room for.
	around    = 48
	leastRoom = 1280 - around
)

// room is how long a body may be.
func (e *Engine) room() int {
	return min(max(leastRoom, e.target.MTU-around), flowwire.MaxBody+flowwire.Overhead) - flowwire.Overhead
}

// stateDue is when a state is to be sent.
func (e *Engine) stateDue() time.Time {
	if e.changed || e.hurry {
		return e.stateAt.Add(stateEvery)
	}
	return e.stateAt.Add(stateIdle)
}

// transmit sends what is due.
func (e *Engine) transmit(now time.Time) {
	if e.own.advance(e.seq, e.own.flights.settled(e.seq)) {
		e.stateAt = time.Time{} // the peer waits for that
	}
	for range mostFrames {
		ack := !e.in.due.IsZero() && !now.Before(e.in.due)
		state := !now.Before(e.stateDue())
		if !ack && !state && !e.loaded(now) && len(e.peer.wants) == 0 {
			return
		}
		if !e.one(now, state) {
			return
		}
	}
}

// loaded says whether flows are to go now.
func (e *Engine) loaded(now time.Time) bool {
	if !e.own.flights.room() {
		return false
	}
	some, in := e.own.waits(e.micros(now))
	const full = 48 // records, about
	return some && (in == 0 || e.target.Mute) && (now.Sub(e.sentAt) >= pace || e.own.backlog() >= full)
}

// one sends one frame, and says whether there may be more to send.
func (e *Engine) one(now time.Time, state bool) (more bool) {
	w, room := &e.writer, e.room()
	w.Reset(room)
	e.seq++
	f := e.own.flights.next(e.seq, now)
	if state || e.in.owed > 0 || e.resync || len(e.peer.wants) > 0 || e.own.lossy {
		e.acknowledge(state)
	}
	if e.telling() && e.own.flights.room() && (!state || e.own.backlog() < littleBacklog) {
		e.own.fill(w, &f)
	}
	e.changed = e.changed || len(f.slots) > 0
	full := e.own.backlog() > 0 && len(f.slots) >= littleBacklog
	stated := state && e.tell(now)
	e.frame = e.seals.out.Seal(e.frame[:0], flowwire.Header{Epoch: e.epoch, Seq: e.seq}, w.Bytes())
	// What cannot be sent is lost, and made up for as anything that is.
	if err := e.send(e.frame); err != nil {
		e.complain(now, "send frame", err)
	}
	e.stats.Frames++
	e.stats.Bytes += uint64(len(e.frame))
	e.sentAt = now
	if len(f.slots) > 0 || stated && e.telling() { // else it is not acknowledged
		e.own.flights.launch(f)
	}
	return full || len(e.peer.wants) > 0
}

// acknowledge puts into a frame what came, what is asked for, and below which number nothing more will come. A node
// that only acknowledges says the latter rarely: an acknowledgment that is overtaken is as good.
func (e *Engine) acknowledge(state bool) {
	a := flowwire.Ack{Epoch: e.in.epoch, Full: e.peer.failing > 0}
	if state || e.telling() {
		a.Floor = e.own.flights.settled(e.seq-1) + 1
	}
	e.in.window.Fill(&a)
	e.writer.Ack(&a)
	e.in.owed, e.in.due, e.own.lossy = 0, time.Time{}, false
	if e.resync && e.writer.Want(everything) {
		e.resync = false
	}
	for len(e.peer.wants) > 0 && e.writer.Want(e.peer.wants[0]) {
		e.peer.wants = e.peer.wants[1:]
	}
}

// tell puts into a frame how this node stands. The digest is of all that was said, this frame included, and says
// nothing while something of it is lost: then this is false.
func (e *Engine) tell(now time.Time) bool {
	s := flowwire.State{Flags: e.flags(), Count: e.own.told.count, Digest: e.own.told.sum, Slots: e.own.next, Mirror: e.peer.has.count, Clock: now.UnixMilli()}
	count, most := e.kernel.Count()
	s.Local, s.Max = uint64(count), most
	copy(s.Revision[:], e.target.Revision)
	e.stateAt = now
	if e.own.missing > 0 || !e.writer.State(&s) {
		return false
	}
	e.changed = false
	for n := uint32(len(e.own.told.buckets)); e.hurry; e.round++ {
		if e.round >= n {
			e.hurry, e.round = false, 0
			break
		}
		b := e.own.told.buckets[e.round]
		if !e.writer.Digest(flowwire.Digest{Bucket: e.round, Count: b.count, Sum: b.sum}) {
			break
		}
	}
	return true
}

func (e *Engine) flags() (f flowwire.StateFlags) {
	if e.telling() {
		f |= flowwire.Speaking
		if e.own.whole {
			f |= flowwire.Whole
		}
		if e.own.snapshot == sent {
			f |= flowwire.SnapshotSent
		}
	}
	if e.complete {
		f |= flowwire.Complete
	}
	if e.in.differs {
		f |= flowwire.Differs
	}
	return f
}
