package flowsync

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/rempart/rempart/ha/conntrack"
)

// eventBuffer is for the events of some 50,000 flows: what comes while a million slots are looked at.
const eventBuffer = 64 << 20

// Conntrack is the Kernel of a network namespace, and its events. One thread may use it.
type Conntrack struct {
	events   *conntrack.Events
	table    *conntrack.Table
	walk     *conntrack.Walk
	locals   *conntrack.Locals
	timeouts conntrack.Timeouts
	measured time.Time

	batch   []byte
	message conntrack.Message
}

// OpenConntrack is about the namespace of the calling thread, and needs CAP_NET_ADMIN. buffer is for events
// that wait, in bytes.
func OpenConntrack(buffer int) (*Conntrack, error) {
	c := &Conntrack{}
	var err error
	for _, open := range []func() error{
		func() error { c.events, err = conntrack.OpenEvents(buffer); return err },
		func() error { c.table, err = conntrack.OpenTable(); return err },
		func() error { c.walk, err = conntrack.OpenWalk(); return err },
		func() error { c.locals, err = conntrack.OpenLocals(); return err },
		func() error { return c.events.Ignore(c.table.Port()) },
		c.measure,
	} {
		if err := open(); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// measure reads the kernel's timeouts.
func (c *Conntrack) measure() error {
	c.measured = time.Now()
	all, err := conntrack.ReadTimeouts()
	if err == nil {
		c.timeouts = all
	}
	return err
}

// Close gives the sockets back.
func (c *Conntrack) Close() error {
	var all []error
	if c.events != nil {
		all = append(all, c.events.Close())
	}
	if c.table != nil {
		all = append(all, c.table.Close())
	}
	if c.walk != nil {
		all = append(all, c.walk.Close())
	}
	if c.locals != nil {
		all = append(all, c.locals.Close())
	}
	return errors.Join(all...)
}

// Do hands the jobs to the kernel in one datagram. The number of a request is that of its job.
func (c *Conntrack) Do(all []Job, answer func(i int, errno syscall.Errno, m *conntrack.Message)) error {
	b := c.batch[:0]
	for i := range all {
		b = all[i].append(b, uint32(i))
	}
	c.batch = b
	var malformed error
	err := c.table.Do(b, func(msg []byte) {
		m := &c.message
		if err := m.Parse(msg); err != nil {
			malformed = err
			return
		}
		switch {
		case int(m.Seq) >= len(all):
		case m.Event == conntrack.Refused && m.Errno != 0:
			answer(int(m.Seq), syscall.Errno(m.Errno), nil)
		case m.Event == conntrack.New || m.Event == conntrack.Update:
			answer(int(m.Seq), 0, m)
		}
	})
	if err = errors.Join(err, malformed); err != nil {
		return fmt.Errorf("change flows: %w", err)
	}
	return nil
}

// append appends the request that a job is.
func (j *Job) append(b []byte, seq uint32) []byte {
	k := &j.Flow.Key
	switch j.Op {
	case Create:
		return conntrack.AppendCreate(b, seq, &j.Flow, j.Extra, j.Timeout)
	case Change:
		return conntrack.AppendUpdate(b, seq, &j.Flow, j.Extra, j.Timeout)
	case End:
		return conntrack.AppendEnd(b, seq, k)
	case Ask:
		return conntrack.AppendAsk(b, seq, k)
	case AskReply:
		return conntrack.AppendAskReply(b, seq, k, &j.Flow.Reply)
	case Timeout:
		return conntrack.AppendTimeout(b, seq, k, j.Timeout)
	case Tighten:
		return conntrack.AppendTighten(b, seq, k)
	}
	return b
}

// Walk begins a walk.
func (c *Conntrack) Walk(kind conntrack.Kind, family uint8) error { return c.walk.Start(kind, family) }

// ReadWalk goes on with it.
func (c *Conntrack) ReadWalk(take func(m *conntrack.Message)) (done bool, err error) {
	return c.walk.Read(func(msg []byte) {
		if c.message.Parse(msg) == nil {
			take(&c.message)
		}
	})
}

// Hear says what is heard.
func (c *Conntrack) Hear(all bool) error { return c.events.Hear(all) }

// Local knows the addresses of the namespace.
func (c *Conntrack) Local(family uint8, a [16]byte) bool { return c.locals.Has(family, a) }

// measureEvery is how old what is known of the kernel's timeouts may be.
const measureEvery = time.Minute

// Timeouts are those of the last look.
func (c *Conntrack) Timeouts() *conntrack.Timeouts {
	if time.Since(c.measured) > measureEvery {
		_ = c.measure() // those from before are as good as any
	}
	return &c.timeouts
}

// Reports reads whether nf_conntrack_events is on. Where that cannot be read it is taken to be.
func (c *Conntrack) Reports() bool {
	b, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_events")
	return err != nil || len(b) == 0 || b[0] != '0'
}

// Count reads how full the table is; zeros where the kernel does not tell.
func (c *Conntrack) Count() (now, most uint32) {
	now, most, _ = conntrack.Count()
	return now, most
}
