package configsync

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/ha/peer"
)

// machine is one of two machines: what it has on its disk, and a gateway and a Sync that die with it.
type machine struct {
	t     *testing.T
	name  string
	key   ed25519.PrivateKey
	store *config.Store
	other *machine
	world *world

	mu      sync.Mutex
	up      atomic.Pointer[atomic.Bool] // of the program that runs, or ran last
	sync    *Sync
	journal *journal // on the disk
	held    *config.Revision
	heldBy  bool // the other node
	learned string
	refuses func(config.Revision) error
	kernel  func(config.Revision) error
	kept    []string // what Kept was told of
	asked   func(kind string)
	behind  []bool // what Behind was told of
	mute    bool   // its kernel keeps connections, and its program is stopped
}

// journal is an apply under way.
type journal struct {
	revision config.Revision
	foreign  bool
	deadline time.Duration // on the clock of the world
}

// world is two machines, the cable between them, and a clock.
type world struct {
	t    *testing.T
	a, b *machine

	mu     sync.Mutex
	now    time.Duration
	cut    bool
	step   int
	killAt int // the step at which victim dies; 0: at none
	victim *machine
	trace  []string
}

var errDead = errors.New("the machine is dead")

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	w.a, w.b = w.machine("fw1", 1), w.machine("fw2", 2)
	w.a.other, w.b.other = w.b, w.a
	w.a.start()
	w.b.start()
	return w
}

func (w *world) machine(name string, seed byte) *machine {
	store, err := config.OpenStore(w.t.TempDir())
	if err != nil {
		w.t.Fatal(err)
	}
	return &machine{t: w.t, name: name, key: ed25519.NewKeyFromSeed(slices.Repeat([]byte{seed}, ed25519.SeedSize)), store: store, world: w, learned: "l"}
}

// at is a step of a machine: it dies here if that is its fate.
func (m *machine) at(step string) error {
	w := m.world
	w.mu.Lock()
	defer w.mu.Unlock()
	w.step++
	w.trace = append(w.trace, m.name+" "+step)
	if w.step == w.killAt && w.victim == m {
		m.up.Load().Store(false)
	}
	if !m.alive() {
		return errDead
	}
	return nil
}

func (w *world) steps() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.step
}

func (w *world) clock() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// start boots a machine: its memory is empty, its disk is not.
func (m *machine) start() {
	m.mu.Lock()
	defer m.mu.Unlock()
	up := new(atomic.Bool)
	up.Store(true)
	m.up.Store(up)
	m.held = nil
	m.sync = New(Options{
		Gateway: gateway{m, up.Load},
		Ask:     func(ctx context.Context, kind string, body []byte) ([]byte, error) { return m.ask(ctx, kind, body) },
		Paired:  func() bool { return true },
		Trusted: func(key []byte) bool {
			return slices.ContainsFunc([]*machine{m, m.other}, func(x *machine) bool { return string(x.key.Public().(ed25519.PublicKey)) == string(key) })
		},
		Seal: m.seal, Node: func() string { return m.name }, Peer: func() string { return m.other.name },
		Behind:  func(behind bool) { m.behind = append(m.behind, behind) },
		Leads:   func() bool { return m == m.world.a },
		Kept:    func(_, now config.Revision) { m.kept = append(m.kept, now.ID) },
		Version: "1", Log: hclog.NewNullLogger(),
	})
	m.sync.heardTime = 20 * time.Millisecond
}

func (m *machine) alive() bool { return m.up.Load().Load() }

func (m *machine) seal(r *config.Revision) {
	r.Origin = m.name
	r.Seal(m.key)
}

// die ends a machine, with all that it did not write.
func (m *machine) die() {
	m.up.Load().Store(false)
}

// link tells both machines whether they are connected.
func (w *world) link() {
	w.mu.Lock()
	up := !w.cut && w.a.alive() && w.b.alive()
	w.mu.Unlock()
	for _, m := range []*machine{w.a, w.b} {
		m.sync.Linked(up)
	}
}

