package flowsync

import (
	"slices"
	"time"

	"github.com/rempart/rempart/ha/conntrack"
	"github.com/rempart/rempart/ha/flowwire"
	"github.com/rempart/rempart/ha/view"
)

const bucketSlots = flowwire.BucketSlots

// The bits of an entry of a mirror.
const (
	held   uint16 = 1 << iota // the peer has a flow in this slot
	inside                    // it is in this kernel
	full                      // it is not, for the table is full
	orphan                    // it is not, for its master is not there yet
	barred                    // it is not, and never will be
)

// mirror is the peer's flows as it told of them, slot by slot, and what of them is in this kernel.
type mirror struct {
	table
	has    sums
	before table // of an epoch before, by key: what is in the kernel and not told of again yet
	jobs   *jobs
	ours   *own
	local  func(family uint8, a [16]byte) bool
	stats  *view.SyncStats

	park    uint32 // the timeout of flows whose packets go by the peer, seconds
	longest uint32 // the longest timeout that a packet gives
	both    bool   // this node is master of a group itself: what is here may live
	again   []uint32
	orphans map[uint32]int // how often a flow was tried whose master is not there
	failing int            // slots that are full or orphans
	wants   []uint32
	asked   map[uint32]time.Time
	equal   time.Time // when the digests were last equal
}

// put is a whole flow. seq is the frame's.
func (m *mirror) put(slot, seq uint32, f *conntrack.Flow, x *conntrack.Extra) {
	e := m.reach(slot)
	if !newer(seq, e) {
		return
	}
	sum := flowwire.Hash(slot, f, x)
	if e.bits&held != 0 && e.sum == sum {
		return
	}
	old := e.flow
	was := e.bits
	if was&held != 0 && old.Key != f.Key {
		m.vacate(slot)
		was = 0
	}
	m.has.change(slot, e.sum, sum)
	e.flow, e.sum = *f, sum
	e.bits = held | was&inside
	m.settleFailing(was)
	m.table.put(slot, x)
	if was&held == 0 {
		m.link(slot)
	}
	switch {
	case was&inside != 0 && old.Reply == f.Reply:
		m.do(Change, slot)
	case was&inside != 0:
		m.do(End, slot)
		m.do(Create, slot)
	case was&held == 0 && m.inherit(slot):
	case m.lives(&f.Key):
		// It is this node's as well, but packets went by the other one: what is known here of its windows is old.
		// An update makes it liberal.
		m.stats.Updated++
		m.jobs.add(Job{Op: Change, Flow: *f, Extra: m.extra[slot], slot: slot})
	default:
		m.do(Create, slot)
	}
}

// newer says whether a frame is newer than what an entry holds, and makes it the one that does. No frame comes that is
// further behind than the window, so what seems to be is ahead: an entry may rest for 1<<31 frames, which are days.
func newer(seq uint32, e *entry) bool {
	if e.seq != 0 && e.seq-seq < flowwire.WindowSize {
		return false
	}
	e.seq = seq
	return true
}

// inherit takes a flow over that an earlier epoch put into the kernel.
func (m *mirror) inherit(slot uint32) bool {
	e := m.at(slot)
	old, ok := m.before.find(&e.flow.Key)
	if !ok {
		return false
	}
	o := m.before.at(old)
	there := o.bits&inside != 0 && o.flow.Reply == e.flow.Reply
	same := there && o.flow == e.flow && sameExtra(m.before.extra[old], m.extra[slot])
	m.before.unlink(old)
	m.before.free = append(m.before.free, old)
	o.bits = 0
	if !there {
		return false
	}
	e.bits |= inside
	if !same {
		m.do(Change, slot)
	}
	return true
}

func sameExtra(a, b *conntrack.Extra) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// change is what changed of a flow that is here.
func (m *mirror) change(slot, seq uint32, tag uint16, c *flowwire.Change) {
	if slot >= m.next || m.at(slot).bits&held == 0 || flowwire.Tag(&m.at(slot).flow.Key) != tag {
		m.want(slot / bucketSlots)
		return
	}
	e := m.at(slot)
	if !newer(seq, e) {
		return
	}
	c.Apply(&e.flow)
	sum := flowwire.Hash(slot, &e.flow, m.extra[slot])
	if sum == e.sum {
		return
	}
	m.has.change(slot, e.sum, sum)
	e.sum = sum
	if e.bits&inside != 0 {
		m.do(Change, slot)
	}
}

