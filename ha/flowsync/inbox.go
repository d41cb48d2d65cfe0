package flowsync

import (
	"errors"
	"time"

	"github.com/rempart/rempart/ha/conntrack"
	"github.com/rempart/rempart/ha/flowwire"
)

// inbox is what came of the peer.
type inbox struct {
	session uint64 // the peer's
	window  flowwire.Window
	epoch   uint32
	state   flowwire.State
	heard   time.Time
	hushed  time.Time // when it last said that it speaks no more
	owed    int       // frames that want an acknowledgment
	due     time.Time // when it goes at the latest; zero: none is owed
	full    bool      // the peer's kernel has no room for all that it was told of
	differs bool      // the digests were not equal when they were last compared

	// What follows is of the frame that is being read.
	seq   uint64
	now   time.Time
	stale bool // of an epoch that is over
	wants bool // an acknowledgment
}

const (
	// ackHold is how long an acknowledgment waits for further frames, and ackMost how many of them.
	ackHold = 8 * time.Millisecond
	ackMost = 16
	// wantAgain is how long a bucket has to come.
	wantAgain = time.Second
	// everything is the bucket that stands for all of them.
	everything = ^uint32(0)
)

// Frame is what came from the cable, from whoever.
func (e *Engine) Frame(now time.Time, frame []byte) {
	h, body, ok := e.open(frame)
	if !ok {
		return
	}
	in := &e.in
	if err := in.window.Take(h.Seq); err != nil {
		e.stats.BadReplay++
		return
	}
	e.stats.FramesIn++
	e.stats.BytesIn += uint64(len(frame))
	in.heard = now
	if h.Epoch > in.epoch {
		in.epoch, in.state, in.differs, in.hushed = h.Epoch, flowwire.State{}, false, time.Time{}
		e.peer.begin()
	}
	in.seq, in.now, in.stale, in.wants = h.Seq, now, h.Epoch < in.epoch, false
	if err := e.decoder.Read(body, (*reader)(e)); err != nil {
		e.stats.BadMalformed++
	}
	e.owe(now)
}

// open is the body of an authentic frame.
func (e *Engine) open(frame []byte) (flowwire.Header, []byte, bool) {
	bad := &e.stats.BadAuth
	for _, s := range e.seals.in {
		h, body, err := s.Open(e.body[:0], frame)
		if err == nil {
			e.body = body
			return h, body, true
		}
		if errors.Is(err, flowwire.ErrVersion) {
			bad = &e.stats.BadVersion
		}
	}
	*bad++
	return flowwire.Header{}, nil, false
}

// owe sees to it that what came is acknowledged: at once where one is missing, so that it is sent again soon.
func (e *Engine) owe(now time.Time) {
	in := &e.in
	if !in.wants {
		return
	}
	in.owed++
	hold := ackHold
	if in.owed >= ackMost || in.window.Contiguous() < in.window.Highest() {
		hold = 0
	}
	in.due = earlier(in.due, now.Add(hold))
}

// reader is the engine as a frame's handler.
type reader Engine

func (r *reader) Put(slot uint32, f *conntrack.Flow, x *conntrack.Extra) {
	r.in.wants = true
	if !r.in.stale {
		r.peer.put(slot, uint32(r.in.seq), f, x)
	}
}

func (r *reader) Change(slot uint32, tag uint16, c *flowwire.Change) {
	r.in.wants = true
	if !r.in.stale {
		r.peer.change(slot, uint32(r.in.seq), tag, c)
	}
}

func (r *reader) End(slot uint32) {
	r.in.wants = true
	if !r.in.stale {
		r.peer.end(slot, uint32(r.in.seq))
	}
}

func (r *reader) Ack(a *flowwire.Ack) {
	r.in.full = a.Full
	if a.Floor > 0 {
		r.in.window.Skip(a.Floor - 1)
	}
	at := (*Engine)(r).micros(r.in.now)
	r.own.flights.heard(r.in.now, a, r.own.arrived, func(f *flight) { r.own.vanished(at, f) })
}

// State comes behind the records of its frame, and its digest is of all that was said up to here. It can be
// compared when none is missing, and none came that is newer.
func (r *reader) State(s *flowwire.State) {
	in := &r.in
	if in.stale {
		return
	}
	if was := in.state.Flags & flowwire.Speaking; was != 0 && s.Flags&flowwire.Speaking == 0 {
		in.hushed = in.now
	}
	in.state = *s
	(*Engine)(r).inherit(in.now)
	in.wants = in.wants || s.Flags&flowwire.Speaking != 0
	if s.Flags&flowwire.Differs != 0 {
		r.hurry = true
	}
	if s.Flags&flowwire.Speaking == 0 || !r.exact() {
		return
	}
	in.differs = s.Count != r.peer.has.count || s.Digest != r.peer.has.sum
	if in.differs {
		r.stats.Mismatches++
		return
	}
	r.peer.equal = in.now
}

// exact says that the frame at hand is the newest and that none before it is missing.
func (r *reader) exact() bool {
	w := &r.in.window
	return w.Contiguous() == w.Highest() && w.Highest() == r.in.seq
}

func (r *reader) Digest(d flowwire.Digest) {
	if r.in.stale || !r.exact() {
		return
	}
	b := r.peer.has.bucket(d.Bucket)
	if b.count == d.Count && b.sum == d.Sum || r.in.now.Sub(r.peer.asked[d.Bucket]) < wantAgain {
		return
	}
	r.peer.asked[d.Bucket] = r.in.now
	r.peer.want(d.Bucket)
	(*Engine)(r).repaired(r.in.now, "digests differed")
}

func (r *reader) Want(bucket uint32) {
	if !(*Engine)(r).telling() {
		return
	}
	if bucket == everything {
		(*Engine)(r).Resync(r.in.now)
		return
	}
	r.own.wanted((*Engine)(r).micros(r.in.now), bucket)
}
