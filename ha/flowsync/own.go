package flowsync

import (
	"time"

	"github.com/rempart/rempart/ha/conntrack"
	"github.com/rempart/rempart/ha/flowwire"
	"github.com/rempart/rempart/ha/view"
)

// The bits of an entry of the sender.
const (
	used   uint16 = 1 << iota // somebody has the slot
	gone                      // its flow ended, and the peer is to know
	dirty                     // the peer has not been told of what is here
	whole                     // it has to be told all of it
	based                     // it has all of it but for what changed: a Change will do
	lost                      // what was sent of it last did not arrive
	urgent                    // the slot stands in that queue
	lazy                      // or in that one
	unused                    // the slot is in the list of free ones
)

// own is the flows of this node, as it tells them to the peer. State goes over, not operations: a slot that
// differs from what the peer was told is dirty, what is sent of it is what it holds then, and what is lost makes it
// dirty again. So nothing is kept to be sent again, and a flow that changes ten times while the line is busy
// costs one record.
type own struct {
	table
	told    sums // of what was sent
	urgent  queue
	lazy    queue
	flights flights
	live    uint64 // flows that have not ended
	missing int    // slots that are lost
	lossy   bool   // frames were given up, and the peer does not know yet that they will not come
	stats   *view.SyncStats
	scratch conntrack.Extra

	whole    bool   // a walk has seen all that the kernel has
	mark     uint32 // where in the urgent queue the snapshot ends
	snapshot snapshot
	ends     uint64 // the frame by which all of the snapshot was sent
}

// snapshot is how far the first telling of all flows is.
type snapshot uint8

const (
	notYet   snapshot = iota // the table is not whole
	sending                  // it waits in the queue
	draining                 // it was sent
	sent                     // and has arrived
)

// lazyHold is how long a detail may wait for a frame that goes anyway: an end, a state. Several of them
// become one meanwhile.
const lazyHold = 20 * time.Millisecond

// keptStatus are the bits that mean something on another machine.
const keptStatus = conntrack.Expected | conntrack.SeenReply | conntrack.Assured | conntrack.Confirmed | conntrack.SrcNAT |
	conntrack.DstNAT | conntrack.SeqAdjust | conntrack.Helped

// settle makes a flow what two nodes can agree on.
func settle(f *conntrack.Flow) {
	if f.Kind == conntrack.KindFlow && f.Proto == conntrack.TCP && f.State == 0 {
		f.State = conntrack.Established // the kernel tells none of an offloaded flow
	}
	f.Status &= keptStatus
	f.Timeout = 0
	for i := range f.Flags {
		f.Flags[i] &= conntrack.WindowScale | conntrack.SACK
	}
}

// learn takes in what the kernel tells of a flow that is shared. all says that the message has all there is of
// it. ask says that more has to be known first.
func (o *own) learn(at uint32, m *conntrack.Message, all bool) (slot uint32, ask bool) {
	slot, known := o.find(&m.Flow.Key)
	if !known {
		if !all && scarce(m) {
			return 0, true
		}
		slot = o.take()
		e := o.at(slot)
		e.flow = m.Flow
		settle(&e.flow)
		o.calm(e)
		e.bits = e.bits&(urgent|lazy) | used
		o.link(slot)
		o.put(slot, &m.Extra)
		o.live++
		o.soil(at, slot, true)
		return slot, false
	}
	e := o.at(slot)
	if e.bits&gone != 0 { // another one, of which the peer is not to have what the last one had
		if !all && scarce(m) {
			return 0, true
		}
		e.flow = m.Flow
		settle(&e.flow)
		e.bits &^= gone | based
		o.put(slot, &m.Extra)
		o.live++
		o.soil(at, slot, true)
		return slot, false
	}
	was := e.flow
	e.flow.Reply = m.Flow.Reply
	if m.Has&conntrack.HasStatus != 0 {
		e.flow.Status = m.Flow.Status
	}
	if m.Has&conntrack.HasMark != 0 || all {
		e.flow.Mark = m.Flow.Mark
	}
	if m.Has&conntrack.HasProto != 0 {
		e.flow.State, e.flow.Flags, e.flow.Scale = m.Flow.State, m.Flow.Flags, m.Flow.Scale
	}
	settle(&e.flow)
	other := o.extras(slot, m, all)
	switch {
	case other || e.flow.Reply != was.Reply:
		e.bits &^= based
		o.soil(at, slot, true)
	case e.flow != was:
		o.soil(at, slot, false)
	}
	return slot, false
}

// recall completes an event with the state that a flow had: the kernel tells of it only what changed, such as a mark.
func (o *own) recall(m *conntrack.Message) {
	if m.Flow.Proto != conntrack.TCP || m.Has&conntrack.HasProto != 0 {
		return
	}
	if slot, ok := o.find(&m.Flow.Key); ok && o.at(slot).bits&gone == 0 {
		m.Flow.State = o.at(slot).flow.State
	}
}

