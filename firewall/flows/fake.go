package flows

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Fake is a Table in memory, for tests. It has the manners of the kernel's: one flow a tuple, an ID of its own for each.
type Fake struct {
	mu     sync.Mutex
	flows  map[Tuple]Flow
	lastID uint32
	max    uint32
}

// NewFake returns a table that holds the flows and has room for 262,144, as the kernel's default is on a common machine.
func NewFake(flows ...Flow) *Fake {
	k := &Fake{flows: make(map[Tuple]Flow), max: 262144}
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
	k.flows[f.Orig] = f
	return f
}

// List returns the flows that the filter picks, oldest first.
func (k *Fake) List(ctx context.Context, filter Filter) ([]Flow, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("list flows: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var picked []Flow
	for f := range maps.Values(k.flows) {
		if filter.Match(f) {
			picked = append(picked, f)
		}
	}
	slices.SortFunc(picked, func(a, b Flow) int { return int(int64(a.ID) - int64(b.ID)) })
	return picked, nil
}

// End removes the flows that are still there.
func (k *Fake) End(ctx context.Context, flows []Flow) (ended int, err error) {
	if err := endable(flows); err != nil {
		return 0, fmt.Errorf("end flows: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var zoned error
	for _, f := range flows {
		if err := ctx.Err(); err != nil {
			return ended, fmt.Errorf("end flows: %w", err)
		}
		if f.Zone != 0 {
			zoned = fmt.Errorf("end flow %v: %w", f, ErrZone)
			continue
		}
		if have, ok := k.flows[f.Orig]; ok && have.ID == f.ID {
			delete(k.flows, f.Orig)
			ended++
		}
	}
	return ended, zoned
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
