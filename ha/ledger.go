package ha

import (
	"cmp"
	"slices"
	"time"

	"github.com/rempart/rempart/ha/view"
)

// The weights of reasons. A node that lacks something is worse than one that does not; who has no
// flows or no policy is worse than that; and an order outweighs all of it.
const (
	weightLink        = 1
	weightGateway     = 1
	weightErrors      = 1
	weightSync        = 32
	weightPolicy      = 64
	weightMaintenance = 200
)

// healAfter is how long a cause has to be gone until its reason goes: a cable that is
// plugged in bounces, and each bounce would move the role.
const healAfter = 2 * time.Second

// ledger is the reasons for which a node is not as good as it could be.
type ledger struct{ reasons []reason }

type reason struct {
	view.Demotion
	link string    // only groups on it are worse; empty: all
	gone time.Time // since when its cause is gone; zero: it is there
}

// set notes a cause, or that it is gone: then its reason goes after a while. It says whether
// the sum changed.
func (l *ledger) set(now time.Time, name string, weight int, there bool, heals, link string) bool {
	i := slices.IndexFunc(l.reasons, func(r reason) bool { return r.Reason == name })
	switch {
	case there && i < 0:
		l.reasons = append(l.reasons, reason{link: link, Demotion: view.Demotion{Reason: name, Weight: weight, Since: now, Heals: heals}})
		return true
	case there:
		changed := l.reasons[i].Weight != weight
		l.reasons[i].gone, l.reasons[i].Weight = time.Time{}, weight
		return changed
	case i >= 0 && l.reasons[i].gone.IsZero():
		l.reasons[i].gone = now
	}
	return false
}

// drop takes a reason away at once.
func (l *ledger) drop(name string) {
	l.reasons = slices.DeleteFunc(l.reasons, func(r reason) bool { return r.Reason == name })
}

// heal drops the reasons whose cause has been gone for long enough, and says whether there
// were any.
func (l *ledger) heal(now time.Time) bool {
	before := len(l.reasons)
	l.reasons = slices.DeleteFunc(l.reasons, func(r reason) bool {
		return !r.gone.IsZero() && now.Sub(r.gone) >= healAfter
	})
	return len(l.reasons) < before
}

// due is when heal has something to do; zero: never.
func (l *ledger) due() (at time.Time) {
	for _, r := range l.reasons {
		if !r.gone.IsZero() {
			at = earliest(at, r.gone.Add(healAfter))
		}
	}
	return at
}

// keep drops all reasons but those of these names.
func (l *ledger) keep(names []string) {
	l.reasons = slices.DeleteFunc(l.reasons, func(r reason) bool { return !slices.Contains(names, r.Reason) })
}

// sum is the demotion of who is on the links that on says.
func (l *ledger) sum(on func(link string) bool) (all int) {
	for _, r := range l.reasons {
		if r.link == "" || on(r.link) {
			all += r.Weight
		}
	}
	return all
}

// has says whether a reason counts now.
func (l *ledger) has(name string) bool {
	return slices.ContainsFunc(l.reasons, func(r reason) bool { return r.Reason == name })
}

// list is the reasons, the heaviest first.
func (l *ledger) list() []view.Demotion {
	out := make([]view.Demotion, 0, len(l.reasons))
	for _, r := range l.reasons {
		out = append(out, r.Demotion)
	}
	slices.SortStableFunc(out, func(a, b view.Demotion) int { return cmp.Compare(b.Weight, a.Weight) })
	return out
}

// earliest is the earlier of two instants; zero is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
