package firewall

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/feeds"
	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/steer"
)

// Firewall is one gateway. Its methods may be called from any goroutine while
// Run runs; before and after they return context errors.
type Firewall struct {
	Parts
	log     hclog.Logger
	asks    chan func(context.Context)
	nudges  chan []flows.Segment // for the ends of flows that were ended
	done    chan struct{}
	started time.Time

	// What follows belongs to the loop of Run.
	features nft.Features // nil: the kernel was not asked yet
	memory   Memory
	running  *running       // nil: no policy yet, the kernel is as it was found
	told     *config.Config // what Policy was told last
	pending  *pending
	held     *staged
	table    table
	compiler compiler
	hits     hits
	// edgesDone is until when the edges of schedules were followed. The next one
	// is counted from there and not from the clock: an edge that passes while the
	// loop is at something else is followed late, not lost.
	edgesDone time.Time
	refreshAt time.Time // when refreshSets is due, whatever else happens
	overloads overloads
	seen      links.Learned     // what others put on the machine
	settled   settled           // flows on lines that failed and came back
	linesAt   time.Time         // when to follow the lines again; zero: when they change
	mendAt    time.Time         // when to put back what somebody changed; zero: nothing is to be mended
	changes   int               // of our table by others, since it was put back
	faults    map[string]string // what is wrong, by what it is about, for status

	// closeWithout says that the machine had a policy once: without one that can
	// run, going back leads to the closed ruleset and not to an open machine.
	closeWithout bool

	devices atomic.Pointer[map[string]string] // interface names by device, for DeviceName
	now     atomic.Pointer[running]           // running, for whoever may not wait for the loop
	lives   lives
	shared  sharedDigest

	step func(string) // tests end the program at a step of an apply; nil otherwise
}

// running is the policy that the kernel enforces.
type running struct {
	revision config.Revision // Number 0 while it is not kept
	since    time.Time
	world    *rules.World
	ruleset  nft.Ruleset
}

// pending is an apply that waits for its confirm.
type pending struct {
	journal Journal
	// until is when it goes back. It is the journal's deadline by the clock that nobody sets: one that is put
	// right meanwhile, by a year perhaps, brings nobody's way back nearer or further away.
	until       time.Time
	before      *running
	applied     time.Time
	connections map[Connection]bool // that stood when it was applied
}

// New returns a gateway; it does nothing until Run.
func New(p Parts) *Firewall {
	return &Firewall{
		Parts: p, log: p.Logger.Named("firewall"),
		asks: make(chan func(context.Context)), done: make(chan struct{}), nudges: make(chan []flows.Segment, 64),
		table: table{hold: p.Hold},
		hits:  hits{},
	}
}

// countersEvery is how often counters are read, to know when each rule last hit.
const countersEvery = 5 * time.Second

// renewEvery is how often the instants of schedules are computed anew.
const renewEvery = 7 * 24 * time.Hour

// retryEvery is how long a way back that the kernel refused is left alone.
const retryEvery = 5 * time.Second

// Run takes over what it finds, makes the current revision run, and owns the
// gateway until ctx ends. The ruleset stays when it returns.
func (f *Firewall) Run(ctx context.Context, ready func()) error {
	defer close(f.done)
	f.started = time.Now()
	f.edgesDone, f.refreshAt = f.started, f.started.Add(renewEvery)
	if err := f.start(ctx); err != nil {
		return err
	}
	var nudger sync.WaitGroup
	nudging, rest := context.WithCancel(ctx)
	nudger.Go(func() { f.keepNudging(nudging) })
	defer nudger.Wait()
	defer rest()
	f.poll(ctx)
	ready()
	counters := time.NewTicker(countersEvery)
	defer counters.Stop()
	for {
		edge := time.NewTimer(f.untilEdge(time.Now()))
		select {
		case <-ctx.Done():
			edge.Stop()
			return nil
		case ask := <-f.asks:
			ask(ctx)
		case <-edge.C:
			f.atEdge(ctx, time.Now())
		case <-f.Feeds.Changed():
			f.refreshSets(ctx)
		case <-f.Gateways.Changed():
			f.followLines(ctx, time.Now())
		case <-f.Links.Changed():
			f.followMachine(ctx)
		case e := <-f.Overloads:
			f.overloads.add(e.Src, time.Now())
		case <-f.Moved:
			f.watch()
		case e := <-f.Tampered:
			f.tampered(e, time.Now())
		case <-counters.C:
			f.poll(ctx)
		}
		edge.Stop()
	}
}

