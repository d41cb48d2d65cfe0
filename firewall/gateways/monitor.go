package gateways

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/rempart/rempart/disk"
	"github.com/rempart/rempart/rules/steer"
)

// Parts is what a Monitor works with.
type Parts struct {
	Kernel Kernel
	Log    hclog.Logger // nil: silent
	// File is where history is kept over restarts; empty: nowhere.
	File string
	Disk disk.Disk // nil: the machine's own
}

// Monitor watches gateways and the targets of port forwards. Its methods may be
// called from any goroutine, before Run and while it runs.
type Monitor struct {
	kernel  Kernel
	log     hclog.Logger
	changed chan struct{}
	ignored atomic.Uint64

	file    string
	disk    disk.Disk
	loaded  bool   // touched by Run alone
	trouble string // of the last save, touched by Run alone

	mu       sync.Mutex // guards what follows
	gateways map[string]*gateway
	forwards map[string]*forward
	entries  []*entry
	owners   map[*target]*entry // of the targets that can be asked
	carrier  map[string]bool
	asked    map[uint64]*asked // by the identity of the question
	echoID   uint16
	phases   int       // handed out so far
	planned  time.Time // when Run has to look again
	history  map[string]*history
	sampled  time.Time // when the next samples are due
}

// subject is one whose targets are asked: a gateway or a port forward.
type subject interface {
	path() Path
	askable() []*target
	silence() time.Duration
	judge(now time.Time) (changed bool)
	// steady says that answers are as they have been, and need not be judged at once.
	steady() bool
	// living says that one who refuses a connection lives all the same.
	living() bool
	next(now time.Time) time.Time
	shift(by time.Duration)
}

// entry is a subject and when it has to be looked at again; zero: not before something happens.
type entry struct {
	subject
	due time.Time
}

// New returns a Monitor that watches nothing yet. It starts nothing.
func New(p Parts) *Monitor {
	m := &Monitor{
		kernel: p.Kernel, log: p.Log, file: p.File, disk: p.Disk,
		changed:  make(chan struct{}, 1),
		gateways: make(map[string]*gateway), forwards: make(map[string]*forward),
		asked: make(map[uint64]*asked), echoID: uint16(newID()),
		history: make(map[string]*history),
	}
	if m.log == nil {
		m.log = hclog.NewNullLogger()
	}
	if m.disk == nil {
		m.disk = disk.OS{}
	}
	return m
}

// Set says which gateways are watched. One that stays, with its name, interface
// and device, keeps its state, and those of its targets that stay keep their
// statistics. A new one is online until the contrary is known. Lines tells of
// all of them when Set returns.
func (m *Monitor) Set(watch []Watched) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.awakeLocked(now)
	before := m.linesLocked()
	all := make(map[string]*gateway, len(watch))
	for _, w := range watch {
		g := m.gateways[w.Name]
		if g == nil || g.Interface != w.Interface || g.Device != w.Device {
			g = &gateway{machine: newMachine(now, w.Monitor), tell: m.tellOf(w.Name)}
			if w.WasDown {
				g.machine.distrust()
			}
		}
		g.update(now, w, m.phaseLocked)
		g.carrier = m.hasCarrierLocked(w.Interface)
		g.judge(now)
		all[w.Name] = g
	}
	m.gateways = all
	m.rearrangeLocked(now)
	if !maps.Equal(before, m.linesLocked()) {
		signal(m.changed)
	}
	m.kernel.Wake()
}

// SetTargets says which targets of port forwards are watched. Those that are
// asked the same as before keep their state.
func (m *Monitor) SetTargets(targets []Targets) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.awakeLocked(now)
	all := make(map[string]*forward, len(targets))
	for _, w := range targets {
		f := newForward(now, w, m.phaseLocked, m.forwards[w.Forward])
		f.tell = m.tellOfTarget(w.Forward)
		all[w.Forward] = f
	}
	before := m.silentLocked()
	m.forwards = all
	m.rearrangeLocked(now)
	if !maps.EqualFunc(before, m.silentLocked(), slices.Equal) {
		signal(m.changed)
	}
	m.kernel.Wake()
}

