// Package ha makes two nodes one gateway: who is master, and what follows from it.
//
//	ports ----- frames -----+                    +--> addresses, announcements, leases
//	timers, links, orders --+--> Node (one loop) +--> advertisements and heartbeats
//	peer's link ------------+      |             +--> hooks, services, hardware address
//	                               +-- carp.Group, pulse.Judge, role.Machine: pure
//
// A frame goes this way: its port's goroutine checks and authenticates it and drops
// whatever is not of the pair; the loop shows it to the machines; what they answer is done at
// once. Nothing else may change a role, and nothing that can take long runs in the loop.
package ha

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/ha/carp"
	"github.com/rempart/rempart/ha/flowsync"
	"github.com/rempart/rempart/ha/hooks"
	"github.com/rempart/rempart/ha/peer"
	"github.com/rempart/rempart/ha/pulse"
	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/ha/vmac"
	"github.com/rempart/rempart/ha/wire"
)

// Ticker calls on time, from a thread of its own; pulse.Ticker is the real one.
type Ticker interface {
	Run(ctx context.Context, interval func() time.Duration, fire func(at time.Time)) error
	Kick()
	Late() time.Duration
}

// Link is the connection of the daemons; peer.Link is the real one.
type Link interface {
	Run(ctx context.Context) error
	Aim(device string, local, peer netip.Addr)
	Ask(ctx context.Context, kind string, body []byte) ([]byte, error)
	Goodbye()
	// Drop ends the connection that stands, with a goodbye, so that the next one is made with other keys.
	Drop(why string)
}

// MACs gives devices virtual hardware addresses; vmac.Table is the real one.
type MACs interface{ Set([]vmac.Wanted) error }

// Parts is what a Node is made of.
type Parts struct {
	Kernel wire.Kernel
	Ticker Ticker
	Link   func(peer.Options) Link
	MACs   MACs
	Flows  Flows     // nil: no flow sync
	Table  FlowTable // nil: flows are not compared
	Lists  Lists     // nil: none are carried
	Keys   Keys      // nil: not paired
	Policy Policy    // nil: questions about the policy are refused
	// Devices are the devices of a policy's interfaces, by the names of these.
	Devices func(*config.Config) map[string]string
	// Secret reads the file that [ha] secret names.
	Secret func(file string) ([]byte, error)
	// Hash is of the policy that runs; empty: none does.
	Hash func() string
	// Down says whether a gateway or a group of gateways is down.
	Down func(name string) bool
	// Limits are the numbers of the kernel that ought to be equal on both nodes, by name.
	Limits func() map[string]string
	// Order is the file in which an order of maintenance is kept, and Hooks the directory of the
	// executables.
	Order, Hooks string
	// Host is the name of a node whose policy gives it none.
	Host    string
	Version string
	Log     hclog.Logger
}

