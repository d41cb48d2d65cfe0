package flows

import (
	"fmt"
	"syscall"
)

// walker takes the answer to a request to dump flows.
type walker struct {
	seq     uint32
	stopped func() error // why nobody wants the rest, nil while somebody does
	filter  Filter
	fn      func(Flow)

	fault  error
	recent recent
}

// take is done at the end of the dump, not at the first fault: the answer to the next request stands behind this one.
func (w *walker) take(m message) (done bool, err error) {
	if m.seq != w.seq {
		return false, nil
	}
	if w.fault == nil {
		w.fault = w.stopped()
	}
	if m.flags&flagInterrupted != 0 && w.fault == nil {
		w.fault = errInterrupted
	}
	switch m.kind {
	case msgDone, msgError:
		if err := failure(m); err != nil && w.fault == nil {
			w.fault = err
		}
		return true, w.fault
	}
	if w.fault == nil {
		w.fault = w.flow(m.data)
	}
	return false, nil
}

func (w *walker) flow(data []byte) error {
	f, err := parseFlow(data)
	if err != nil {
		return fmt.Errorf("decode a flow: %w", err)
	}
	if w.filter.Match(f) && w.recent.add(f) {
		w.fn(f)
	}
	return nil
}

// failure is the cause that NLMSG_ERROR or NLMSG_DONE give, nil if they tell of none.
func failure(m message) error {
	errno, err := m.errno()
	if err == nil && errno != 0 {
		err = syscall.Errno(-errno)
	}
	return err
}

// bucketLen is more than a bucket of the kernel's table holds: longer ones are not filled.
const bucketLen = 80

// recent remembers the last flows of a dump. The kernel dumps bucket by bucket, and begins a bucket again if the flow it stopped at
// is gone when it goes on.
type recent struct {
	ids  [bucketLen]uint32 // looked through for each flow, so they stand close together
	keys [bucketLen]flowKey
	len  int
	next int
}

// flowKey is what no two flows of a table have in common.
type flowKey struct {
	orig Tuple
	zone uint16
}

func keyOf(f Flow) flowKey { return flowKey{f.Orig, f.Zone} }

// add reports whether the flow is new, and remembers it in place of the oldest one.
func (r *recent) add(f Flow) bool {
	for i, id := range r.ids[:r.len] {
		if id == f.ID && r.keys[i] == keyOf(f) {
			return false
		}
	}
	r.ids[r.next], r.keys[r.next] = f.ID, keyOf(f)
	r.next = (r.next + 1) % bucketLen
	r.len = min(r.len+1, bucketLen)
	return true
}

// batch takes the answers to requests that were sent in one datagram. Each that fails is answered with its sequence number, and
// the last one is answered in any case: what has no answer by then was done.
type batch struct {
	first uint32 // sequence number
	len   int

	gone    int   // flows that ended by themselves
	refused int   // requests that failed otherwise
	worst   int   // the first of them
	cause   error // of the first of them
}

// header is that of a request.
func (b *batch) header(i int) header {
	h := header{seq: b.first + uint32(i)}
	if i == b.len-1 {
		h.flags = flagAck
	}
	return h
}

func (b *batch) take(m message) (done bool, err error) {
	i := m.seq - b.first
	if m.kind != msgError || i >= uint32(b.len) {
		return false, nil
	}
	switch err := failure(m); err {
	case nil:
	case syscall.ENOENT:
		b.gone++
	default:
		if b.refused++; b.refused == 1 {
			b.worst, b.cause = int(i), err
		}
	}
	return int(i) == b.len-1, nil
}

// done is how many requests were done.
func (b *batch) done() int { return b.len - b.gone - b.refused }

// refusals tells of all flows that the kernel refused to change, by the first of them.
type refusals struct {
	count int
	first Flow
	cause error
}

func (r *refusals) add(b batch, first Flow) {
	if r.count == 0 {
		r.first, r.cause = first, b.cause
	}
	r.count += b.refused
}

func (r *refusals) err() error {
	switch r.count {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%v: %w", r.first, r.cause)
	}
	return fmt.Errorf("%v and %d others: %w", r.first, r.count-1, r.cause)
}

// counting takes the answer to a question for statistics.
type counting struct {
	seq   uint32
	count Count
}

// take is done with the first answer: the kernel marks it as one of several and sends no end.
func (c *counting) take(m message) (done bool, err error) {
	switch {
	case m.seq != c.seq:
		return false, nil
	case m.kind == msgError:
		return true, failure(m)
	}
	c.count, err = parseCount(m.data)
	return true, err
}

// nothing appends no attribute.
func nothing(b []byte) []byte { return b }
