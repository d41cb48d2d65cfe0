package flowsync

import (
	"syscall"

	"github.com/rempart/rempart/ha/conntrack"
)

// failed is what the kernel says to a job that did not just succeed.
func (m *mirror) failed(j *Job, errno syscall.Errno, found *conntrack.Message) {
	switch j.Op {
	case Create:
		m.notCreated(j, errno)
	case Change:
		m.notChanged(j, errno)
	case Ask:
		m.stands(j, errno, found)
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

// stands is what stands where a flow was to be put, or whether a flow to be ended lives.
func (m *mirror) stands(j *Job, errno syscall.Errno, found *conntrack.Message) {
	switch {
	case j.about == endIfParked:
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