// Node is one of a pair, or a single gateway as long as the policy has no [ha]. Its methods may
// be called from any goroutine.
type Node struct {
	Parts
	log     hclog.Logger
	session uint64

	policies chan policy // the newest one
	setting  sync.Mutex  // held while a policy is read, so that they come in order
	newest   policy      // what the loop was given last; setting guards it
	asks     chan func(now time.Time)
	events   chan func(now time.Time) // of the parts that run beside the loop
	frames   chan frame
	news     chan struct{} // of devices
	missing  chan struct{} // a device of the policy is, or its secret
	done     chan struct{}
	lastTurn atomic.Int64 // when the loop turned last, by the monotonic clock of began
	began    time.Time

	voice    voice // what the ticker sends
	sessions sessions
	link     Link
	hooks    *hooks.Runner
	checks   *hooks.Checks
	tied     atomic.Pointer[[]string]        // services of the role
	held     atomic.Pointer[map[string]bool] // by interface, for Holds
	moved    chan struct{}
	drill    drillEar
	tests    testEar
	trusted  trusted
	glance   atomic.Pointer[glance]

	// What follows belongs to the loop.
	settings  *settings // nil: a single gateway
	before    *settings // while a change of keys or addresses is under way
	beforeEnd time.Time
	ports     map[string]*port // by interface
	groups    []*group
	judge     *pulse.Judge
	peer      known
	demotions ledger
	segments  segments
	condemned time.Time // since when the judge says that the peer is dead, and it is not believed yet
	stats     counters
	counter   *carp.Counter
	cable     cable           // where the peer is on it
	aimed     flowsync.Target // what flow sync was told last
	handing   time.Time       // since when flows are handed over to another master; zero: they are not
	worn      bool            // devices have virtual hardware addresses
	leaving   bool            // the node stops
	dirty     bool            // the voice has something new to say
	// listenUntil is when this node, had it a peer of ours, would have heard it: from then on CARP elects.
	listenUntil time.Time
	greeted     time.Time
	woke        time.Time     // when this node was last found to have been stopped
	sleep       time.Duration // and for how long
	history     []view.Transition
	care        *view.Maintenance
	warnings    map[string]string
	told        map[string]time.Time    // when something was logged last, by what it is about
	sought      map[netip.Addr]wire.MAC // hosts whose hardware address a drill wants
	outcast     outcast                 // the other node, when it is not paired with this one any more
	chores      time.Time               // when to do again what is done every second
}

// policy is what the gateway enforces, as the loop gets it.
type policy struct {
	config  *config.Config
	devices map[string]string
	secret  []byte
	roots   [][]byte // of the pairing, newest first; none: the nodes are not paired
	fault   error    // why there is no secret
}

// New returns a node; it does nothing until Run.
func New(p Parts) *Node {
	var id [16]byte
	rand.Read(id[:])
	n := &Node{
		Parts: p, log: p.Log, session: binary.BigEndian.Uint64(id[:]) | 1, // zero is no session
		policies: make(chan policy, 1), asks: make(chan func(time.Time)), events: make(chan func(time.Time), 256),
		frames: make(chan frame, 4096), news: make(chan struct{}, 1), missing: make(chan struct{}, 1), moved: make(chan struct{}, 1), done: make(chan struct{}), began: time.Now(),
		ports: map[string]*port{}, warnings: map[string]string{}, told: map[string]time.Time{},
	}
	n.stats.init()
	n.sessions.Own = n.session
	n.outcast.own = binary.BigEndian.Uint64(id[8:]) | 1
	n.trusted.begin(p.Keys)
	n.glance.Store(&glance{node: p.Host, peer: pulse.Unknown.String()})
	n.counter = carp.NewCounter(uint32(n.session >> 32))
	n.hooks = hooks.New(n.Hooks, n.services, n.log.Named("hooks"))
	n.checks = hooks.NewChecks(n.checked, n.log.Named("checks"))
	n.link = p.Link(peer.Options{
		Trust: n.trust, Former: n.former, Proved: n.proved, Local: n.session, Answer: n.answer,
		Up: n.linkUp, Down: n.linkDown, Log: n.log.Named("link"),
	})
	return n
}

// Set makes a policy the one of the node. It reads the secret and never waits for the loop.
func (n *Node) Set(c *config.Config) {
	n.setting.Lock()
	defer n.setting.Unlock()
	n.hand(n.read(c))
}

// refind looks for the devices of the policy again when one is missing, for it may have come by another
// name, and for a secret that could not be read. The loop is told of a difference alone: to be given the
// same again is work that makes news of devices.
func (n *Node) refind(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.missing:
		}
		n.setting.Lock()
		switch p := n.read(n.newest.config); {
		case p.fault != nil:
			time.AfterFunc(secretAgain, n.search)
		case n.newest.fault != nil || !maps.Equal(p.devices, n.newest.devices):
			n.hand(p)
		}
		n.setting.Unlock()
	}
}

// search has refind look.
func (n *Node) search() {
	select {
	case n.missing <- struct{}{}:
	default:
	}
}