// ask carries a question over the cable.
func (m *machine) ask(ctx context.Context, kind string, body []byte) ([]byte, error) {
	w := m.world
	if m.asked != nil {
		m.asked(kind)
	}
	reach := func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return !w.cut && m.alive() && m.other.alive()
	}
	if m.at("asks "+kind) != nil || !reach() {
		return nil, peer.ErrNotConnected
	}
	if m.mute || m.other.mute {
		return nil, context.DeadlineExceeded
	}
	answer, err := m.other.sync.Answer(ctx, kind, slices.Clone(body))
	if m.other.at("answers "+kind) != nil || !reach() {
		return nil, peer.ErrNotConnected
	}
	if err != nil {
		return nil, &peer.Refused{Text: err.Error()}
	}
	return answer, nil
}

// pass lets time pass, and both machines go back whose time is up.
func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	w.now += d
	now := w.now
	w.mu.Unlock()
	for _, m := range []*machine{w.a, w.b} {
		m.mu.Lock()
		if m.journal != nil && now >= m.journal.deadline && m.alive() {
			m.journal = nil
		}
		m.mu.Unlock()
	}
}

// settle revives everything, lets all deadlines pass, and has rounds until nothing changes any more.
func (w *world) settle() {
	w.t.Helper()
	w.mu.Lock()
	w.killAt, w.cut = 0, false
	w.mu.Unlock()
	for _, m := range []*machine{w.a, w.b} {
		if !m.alive() {
			m.start()
		}
		m.mu.Lock()
		m.held = nil // by its own time
		m.mu.Unlock()
	}
	w.link()
	for range 2 {
		for range 4 {
			w.rounds()
		}
		w.pass(time.Hour)
	}
}

func (w *world) rounds() {
	for _, m := range []*machine{w.a, w.b} {
		_, _ = m.sync.meet(context.Background(), true) // what it comes to, the test looks at
	}
}

// gateway is the firewall of a machine, for as long as the program that has it lives.
type gateway struct {
	*machine
	live func() bool
}

func (g gateway) enter(step string) error {
	if err := g.at(step); err != nil {
		return err
	}
	if !g.live() {
		return errDead
	}
	return nil
}

func (g gateway) stageOwn(text string, parents ...string) func(context.Context) (Staged, error) {
	return func(ctx context.Context) (Staged, error) {
		standing, err := g.Standing(ctx)
		if err != nil {
			return Staged{}, err
		}
		r := config.Revision{Policy: []byte(text), Author: "anna", Time: time.Unix(int64(g.world.steps()), 0), Parents: parents}
		if len(parents) == 0 && standing.Running.ID != "" {
			r.Parents = []string{standing.Running.ID}
		}
		g.seal(&r)
		return g.hold(r, false)
	}
}

