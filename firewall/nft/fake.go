package nft

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// Fake is a Kernel in memory, with the manners of the real one: a batch takes effect
// as a whole, a command that names what is missing or removes what is in use is
// refused, and elements may not overlap. It sees no packets.
type Fake struct {
	mu         sync.Mutex
	name       string
	table      *fakeTable // nil: there is none
	generation uint32
	foreign    []ForeignChain
	lacks      []string
	refusal    error
	watchers   []*watcher
}

type watcher struct{ changed func(Event) }

var _ Kernel = (*Fake)(nil)

// NewFake is a kernel without the table.
func NewFake(table string) *Fake { return &Fake{name: table, generation: 1} }

// String is the table as nft would list it; empty when there is none.
func (f *Fake) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.table == nil {
		return ""
	}
	return f.table.ruleset(f.name).String()
}

// Ruleset is what the table holds, in the order in which it came.
func (f *Fake) Ruleset() Ruleset {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.table == nil {
		return Ruleset{Table: Table{Name: f.name}}
	}
	return f.table.ruleset(f.name)
}

// SetCounter gives a named counter figures, as packets would. It says whether there is one.
func (f *Fake) SetCounter(name string, figures Counter) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.table == nil {
		return false
	}
	c, ok := f.table.counters[name]
	if ok {
		*c = figures
	}
	return ok
}

// SetForeign makes base chains of other tables.
func (f *Fake) SetForeign(chains ...ForeignChain) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.foreign = chains
}

// SetLacking makes the kernel lack features.
func (f *Fake) SetLacking(names ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lacks = names
}

// Refuse makes the next Commit return err and do nothing.
func (f *Fake) Refuse(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refusal = err
}

// Touch is a transaction of somebody else, of which watchers are told. The batch may be empty.
func (f *Fake) Touch(ctx context.Context, b Batch) error {
	if err := f.Commit(ctx, b, 0); err != nil {
		return err
	}
	f.mu.Lock()
	if len(b) == 0 {
		f.generation++
	}
	e := Event{Generation: f.generation, Process: "fake"}
	watchers := slices.Clone(f.watchers)
	f.mu.Unlock()
	for _, w := range watchers {
		w.changed(e)
	}
	return nil
}

// Watch tells of every Touch.
func (f *Fake) Watch(ctx context.Context, changed func(Event)) error {
	w := &watcher{changed}
	f.mu.Lock()
	f.watchers = append(f.watchers, w)
	f.mu.Unlock()
	<-ctx.Done()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers = slices.DeleteFunc(f.watchers, func(o *watcher) bool { return o == w })
	return nil
}

// Commit puts a batch in.
func (f *Fake) Commit(ctx context.Context, b Batch, generation uint32) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := ctx.Err(); err != nil || len(b) == 0 {
		return err
	}
	if err := f.refusal; err != nil {
		f.refusal = nil
		return err
	}
	if generation != 0 && generation != f.generation {
		return ErrGeneration
	}
	next := f.table.clone()
	for _, op := range b {
		var errno unix.Errno
		if next, errno = next.do(op); errno != 0 {
			return &CommitError{Op: op, Errno: errno}
		}
	}
	f.table = next
	f.generation++
	return nil
}

// State is what the table holds.
func (f *Fake) State(ctx context.Context) (State, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := State{Generation: f.generation}
	if f.table == nil {
		return s, ctx.Err()
	}
	r := f.table.ruleset(f.name)
	s.Exists, s.Sets, s.Helpers, s.Counters = true, r.Sets, r.Helpers, r.Counters
	for _, c := range r.Chains {
		s.Chains = append(s.Chains, ChainHead{c.Name, c.Hook})
	}
	return s, ctx.Err()
}

// Counters are zero until SetCounter.
func (f *Fake) Counters(ctx context.Context) (map[string]Counter, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	figures := make(map[string]Counter)
	if f.table != nil {
		for name, c := range f.table.counters {
			figures[name] = *c
		}
	}
	return figures, ctx.Err()
}

