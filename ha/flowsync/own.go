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
