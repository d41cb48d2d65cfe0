package flowsync

import (
	"syscall"

	"github.com/rempart/rempart/ha/conntrack"
)

// Op is what the kernel is to do with a flow.
type Op uint8

// What there is to do.
const (
	Create   Op = iota // put it in; EEXIST if one of its tuples is there
	Change             // make status, mark and protocol state those of the flow
	End                // take it out
	Ask                // tell all of it
	AskReply           // tell of the flow whose answers are as those of this one
	Timeout            // set the timeout alone
	Tighten            // track its TCP strictly from now on
)

// Job is one request to the kernel.
type Job struct {
	Op      Op
	Flow    conntrack.Flow
	Extra   *conntrack.Extra // nil: none
	Timeout uint32           // seconds
	slot    uint32
	tries   uint8
	about   about
}

// about is why an Ask asks.
type about uint8

const (
	whoIsThere  about = iota // what stands where a flow was to be put
	endIfParked              // the flow is to be ended unless a packet has come for it here
	stillOwn                 // whether a flow of this node is still there
	stillHere                // whether a flow of the peer is still in this kernel
	allOfIt                  // an event told too little of a flow of this node
)

// Kernel is conntrack as flow sync uses it. Its methods are called by one goroutine.
type Kernel interface {
	// Do carries out jobs in order. It calls answer for each that failed, with the error, and for each
	// Ask that found something, with what it found.
	Do(jobs []Job, answer func(i int, errno syscall.Errno, m *conntrack.Message)) error
	// Walk begins a walk through all flows, or all expectations, of a family; ReadWalk tells of some of them.
	Walk(kind conntrack.Kind, family uint8) error
	ReadWalk(take func(m *conntrack.Message)) (done bool, err error)
	// Hear makes the kernel tell of all changes, or of ends alone.
	Hear(all bool) error
	// Local says whether an address is one of this node.
	Local(family uint8, a [16]byte) bool
	// Timeouts are how long the kernel keeps silent flows.
	Timeouts() *conntrack.Timeouts
	// Reports says whether flows report what happens to them at all.
	Reports() bool
	// Count is how many flows there are, and how many fit.
	Count() (now, most uint32)
}

const (
	// batchLen is how many jobs go to the kernel at once. More gain nothing (2.5 µs each from 50 on).
	batchLen = 96
	// mostTries bounds how often what a job brought up is followed: it exists, who is it, away with it, again.
	mostTries = 4
)

// jobs is what waits to be done, in order.
type jobs struct {
	kernel Kernel
	wait   []Job
	doing  []Job
	errno  [batchLen]syscall.Errno
	found  [batchLen]*conntrack.Message
	pool   [batchLen]conntrack.Message
	busy   bool
	// failed is told of each job that the kernel refused and of each Ask, found or not; it may add jobs.
	failed func(j *Job, errno syscall.Errno, m *conntrack.Message)
	broken error // the kernel could not be asked at all
}

func newJobs(k Kernel, failed func(*Job, syscall.Errno, *conntrack.Message)) *jobs {
	return &jobs{kernel: k, failed: failed}
}

// add puts a job behind the others.
func (q *jobs) add(j Job) {
	q.wait = append(q.wait, j)
	if len(q.wait) >= batchLen && !q.busy {
		q.flush()
	}
}

// flush does what waits, and what comes of it.
func (q *jobs) flush() {
	q.busy = true
	defer func() { q.busy = false }()
	for len(q.wait) > 0 {
		n := min(len(q.wait), batchLen)
		q.doing = append(q.doing[:0], q.wait[:n]...)
		q.wait = append(q.wait[:0], q.wait[n:]...)
		clear(q.errno[:n])
		clear(q.found[:n])
		if err := q.kernel.Do(q.doing, q.take); err != nil {
			q.broken = err
		}
		for i := range q.doing {
			if j := &q.doing[i]; q.errno[i] != 0 || q.found[i] != nil {
				q.failed(j, q.errno[i], q.found[i])
			}
		}
	}
}

// take is what the kernel says to one of the jobs that it does.
func (q *jobs) take(i int, errno syscall.Errno, m *conntrack.Message) {
	q.errno[i] = errno
	if m != nil {
		q.pool[i] = *m
		q.found[i] = &q.pool[i]
	}
}
