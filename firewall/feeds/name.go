package feeds

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// ErrNoName says that a name does not exist (NXDOMAIN).
var ErrNoName = errors.New("no such name")

// reply is what one question for a name brought.
type reply struct {
	family Family
	answer Answer
	err    error
}

// resolve asks for both families at once.
func (f *Feeds) resolve(ctx context.Context, j job) outcome {
	replies := [...]reply{{family: IPv4}, {family: IPv6}}
	var asking sync.WaitGroup
	for i := range replies {
		r := &replies[i]
		asking.Go(func() { r.answer, r.err = f.resolver.Lookup(ctx, j.name, r.family) })
	}
	asking.Wait()
	o := resolved(j, replies[:], f.minTTL, f.maxTTL, time.Now())
	if o.changed {
		if err := f.store.save(j.key, o.known); err != nil {
			o.err = fmt.Errorf("resolve %s: %w", j.name, err)
		}
	}
	return o
}

// resolved judges the replies of both families. One family is enough: the other
// one keeps what it had, and is asked again soon.
func resolved(j job, replies []reply, least, most time.Duration, now time.Time) outcome {
	o := j.outcome()
	shortest := most
	var failed faults
	missing, silent := false, false
	for _, r := range replies {
		addresses := usable(r.answer.Addresses, r.family)
		switch {
		case len(addresses) > 0 && r.err == nil:
			o.answered = true
			shortest = min(shortest, max(least, r.answer.TTL))
		case errors.Is(r.err, ErrNoName):
			missing = true
		case r.err != nil:
			silent = true
			failed = append(failed, r.err)
		}
	}
	o.retry = !o.answered || silent
	if !o.answered {
		o.err = noAnswer(j.name, missing, failed)
		return o
	}
	for _, r := range replies {
		if r.err == nil || errors.Is(r.err, ErrNoName) {
			o.known.leases = o.known.leases.renewed(r.family, usable(r.answer.Addresses, r.family), shortest, now)
		}
	}
	o.changed = !o.known.leases.sameAddresses(j.known.leases)
	o.next = shortest
	if silent {
		o.err = fmt.Errorf("resolve %s: %w: its other addresses are in use, these stay as they were", j.name, failed)
	}
	return o
}

func noAnswer(name string, missing bool, failed faults) error {
	const kept = "the last answer stays"
	switch {
	case missing:
		return fmt.Errorf("resolve %s: %w: %s; correct the name in the policy if it is gone for good", name, ErrNoName, kept)
	case len(failed) > 0:
		return fmt.Errorf("resolve %s: %w: %s", name, failed, kept)
	default:
		return fmt.Errorf("resolve %s: it has no addresses: %s; correct the name in the policy if that is meant", name, kept)
	}
}

// usable drops what no packet can be sent to; 0.0.0.0 and :: are how name
// servers block a name.
func usable(addresses []netip.Addr, f Family) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(addresses), func(a netip.Addr) bool {
		return !f.has(a) || a.IsUnspecified()
	})
}
