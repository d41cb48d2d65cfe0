package main

import (
	"context"
	"errors"

	"github.com/rempart/rempart/firewall"
	"github.com/rempart/rempart/ha/lists"
)

// carried are the sets of the gateway that rules fill, as the pair carries them.
type carried struct{ gateway func() *firewall.Firewall }

// Read reads them.
func (c carried) Read(ctx context.Context) ([]lists.List, error) {
	fills, err := c.gateway().Fills(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]lists.List, len(fills))
	for i, f := range fills {
		out[i] = lists.List{Name: f.Set, Type: f.Type, Elements: elementsOf(f.Members)}
	}
	return out, nil
}

// Merge does what the master says, as far as the policy knows its lists: `rempart ha status` says when
// it is another one.
func (c carried) Merge(ctx context.Context, changes []lists.Change) error {
	var faults []error
	for _, change := range changes {
		err := c.gateway().Refill(ctx, change.Name, change.Type, func(have firewall.Members) ([][]byte, firewall.Members) {
			gone, put := lists.Merge(elementsOf(have), change)
			return gone, membersOf(put)
		})
		if !errors.Is(err, firewall.ErrNoFill) {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

func elementsOf(members firewall.Members) []lists.Element {
	out := make([]lists.Element, len(members))
	for i, m := range members {
		out[i] = lists.Element(m)
	}
	return out
}

func membersOf(elements []lists.Element) firewall.Members {
	out := make(firewall.Members, len(elements))
	for i, e := range elements {
		out[i] = firewall.Member(e)
	}
	return out
}
