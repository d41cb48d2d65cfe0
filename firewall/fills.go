package firewall

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules"
	"golang.org/x/sys/unix"
)

// Fill is what a set holds that is filled while the policy runs, so that another gateway with the same
// policy can go on with it.
type Fill struct {
	Set  string
	Type string // nft.Set.TypeText
	Members
}

// Members are elements of a set, in no order.
type Members []Member

// Member is an element of a set.
type Member struct {
	Key  []byte        // nft.Set.AppendKey
	Left time.Duration // until it leaves the set by itself; 0: never
}

// ErrNoFill says that no set of that name and type is filled while the present policy runs.
var ErrNoFill = errors.New("the policy has no such set")

// fills are the sets of a running policy whose content another gateway can go on with: dynamic aliases,
// and the ends of flows that were ended.
//
// Not so the sets of limits: each of their elements has a state of its own that the kernel neither
// gives out nor takes. A bucket (limit rate) is always made full, and a count of flows (ct count)
// empty: an element that was carried over would look like the other one and not be like it.
func (r *running) fills() map[string]nft.Set {
	wanted := map[string]bool{}
	for _, fam := range []rules.Family{rules.V4, rules.V6} {
		wanted[rules.EndedSet(fam).Name] = true
		for _, a := range r.world.Config.Aliases {
			if a.Kind == config.AliasDynamic {
				wanted[rules.SetName("alias", a.Name, fam)] = true
			}
		}
	}
	out := make(map[string]nft.Set, len(wanted))
	for _, s := range r.ruleset.Sets {
		if wanted[s.Name] {
			out[s.Name] = s
		}
	}
	return out
}

// Fills reads the sets that are filled while the policy runs. It does not wait for the loop: it is asked
// for often, and while an apply is under way.
func (f *Firewall) Fills(ctx context.Context) ([]Fill, error) {
	r := f.now.Load()
	if r == nil {
		return nil, nil
	}
	var out []Fill
	for name, s := range r.fills() {
		members, err := f.members(ctx, s)
		if err != nil {
			return nil, err
		}
		out = append(out, Fill{Set: name, Type: s.TypeText(), Members: members})
	}
	return out, nil
}

func (f *Firewall) members(ctx context.Context, s nft.Set) (Members, error) {
	elements, err := f.Kernel.Elements(ctx, s.Name)
	if err != nil {
		return nil, err
	}
	out := make(Members, 0, len(elements))
	var keys []byte // of all, so that each is not a piece of memory of its own
	for _, e := range elements {
		if s.Timeout+e.Timeout > 0 && e.Expires == 0 {
			continue // its time is up, and 0 would mean that it has no end
		}
		at := len(keys)
		keys = s.AppendKey(keys, e.Key)
		out = append(out, Member{Key: keys[at:len(keys):len(keys)], Left: e.Expires})
	}
	return out, nil
}

// Refill changes a set that is filled while the policy runs: of what it holds, change says which keys
// have to go, and what has to be put in, also in place of an equal key. What finds no room is left out.
// The error is ErrNoFill when the present policy has no such set of that type.
func (f *Firewall) Refill(ctx context.Context, set, kind string, change func(have Members) (gone [][]byte, put Members)) error {
	_, err := do(ctx, f, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, f.refill(ctx, set, kind, change)
	})
	return err
}

// refill does it anew when an element that is to go has gone meanwhile, since its time was up.
func (f *Firewall) refill(ctx context.Context, set, kind string, change func(Members) ([][]byte, Members)) error {
	if f.running == nil {
		return ErrNoFill
	}
	s, ok := f.running.fills()[set]
	if !ok || s.TypeText() != kind {
		return fmt.Errorf("set %q, %s: %w", set, kind, ErrNoFill)
	}
	var err error
	for range maxTries {
		var have Members
		if have, err = f.members(ctx, s); err != nil {
			return err
		}
		gone, put := change(have)
		var b nft.Batch
		if b, err = refilling(s, have, gone, put); err == nil {
			err = f.table.edit(ctx, f.Kernel, b)
		}
		if !errors.Is(err, unix.ENOENT) {
			break
		}
	}
	return err
}

// refilling is the commands of a Refill.
func refilling(s nft.Set, have Members, gone [][]byte, put Members) (nft.Batch, error) {
	leaves := make(map[string]bool, len(gone)+len(put))
	for _, key := range gone {
		leaves[string(key)] = true
	}
	for _, m := range put {
		leaves[string(m.Key)] = true // one that is there keeps its end when it is added (before Linux 6.12)
	}
	leave, come := nft.DeleteElements{Table: TableName, Set: s}, nft.AddElements{Table: TableName, Set: s}
	for _, m := range have {
		if !leaves[string(m.Key)] {
			continue
		}
		values, err := s.ParseKey(m.Key)
		if err != nil {
			return nil, err
		}
		leave.Elements = append(leave.Elements, nft.Element{Key: values})
	}
	if room := s.Size - len(have) + len(leave.Elements); s.Size > 0 && len(put) > room {
		put = put[:max(0, room)]
	}
	for _, m := range put {
		e, err := m.element(s)
		if err != nil {
			return nil, err
		}
		come.Elements = append(come.Elements, e)
	}
	return batchOf(leave, come), nil
}

func batchOf(leave nft.DeleteElements, come nft.AddElements) nft.Batch {
	var b nft.Batch
	if len(leave.Elements) > 0 {
		b = append(b, leave)
	}
	if len(come.Elements) > 0 {
		b = append(b, come)
	}
	return b
}

// element is the member as the kernel takes it. Without a time of its own it would get the set's, and
// the kernel wants an end that is not behind it.
func (m Member) element(s nft.Set) (nft.Element, error) {
	values, err := s.ParseKey(m.Key)
	e := nft.Element{Key: values}
	if s.HasTimeout && m.Left > 0 {
		e.Expires = max(m.Left, time.Millisecond)
		e.Timeout = max(s.Timeout, e.Expires)
	}
	return e, err
}
