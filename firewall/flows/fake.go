package flows

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Fake is a Table in memory, for tests. It has the manners of the kernel's: one flow a tuple in a ct zone, an ID of its own for each.
type Fake struct {
	mu     sync.Mutex
	flows  map[flowKey]Flow
	lastID uint32
	max    uint32
}

// NewFake returns a table that holds the flows and has room for 262,144, as the kernel's default is on a common machine.
func NewFake(flows ...Flow) *Fake {
	k := &Fake{flows: make(map[flowKey]Flow), max: 262144}
	for _, f := range flows {
		k.Put(f)
	}
	return k
}

// Put adds a flow, in place of one with the same original tuple, and returns it with the ID it was given.
func (k *Fake) Put(f Flow) Flow {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lastID++
	f.ID = k.lastID
	k.flows[keyOf(f)] = f
	return f
}

// List returns the flows that the filter picks, oldest first.
func (k *Fake) List(ctx context.Context, filter Filter) ([]Flow, error) {
	var picked []Flow
	if err := k.walk(ctx, filter, func(f Flow) { picked = append(picked, f) }); err != nil {
		return nil, fmt.Errorf("list flows: %w", err)
	}
	return picked, nil
}

// Walk calls fn for the flows that the filter picks, oldest first.
func (k *Fake) Walk(ctx context.Context, filter Filter, fn func(Flow)) error {
	if err := k.walk(ctx, filter, fn); err != nil {
		return fmt.Errorf("walk flows: %w", err)
	}
	return nil
}

func (k *Fake) walk(ctx context.Context, filter Filter, fn func(Flow)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := slices.SortedFunc(maps.Values(k.flows), func(a, b Flow) int { return int(int64(a.ID) - int64(b.ID)) })
	for _, f := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if filter.Match(f) {
			fn(f)
		}
	}
	return ctx.Err()
}

// End removes the flows that are still there.
func (k *Fake) End(ctx context.Context, flows []Flow) (ended int, err error) {
	for _, f := range flows {
		if err := nameable(f); err != nil {
			return 0, fmt.Errorf("end flows: %w", err)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range flows {
		if err := ctx.Err(); err != nil {
			return ended, fmt.Errorf("end flows: %w", err)
		}
		if have, ok := k.flows[keyOf(f)]; ok && have.ID == f.ID {
			delete(k.flows, keyOf(f))
			ended++
		}
	}
	return ended, nil
}

// Remark changes the marks of the flows that are still there.
func (k *Fake) Remark(ctx context.Context, flows []Marked) (changed int, err error) {
	for _, m := range flows {
		if err := nameable(m.Flow); err != nil {
			return 0, fmt.Errorf("mark flows: %w", err)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, m := range flows {
		if err := ctx.Err(); err != nil {
			return changed, fmt.Errorf("mark flows: %w", err)
		}
		if have, ok := k.flows[keyOf(m.Flow)]; ok {
			have.Mark = m.Bits.On(have.Mark)
			k.flows[keyOf(m.Flow)] = have
			changed++
		}
	}
	return changed, nil
}

// Count returns how many flows there are.
func (k *Fake) Count(ctx context.Context) (Count, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return Count{Flows: uint32(len(k.flows)), Max: k.max}, ctx.Err()
}

// String prints the flows one a line, oldest first.
func (k *Fake) String() string {
	all, _ := k.List(context.Background(), nil)
	var b strings.Builder
	for _, f := range all {
		fmt.Fprintln(&b, f)
	}
	return b.String()
}
