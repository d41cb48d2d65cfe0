package scenario_test

import (
	"net/netip"
	"sync"
	"time"

	"github.com/rempart/rempart/ha/view"
	"github.com/vishvananda/netlink"
)

// watch notes when the kernels of both nodes get addresses and lose them.
type watch struct {
	bed  *bed
	mu   sync.Mutex
	news []news
}

// news is that a node has an address from then on, or has not.
type news struct {
	at   time.Time
	node int
	addr netip.Addr
	has  bool
}

// watch begins to listen to the kernels of both nodes, with what they have already.
func (b *bed) watch() *watch {
	b.Helper()
	w := &watch{bed: b}
	for i, n := range b.nodes {
		updates, done := make(chan netlink.AddrUpdate, 1024), make(chan struct{})
		err := n.host.Do(func() error {
			return netlink.AddrSubscribeWithOptions(updates, done, netlink.AddrSubscribeOptions{ListExisting: true})
		})
		if err != nil {
			b.Fatal(err)
		}
		var ended sync.WaitGroup
		ended.Go(func() {
			for u := range updates {
				w.take(i, u)
			}
		})
		b.Cleanup(func() { close(done); ended.Wait() })
	}
	return w
}

func (w *watch) take(node int, u netlink.AddrUpdate) {
	a, ok := netip.AddrFromSlice(u.LinkAddress.IP)
	if !ok {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.news = append(w.news, news{at: time.Now(), node: node, addr: a.Unmap(), has: u.NewAddr})
}

// noticed is how late this process may hear of what a kernel did: of two events on two nodes it does not know the order
// better than that. A busy machine has kept one of the two readers waiting for 1.6 s.
const noticed = 2500 * time.Millisecond

// spans are the longest times since an instant in which both nodes had an address, and in which neither had.
func (w *watch) spans(a netip.Addr, since time.Time) (both, neither time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var has [2]bool
	last := since
	note := func(until time.Time) {
		if until.Before(since) {
			return
		}
		switch d := until.Sub(last); {
		case has[0] && has[1]:
			both = max(both, d)
		case !has[0] && !has[1]:
			neither = max(neither, d)
		}
	}
	for _, n := range w.news {
		if n.addr != a || has[n.node] == n.has {
			continue
		}
		note(n.at)
		has[n.node] = n.has
		if n.at.After(last) {
			last = n.at
		}
	}
	note(time.Now())
	return both, neither
}

// when is when a node got an address, or lost it, after an instant; zero: it has not.
func (w *watch) when(n *node, a netip.Addr, has bool, since time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range w.news {
		if one.node == n.number && one.addr == a && one.has == has && one.at.After(since) {
			return one.at
		}
	}
	return time.Time{}
}

// span is a time in which a node was master.
type span struct{ from, to time.Time }

// masterSpans are when a node was master of a group, by its own account; the account is of the last ten changes.
func masterSpans(s view.Status, group string) []span {
	var all []span
	end := time.Now()
	for _, t := range s.Transitions {
		if t.Group != group {
			continue
		}
		if t.To == "MASTER" {
			all = append(all, span{t.At, end})
		}
		end = t.At
	}
	return all
}

// doubled is how long two nodes were both master, at the longest.
func doubled(a, b []span) (longest time.Duration) {
	for _, x := range a {
		for _, y := range b {
			from, to := x.from, x.to
			if y.from.After(from) {
				from = y.from
			}
			if y.to.Before(to) {
				to = y.to
			}
			longest = max(longest, to.Sub(from))
		}
	}
	return longest
}

// handover is how long after the new master's first word the old one may still call itself master: that is
// how long the word is under way, on a busy machine.
const handover = 500 * time.Millisecond

// wantOneMaster fails when both nodes were master at a time, by their own account, but for the moment of a handover.
func (b *bed) wantOneMaster() {
	b.Helper()
	first, second := b.nodes[0].status(), b.nodes[1].status()
	for _, g := range first.Groups {
		if d := doubled(masterSpans(first, g.Name), masterSpans(second, g.Name)); d > handover {
			b.Errorf("both nodes were master of %s for %s", g.Name, d)
		}
	}
}
