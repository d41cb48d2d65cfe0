package trace

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
)

// learn finds out what the rules of our table are. Those that were there before
// stay known: a packet may have met them.
func (f *follower) learn(ctx context.Context) error {
	policy, err := f.options.Policy(ctx)
	if err != nil {
		return err
	}
	handles, err := f.kernel.Handles(ctx)
	if err != nil {
		return err
	}
	rules := maps.Clone(f.rules)
	if rules == nil {
		rules = index{}
	}
	maps.Copy(rules, newIndex(policy.Ruleset, handles))
	f.policy, f.rules = policy, rules
	return nil
}

// unknown says that a packet met a rule of our table that came since: an apply
// exchanges all rules.
func (f *follower) unknown(t trip) bool {
	for _, e := range t.events {
		_, known := f.rules[e.Handle]
		if e.Family == "inet" && e.Table == f.policy.Ruleset.Table.Name && e.Handle != 0 && !known {
			return true
		}
	}
	return false
}

// inOrder is the numbers of the packets under way, the one that came first first.
func (f *follower) inOrder() []uint32 {
	return slices.SortedFunc(maps.Keys(f.trips), func(a, b uint32) int {
		return cmp.Or(f.trips[a].began.Compare(f.trips[b].began), cmp.Compare(a, b))
	})
}

// hint says why there may have been no packet.
func (f *follower) hint() string {
	o := f.options
	switch {
	case f.told > 0:
		return ""
	case o.Reply:
		return "no answer came: either no such flow stands, or nobody answers it"
	case o.Flow.In == Self:
		return "the gateway itself sent no such packet"
	case o.Flow.In != "":
		return fmt.Sprintf("no such packet arrived at %s (%s): does its sender have a route to this gateway, and is it plugged in there?", o.Flow.In, f.device())
	}
	return "no such packet arrived or was sent: does its sender have a route to this gateway?"
}
