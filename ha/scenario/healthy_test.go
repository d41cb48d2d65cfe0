package scenario_test

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/lab"
)

func TestOneMaster(t *testing.T) {
	b := newPair(t, settings{})
	master, backup := b.nodes[0], b.nodes[1]
	for _, a := range []netip.Addr{lanVIP, lanVIP6, routerVIP, wanVIP, wanVIP6} {
		if !master.has(a) || backup.has(a) {
			t.Errorf("%v: on the master %v, on the backup %v", a, master.has(a), backup.has(a))
		}
	}
	b.reaches(b.client, lanVIP)
	b.reaches(b.client, lanVIP6)
	b.reaches(b.client, routerVIP.WithZone("eth0"))
	b.reaches(b.server, wanVIP)
	b.reaches(b.server, wanVIP6)
	b.passes()
	for _, n := range b.nodes {
		b.await("the nodes to hear each other everywhere", func() bool {
			return !slices.ContainsFunc(n.status().Paths, func(p view.Path) bool { return !p.Carrier || !p.PeerHears || p.Beat.IsZero() })
		})
		if w := n.status().Warnings; len(w) > 0 {
			t.Errorf("%s warns: %q", n, w)
		}
	}
}

// reaches fails unless a ping comes back.
func (b *bed) reaches(h *lab.Host, a netip.Addr) {
	b.Helper()
	if r := h.Ping(b.Context(), a, lab.Within(5*time.Second)); r.Outcome != lab.Open {
		b.Errorf("ping from %s to %v: %v", h.Name(), a, r)
	}
}

// passes fails unless the client's traffic gets to the server and back: IPv4 from the virtual address.
func (b *bed) passes() {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), waitAtMost)
	defer cancel()
	for _, dst := range []netip.Addr{server, server6} {
		r := b.client.UDP(ctx, netip.AddrPortFrom(dst, serverPort), lab.Within(5*time.Second))
		if r.Outcome != lab.Open || dst.Is4() && r.Seen.Addr() != wanVIP {
			b.Errorf("to %v: %v", dst, r)
		}
	}
}
