package survival_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
)

// editedPort is the port of the outside address that an edited policy forwards to the inner host.
const editedPort = 8001

// edited is a port forward that only the edited policy has.
var edited = fmt.Sprintf(`
[[port_forward]]
name        = "edited"
on          = "wan"
destination = "10.20.0.1"
protocol    = "tcp"
port        = [%d]
target      = "10.10.0.110"
target_port = %d
pass        = true
`, editedPort, forwardPort)

// taking is the policy of a pair in which the better node takes its role back.
func taking() string { return strings.Replace(policy, "preempt   = false", "preempt   = true", 1) }

// Two fresh nodes become a pair, and get a policy. Then the master dies under a thousand connections, and the other one
// is edited while it stands alone. What comes back has lost its kernel's memory: it learns the edit and the flows, and only
// then takes its role back. Not one connection notices.
func TestFromPairingToReturn(t *testing.T) {
	b := newCouple(t, taking())
	first, second := b.nodes[0], b.nodes[1]
	f := b.farm(map[pace]int{idle: 91, interactive: 32, bulk: 2})
	b.complete(second)
	before := b.inStep()

	b.crashed(first)
	second.put("rempart.toml", taking()+edited)
	if a := second.apply(); a.Unchanged || a.Peer == nil || a.Peer.State != report.PeerAway {
		t.Fatalf("applied without the other node: %+v, of the peer %+v", a, a.Peer)
	}
	f.moves()
	f.also(b.editedRoute())

	b.boot(first)
	b.returns(first, second.status().Policy.Own.ID)
	b.settle(first)
	b.complete(second)
	if after := b.inStep(); after == before {
		t.Errorf("both run revision %.7s, which the edit began at", after)
	}
	f.moves()
	f.also(b.editedRoute())
	f.finish()
	b.holdsAll(first)
}

// editedRoute is the way that the edited policy opens.
func (b *bed) editedRoute() *route {
	return &route{"edited", b.server, b.inner, netip.AddrPortFrom(wanVIP, editedPort), netip.AddrPortFrom(inner, forwardPort), server}
}

// also opens a few connections on a way that ends where another one does.
func (f *farm) also(r *route) {
	f.Helper()
	old := len(f.links)
	for range 3 {
		f.add(r, interactive)
	}
	f.open(f.links[old:])
}

// returns waits until a node that was away is master again. It may not be so with another policy than the revision, nor
// before it had all flows.
func (b *bed) returns(n *node, revision string) {
	b.Helper()
	var last view.Status // before it was master
	b.await(n.String()+" to take its role back", func() bool {
		s, err := n.try()
		if err != nil || len(s.Groups) == 0 {
			return false
		}
		if !allAre(s, "MASTER") {
			last = s
			return false
		}
		if s.Policy == nil || s.Policy.Own.ID != revision {
			b.Errorf("%s is master with the policy %+v, want revision %.7s", n, s.Policy, revision)
		}
		return true
	})
	if last.Sync == nil || last.Sync.State != view.SyncComplete {
		b.Errorf("%s is master, and before that its flows were %+v", n, last.Sync)
	}
	b.Logf("%s is master again", n)
}

// holdsAll fails unless a node has all virtual addresses in its kernel, and the other one none.
func (b *bed) holdsAll(master *node) {
	b.Helper()
	for _, n := range b.nodes {
		for _, vip := range virtual {
			if has := n.holds(vip); has != (n == master) {
				b.Errorf("%s is master, and that %s has %s is %t", master, n, vip, has)
			}
		}
	}
}

// holds says whether an address is in the node's kernel.
func (n *node) holds(a netip.Addr) bool {
	n.Helper()
	return n.run("ip", "-o", "address", "show", "to", a.String()) != ""
}

// virtual are the virtual addresses of the policy.
var virtual = []netip.Addr{lanVIP, lanVIP6, wanVIP, wanVIP6, dmzVIP, dmzVIP6}