// end is a slot in which the peer has nothing.
func (m *mirror) end(slot, seq uint32) {
	if slot >= m.next {
		return
	}
	if e := m.at(slot); newer(seq, e) && e.bits&held != 0 {
		m.vacate(slot)
	}
}

// vacate empties a slot, and takes its flow out of the kernel unless another slot has it by now.
func (m *mirror) vacate(slot uint32) {
	e := m.at(slot)
	if m.unlink(slot) && e.bits&inside != 0 {
		m.do(End, slot)
	}
	m.settleFailing(e.bits)
	m.has.change(slot, e.sum, 0)
	delete(m.extra, slot)
	delete(m.orphans, slot)
	e.bits, e.sum = 0, 0
}

// settleFailing says that what was wrong with an entry is no more.
func (m *mirror) settleFailing(bits uint16) {
	if bits&(full|orphan) != 0 {
		m.failing--
	}
}

// want asks for a bucket.
func (m *mirror) want(b uint32) {
	if !slices.Contains(m.wants, b) {
		m.wants = append(m.wants, b)
	}
}

// settleIn puts in what was left out because this node had it as its own.
func (m *mirror) settleIn() {
	for slot := range m.next {
		if m.at(slot).bits&^held == 0 && m.at(slot).bits != 0 {
			m.do(Create, slot)
		}
	}
	m.jobs.flush()
}

// do has the kernel do something with the flow of a slot.
func (m *mirror) do(op Op, slot uint32) {
	e := m.at(slot)
	if e.flow.Kind == conntrack.KindExpect && m.extra[slot] == nil {
		return // an expectation of nobody
	}
	j := Job{Op: op, Flow: e.flow, Extra: m.extra[slot], slot: slot}
	j.Timeout = m.lasts(&j)
	switch op {
	case Create:
		e.bits |= inside
		m.stats.Inserted++
	case Change:
		m.stats.Updated++
	case End:
		if m.lives(&e.flow.Key) {
			m.stats.Kept++
			return
		}
		if m.both {
			j.Op = Ask // whether packets have come for it is in its timeout
			j.about = endIfParked
		} else {
			m.stats.Ended++
		}
	}
	m.jobs.add(j)
}

// leastExpect is how long an expectation lasts at least, in seconds. It is no longer than the master's: what is
// expected and does not come is gone after a takeover. One that ends here before it does there is put in again.
const leastExpect = 60

// lasts is how long what a job puts here is to last, in seconds.
func (m *mirror) lasts(j *Job) uint32 {
	if j.Flow.Kind != conntrack.KindExpect {
		return m.park
	}
	if j.Extra == nil {
		return leastExpect
	}
	return max(j.Extra.Expects.Timeout, leastExpect)
}

// lives says that a flow is this node's own.
func (m *mirror) lives(k *conntrack.Key) bool {
	slot, ok := m.ours.find(k)
	return ok && m.ours.at(slot).bits&gone == 0
}

// begin is a new epoch: the peer tells everything anew. What is in the kernel stays until it is known what is
// not told again.
func (m *mirror) begin() {
	if m.before.keys == 0 {
		m.before = m.table
	} else {
		for slot := range m.next {
			if e := m.at(slot); e.bits&inside != 0 {
				m.before.keep(e, m.extra[slot])
			}
		}
	}
	m.table, m.has, m.again, m.orphans, m.failing, m.wants = table{}, sums{}, nil, nil, 0, nil
	m.equal = time.Time{}
}

// keep puts an entry of another table into this one.
func (t *table) keep(e *entry, x *conntrack.Extra) {
	slot := t.take()
	*t.at(slot) = *e
	t.link(slot)
	t.put(slot, x)
}

// finish ends what an earlier epoch left and this one does not have.
func (m *mirror) finish() {
	for slot := range m.before.next {
		e := m.before.at(slot)
		if e.bits&inside == 0 {
			continue
		}
		if _, ok := m.find(&e.flow.Key); ok || m.lives(&e.flow.Key) {
			continue
		}
		j := Job{Op: End, Flow: e.flow}
		if m.both {
			j.Op, j.about = Ask, endIfParked
		} else {
			m.stats.Ended++
		}
		m.jobs.add(j)
	}
	m.before = table{}
}

// drop forgets the peer's flows. They stay in the kernel: they are this node's now.
func (m *mirror) drop() {
	m.table, m.before, m.has, m.again, m.orphans, m.failing, m.wants = table{}, table{}, sums{}, nil, nil, 0, nil
	m.equal = time.Time{}
}
