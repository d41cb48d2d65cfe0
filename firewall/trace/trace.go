// Package trace follows real packets through the kernel, by nftables' own trace
// (nft(8), meta nftrace), and says in which chains and by which rules they went.
//
//	Flow --Table--> a table that marks packets --kernel--> steps --describe--> report.LivePacket
//
// Our own table does not change for it. The table that marks decides nothing, is
// there while packets are followed, and goes with the process whatever happens.
package trace

import (
	"context"
	"io"
	"time"

	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/report"
	"golang.org/x/sync/errgroup"
)

// Kernel is what of nftables is needed; nft.Netlink is one.
type Kernel interface {
	// Hold makes a table that goes when it is closed, and with the process.
	Hold(ctx context.Context, r nft.Ruleset) (io.Closer, error)
	// Trace tells the steps of all marked packets until ctx ends, and calls ready once it listens.
	Trace(ctx context.Context, ready func(), told func(nft.TraceEvent)) error
	// Handles lists the rules of our table.
	Handles(ctx context.Context) ([]nft.RuleHandle, error)
}

// Options say what is followed.
type Options struct {
	Flow  Flow
	Reply bool          // follow the answers to such packets instead
	Table string        // name of the table that marks; it begins with TablePrefix
	For   time.Duration // at most
	Count int           // packets at most
	// Policy is our table and what it comes from, as it is now.
	Policy func(ctx context.Context) (Policy, error)
}

// backlog is how many steps may wait while a packet is told of.
const backlog = 4096

// Run follows packets until there were enough of them, the time is up or ctx
// ends, and tells each as its road is known. Nothing stays in the kernel. An
// error of tell ends it.
func Run(ctx context.Context, k Kernel, o Options, tell func(report.LiveLine) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	f := &follower{kernel: k, options: o, tell: tell, trips: map[uint32]*trip{}}
	if err := f.learn(ctx); err != nil {
		return err
	}
	events, ready := make(chan nft.TraceEvent, backlog), make(chan struct{})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return k.Trace(ctx, func() { close(ready) }, func(e nft.TraceEvent) {
			select {
			case events <- e:
			case <-ctx.Done():
			}
		})
	})
	g.Go(func() error {
		defer stop()
		select {
		case <-ready:
			return f.mark(ctx, events)
		case <-ctx.Done():
			return nil
		}
	})
	return g.Wait()
}

// follower puts the steps of packets together.
type follower struct {
	kernel  Kernel
	options Options
	tell    func(report.LiveLine) error
	policy  Policy
	rules   index
	trips   map[uint32]*trip // under way, by the kernel's number
	begun   int
	told    int
	lost    bool
}

// mark has the packets marked for as long as it follows them.
func (f *follower) mark(ctx context.Context, events <-chan nft.TraceEvent) (err error) {
	o := f.options
	held, err := f.kernel.Hold(ctx, o.Flow.Table(o.Table, f.device(), o.Reply))
	if err != nil {
		return err
	}
	err = f.follow(ctx, events)
	if closed := held.Close(); err == nil {
		err = closed
	}
	if err != nil || ctx.Err() != nil {
		return err
	}
	return f.tell(report.LiveLine{End: &report.LiveEnd{Packets: f.told, Lost: f.lost, Hint: f.hint()}})
}

// device is what the flow's interface is on; empty when it names none or itself sends.
func (f *follower) device() string {
	for device, name := range f.policy.Interfaces {
		if name == f.options.Flow.In {
			return device
		}
	}
	return ""
}

// quiet is how long a packet has not moved when it will not move any more. All its steps
// are made at one go, unless it waits for a program.
const quiet = 200 * time.Millisecond

// follow takes in steps until enough packets have been told or the time is up.
func (f *follower) follow(ctx context.Context, events <-chan nft.TraceEvent) error {
	deadline := time.NewTimer(f.options.For)
	defer deadline.Stop()
	check := time.NewTicker(quiet / 4)
	defer check.Stop()
	err := f.tell(report.LiveLine{Begin: &report.LiveBegin{
		Flow: f.options.Flow.String(), Reply: f.options.Reply, Count: f.options.Count, Until: time.Now().Add(f.options.For),
	}})
	for err == nil && f.told < f.options.Count {
		select {
		case <-ctx.Done():
			return nil
		case e := <-events:
			err = f.step(ctx, e, time.Now())
		case now := <-check.C:
			err = f.finish(ctx, func(t *trip) bool { return now.Sub(t.last) >= quiet })
		case <-deadline.C:
			return f.finish(ctx, func(*trip) bool { return true })
		}
	}
	return err
}

// step takes in one step of a packet.
func (f *follower) step(ctx context.Context, e nft.TraceEvent, now time.Time) error {
	if e.Lost {
		f.lost = true
		for _, t := range f.trips {
			t.lost = true
		}
		return nil
	}
	t := f.trips[e.Packet]
	if e.Table == f.options.Table && e.Kind == nft.TraceRule { // it is marked here
		if t != nil { // the number is used again
			if err := f.conclude(ctx, e.Packet); err != nil {
				return err
			}
			t = nil
		}
		if f.begun < f.options.Count {
			f.begun++
			t = &trip{began: now}
			f.trips[e.Packet] = t
		}
	}
	if t == nil {
		return nil // marked by somebody else, or one more than was asked for
	}
	t.last, t.events = now, append(t.events, e)
	if t.over() {
		return f.conclude(ctx, e.Packet)
	}
	return nil
}

// finish tells the packets that are done, in the order in which they came.
func (f *follower) finish(ctx context.Context, done func(*trip) bool) error {
	for _, number := range f.inOrder() {
		if done(f.trips[number]) {
			if err := f.conclude(ctx, number); err != nil {
				return err
			}
		}
	}
	return nil
}

// conclude tells a packet.
func (f *follower) conclude(ctx context.Context, number uint32) error {
	t := f.trips[number]
	delete(f.trips, number)
	if f.unknown(*t) {
		if err := f.learn(ctx); err != nil {
			return err
		}
	}
	f.told++
	p := describe(*t, f.policy, f.rules)
	return f.tell(report.LiveLine{Packet: &p})
}