// do runs fn in the loop and waits for it.
func do[T any](ctx context.Context, f *Firewall, fn func(context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	out := make(chan answer, 1)
	ask := func(loop context.Context) {
		v, err := fn(loop)
		out <- answer{v, err}
	}
	var none T
	select {
	case f.asks <- ask:
	case <-f.done:
		return none, errStopped
	case <-ctx.Done():
		return none, ctx.Err()
	}
	// The loop has the question and answers it whatever becomes of the asker:
	// an apply whose client went away is not left half done.
	select {
	case a := <-out:
		return a.value, a.err
	case <-f.done:
	}
	select {
	case a := <-out: // it was answered just before the loop ended
		return a.value, a.err
	default:
		return none, errStopped
	}
}

var errStopped = errors.New("the gateway is stopping")

// untilEdge is how long until the next thing that time brings: the deadline of
// an apply, an edge of a schedule, or the renewal of the instants.
func (f *Firewall) untilEdge(now time.Time) time.Duration {
	next := f.refreshAt
	if f.pending != nil && f.pending.until.Before(next) {
		next = f.pending.until
	}
	if f.held != nil && f.held.until.Before(next) {
		next = f.held.until
	}
	for _, at := range []time.Time{f.mendAt, f.overloads.due, f.linesDue()} {
		if !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	if f.running != nil {
		if edge, ok := nextEdge(f.running.world, f.edgesDone); ok && edge.Before(next) {
			next = edge
		}
	}
	return max(0, next.Sub(now))
}

// atEdge does what has come due.
func (f *Firewall) atEdge(ctx context.Context, now time.Time) {
	if f.pending != nil && !now.Before(f.pending.until) {
		f.log.Warn("apply was not confirmed in time, going back", "hash", f.pending.journal.Candidate.Hash)
		if _, err := f.revert(ctx); err != nil {
			f.fault(aboutTable, "go back to the policy before, tried again soon: %v", err)
			f.pending.until = now.Add(retryEvery)
			f.pending.journal.Deadline = f.pending.until.UTC()
		}
		return
	}
	if f.held != nil && !now.Before(f.held.until) {
		f.log.Warn("a staged policy was not switched to in time", "id", f.held.candidate.revision.ID)
		f.held = nil
	}
	f.mend(ctx, now)
	f.endOverloaded(ctx, now)
	f.atLines(ctx, now)
	if f.running == nil {
		return
	}
	edge, ok := nextEdge(f.running.world, f.edgesDone)
	passed := ok && !now.Before(edge)
	f.edgesDone = now
	if passed || !now.Before(f.refreshAt) {
		f.refreshSets(ctx)
	}
	if !passed {
		return
	}
	if n, err := f.endStale(ctx, f.running.world, now); err != nil {
		f.log.Warn("flows of an ended schedule could not be ended", "cause", err)
	} else if n > 0 {
		f.log.Info("a schedule ended and its flows with it", "flows", n)
	}
}

// refreshSets brings into the kernel what may have changed while the policy
// stays: what aliases learned, the instants of schedules, and the devices of
// interfaces that are selected by their MAC address.
func (f *Firewall) refreshSets(ctx context.Context) {
	if f.held != nil {
		f.held.outdated = true
	}
	if f.running == nil {
		return
	}
	c, now := f.running.world.Config, time.Now()
	f.findDevices(c)
	f.look(c) // what was seen last may be of a draft, which speaks of other interfaces
	w := NewWorld(c, f.learned(f.Feeds.Snapshot()), now)
	ruleset := f.compiler.compile(w)
	if err := f.put(ctx, ruleset); err != nil {
		f.fault(aboutTable, "refresh aliases and schedules, tried again soon: %v", err)
		f.refreshAt = now.Add(retryEvery)
		return
	}
	f.healed(aboutTable)
	f.refreshAt = now.Add(renewEvery)
	f.setRunning(&running{revision: f.running.revision, since: f.running.since, world: w, ruleset: ruleset})
	if _, err := f.Links.Apply(ctx, Network(w)); err != nil { // routes go to what aliases hold, and by next hops that were learned
		f.log.Warn("routes do not follow what was learned", "cause", err)
	}
	f.watch()
}

// findDevices notes which devices the interfaces are on, and says whether that
// changed. One that is missing stays where it was last seen.
func (f *Firewall) findDevices(c *config.Config) (changed bool) {
	found, _ := f.Links.Devices(Interfaces(c)) // what is missing is Apply's to tell
	devices := maps.Clone(f.memory.Devices)
	if devices == nil {
		devices = map[string]string{}
	}
	maps.Copy(devices, found)
	changed = !maps.Equal(devices, f.memory.Devices)
	f.memory.Devices = devices
	return changed
}

func (f *Firewall) learned(s feeds.Snapshot) Learned {
	lines := f.Gateways.Lines()
	for _, name := range f.memory.Down {
		if _, watched := lines[name]; !watched {
			lines[name] = steer.Health{State: steer.Down}
		}
	}
	return Learned{
		Devices: f.memory.Devices, Numbers: f.memory.Numbers, Outside: Outside{Names: s.Names, Lists: s.Lists},
		Gateways: f.memory.Gateways, Lines: lines, Silent: f.Gateways.Silent(), Machine: f.seen,
	}
}

// setRunning makes r what runs; nil is no policy.
func (f *Firewall) setRunning(r *running) {
	f.running = r
	f.now.Store(r)
	f.tellPolicy()
	names := map[string]string{}
	if r != nil {
		for _, i := range r.world.Config.Interfaces {
			names[r.world.Device(i.Name)] = i.Name
		}
	}
	f.devices.Store(&names)
}

// tellPolicy tells what runs now, if it is another policy than before.
func (f *Firewall) tellPolicy() {
	var c *config.Config
	if f.running != nil {
		c = f.running.world.Config
	}
	if f.Policy == nil || c == f.told {
		return
	}
	if f.told = c; c == nil {
		c = &config.Config{}
	}
	f.Policy(c)
}

// DeviceName is what the running policy calls a device; empty when it does not speak of it.
func (f *Firewall) DeviceName(device string) string {
	if names := f.devices.Load(); names != nil {
		return (*names)[device]
	}
	return ""
}

// fault notes that something is wrong, until healed is told of the same.
func (f *Firewall) fault(about, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	f.log.Error("gateway is not as it should be", "about", about, "fault", text)
	if f.faults == nil {
		f.faults = map[string]string{}
	}
	f.faults[about] = text
}

func (f *Firewall) healed(about string) { delete(f.faults, about) }

// What a fault may be about.
const (
	aboutPolicy = "policy"
	aboutTable  = "table"
	aboutTamper = "tampering"
	aboutLines  = "lines"
)

// Alive says that the loop of Run answers.
func (f *Firewall) Alive(ctx context.Context) bool {
	_, err := do(ctx, f, func(context.Context) (struct{}, error) { return struct{}{}, nil })
	return err == nil
}
