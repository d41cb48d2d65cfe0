package firewall

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules"
	"go4.org/netipx"
)

// table remembers what was last put into the kernel, so that an apply sends
// differences and need not read a million elements back. A generation that
// moved without us makes it look again.
type table struct {
	have  nft.State
	known bool
	rules int                 // that it has, as far as they were put there by us
	hold  func(time.Duration) // told of changes that take long; nil: nobody is
}

// maxTries bounds how often a change of somebody else's may come between.
const maxTries = 5

// put makes the kernel's table what is wanted.
func (t *table) put(ctx context.Context, k nft.Kernel, want nft.Ruleset) error {
	var err error
	for range maxTries {
		err = t.try(ctx, k, want)
		if !errors.Is(err, nft.ErrGeneration) {
			break
		}
	}
	return refusal(err)
}

func (t *table) try(ctx context.Context, k nft.Kernel, want nft.Ruleset) error {
	if err := t.look(ctx, k, want); err != nil {
		return err
	}
	generation := t.have.Generation
	t.known = false // until all of it is done
	plan := nft.Plan(t.have, want)
	t.tell(plan...)
	for _, b := range plan {
		if err := k.Commit(ctx, b, generation); err != nil {
			return err
		}
		generation++
	}
	now, err := k.Generation(ctx)
	if err != nil {
		return err
	}
	t.have, t.rules = want.State(), rulesOf(want)
	t.have.Generation, t.known = now, now == generation
	return nil
}

// add puts elements into a set that rules fill, as if a rule had.
func (t *table) add(ctx context.Context, k nft.Kernel, set nft.Set, elements []nft.Element) error {
	if len(elements) == 0 {
		return nil
	}
	return t.edit(ctx, k, nft.Batch{nft.AddElements{Table: TableName, Set: set, Elements: elements}})
}

// edit changes elements of sets that rules fill, which t.have does not follow.
func (t *table) edit(ctx context.Context, k nft.Kernel, b nft.Batch) error {
	if len(b) == 0 {
		return nil
	}
	var err error
	for range maxTries {
		generation, look := k.Generation(ctx)
		if look != nil {
			return look
		}
		t.tell(b)
		err = k.Commit(ctx, b, generation)
		if err == nil && t.known && t.have.Generation == generation {
			t.have.Generation++
		}
		if !errors.Is(err, nft.ErrGeneration) {
			break
		}
	}
	return err
}

// look makes t.have true. What rules put into dynamic sets is read each time
// that rules change, since it moves without a generation.
func (t *table) look(ctx context.Context, k nft.Kernel, want nft.Ruleset) error {
	generation, err := k.Generation(ctx)
	if err != nil {
		return err
	}
	if !t.known || generation != t.have.Generation {
		t.have, err = k.State(ctx)
		return err
	}
	if t.have.Rules == want.Digest() {
		return nil
	}
	sets := make([]nft.Set, len(t.have.Sets))
	for i, s := range t.have.Sets {
		if sets[i] = s; s.Dynamic {
			if sets[i].Elements, err = k.Elements(ctx, s.Name); err != nil {
				return err
			}
		}
	}
	t.have.Sets = sets
	return nil
}

// put makes the kernel enforce a ruleset.
func (f *Firewall) put(ctx context.Context, want nft.Ruleset) error {
	return f.table.put(ctx, f.Kernel, want)
}

// Dynamic is what dynamic aliases hold, by alias.
type Dynamic map[string]*netipx.IPSet

// dynamic reads the dynamic aliases of a policy. Sets that the kernel does not have yet are empty.
func (f *Firewall) dynamic(ctx context.Context, w *rules.World) (Dynamic, error) {
	out := Dynamic{}
	for _, a := range w.Config.Aliases {
		if a.Kind != config.AliasDynamic {
			continue
		}
		elements, err := f.elements(ctx, a.Name)
		if err != nil {
			return nil, err
		}
		var b netipx.IPSetBuilder
		for _, e := range elements {
			b.AddRange(netipx.IPRangeFrom(e.Key[0].From, e.Key[0].To))
		}
		if out[a.Name], err = b.IPSet(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// elements is what a dynamic alias holds, IPv4 first; nothing when it is not in the kernel yet.
func (f *Firewall) elements(ctx context.Context, alias string) ([]nft.Element, error) {
	var out []nft.Element
	for _, fam := range []rules.Family{rules.V4, rules.V6} {
		name := rules.SetName("alias", alias, fam)
		if f.running == nil || !hasSet(f.running.ruleset, name) {
			continue
		}
		elements, err := f.Kernel.Elements(ctx, name)
		if err != nil {
			return nil, err
		}
		out = append(out, elements...)
	}
	return out, nil
}

func hasSet(r nft.Ruleset, name string) bool {
	for _, s := range r.Sets {
		if s.Name == name {
			return true
		}
	}
	return false
}

// Outside is what aliases learned from outside the policy.
type Outside struct {
	Names map[string][]netip.Addr
	Lists map[string]*netipx.IPSet
}
