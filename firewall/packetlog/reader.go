package packetlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Config says what a Reader reads and where it puts it.
type Config struct {
	Group  uint16                     // NFLOG group, as in "log group 1"
	Ring   *Ring                      // where entries go
	Name   func(device string) string // what the policy calls a device, empty if nothing; nil: nothing has a name
	Buffer int                        // bytes of socket buffer, for bursts; 0: DefaultBuffer
	Logger hclog.Logger               // nil: silence
}

// DefaultBuffer holds a burst of some thousand packets.
const DefaultBuffer = 4 << 20

// Stats counts what a Reader has met.
type Stats struct {
	Entries   uint64 `json:"entries"`   // handed to the ring
	Lost      uint64 `json:"lost"`      // logged by the kernel and never seen here, as far as the numbers of later entries tell
	Overruns  uint64 `json:"overruns"`  // times that the socket was full
	Malformed uint64 `json:"malformed"` // messages or packets that could not be read
}

// Reader turns what the kernel logs to one NFLOG group into entries of a ring.
type Reader struct {
	cfg   Config
	bound chan struct{}
	once  sync.Once

	entries, lost, overruns, malformed atomic.Uint64
}

// NewReader returns a reader; Run makes it read.
func NewReader(cfg Config) *Reader {
	if cfg.Name == nil {
		cfg.Name = func(string) string { return "" }
	}
	if cfg.Logger == nil {
		cfg.Logger = hclog.NewNullLogger()
	}
	if cfg.Buffer == 0 {
		cfg.Buffer = DefaultBuffer
	}
	return &Reader{cfg: cfg, bound: make(chan struct{})}
}

// Ready is closed once Run has the group: from then on the kernel keeps what it logs.
func (r *Reader) Ready() <-chan struct{} { return r.bound }

// Stats returns the counts so far.
func (r *Reader) Stats() Stats {
	return Stats{r.entries.Load(), r.lost.Load(), r.overruns.Load(), r.malformed.Load()}
}

// Run reads until ctx ends and then returns nil. It opens its socket in the network namespace of the calling thread, needs
// CAP_NET_ADMIN, and fails if another program has the group.
func (r *Reader) Run(ctx context.Context) error {
	s, err := listen(r.cfg.Group, r.cfg.Buffer)
	if err != nil {
		return fmt.Errorf("read packet log of group %d: %w", r.cfg.Group, err)
	}
	defer s.close()
	defer context.AfterFunc(ctx, s.interrupt)()
	r.once.Do(func() { close(r.bound) })
	if err := r.read(ctx, s); err != nil {
		return fmt.Errorf("read packet log of group %d: %w", r.cfg.Group, err)
	}
	return nil
}

// source is a bound NFLOG group.
type source interface {
	// receive waits for the next messages. It returns errOverrun if some were dropped since the last call.
	receive() ([]message, error)
	// device is the name of an interface, empty if it is gone.
	device(index uint32) string
}

// message is what the kernel tells of one logged packet.
type message struct {
	seq       uint32 // counts the packets of the group from 0, those included that were dropped later
	prefix    string
	in, out   uint32 // interface indexes, 0 is none
	mark      uint32
	mac       MAC
	time      time.Time // zero if the kernel took none
	payload   []byte
	malformed bool // the attributes could not be read; the other fields are zero
}

// errOverrun says that messages were dropped because the socket was full.
var errOverrun = errors.New("socket overrun")

// read is the loop of Run.
func (r *Reader) read(ctx context.Context, s source) error {
	var next uint32 // the number that the next packet has if none is lost
	for {
		messages, err := s.receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errOverrun):
			// The numbers of the messages to come tell how many were lost.
			r.overruns.Add(1)
			r.cfg.Logger.Debug("packet log overrun", "group", r.cfg.Group)
			continue
		case err != nil:
			return err
		}
		now := time.Now()
		for _, m := range messages {
			if m.malformed {
				r.malformed.Add(1)
				continue
			}
			e := r.entry(m, now, s.device)
			e.Lost = uint64(m.seq - next)
			next = m.seq + 1
			r.lost.Add(e.Lost)
			r.entries.Add(1)
			r.cfg.Ring.Add(e)
		}
	}
}

// entry makes a message readable. A packet that cannot be read still has a reason and a way, so it is an entry as well.
func (r *Reader) entry(m message, now time.Time, device func(uint32) string) Entry {
	e := Entry{Time: m.time, In: device(m.in), Out: device(m.out), SrcMAC: m.mac, Mark: m.mark}
	if e.Time.IsZero() {
		e.Time = now
	}
	var err error
	if e.Reason, err = ParsePrefix(m.prefix); err != nil {
		e.Prefix = m.prefix
	}
	if e.Packet, err = ParsePacket(m.payload); err != nil {
		r.malformed.Add(1)
	}
	e.InName, e.OutName = r.name(e.In), r.name(e.Out)
	return e
}

func (r *Reader) name(device string) string {
	if device == "" {
		return ""
	}
	return r.cfg.Name(device)
}