// scarce says that an event is too little to put a flow into another kernel.
func scarce(m *conntrack.Message) bool {
	switch m.Flow.Proto {
	case conntrack.TCP, conntrack.SCTP, conntrack.DCCPNum:
		if m.Has&conntrack.HasProto == 0 && m.Flow.Kind == conntrack.KindFlow {
			return true
		}
	}
	return m.Flow.Kind == conntrack.KindFlow && (m.Flow.Status&conntrack.Expected != 0 && m.Has&conntrack.HasMaster == 0 ||
		m.Flow.Status&conntrack.SeqAdjust != 0 && m.Has&conntrack.HasAdjust == 0)
}

// extras takes in what few flows have, and says whether it changed.
func (o *own) extras(slot uint32, m *conntrack.Message, all bool) bool {
	was := o.extra[slot]
	x := &o.scratch
	*x = conntrack.Extra{}
	switch {
	case all:
		*x = m.Extra
	case was == nil && m.Extra == (conntrack.Extra{}):
		return false
	case was != nil:
		*x = *was
	}
	if m.Has&conntrack.HasHelper != 0 {
		x.Helper = m.Extra.Helper
	}
	if m.Has&conntrack.HasMaster != 0 {
		x.Master = m.Extra.Master
	}
	if m.Has&conntrack.HasLabels != 0 {
		x.Labels = m.Extra.Labels
	}
	if m.Has&conntrack.HasZones != 0 {
		x.Zones = m.Extra.Zones
	}
	if m.Has&conntrack.HasAdjust != 0 {
		x.Adjust = m.Extra.Adjust
	}
	if m.Has&conntrack.HasProxy != 0 {
		x.Proxy = m.Extra.Proxy
	}
	if m.Has&conntrack.HasProto != 0 {
		x.VTag, x.DCCP = m.Extra.VTag, m.Extra.DCCP
	}
	if m.Flow.Kind == conntrack.KindExpect {
		x.Expects = m.Extra.Expects
		if was != nil {
			x.Expects.Timeout = was.Expects.Timeout // it runs down all the time
		}
	}
	if was == nil && *x == (conntrack.Extra{}) || was != nil && *was == *x {
		return false
	}
	o.put(slot, x)
	return true
}

// forget is the end of a flow.
func (o *own) forget(at uint32, slot uint32) {
	e := o.at(slot)
	if e.bits&gone != 0 {
		return
	}
	o.live--
	delete(o.extra, slot)
	if e.seq == 0 && e.sum == 0 {
		o.release(slot) // nobody has ever heard of it
		return
	}
	e.bits = e.bits&^(whole|based) | gone
	o.soil(at, slot, false)
}

// release gives a slot back. It may still stand in a queue, where it is nothing then.
func (o *own) release(slot uint32) {
	e := o.at(slot)
	o.unlink(slot)
	if e.bits&unused == 0 {
		o.free = append(o.free, slot)
	}
	o.calm(e)
	e.bits = e.bits&(urgent|lazy) | unused
	e.flow, e.seq = conntrack.Flow{}, 0
}

// calm says that nothing of a slot is lost any more.
func (o *own) calm(e *entry) {
	if e.bits&lost != 0 {
		e.bits &^= lost
		o.missing--
	}
}

// soil makes a slot one that the peer has to be told of. What it has to know all of goes at once.
func (o *own) soil(at uint32, slot uint32, all bool) {
	e := o.at(slot)
	e.bits |= dirty
	if all {
		e.bits |= whole
	}
	switch {
	case e.bits&urgent != 0:
	case all || e.bits&lost != 0:
		e.bits |= urgent
		o.urgent.push(slot, at)
	case e.bits&lazy == 0:
		e.bits |= lazy
		o.lazy.push(slot, at)
	}
}

// waits says whether something is to be sent, and in how long at the earliest.
func (o *own) waits(now uint32) (some bool, in time.Duration) {
	o.skip(&o.urgent, urgent)
	if o.urgent.len() > 0 {
		return true, 0
	}
	o.skip(&o.lazy, lazy)
	if o.lazy.len() == 0 {
		return false, 0
	}
	// What has waited for longer than microseconds can tell, 71 minutes, may wait for lazyHold once more.
	waited := time.Duration(now-o.lazy.first().at) * time.Microsecond
	return true, max(0, lazyHold-waited)
}

// skip drops what has been told by another way.
func (o *own) skip(q *queue, bit uint16) {
	for q.len() > 0 {
		e := o.at(q.first().slot)
		if e.bits&dirty != 0 {
			return
		}
		e.bits &^= bit
		q.drop()
	}
}