func (g gateway) hold(r config.Revision, foreign bool) (Staged, error) {
	if err := g.enter("stages"); err != nil {
		return Staged{}, err
	}
	if g.refuses != nil {
		if err := g.refuses(r); err != nil {
			return Staged{}, err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held != nil || g.journal != nil {
		return Staged{}, &Refusal{Message: "another apply waits", Busy: true}
	}
	g.held, g.heldBy = &r, foreign
	return Staged{Revision: r}, nil
}

func (g gateway) Stage(_ context.Context, r config.Revision, _ []byte) (Staged, error) {
	r.Policy = r.Text()
	return g.hold(r, true)
}

func (g gateway) Switch(_ context.Context, id string, hold time.Duration) (Switched, error) {
	if err := g.enter("journals"); err != nil {
		return Switched{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held == nil || g.held.ID != id {
		return Switched{}, &Refusal{Message: "it is not held"}
	}
	if g.kernel != nil {
		if err := g.kernel(*g.held); err != nil {
			g.held = nil
			return Switched{}, err
		}
	}
	g.journal = &journal{*g.held, g.heldBy, g.world.clock() + hold}
	g.held = nil
	if err := g.enter("switched"); err != nil {
		return Switched{}, err
	}
	return Switched{}, nil
}

func (g gateway) Keep(_ context.Context, id string) (Switched, error) {
	if err := g.enter("keeps"); err != nil {
		return Switched{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.journal == nil || g.journal.revision.ID != id {
		return Switched{}, &Refusal{Message: "it does not wait"}
	}
	r, err := g.store.Add(g.journal.revision)
	if err == nil {
		err = g.enter("added")
	}
	if err == nil {
		err = g.store.SetCurrent(r.Number)
	}
	if err == nil {
		err = g.enter("current")
	}
	if err != nil {
		return Switched{}, err
	}
	g.journal = nil
	return Switched{Number: r.Number}, g.enter("kept")
}

func (g gateway) GoBack(_ context.Context, id string) (Switched, error) {
	if err := g.enter("goes back"); err != nil {
		return Switched{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.held != nil && g.held.ID == id:
		g.held = nil
	case g.journal != nil && g.journal.revision.ID == id:
		g.journal = nil
	default:
		return Switched{}, &Refusal{Message: "it neither waits nor is held"}
	}
	return Switched{}, nil
}

func (g gateway) Standing(context.Context) (Standing, error) {
	if !g.live() {
		return Standing{}, errDead
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var s Standing
	r, err := g.store.Current()
	if err != nil && !errors.Is(err, config.ErrNoRevision) {
		return s, err
	}
	s.Running = r
	if g.held != nil {
		s.Held, s.Foreign = g.held.ID, g.heldBy
	}
	// What was kept before its journal was dropped is kept: a start finds that out.
	if g.journal != nil && g.journal.revision.ID != r.ID {
		s.Pending, s.Foreign = g.journal.revision.ID, g.journal.foreign
		s.Deadline = time.Now().Add(g.journal.deadline - g.world.clock())
	}
	return s, nil
}

func (g gateway) Add(_ context.Context, all []config.Revision) error {
	for _, r := range all {
		if _, err := g.store.Add(r); err != nil {
			return err
		}
	}
	return nil
}

func (g gateway) Rename(_ context.Context, r config.Revision) error {
	if err := g.enter("renames"); err != nil {
		return err
	}
	r.Policy = r.Text()
	kept, err := g.store.Add(r)
	if err != nil {
		return err
	}
	return g.store.SetCurrent(kept.Number)
}

func (g gateway) Find(id string) (config.Revision, error) { return g.store.Find(id) }
func (g gateway) History() (config.History, error)        { return g.store.History() }
func (g gateway) Learned(context.Context) ([]byte, error) { return []byte(g.learned), nil }
func (g gateway) LearnedDigest() string                   { return g.learned }
func (g gateway) Adopt(_ context.Context, learned []byte) error {
	g.learned = string(learned)
	return nil
}
func (g gateway) RulesetDigest(context.Context) (string, error) { return g.current() + g.learned, nil }

func (m *machine) current() string {
	r, err := m.store.Current()
	if err != nil {
		return ""
	}
	return r.ID
}

func (m *machine) text() string {
	r, err := m.store.Current()
	if err != nil {
		return ""
	}
	return string(r.Policy)
}

// apply applies a text at a machine.
func (m *machine) apply(text string, o Order, parents ...string) (Outcome, error) {
	g := m.sync.Gateway.(gateway)
	return m.sync.Apply(context.Background(), o, g.stageOwn(text, parents...))
}

func (w *world) wantBoth(text string) {
	w.t.Helper()
	if a, b := w.a.text(), w.b.text(); a != text || b != text || w.a.current() != w.b.current() {
		w.t.Errorf("%s runs %q (%.7s) and %s %q (%.7s), want %q on both", w.a.name, a, w.a.current(), w.b.name, b, w.b.current(), text)
	}
	w.wantNothingOpen()
}

func (w *world) wantNothingOpen() {
	w.t.Helper()
	for _, m := range []*machine{w.a, w.b} {
		if m.journal != nil || m.held != nil {
			w.t.Errorf("%s still has %s pending, %s held", m.name, fmt.Sprint(m.journal), fmt.Sprint(m.held))
		}
	}
}