// Elements are those of a set.
func (f *Fake) Elements(ctx context.Context, set string) ([]Element, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.table == nil || f.table.sets[set] == nil {
		return nil, fmt.Errorf("read set %q: %w", set, os.ErrNotExist)
	}
	return slices.Clone(f.table.sets[set].Elements), ctx.Err()
}

// Generation counts batches and touches.
func (f *Fake) Generation(ctx context.Context) (uint32, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.generation, ctx.Err()
}

// Foreign are the chains of SetForeign.
func (f *Fake) Foreign(ctx context.Context) ([]ForeignChain, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.foreign), ctx.Err()
}

// Delete removes the table.
func (f *Fake) Delete(ctx context.Context) error {
	return f.Commit(ctx, Batch{AddTable{f.name}, DeleteTable{f.name}}, 0)
}

// fakeTable is the content of the table. Its lists are in the order in which things came.
type fakeTable struct {
	chains   map[string]*Chain
	sets     map[string]*Set
	counters map[string]*Counter
	helpers  []Helper
	order    struct{ chains, sets, counters []string }
	uses     map[use]int
}

// use is a thing that rules or the elements of verdict maps hold.
type use struct {
	kind useKind
	name string
}

type useKind int

const (
	useChain useKind = iota
	useSet
	useCounter
	useHelper
)

func (t *fakeTable) clone() *fakeTable {
	if t == nil {
		return nil
	}
	next := &fakeTable{
		chains: make(map[string]*Chain, len(t.chains)), sets: make(map[string]*Set, len(t.sets)),
		counters: maps.Clone(t.counters), helpers: slices.Clone(t.helpers), uses: maps.Clone(t.uses),
	}
	for name, c := range t.chains {
		c := *c
		c.Rules = slices.Clip(c.Rules)
		next.chains[name] = &c
	}
	for name, s := range t.sets {
		s := *s
		s.Elements = slices.Clip(s.Elements)
		next.sets[name] = &s
	}
	next.order.chains = slices.Clone(t.order.chains)
	next.order.sets = slices.Clone(t.order.sets)
	next.order.counters = slices.Clone(t.order.counters)
	return next
}

func (t *fakeTable) ruleset(name string) Ruleset {
	r := Ruleset{Table: Table{Name: name}, Helpers: slices.Clone(t.helpers), Counters: slices.Clone(t.order.counters)}
	for _, name := range t.order.sets {
		r.Sets = append(r.Sets, *t.sets[name])
	}
	for _, name := range t.order.chains {
		r.Chains = append(r.Chains, *t.chains[name])
	}
	return r
}

// usesOf are the things that an expression holds.
func usesOf(x Expr) []use {
	switch x := x.(type) {
	case Lookup:
		return []use{{useSet, x.Set}}
	case DynSet:
		return []use{{useSet, x.Set}}
	case Count:
		return []use{{useCounter, x.Counter}}
	case SetHelper:
		return []use{{useHelper, x.Helper}}
	case Deal:
		return []use{{useSet, x.Set}}
	case NAT:
		if x.Deal != nil {
			return []use{{useSet, x.Deal.Set}}
		}
	case Verdict:
		return usesOfVerdict(x)
	case VMap:
		if x.Set != "" {
			return []use{{useSet, x.Set}}
		}
		var uses []use
		for _, e := range x.Elements {
			uses = append(uses, usesOfVerdict(e.Verdict)...)
		}
		return uses
	}
	return nil
}

func usesOfVerdict(v Verdict) []use {
	if v.Chain == "" {
		return nil
	}
	return []use{{useChain, v.Chain}}
}

func (t *fakeTable) hold(uses []use, by int) {
	for _, u := range uses {
		t.uses[u] += by
	}
}

// Features are all but those of SetLacking.
func (f *Fake) Features(ctx context.Context) (Features, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list Features
	for _, p := range probes(f.name) {
		var reason error
		if slices.Contains(f.lacks, p.feature) {
			reason = unix.EOPNOTSUPP
		}
		list = append(list, Feature{p.feature, reason})
	}
	return list, ctx.Err()
}
