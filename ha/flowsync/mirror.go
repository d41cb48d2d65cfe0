package flowsync

import (
	"slices"
	"syscall"
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
			j.Timeout = askThenEnd
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

// askThenEnd marks an Ask whose flow is to be ended if no packet has come for it here.
const askThenEnd = 1

// lives says that a flow is this node's own.
func (m *mirror) lives(k *conntrack.Key) bool {
	slot, ok := m.ours.find(k)
	return ok && m.ours.at(slot).bits&gone == 0
}

// failed is what the kernel says to a job that did not just succeed.
func (m *mirror) failed(j *Job, errno syscall.Errno, found *conntrack.Message) {
	switch j.Op {
	case Create:
		m.notCreated(j, errno)
	case Change:
		m.notChanged(j, errno)
	case Ask:
		m.asked1(j, errno, found)
	case AskReply:
		if found == nil && errno == syscall.ENOENT { // what stood in the way has gone
			m.once(*j, Create, j.tries+1)
			return
		}
		if found != nil && !m.lives(&found.Flow.Key) && !m.isLocal(&found.Flow) {
			m.jobs.add(Job{Op: End, Flow: found.Flow})
			m.once(*j, Create, j.tries+1)
			return
		}
		m.bar(j)
	}
}

// once does a job again as another one, unless it has been tried too often, or its flow has ended meanwhile.
func (m *mirror) once(j Job, op Op, tries uint8) {
	if m.of(&j) == nil {
		return
	}
	if tries > mostTries {
		m.bar(&j)
		return
	}
	j.Op, j.tries = op, tries
	if op == Create {
		j.Timeout = m.lasts(&j)
	}
	m.jobs.add(j)
}

func (m *mirror) isLocal(f *conntrack.Flow) bool {
	return m.local(f.Family, f.Orig.Src) || m.local(f.Family, f.Reply.Src)
}

// notChanged is a flow whose change the kernel did not take.
func (m *mirror) notChanged(j *Job, errno syscall.Errno) {
	switch {
	case errno == syscall.ENOENT || errno == syscall.ETIME:
		m.once(*j, Create, j.tries+1)
	case (errno == syscall.EOPNOTSUPP || errno == syscall.EBUSY) && j.Extra != nil && j.Extra.Helper != [16]byte{}:
		bare := *j.Extra // it was put in without its helper, or by another
		bare.Helper = [16]byte{}
		j.Extra = &bare
		m.once(*j, Change, j.tries+1)
	default:
		m.stats.Refused++
	}
}

// notCreated is a flow that the kernel did not take.
func (m *mirror) notCreated(j *Job, errno syscall.Errno) {
	switch {
	case errno == syscall.EEXIST:
		j.Timeout = 0
		m.once(*j, Ask, j.tries+1)
	case errno == syscall.ENOENT && j.Extra != nil && j.Extra.Master != (conntrack.Key{}):
		if j.Flow.Kind == conntrack.KindExpect {
			m.bar(j) // an expectation of nothing
			return
		}
		m.adopt(j)
	case (errno == syscall.EOPNOTSUPP || errno == syscall.ENOENT) && j.Extra != nil && j.Extra.Helper != [16]byte{}:
		m.stats.NoHelper++
		bare := *j.Extra
		bare.Helper = [16]byte{}
		j.Extra = &bare
		m.once(*j, Create, j.tries+1)
	case errno == syscall.ENOMEM || errno == syscall.ENOSPC || errno == syscall.ENOBUFS:
		m.stats.Full++
		m.fail(j, full)
	default:
		m.bar(j)
	}
}

// adopt is a flow whose master is not here: it may be under way. If it does not come the flow goes in on its own.
func (m *mirror) adopt(j *Job) {
	if m.orphans == nil {
		m.orphans = map[uint32]int{}
	}
	if m.orphans[j.slot]++; m.orphans[j.slot] <= mostTries {
		m.fail(j, orphan)
		return
	}
	delete(m.orphans, j.slot)
	alone := *j.Extra
	alone.Master = conntrack.Key{}
	j.Extra = &alone
	m.once(*j, Create, j.tries+1)
}

// lost is a flow that the kernel dropped for want of room.
func (m *mirror) lost(slot uint32) {
	m.stats.Full++
	e := m.at(slot)
	e.bits = e.bits&^inside | full
	m.failing++
	m.again = append(m.again, slot)
}

// fail notes that a flow is to be tried again.
func (m *mirror) fail(j *Job, why uint16) {
	e := m.of(j)
	if e == nil {
		return
	}
	m.stats.Inserted--
	if e.bits&(full|orphan) == 0 {
		m.failing++
		m.again = append(m.again, j.slot)
	}
	e.bits = e.bits&^inside | why
}

// bar gives a flow up: it is missing here, and costs no other.
func (m *mirror) bar(j *Job) {
	m.stats.Refused++
	if e := m.of(j); e != nil {
		m.settleFailing(e.bits)
		e.bits = e.bits&^(inside|full|orphan) | barred
	}
}

// of is the entry that a job is about; nil when it holds another flow by now.
func (m *mirror) of(j *Job) *entry {
	if j.slot >= m.next {
		return nil
	}
	if e := m.at(j.slot); e.bits&held != 0 && e.flow.Key == j.Flow.Key {
		return e
	}
	return nil
}

// asked1 is what stands where a flow was to be put, or whether a flow to be ended lives.
func (m *mirror) asked1(j *Job, errno syscall.Errno, found *conntrack.Message) {
	switch {
	case j.Timeout == askThenEnd:
		if found != nil && found.Flow.Timeout > m.longest {
			m.stats.Ended++
			m.jobs.add(Job{Op: End, Flow: j.Flow})
		} else if found != nil {
			m.stats.Kept++
		}
	case found == nil && errno == syscall.ENOENT:
		m.once(*j, AskReply, j.tries)
	case found == nil:
		m.bar(j)
	case found.Flow.Reply == j.Flow.Reply:
		j.Timeout = m.lasts(j)
		m.once(*j, Change, j.tries)
	case m.lives(&found.Flow.Key) || m.isLocal(&found.Flow):
		m.bar(j)
	default:
		m.stats.Clashes++
		m.jobs.add(Job{Op: End, Flow: found.Flow})
		m.once(*j, Create, j.tries+1)
	}
}

// mostRetries is how many flows are tried again in one go.
const mostRetries = 1 << 14

// retry tries flows again that did not fit, as long as they do: a table that is too small by half must not keep the
// thread from all else.
func (m *mirror) retry() {
	refused := m.stats.Full
	for n := 0; len(m.again) > 0 && n < mostRetries && m.stats.Full == refused; {
		batch := m.again[:min(len(m.again), batchLen)]
		m.again = m.again[len(batch):]
		n += len(batch)
		for _, slot := range batch {
			e := m.at(slot)
			if e.bits&(full|orphan) == 0 {
				continue
			}
			m.failing--
			e.bits &^= full | orphan
			m.do(Create, slot)
		}
		m.jobs.flush()
	}
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
			j.Op, j.Timeout = Ask, askThenEnd
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