// Carrier says which interfaces are up and have carrier. One that it does not
// name has it.
func (m *Monitor) Carrier(carrier map[string]bool) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.awakeLocked(now)
	m.carrier = maps.Clone(carrier)
	for _, e := range m.entries {
		g, ok := e.subject.(*gateway)
		if !ok || g.carrier == m.hasCarrierLocked(g.Interface) {
			continue
		}
		g.carrier = !g.carrier
		if g.carrier {
			g.hurry(now)
		}
		m.judgeLocked(now, e)
	}
	m.kernel.Wake()
}

func (m *Monitor) hasCarrierLocked(iface string) bool {
	has, known := m.carrier[iface]
	return has || !known
}

// Lines is how each gateway is.
func (m *Monitor) Lines() map[string]steer.Health {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.linesLocked()
}

func (m *Monitor) linesLocked() map[string]steer.Health {
	lines := make(map[string]steer.Health, len(m.gateways))
	for name, g := range m.gateways {
		lines[name] = g.machine.health
	}
	return lines
}

// Silent is the targets that do not answer, by port forward. A forward whose
// targets all answer is absent.
func (m *Monitor) Silent() map[string][]netip.Addr {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.silentLocked()
}

func (m *Monitor) silentLocked() map[string][]netip.Addr {
	silent := make(map[string][]netip.Addr)
	for name, f := range m.forwards {
		if a := f.addresses(); len(a) > 0 {
			silent[name] = a
		}
	}
	return silent
}

// Changed receives when Lines or Silent may be another. Changes that come while
// nobody receives are one.
func (m *Monitor) Changed() <-chan struct{} { return m.changed }

// Status is how each gateway is and why, by name.
func (m *Monitor) Status() []Status {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Status, 0, len(m.gateways))
	for _, g := range m.gateways {
		all = append(all, g.status(now))
	}
	slices.SortFunc(all, func(a, b Status) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Forwards is how the targets of each port forward answer, by its name.
func (m *Monitor) Forwards() []ForwardStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]ForwardStatus, 0, len(m.forwards))
	for _, f := range m.forwards {
		all = append(all, f.status())
	}
	slices.SortFunc(all, func(a, b ForwardStatus) int { return cmp.Compare(a.Forward, b.Forward) })
	return all
}

// Ignored counts what arrived and was no answer to an open question: late,
// for others, or forged.
func (m *Monitor) Ignored() uint64 { return m.ignored.Load() }

// rearrangeLocked draws up anew who is looked at, and forgets what was asked
// for those that are no more, or by a path that is none any more.
func (m *Monitor) rearrangeLocked(now time.Time) {
	m.entries, m.owners = nil, make(map[*target]*entry)
	var paths []Path
	add := func(s subject) {
		e := &entry{subject: s, due: s.next(now)}
		m.entries = append(m.entries, e)
		paths = append(paths, s.path())
		for _, t := range s.askable() {
			m.owners[t] = e
		}
	}
	for _, g := range m.gateways {
		add(g)
	}
	for _, f := range m.forwards {
		add(f)
	}
	for id, a := range m.asked {
		if m.owners[a.target] == nil || !slices.Contains(paths, a.path) {
			a.target.cancels(a.serial)
			m.dropLocked(id)
		}
	}
	m.kernel.Keep(paths)
}

// phaseLocked is when a new target is first asked, within its interval: each
// one at the golden section of what the others have left, so that questions
// are spread evenly however many there are.
func (m *Monitor) phaseLocked(interval time.Duration) time.Duration {
	const golden = 0.6180339887498949
	m.phases++
	part := float64(m.phases) * golden
	return time.Duration((part - float64(int(part))) * float64(interval))
}

// tellOf is what is done with the transitions of a gateway, which come with the lock held.
func (m *Monitor) tellOf(name string) func(Transition) {
	return func(t Transition) {
		m.historyLocked(name).pass(t)
		say := m.log.Info
		if !t.To.Alive() {
			say = m.log.Warn
		}
		say("gateway changed", "gateway", name, "from", t.From.State, "to", t.To.State, "reason", t.Reason)
	}
}

func (m *Monitor) tellOfTarget(name string) func(netip.Addr, bool, string) {
	return func(target netip.Addr, silent bool, reason string) {
		if silent {
			m.log.Warn("target fell silent", "port_forward", name, "target", target, "cause", reason)
			return
		}
		m.log.Info("target answers again", "port_forward", name, "target", target)
	}
}

// signal leaves word in a channel of one, unless there is some already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