// read is a policy with what it names on this machine.
func (n *Node) read(c *config.Config) policy {
	p := policy{config: c}
	if c != nil && c.HA != nil {
		p.devices, p.roots = n.Devices(c), n.roots()
		if p.secret, p.fault = n.Secret(c.HA.Secret); p.fault == nil {
			p.secret, p.fault = config.ParseSecret(p.secret)
		}
	}
	return p
}

// hand gives the loop a policy, in place of one that it has not taken yet. Whoever calls holds n.setting.
func (n *Node) hand(p policy) {
	n.newest = p
	for {
		select {
		case n.policies <- p:
			return
		default:
		}
		select {
		case <-n.policies: // an older one that nobody has taken yet
		default:
		}
	}
}

// Holds says whether this node has the virtual addresses of an interface now. It waits for nothing.
func (n *Node) Holds(iface string) bool {
	held := n.held.Load()
	return held != nil && (*held)[iface]
}

// Moved receives when what Holds says may have changed. It holds one.
func (n *Node) Moved() <-chan struct{} { return n.moved }

// Hold tells the peer that this node may be silent for that long, as before a commit
// that keeps the kernel busy. It returns when that has been said, or cannot be in a moment.
func (n *Node) Hold(d time.Duration) {
	n.voice.hold(time.Now().Add(d))
	if n.voice.content.Load() == nil {
		return
	}
	said := n.voice.seq.Load()
	n.Ticker.Kick()
	for range holdLooks {
		if n.voice.seq.Load() != said {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// holdLooks is for how many milliseconds Hold waits for the ticker.
const holdLooks = 20

// Run is the node until ctx ends. A master whose peer lives gives the role to it before it
// returns; without one the addresses stay.
func (n *Node) Run(ctx context.Context) error {
	var err error
	if n.care, err = n.readMaintenance(); err != nil {
		n.log.Warn("order of maintenance could not be read: taken as given", "cause", err)
	}
	within, end := context.WithCancel(context.WithoutCancel(ctx))
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer end()
	defer close(n.done) // before the helpers are waited for: they may want to tell something
	parts := map[string]func(context.Context) error{
		"hooks": n.hooks.Run, "checks": n.checks.Run, "link": n.link.Run, "watch": n.watch, "devices": n.refind, "follow flows": n.followFlows, "lists": n.carryLists,
		"ticker": func(ctx context.Context) error { return n.Ticker.Run(ctx, n.voice.every, n.beat) },
	}
	if n.Flows != nil {
		parts["flows"] = n.Flows.Run
	}
	for name, run := range parts {
		helpers.Go(func() {
			if err := run(within); err != nil && within.Err() == nil {
				n.log.Error("part of the pair ended", "part", name, "cause", err)
			}
		})
	}
	n.await()
	n.loop(ctx)
	n.part(within)
	n.closePorts()
	return nil
}

// errStopped says that the node is stopping.
var errStopped = errors.New("the gateway is stopping")

// do runs fn in the loop and waits for it.
func do[T any](ctx context.Context, n *Node, fn func(now time.Time) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	out := make(chan answer, 1)
	select {
	case n.asks <- func(now time.Time) {
		v, err := fn(now)
		out <- answer{v, err}
	}:
	case <-n.done:
		return none, errStopped
	case <-ctx.Done():
		return none, ctx.Err()
	}
	select {
	case a := <-out:
		return a.value, a.err
	case <-n.done:
		return none, errStopped
	}
}

// tell runs fn in the loop without waiting for it, or not at all when the node stops.
func (n *Node) tell(fn func(now time.Time)) {
	select {
	case n.events <- fn:
	case <-n.done:
	}
}

// watch tells the loop of changes of devices, and starts anew when some were lost.
func (n *Node) watch(ctx context.Context) error {
	for ctx.Err() == nil {
		err := n.Kernel.Watch(ctx, func() {
			select {
			case n.news <- struct{}{}:
			default:
			}
		})
		if err != nil && ctx.Err() == nil {
			n.log.Warn("news of devices was lost, listening anew", "cause", err)
			pause(ctx, 100*time.Millisecond)
		}
	}
	return nil
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