// backlog is how many records wait, more or less.
func (o *own) backlog() int { return o.urgent.len() + o.lazy.len() }

// fill writes what waits into a frame, as much as fits.
func (o *own) fill(w *flowwire.Writer, f *flight) {
	for _, q := range []struct {
		queue *queue
		bit   uint16
	}{{&o.urgent, urgent}, {&o.lazy, lazy}} {
		for o.skip(q.queue, q.bit); q.queue.len() > 0; o.skip(q.queue, q.bit) {
			slot := q.queue.first().slot
			if !o.write(w, slot, uint32(f.seq)) {
				return
			}
			f.slots = append(f.slots, slot)
			o.at(slot).bits &^= q.bit
			q.queue.drop()
		}
	}
}

// write puts one slot into a frame, if it fits.
func (o *own) write(w *flowwire.Writer, slot, seq uint32) bool {
	e := o.at(slot)
	var sum uint64
	count := &o.stats.Ends
	switch x := o.extra[slot]; {
	case e.bits&gone != 0:
		if !w.End(slot) {
			return false
		}
	case e.bits&(based|whole) == based:
		if !w.Change(slot, flowwire.Tag(&e.flow.Key), &e.flow) {
			return false
		}
		count, sum = &o.stats.Changes, flowwire.Hash(slot, &e.flow, x)
	default:
		if !w.Put(slot, &e.flow, x) {
			return false
		}
		count, sum = &o.stats.Puts, flowwire.Hash(slot, &e.flow, x)
	}
	*count++
	o.told.change(slot, e.sum, sum)
	if e.bits&lost != 0 {
		o.stats.Resent++
	}
	o.calm(e)
	e.sum, e.seq = sum, seq
	e.bits &^= dirty
	return true
}

// arrived is a frame that is in the peer's kernel.
func (o *own) arrived(f *flight) {
	for _, slot := range f.slots {
		e := o.at(slot)
		if e.bits&used == 0 || e.seq != uint32(f.seq) {
			continue // it was told of again since
		}
		switch {
		case e.bits&(gone|dirty) == gone:
			o.release(slot)
		case e.bits&gone == 0:
			if e.bits&dirty == 0 {
				e.bits &^= whole
			}
			e.bits |= based
		}
	}
}

// vanished is a frame that did not arrive.
func (o *own) vanished(at uint32, f *flight) {
	o.stats.FramesLost++
	o.lossy = true
	for _, slot := range f.slots {
		e := o.at(slot)
		if e.bits&used == 0 || e.seq != uint32(f.seq) {
			continue
		}
		if e.bits&lost == 0 {
			e.bits |= lost
			o.missing++
		}
		o.soil(at, slot, e.bits&(gone|based) == 0)
	}
}

// begin makes everything dirty, for a peer that knows nothing.
func (o *own) begin(at uint32) {
	o.flights.clear()
	o.urgent.head, o.lazy.head = o.urgent.tail, o.lazy.tail
	o.told, o.missing = sums{}, 0
	for slot := range o.next {
		e := o.at(slot)
		e.sum, e.seq = 0, 0
		if e.bits&(used|gone) != used {
			e.bits &^= urgent | lazy | lost
			if e.bits&used != 0 {
				o.release(slot)
			}
			continue
		}
		e.bits = used
		o.soil(at, slot, true)
	}
	o.snapshot = notYet
	if o.whole {
		o.cut()
	}
}

// cut ends the snapshot where the queue ends now: what comes later is change.
func (o *own) cut() {
	o.whole = true
	if o.snapshot == notYet {
		o.mark, o.snapshot = o.urgent.tail, sending
		o.stats.Snapshots++
	}
}

// doubt says that the table may lack something until a walk has been through.
func (o *own) doubt() { o.whole, o.snapshot = false, notYet }

// advance follows the snapshot, and says whether it has just arrived. last is the newest frame sent, and settled up to
// which all arrived or were made up for.
func (o *own) advance(last, settled uint64) (done bool) {
	if o.snapshot == sending && int32(o.urgent.head-o.mark) >= 0 {
		o.snapshot, o.ends = draining, last
	}
	if o.snapshot == draining && settled >= o.ends && o.missing == 0 {
		o.snapshot = sent
		return true
	}
	return false
}

// wanted makes all of a bucket dirty, empty slots too: the peer has something else there.
func (o *own) wanted(at uint32, b uint32) {
	first := uint64(b) * bucketSlots
	for slot := first; slot < min(first+bucketSlots, uint64(o.next)); slot++ {
		e := o.at(uint32(slot))
		if e.bits&used == 0 {
			e.bits |= used | gone
		}
		e.bits &^= based
		o.soil(at, uint32(slot), true)
	}
}

// drop empties it: this node has no flows of its own.
func (o *own) drop() { *o = own{stats: o.stats, flights: flights{window: o.flights.window}} }
