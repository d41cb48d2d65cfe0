package scenario_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/ha/wire"
	"github.com/rempart/rempart/lab"
)

// A pair to which nothing happens.
func TestHealthyPair(t *testing.T) {
	b := newPair(t, settings{})
	b.wantOneHolder()
	b.wantNoWarnings()
	b.wantOwnAddresses()
	b.wantContentDoctors()
	b.drill()
	b.wantOwnAddresses()
	b.wantOneMaster()
}

// wantOneHolder fails unless the first node has and serves all addresses, and the second one none.
func (b *bed) wantOneHolder() {
	b.Helper()
	for _, a := range []netip.Addr{lanVIP, lanVIP6, routerVIP, wanVIP, wanVIP6} {
		if first, second := b.nodes[0].has(a), b.nodes[1].has(a); !first || second {
			b.Errorf("%v: on the master %v, on the backup %v", a, first, second)
		}
	}
	for _, n := range b.nodes {
		if ok := b.answers(n, lanVIP); ok != (n.number == 0) {
			b.Errorf("%s answers for %v: %v", n, lanVIP, ok)
		}
	}
	b.reaches(b.client, lanVIP)
	b.reaches(b.client, lanVIP6)
	b.reaches(b.client, routerVIP.WithZone("eth0"))
	b.reaches(b.server, wanVIP)
	b.reaches(b.server, wanVIP6)
	b.passes()
}

// answers says whether a node answers for an address when it is the only one who is asked.
func (b *bed) answers(n *node, a netip.Addr) bool {
	b.Helper()
	theirs := wire.MAC(n.host.MAC(lanDevice))
	c := b.stranger.Capture("eth0", func(frame []byte) bool {
		p, err := wire.Parse(frame)
		return err == nil && p.Kind == wire.ARP && p.Reply && p.Src == a && p.Link == theirs
	})
	ask := wire.AppendKnock(nil, wire.MAC(b.stranger.MAC("eth0")), stranger, a)
	copy(ask, theirs[:])
	if err := b.stranger.SendFrame("eth0", ask); err != nil {
		b.Fatal(err)
	}
	// Who has answered this had the time to answer that.
	b.reaches(b.stranger, n.lan())
	return len(c.Stop()) > 0
}

// wantNoWarnings waits until the nodes hear each other everywhere, and fails when they warn of something.
func (b *bed) wantNoWarnings() {
	b.Helper()
	for _, n := range b.nodes {
		b.await("the nodes to hear each other everywhere", func() bool {
			return !slices.ContainsFunc(n.status().Paths, func(p view.Path) bool { return !p.Carrier || !p.PeerHears || p.Beat.IsZero() })
		})
		if w := troubles(n.status()); len(w) > 0 {
			b.Errorf("%s warns: %q", n, w)
		}
	}
}

// wantOwnAddresses fails unless what a node itself says has its own address, on the backup as on the master: else
// answers would go to the other one.
func (b *bed) wantOwnAddresses() {
	b.Helper()
	for _, n := range b.nodes {
		for dst, from := range map[netip.AddrPort]netip.Addr{server4Port: n.wan(), server6Port: n.wan6()} {
			r := n.host.UDP(b.Context(), dst, lab.Within(5*time.Second))
			if r.Outcome != lab.Open || r.Seen.Addr() != from {
				b.Errorf("%s to %v: %v, want it to be seen as %v", n, dst, r, from)
			}
		}
	}
}

// wantContentDoctors waits until the doctors of both nodes find nothing.
func (b *bed) wantContentDoctors() {
	b.Helper()
	for _, n := range b.nodes {
		var ill []view.Finding
		var content bool
		if !lab.Poll(waitAtMost, func() bool { ill, content = n.findings(); return content && len(ill) == 0 }) {
			b.Errorf("%s: content %v, %+v", n, content, ill)
		}
	}
}

// drill has the role go there and back, and fails when that was noticed.
func (b *bed) drill() {
	b.Helper()
	var d view.Drill
	out := b.nodes[0].order("ha", "drill", "--yes", "--json", "--host", "lan="+client.String(), "--host", "wan="+server.String())
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		b.Fatalf("%v in %q", err, out)
	}
	b.Logf("%+v", d)
	if len(d.Legs) != 2 || d.Legs[0].Failed != "" || d.Legs[1].Failed != "" || len(d.Hosts) != 2 {
		b.Fatalf("%+v", d)
	}
	for _, h := range d.Hosts {
		if h.Sent < 50 || h.Lost > h.Sent/2 {
			b.Errorf("%+v", h)
		}
	}
	b.settle(b.nodes[0])
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
