package feeds

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"go4.org/netipx"
)

// content is what was learned from one source. It is a value: nobody changes it.
type content struct {
	leases leases // Name

	list    *netipx.IPSet // List; nil: never fetched
	lines   int           // good ones that list was made of
	url     string        // where list came from
	version Version       // of list, there
}

func (c content) empty() bool { return len(c.leases) == 0 && c.list == nil }

func (c content) entries() int { return len(c.leases) + c.lines }

func (c content) addresses() []netip.Addr {
	return slices.SortedFunc(maps.Keys(c.leases), netip.Addr.Compare)
}

// leases says until when each address of a name stays, should no answer name it
// again. A zero time is of an address from disk: it stays for one more TTL.
type leases map[netip.Addr]time.Time

// renewed is l after an answer for one family, which is believed for a ttl.
func (l leases) renewed(f Family, addresses []netip.Addr, ttl time.Duration, now time.Time) leases {
	next := make(leases, len(l)+len(addresses))
	for a, until := range l {
		switch {
		case !f.has(a), until.After(now):
			next[a] = until
		case until.IsZero():
			next[a] = now.Add(ttl)
		}
	}
	for _, a := range addresses {
		next[a] = now.Add(2 * ttl)
	}
	return next
}

func (l leases) sameAddresses(o leases) bool {
	return maps.EqualFunc(l, o, func(_, _ time.Time) bool { return true })
}
